/* SPDX-License-Identifier: BSD-2-Clause */
/* Into the guest and back; and the machine's own exceptions and its timer interrupt. */
#include "../bare/layout.h"

	.text
/*
 * guest_enter(vmcb, gpr, host). GIF is 0 from here to the return, except while the guest runs; with
 * IF set, an interrupt then causes #VMEXIT and stays pending (AMD64 manual 2, sections 15.17, 15.21).
 */
	.globl	guest_enter
guest_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdx
	push	%rsi
	clgi
	sti
	mov	%rdi, %rax
	mov	8(%rsi), %rcx
	mov	16(%rsi), %rdx
	mov	24(%rsi), %rbx
	mov	40(%rsi), %rbp
	mov	56(%rsi), %rdi
	mov	64(%rsi), %r8
	mov	72(%rsi), %r9
	mov	80(%rsi), %r10
	mov	88(%rsi), %r11
	mov	96(%rsi), %r12
	mov	104(%rsi), %r13
	mov	112(%rsi), %r14
	mov	120(%rsi), %r15
	mov	48(%rsi), %rsi
	vmload	%rax
	vmrun	%rax
	vmsave	%rax
	push	%rsi
	mov	8(%rsp), %rsi
	mov	%rcx, 8(%rsi)
	mov	%rdx, 16(%rsi)
	mov	%rbx, 24(%rsi)
	mov	%rbp, 40(%rsi)
	mov	%rdi, 56(%rsi)
	mov	%r8, 64(%rsi)
	mov	%r9, 72(%rsi)
	mov	%r10, 80(%rsi)
	mov	%r11, 88(%rsi)
	mov	%r12, 96(%rsi)
	mov	%r13, 104(%rsi)
	mov	%r14, 112(%rsi)
	mov	%r15, 120(%rsi)
	pop	%rcx
	mov	%rcx, 48(%rsi)
	add	$8, %rsp
	pop	%rax
	vmload	%rax
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.globl	interrupts_take
interrupts_take:
	sti
	stgi
	nop
	clgi
	ret

/* Two entries are enough: one for whatever must not be, one for the timer. */
	.globl	host_exception, host_timer
host_exception:
	mov	(%rsp), %rdi
	mov	8(%rsp), %rsi
	cld
	and	$-16, %rsp
	call	host_panic

host_timer:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	cld
	call	host_tick
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq
	.section .note.GNU-stack, "", @progbits
