/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's entry, the way into a probe and out of it, and five instructions that are stepped. */
	.text
	.globl	_start
_start:
#ifdef __x86_64__
	and	$-16, %rsp
#else
	and	$-16, %esp
#endif
	call	ring3_main
	hlt

/* int attempt_run(run, results): 1 when it came back, 0 when a signal ended it. */
	.globl	attempt_run, attempt_escape
attempt_run:
#ifdef __x86_64__
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, attempt_sp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	$1, %eax
	jmp	1f
attempt_escape:
	xor	%eax, %eax
1:	mov	attempt_sp, %rsp
	cld
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
#else
	mov	4(%esp), %eax
	mov	8(%esp), %ecx
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	mov	%esp, attempt_sp
	mov	%ecx, %edi
	call	*%eax
	mov	$1, %eax
	jmp	1f
attempt_escape:
	xor	%eax, %eax
1:	mov	attempt_sp, %esp
	cld
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	ret
#endif

/* What rt_sigaction is given to return from a handler. */
	.globl	signal_return
signal_return:
#ifdef __x86_64__
	mov	$15, %eax
	syscall
#else
	mov	$173, %eax
	int	$0x80
#endif

/*
 * With the trap flag set, the processor traps behind an instruction that it executed. An instruction
 * that the kernel emulates ends in the kernel's return instead, and the trap comes one instruction
 * later. stepped_NAME is the end of the instruction.
 */
	.macro step name, insn:vararg
	.globl	step_\name, stepped_\name
step_\name:
	pushf
#ifdef __x86_64__
	orl	$0x100, (%rsp)
#else
	orl	$0x100, (%esp)
#endif
	popf
	\insn
stepped_\name:
	nop
	nop
	ret
	.endm

	.section .user.text, "ax"
	.macro steps di
	step	sgdt, sgdt (\di)
	step	sidt, sidt (\di)
	step	sldt, sldt %ax
	step	smsw, smsw %ax
	step	str, str %ax
	step	add, add $2, %eax
	.endm
#ifdef __x86_64__
	steps	%rdi
#else
	steps	%edi
#endif

	.bss
	.balign	8
	.globl	attempt_sp
attempt_sp:
	.zero	8
	.section .note.GNU-stack, "", @progbits
