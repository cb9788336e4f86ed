/* SPDX-License-Identifier: BSD-2-Clause */
/* Entered as Linux's boot protocol says: a0 = hart id, a1 = device tree, no address translation. */
	.section .text.start, "ax"
	.globl	_start
_start:
	la	sp, stack_top
	call	hello
1:	wfi
	j	1b

	.bss
	.balign	16
	.skip	4096
stack_top:
