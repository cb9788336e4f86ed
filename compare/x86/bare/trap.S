/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of all 256 vectors, the way into a probe and out of it, and the system call. */
#include "layout.h"

	.text

/* Vectors 8, 10-14, 17, 21, 29 and 30 push an error code (AMD64 manual 2, section 8.2). */
	.balign	16
	.globl	trap_entries
trap_entries:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.else
	push	$0
	.endif
	push	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

#ifdef __x86_64__
trap_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/* attempt_run(run, cpl, results) */
	.globl	attempt_run
attempt_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, attempt_sp
	mov	%rdi, %rax
	mov	%rdx, %rdi
	test	%esi, %esi
	jnz	1f
	sti
	call	*%rax
	cli
	movl	$VECTOR_RETURNED, attempt
	jmp	attempt_end
1:	push	$USER_DS
	lea	user_stack + STACK_BYTES, %rcx
	push	%rcx
	push	user_flags
	push	$USER_CS
	lea	probe_user, %rcx
	push	%rcx
	iretq

	.globl	attempt_end
attempt_end:
	mov	attempt_sp, %rsp
	movq	$0, attempt_sp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* The null system call: into the kernel, onto its stack, into C, and back. */
	.globl	syscall_entry
syscall_entry:
	mov	%rsp, syscall_user_sp
	mov	$trap_stack + STACK_BYTES, %esp
	push	%rcx
	push	%r11
	call	syscall_null
	pop	%r11
	pop	%rcx
	mov	syscall_user_sp, %rsp
	sysretq

	.section .user.text, "ax"
/* P(0) system calls. */
	.globl	user_syscalls
user_syscalls:
	mov	(%rdi), %rbx
1:	syscall
	dec	%rbx
	jnz	1b
	ret

/* Touches P(0) pages from P(1) on. */
	.globl	user_touches
user_touches:
	mov	(%rdi), %rcx
	mov	8(%rdi), %rdx
1:	movl	$1, (%rdx)
	add	$0x1000, %rdx
	dec	%rcx
	jnz	1b
	ret

	.text
#define WORD .quad
#else
trap_common:
	pusha
	cld
	mov	%esp, %ebp
	and	$-16, %esp
	sub	$12, %esp
	push	%ebp
	call	trap
	mov	%ebp, %esp
	popa
	add	$8, %esp
	iretl

	.globl	attempt_run
attempt_run:
	mov	4(%esp), %eax
	mov	8(%esp), %ecx
	mov	12(%esp), %edx
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	mov	%esp, attempt_sp
	mov	%edx, %edi
	test	%ecx, %ecx
	jnz	1f
	sti
	call	*%eax
	cli
	movl	$VECTOR_RETURNED, attempt
	jmp	attempt_end
1:	push	$USER_DS
	push	$user_stack + STACK_BYTES
	push	user_flags
	push	$USER_CS
	push	$probe_user
	iretl

	.globl	attempt_end
attempt_end:
	mov	attempt_sp, %esp
	movl	$0, attempt_sp
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	ret
#define WORD .long
#endif

/* The target of the call gate: at CPL 0, on the stack of the TSS. It tells its CS and returns. */
	.globl	gate_entry
gate_entry:
	xor	%eax, %eax
	mov	%cs, %eax
#ifdef __x86_64__
	mov	%rax, (%rdi)
	lretq
#else
	mov	%eax, (%edi)
	lretl
#endif

	.data
	.balign	8
	.globl	attempt, attempt_sp, user_flags
attempt:
	.zero	32
attempt_sp:
	WORD	0
user_flags:
	WORD	0x202
syscall_user_sp:
	WORD	0

	.bss
	.balign	4096
	.globl	trap_stack
trap_stack:
	.zero	STACK_BYTES

	.section .user.data, "aw"
	.balign	4096
	.globl	user_stack, user_results
user_stack:
	.zero	STACK_BYTES
user_results:
	.zero	128
	.section .note.GNU-stack, "", @progbits
