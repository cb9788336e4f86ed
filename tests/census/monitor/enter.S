/* SPDX-License-Identifier: BSD-2-Clause */
/* Into the guest and back. The page of .trampoline is mapped at TRAMPOLINE_VA in every address space. */
#include "guest.h"

	.macro	guest_registers op
	\op	x1, 1*8(a0)
	\op	x2, 2*8(a0)
	\op	x3, 3*8(a0)
	\op	x4, 4*8(a0)
	\op	x5, 5*8(a0)
	\op	x6, 6*8(a0)
	\op	x7, 7*8(a0)
	\op	x8, 8*8(a0)
	\op	x9, 9*8(a0)
	\op	x11, 11*8(a0)
	\op	x12, 12*8(a0)
	\op	x13, 13*8(a0)
	\op	x14, 14*8(a0)
	\op	x15, 15*8(a0)
	\op	x16, 16*8(a0)
	\op	x17, 17*8(a0)
	\op	x18, 18*8(a0)
	\op	x19, 19*8(a0)
	\op	x20, 20*8(a0)
	\op	x21, 21*8(a0)
	\op	x22, 22*8(a0)
	\op	x23, 23*8(a0)
	\op	x24, 24*8(a0)
	\op	x25, 25*8(a0)
	\op	x26, 26*8(a0)
	\op	x27, 27*8(a0)
	\op	x28, 28*8(a0)
	\op	x29, 29*8(a0)
	\op	x30, 30*8(a0)
	\op	x31, 31*8(a0)
	.endm

	.macro	preserved op
	\op	ra, 0*8(sp)
	\op	gp, 1*8(sp)
	\op	tp, 2*8(sp)
	\op	s0, 3*8(sp)
	\op	s1, 4*8(sp)
	\op	s2, 5*8(sp)
	\op	s3, 6*8(sp)
	\op	s4, 7*8(sp)
	\op	s5, 8*8(sp)
	\op	s6, 9*8(sp)
	\op	s7, 10*8(sp)
	\op	s8, 11*8(sp)
	\op	s9, 12*8(sp)
	\op	s10, 13*8(sp)
	\op	s11, 14*8(sp)
	.endm

	.text
/* void guest_run(u64 satp): returns after the next trap, whose CSRs are as the hart left them */
	.globl	guest_run
guest_run:
	addi	sp, sp, -128
	preserved sd
	li	t0, FRAME_VA
	sd	sp, FRAME_SP(t0)
	la	t1, trapped
	sd	t1, FRAME_RETURN(t0)
	li	t1, TRAMPOLINE_VA
	jr	t1

trapped:
	ld	sp, FRAME_SP(a0)
	preserved ld
	addi	sp, sp, 128
	ret

	.section .text.trampoline, "ax"
	.balign	4096
	.globl	trampoline
trampoline:
	csrw	satp, a0
	sfence.vma
	li	a0, FRAME_VA
	csrw	sscratch, a0
	ld	t0, FRAME_PC(a0)
	csrw	sepc, t0
	guest_registers ld
	ld	a0, 10*8(a0)
	sret

	.balign	4
	.globl	trampoline_trap
trampoline_trap:
	csrrw	a0, sscratch, a0
	guest_registers sd
	csrr	t0, sscratch
	sd	t0, 10*8(a0)
	csrr	t0, sepc
	sd	t0, FRAME_PC(a0)
	ld	t0, FRAME_SATP(a0)
	csrw	satp, t0
	sfence.vma
	ld	t0, FRAME_RETURN(a0)
	jr	t0
	.balign	4096
