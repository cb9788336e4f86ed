/* SPDX-License-Identifier: BSD-2-Clause */
/* Into V=1 and back with the next trap to HS-mode. */
#include "world.h"

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
/* void world_enter(struct world *world); the CSRs of the trap are read after it */
	.globl	world_enter
world_enter:
	addi	sp, sp, -128
	preserved sd
	sd	sp, WORLD_SP(a0)
	csrr	t0, stvec
	sd	t0, WORLD_STVEC(a0)
	csrr	t0, sscratch
	sd	t0, WORLD_SSCRATCH(a0)
	la	t0, world_exit
	csrw	stvec, t0
	csrw	sscratch, a0
	ld	t0, WORLD_PC(a0)
	csrw	sepc, t0
	mv	t0, a0
	ld	a0, WORLD_ARGS+0*8(t0)
	ld	a1, WORLD_ARGS+1*8(t0)
	ld	a2, WORLD_ARGS+2*8(t0)
	ld	a3, WORLD_ARGS+3*8(t0)
	ld	a4, WORLD_ARGS+4*8(t0)
	ld	a5, WORLD_ARGS+5*8(t0)
	ld	a6, WORLD_ARGS+6*8(t0)
	ld	a7, WORLD_ARGS+7*8(t0)
	sret

	.balign	4
world_exit:
	csrrw	t2, sscratch, t2
	sd	a0, WORLD_ARGS(t2)
	ld	sp, WORLD_SP(t2)
	ld	t0, WORLD_STVEC(t2)
	csrw	stvec, t0
	ld	t0, WORLD_SSCRATCH(t2)
	csrw	sscratch, t0
	preserved ld
	addi	sp, sp, 128
	ret

/* What a guest does with a trap of its own: it tells HS-mode. */
	.globl	guest_vector, guest_vector_other
	.balign	4
guest_vector:
	ecall
	.balign	4
guest_vector_other:
	ecall
