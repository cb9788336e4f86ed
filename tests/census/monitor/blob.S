/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest: GUEST_ELF is given by census.mk. */
	.section .rodata
	.globl	guest_elf
	.balign	16
guest_elf:
	.incbin GUEST_ELF
