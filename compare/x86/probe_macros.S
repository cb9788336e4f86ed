/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of probes share. A probe has one of the instructions that are looked at: assembled
 * for 32 and for 64 bits, run at CPL 0 and CPL 3 by the bare kernel and at CPL 3 by the program for
 * Linux. It is called with the address of its results in DI (eight bytes each, P(0), P(1), ...),
 * uses ax, cx, dx and si, and returns by `ret`. at_NAME is the instruction itself: a trap there is
 * the instruction's, a trap elsewhere a mistake of the probe.
 */

#include "probe_ints.h"

#ifdef __x86_64__
#define AX %rax
#define CX %rcx
#define DX %rdx
#define BX %rbx
#define DI %rdi
#define SP %rsp
#else
#define AX %eax
#define CX %ecx
#define DX %edx
#define BX %ebx
#define DI %edi
#define SP %esp
#endif
#define P(n) (8 * n)(DI)

#define PROBE(name) .globl probe_##name, at_##name; probe_##name
#define IF_BIT 0x200
#define IOPL_BITS 0x3000

	.macro store_flags
	pushf
	pop	AX
	mov	AX, P(0)
	.endm

	.macro store_zf
	setz	P(0)
	.endm

	/* A far pointer at the top of the stack: 16:32, the form that both modes have. */
	.macro push_far selector, target
	sub	$8, SP
	movl	$\target, (SP)
	mov	\selector, %eax
	mov	%eax, 4(SP)
	.endm
