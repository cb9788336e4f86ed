/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * void ecall_with(u64 regs[34]): loads x1 to x31 from regs[1] to regs[31], executes an ecall, and stores
 * all of them back. Every register is part of the test, so sscratch holds the pointer meanwhile;
 * interrupts must be off, and a trap to S-mode would be fatal.
 */
	.globl	ecall_with
ecall_with:
	addi	sp, sp, -128
	sd	ra, 0(sp)
	sd	gp, 8(sp)
	sd	tp, 16(sp)
	sd	s0, 24(sp)
	sd	s1, 32(sp)
	sd	s2, 40(sp)
	sd	s3, 48(sp)
	sd	s4, 56(sp)
	sd	s5, 64(sp)
	sd	s6, 72(sp)
	sd	s7, 80(sp)
	sd	s8, 88(sp)
	sd	s9, 96(sp)
	sd	s10, 104(sp)
	sd	s11, 112(sp)
	sd	sp, 32*8(a0)
	csrrw	t0, sscratch, a0
	sd	t0, 33*8(a0)
	mv	x31, a0
	.irp	n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, \n*8(x31)
	.endr
	ecall
	csrrw	x31, sscratch, x31
	.irp	n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	sd	x\n, \n*8(x31)
	.endr
	csrr	t0, sscratch
	sd	t0, 31*8(x31)
	ld	t0, 33*8(x31)
	csrw	sscratch, t0
	ld	sp, 32*8(x31)
	ld	ra, 0(sp)
	ld	gp, 8(sp)
	ld	tp, 16(sp)
	ld	s0, 24(sp)
	ld	s1, 32(sp)
	ld	s2, 40(sp)
	ld	s3, 48(sp)
	ld	s4, 56(sp)
	ld	s5, 64(sp)
	ld	s6, 72(sp)
	ld	s7, 80(sp)
	ld	s8, 88(sp)
	ld	s9, 96(sp)
	ld	s10, 104(sp)
	ld	s11, 112(sp)
	addi	sp, sp, 128
	ret
