/* SPDX-License-Identifier: BSD-2-Clause */
/* All of the FP state at once: 32 registers and fcsr, which comes last. */

/* void fp_load(const u64 state[33]) */
	.globl	fp_load
fp_load:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, \n*8(a0)
	.endr
	ld	t0, 32*8(a0)
	csrw	fcsr, t0
	ret

/* void fp_store(u64 state[33]) */
	.globl	fp_store
fp_store:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, \n*8(a0)
	.endr
	csrr	t0, fcsr
	sd	t0, 32*8(a0)
	ret

/* void fp_add(void): writes f0 and nothing else */
	.globl	fp_add
fp_add:
	fadd.d	f0, f1, f2
	ret
