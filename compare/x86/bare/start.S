/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A multiboot image is entered in 32-bit protected mode without paging, with flat segments. For 64
 * bits, an identity map of the first 4 GiB in pages of 2 MiB comes first; the kernel then makes its own.
 */
#include "layout.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0

	.section .multiboot, "a"
	.balign	4
	.long	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl	_start
_start:
	cli
	cld
	mov	$boot_stack + STACK_BYTES, %esp
	mov	%ebx, %ebp
#ifdef __x86_64__
	movl	$boot_pdpt + 3, boot_pml4
	mov	$boot_pds + 3, %eax
	mov	$boot_pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$0x1000, %eax
	add	$8, %edi
	loop	1b

	mov	$0x83, %eax
	mov	$boot_pds, %edi
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b

	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	lgdt	boot_gdtr
	ljmp	$8, $start64

	.code64
start64:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%ebp, %edi
	call	kernel_main
#else
	push	%ebp
	call	kernel_main
#endif
1:	cli
	hlt
	jmp	1b

	.data
	.balign	8
boot_gdt:
	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdtr:
	.word	. - boot_gdt - 1
#ifdef __x86_64__
	.quad	boot_gdt
#else
	.long	boot_gdt
#endif

	.bss
	.balign	4096
boot_pml4:
	.zero	4096
boot_pdpt:
	.zero	4096
boot_pds:
	.zero	4 * 4096
	.globl	boot_stack
boot_stack:
	.zero	STACK_BYTES
	.section .note.GNU-stack, "", @progbits
