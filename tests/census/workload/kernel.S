/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's way in and out: the trap vector, entering a user program, and the programs. */

#define FRAME_SIZE 160
#define SPP	   0x100
#define DONE	   1 /* a7 of the ecall that ends a user program; 0 is the null system call */

	.macro	caller_saved op
	\op	ra, 0*8(sp)
	\op	t0, 1*8(sp)
	\op	t1, 2*8(sp)
	\op	t2, 3*8(sp)
	\op	t3, 4*8(sp)
	\op	t4, 5*8(sp)
	\op	t5, 6*8(sp)
	\op	t6, 7*8(sp)
	\op	a0, 8*8(sp)
	\op	a1, 9*8(sp)
	\op	a2, 10*8(sp)
	\op	a3, 11*8(sp)
	\op	a4, 12*8(sp)
	\op	a5, 13*8(sp)
	\op	a6, 14*8(sp)
	\op	a7, 15*8(sp)
	.endm

	.macro	preserved op
	\op	ra, 0*8(sp)
	\op	s0, 1*8(sp)
	\op	s1, 2*8(sp)
	\op	s2, 3*8(sp)
	\op	s3, 4*8(sp)
	\op	s4, 5*8(sp)
	\op	s5, 6*8(sp)
	\op	s6, 7*8(sp)
	\op	s7, 8*8(sp)
	\op	s8, 9*8(sp)
	\op	s9, 10*8(sp)
	\op	s10, 11*8(sp)
	\op	s11, 12*8(sp)
	\op	gp, 13*8(sp)
	\op	tp, 14*8(sp)
	.endm

	.text
/* sscratch: the kernel's stack while a user program runs, 0 while the kernel does. */
	.globl	kernel_vector
	.balign	4
kernel_vector:
	csrrw	sp, sscratch, sp
	bnez	sp, 1f
	csrr	sp, sscratch
1:	addi	sp, sp, -FRAME_SIZE
	caller_saved sd
	csrrw	t0, sscratch, zero
	sd	t0, 16*8(sp)
	ld	a0, 15*8(sp)
	call	kernel_trap
	csrr	t0, sstatus
	andi	t0, t0, SPP
	bnez	t0, 2f
	addi	t0, sp, FRAME_SIZE
	csrw	sscratch, t0
2:	caller_saved ld
	ld	sp, 16*8(sp)
	sret

/* void user_enter(u64 pc, u64 a0, u64 a1); returns when the program is done */
	.globl	user_enter
user_enter:
	addi	sp, sp, -128
	preserved sd
	la	t0, kernel_sp
	sd	sp, (t0)
	csrw	sscratch, sp
	csrw	sepc, a0
	li	t0, SPP
	csrc	sstatus, t0
	mv	a0, a1
	mv	a1, a2
	sret

/* void user_leave(void): from kernel_trap(), to whom has called user_enter() */
	.globl	user_leave
user_leave:
	csrw	sscratch, zero
	ld	sp, kernel_sp
	preserved ld
	addi	sp, sp, 128
	ret

	.section .bss
	.balign	8
kernel_sp:
	.skip	8

/* The user's page: nothing else may be in it. */
	.section .text.user, "ax"
	.balign	4096
	.globl	user_page, user_calls, user_touches
user_page:
/* a0 null system calls */
user_calls:
	li	a7, 0
1:	ecall
	addi	a0, a0, -1
	bnez	a0, 1b
	li	a7, DONE
	ecall
/* touches a0 pages from a1 on */
user_touches:
	lb	t0, (a1)
	li	t0, 4096
	add	a1, a1, t0
	addi	a0, a0, -1
	bnez	a0, user_touches
	li	a7, DONE
	ecall
	.balign	4096
