/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of harts that tell what they found and stop: no stack, no C. */

/* Stores a0, a1, sstatus, satp and, last, 1 to hart_told, and stops. */
	.globl	hart_tell
	.balign	4
hart_tell:
	la	t0, hart_told
	csrr	t1, sstatus
	csrr	t2, satp
	sd	a0, 0(t0)
	sd	a1, 8(t0)
	sd	t1, 16(t0)
	sd	t2, 24(t0)
	li	t1, 1
	fence	rw, rw
	sd	t1, 32(t0)
	li	a7, 0x48534d
	li	a6, 1
	ecall
	j	.
