/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileged instructions, innocuous ones, and what all probes are given: see probe_macros.S. */
#include "probe_macros.S"

	.section .user.text, "ax"

/* --- Privileged instructions: interrupts, modes, tables */

PROBE(cli):
at_cli:
	cli
	store_flags
	ret

PROBE(sti):
at_sti:
	sti
	store_flags
	ret

PROBE(hlt):
at_hlt:
	hlt
	ret

PROBE(lgdt):
at_lgdt:
	lgdt	probe_gdtr
	ret

PROBE(lidt):
at_lidt:
	lidt	probe_idtr
	ret

PROBE(lldt):
	mov	probe_ldt, %eax
at_lldt:
	lldt	%ax
	ret

PROBE(ltr):
	mov	probe_other_tss, %eax
at_ltr:
	ltr	%ax
	ret

PROBE(lmsw):
	mov	probe_cr0, %eax
at_lmsw:
	lmsw	%ax
	ret

PROBE(clts):
at_clts:
	clts
	ret

	.macro mov_from register
at_mov_from_\register:
	mov	%\register, AX
	mov	AX, P(0)
	ret
	.endm

	.macro mov_to register
	mov	probe_\register, AX
at_mov_to_\register:
	mov	AX, %\register
	ret
	.endm

PROBE(mov_from_cr0):
	mov_from cr0
PROBE(mov_to_cr0):
	mov_to	cr0
PROBE(mov_from_cr2):
	mov_from cr2
PROBE(mov_to_cr2):
	mov_to	cr2
PROBE(mov_from_cr3):
	mov_from cr3
PROBE(mov_to_cr3):
	mov_to	cr3
PROBE(mov_from_cr4):
	mov_from cr4
PROBE(mov_to_cr4):
	mov_to	cr4
PROBE(mov_from_dr7):
	mov_from db7
	.set	at_mov_from_dr7, at_mov_from_db7
PROBE(mov_to_dr7):
	mov_to	db7
	.set	at_mov_to_dr7, at_mov_to_db7

PROBE(invd):
at_invd:
	invd
	ret

PROBE(wbinvd):
at_wbinvd:
	wbinvd
	ret

PROBE(invlpg):
at_invlpg:
	invlpg	(DI)
	ret

/* The address of the local APIC: each processor of the last decades has that register. */
PROBE(rdmsr):
	mov	$0x1b, %ecx
at_rdmsr:
	rdmsr
	mov	%eax, P(0)
	movl	$0, 4(DI)
	ret

PROBE(wrmsr):
	mov	$0x1b, %ecx
	mov	probe_msr, %eax
	xor	%edx, %edx
at_wrmsr:
	wrmsr
	ret

PROBE(rdpmc):
	xor	%ecx, %ecx
at_rdpmc:
	rdpmc
	ret

PROBE(in):
	mov	$0x3fd, %edx
	xor	%eax, %eax
at_in:
	in	%dx, %al
	mov	AX, P(0)
	ret

/* Port 0x80 is the POST code: nobody listens. */
PROBE(out):
	xor	%eax, %eax
at_out:
	out	%al, $0x80
	ret

PROBE(rdtsc):
at_rdtsc:
	rdtsc
	mov	%eax, P(0)
	mov	%edx, 4(DI)
	ret

PROBE(rdtscp):
at_rdtscp:
	rdtscp
	mov	%eax, P(0)
	mov	%edx, 4(DI)
	ret

PROBE(xgetbv):
	xor	%ecx, %ecx
at_xgetbv:
	xgetbv
	mov	%eax, P(0)
	mov	%edx, 4(DI)
	ret

PROBE(xsetbv):
	xor	%ecx, %ecx
	mov	probe_xcr0, %eax
	xor	%edx, %edx
at_xsetbv:
	xsetbv
	ret

PROBE(monitor):
	mov	DI, AX
	xor	%ecx, %ecx
	xor	%edx, %edx
at_monitor:
	monitor
	ret

PROBE(mwait):
	xor	%eax, %eax
	xor	%ecx, %ecx
at_mwait:
	mwait
	ret

PROBE(rsm):
at_rsm:
	rsm
	ret

#ifdef __x86_64__
PROBE(mov_from_cr8):
	mov_from cr8
PROBE(mov_to_cr8):
	mov_to	cr8

/* Twice, so that GS is as it was. */
PROBE(swapgs):
at_swapgs:
	swapgs
	swapgs
	ret

PROBE(sysret):
	mov	$probe_landing, %ecx
	pushf
	pop	%r11
at_sysret:
	sysretq

PROBE(rdfsbase):
at_rdfsbase:
	rdfsbase %rax
	ret
#else
/* Leaves DI in place; the stack afterwards is the caller's, which the landing does not use. */
PROBE(sysexit):
	mov	$probe_landing, %edx
	mov	%esp, %ecx
at_sysexit:
	sysexit
#endif

/* --- SVM's own, by their opcodes: a processor without SVM has none of them */

PROBE(vmrun):
	mov	DI, AX
at_vmrun:
	.byte	0x0f, 0x01, 0xd8
	ret

/* EAX is a number that the monitor of svm/ answers with -1. */
PROBE(vmmcall):
	mov	$-1, %eax
at_vmmcall:
	.byte	0x0f, 0x01, 0xd9
	ret

PROBE(vmload):
	mov	DI, AX
at_vmload:
	.byte	0x0f, 0x01, 0xda
	ret

PROBE(vmsave):
	mov	DI, AX
at_vmsave:
	.byte	0x0f, 0x01, 0xdb
	ret

PROBE(stgi):
at_stgi:
	.byte	0x0f, 0x01, 0xdc
	ret

PROBE(clgi):
at_clgi:
	.byte	0x0f, 0x01, 0xdd
	ret

PROBE(skinit):
	xor	%eax, %eax
at_skinit:
	.byte	0x0f, 0x01, 0xde
	ret

PROBE(invlpga):
	xor	%eax, %eax
	xor	%ecx, %ecx
at_invlpga:
	.byte	0x0f, 0x01, 0xdf
	ret

/* --- Innocuous ones, and memory that the page tables keep from user code */

PROBE(add):
	mov	$40, %eax
at_add:
	add	$2, %eax
	ret

PROBE(load):
at_load:
	mov	P(1), AX
	ret

PROBE(pause):
at_pause:
	pause
	ret

/* Tells about the processor, not about its mode; a monitor still wants to answer it. */
PROBE(cpuid):
	push	BX
	xor	%eax, %eax
at_cpuid:
	cpuid
	pop	BX
	ret

PROBE(load_cpl0):
	mov	probe_kernel_page, CX
at_load_cpl0:
	mov	(CX), AX
	ret

PROBE(store_cpl0):
	mov	probe_kernel_page, CX
at_store_cpl0:
	movl	$0, (CX)
	ret

/* Where sysret and sysexit arrive: as after an ordinary return from a probe in user mode. */
	.globl	probe_landing, probe_user
probe_landing:
	movl	$1, P(0)
	int	$PROBE_INT_EXIT

/* User mode begins here: the probe in AX. */
probe_user:
	call	*AX
	int	$PROBE_INT_EXIT

/* --- What the probes are given; set by whoever runs them */

	.section .user.data, "aw"
	.balign	8
	.macro	given names:vararg
	.irp	name, \names
	.globl	\name
\name:	.quad	0
	.endr
	.endm

	given	probe_kernel_cs, probe_kernel_ds, probe_user_ds, probe_gate, probe_ldt, probe_other_tss
	given	probe_cr0, probe_cr2, probe_cr3, probe_cr4, probe_cr8, probe_db7, probe_msr, probe_xcr0
	given	probe_kernel_page
	.globl	probe_gdtr, probe_idtr
probe_gdtr:
	.zero	16
probe_idtr:
	.zero	16
	.section .note.GNU-stack, "", @progbits
