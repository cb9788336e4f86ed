/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry of each hart, the trap vector, and the two ways to run code that is expected to trap. */
#include "hart.h"

	.macro	all_but_tp op
	\op	x1, 1*8(tp)
	\op	x2, 2*8(tp)
	\op	x3, 3*8(tp)
	\op	x5, 5*8(tp)
	\op	x6, 6*8(tp)
	\op	x7, 7*8(tp)
	\op	x8, 8*8(tp)
	\op	x9, 9*8(tp)
	\op	x10, 10*8(tp)
	\op	x11, 11*8(tp)
	\op	x12, 12*8(tp)
	\op	x13, 13*8(tp)
	\op	x14, 14*8(tp)
	\op	x15, 15*8(tp)
	\op	x16, 16*8(tp)
	\op	x17, 17*8(tp)
	\op	x18, 18*8(tp)
	\op	x19, 19*8(tp)
	\op	x20, 20*8(tp)
	\op	x21, 21*8(tp)
	\op	x22, 22*8(tp)
	\op	x23, 23*8(tp)
	\op	x24, 24*8(tp)
	\op	x25, 25*8(tp)
	\op	x26, 26*8(tp)
	\op	x27, 27*8(tp)
	\op	x28, 28*8(tp)
	\op	x29, 29*8(tp)
	\op	x30, 30*8(tp)
	\op	x31, 31*8(tp)
	.endm

	.macro	callee_saved op
	\op	ra, HART_SAVE+0*8(tp)
	\op	sp, HART_SAVE+1*8(tp)
	\op	gp, HART_SAVE+2*8(tp)
	\op	s0, HART_SAVE+3*8(tp)
	\op	s1, HART_SAVE+4*8(tp)
	\op	s2, HART_SAVE+5*8(tp)
	\op	s3, HART_SAVE+6*8(tp)
	\op	s4, HART_SAVE+7*8(tp)
	\op	s5, HART_SAVE+8*8(tp)
	\op	s6, HART_SAVE+9*8(tp)
	\op	s7, HART_SAVE+10*8(tp)
	\op	s8, HART_SAVE+11*8(tp)
	\op	s9, HART_SAVE+12*8(tp)
	\op	s10, HART_SAVE+13*8(tp)
	\op	s11, HART_SAVE+14*8(tp)
	.endm

	.macro	arguments
	ld	a0, 0*8(t1)
	ld	a2, 2*8(t1)
	ld	a3, 3*8(t1)
	ld	a4, 4*8(t1)
	ld	a5, 5*8(t1)
	ld	a6, 6*8(t1)
	ld	a7, 7*8(t1)
	ld	a1, 1*8(t1)
	.endm

/* a0 = hart id, a1 = device tree, satp = 0: Linux's boot protocol, which OpenSBI follows. */
	.section .text.start, "ax"
	.globl	_start
_start:
	csrr	s2, sstatus
	csrr	s3, satp
	la	t0, trap_vector
	csrw	stvec, t0
	la	t0, __bss_start
	la	t1, __bss_end
1:	bgeu	t0, t1, 2f
	sd	zero, (t0)
	addi	t0, t0, 8
	j	1b
2:	la	sp, boot_stack_top
	mv	a2, s2
	mv	a3, s3
	call	hart_boot
	/* a0 = this hart's struct hart; from here on as any other hart */
	mv	tp, a0
	ld	sp, HART_STACK_TOP(tp)
	csrw	sscratch, tp
	call	guest_main
	li	a0, 0
	call	sbi_shutdown

/* Started by HSM: a0 = hart id, a1 = its struct hart. */
	.globl	hart_entry
	.balign	4
hart_entry:
	mv	tp, a1
	ld	sp, HART_STACK_TOP(tp)
	csrw	sscratch, tp
	la	t0, trap_vector
	csrw	stvec, t0
	csrr	a2, sstatus
	csrr	a3, satp
	call	hart_began
	j	.

/*
 * sscratch = this hart's struct hart, or 0 while its trap handler runs: then a fault is a bug here.
 */
	.balign	4
trap_vector:
	csrrw	tp, sscratch, tp
	beqz	tp, trap_in_handler
	all_but_tp sd
	csrrw	t0, sscratch, zero
	sd	t0, 4*8(tp)
	csrr	t0, sepc
	sd	t0, 0*8(tp)
	ld	sp, HART_TRAP_STACK(tp)
	mv	a0, tp
	call	trap_handle
	ld	t0, 0*8(tp)
	csrw	sepc, t0
	csrw	sscratch, tp
	all_but_tp ld
	ld	tp, 4*8(tp)
	sret

trap_in_handler:
	la	sp, boot_stack_top
	call	trap_die
	j	.

/* u64 trap_jump(u64 pc, const u64 args[8]); called by trap_try() only */
	.globl	trap_jump
trap_jump:
	callee_saved sd
	li	t0, 1
	sd	t0, HART_CATCHING(tp)
	mv	t0, a0
	mv	t1, a1
	arguments
	jalr	t0
	sd	zero, HART_CATCHING(tp)
	/* the trap handler comes back here after an expected exception */
	.globl	trap_landed
trap_landed:
	callee_saved ld
	ret

/* void user_jump(u64 pc, const u64 args[8]); called by user_try() only */
	.globl	user_jump
user_jump:
	callee_saved sd
	li	t0, 1
	sd	t0, HART_CATCHING(tp)
	csrw	sepc, a0
	li	t0, 0x100
	csrc	sstatus, t0
	mv	t1, a1
	arguments
	sret

	.section .bss
	.balign	16
boot_stack:
	.skip	4096
boot_stack_top:
