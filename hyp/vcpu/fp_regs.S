/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves the floating-point registers between a hart and memory. sstatus.FS is not Off here. */

	.text
	/* fp_regs_save(a0 = u64 f[32], a1 = u64 *fcsr) */
	.globl	fp_regs_save
fp_regs_save:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fsd	f\n, 8 * \n(a0)
	.endr
	csrr	t0, fcsr
	sd	t0, 0(a1)
	ret

	/* fp_regs_load(a0 = const u64 f[32], a1 = const u64 *fcsr) */
	.globl	fp_regs_load
fp_regs_load:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fld	f\n, 8 * \n(a0)
	.endr
	ld	t0, 0(a1)
	csrw	fcsr, t0
	ret
