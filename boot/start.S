/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of each hart, in HS-mode, without address translation.
 * The firmware starts one hart at _start (SBI 2.0 section 9.1: a0 = hart id, a1 = device tree); it
 * starts the others by HSM at start_secondary, with a1 = their struct hart.
 */
#include "asm_offsets.h"
#include "riscv/csr.h"

	.section .text.start, "ax"
	.globl	_start
_start:
	csrw	sie, zero
	la	t0, boot_lottery
	li	t1, 1
	amoswap.w.aq t1, t1, (t0)
	bnez	t1, late_hart
	la	t0, image_bss_start
	la	t1, image_bss_end
1:	sd	zero, (t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	la	tp, harts
	la	sp, boot_stack_top
	la	t0, boot_stack_top
	sd	t0, HART_EMERGENCY_STACK(tp)
	call	set_trap_entry
	call	boot_main

	/*
	 * OpenSBI 1.1 may send a hart here that it was asked to start at start_secondary: it marks it
	 * as starting before it notes where. Such a hart is recognised by being late, and finds its
	 * struct hart by its id once there is one.
	 */
late_hart:
	la	t0, harts_are_ready
1:	lw	t1, (t0)
	fence	r, rw
	beqz	t1, 1b
	la	a1, harts
	la	t0, nr_harts
	lw	t0, (t0)
2:	beqz	t0, 3f
	ld	t1, HART_ID(a1)
	beq	t1, a0, start_secondary
	li	t1, HART_SIZE
	add	a1, a1, t1
	addi	t0, t0, -1
	j	2b
3:	wfi				/* none of those that are used */
	j	3b

	.globl	start_secondary
start_secondary:
	csrw	sie, zero
	mv	tp, a1
	ld	sp, HART_STACK(tp)
	call	set_trap_entry
	call	boot_secondary

set_trap_entry:
	la	t0, trap_entry
	csrw	stvec, t0
	csrw	sscratch, zero
	ret

	/* continue_on_stack(a0 = top of the stack, a1 = function that does not return) */
	.globl	continue_on_stack
continue_on_stack:
	mv	sp, a0
	jr	a1

	/* Not in .bss, which is cleared after the first has come. */
	.data
	.balign	4
boot_lottery:
	.word	0

	/* Until there is a page pool; a trap on it would overwrite it, but panics only go forward. */
	.bss
	.balign	16
	.space	8192
boot_stack_top:
