/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of Robin and Irvine, and iret: see probe_macros.S. */
#include "probe_macros.S"

	.section .user.text, "ax"

/* --- The sensitive unprivileged instructions of Robin and Irvine's list */

PROBE(sgdt):
at_sgdt:
	sgdt	P(0)
	ret

PROBE(sidt):
at_sidt:
	sidt	P(0)
	ret

PROBE(sldt):
	xor	%eax, %eax
at_sldt:
	sldt	%ax
	mov	AX, P(0)
	ret

PROBE(smsw):
	xor	%eax, %eax
at_smsw:
	smsw	%ax
	mov	AX, P(0)
	ret

PROBE(pushf):
at_pushf:
	pushf
	pop	AX
	mov	AX, P(0)
	ret

PROBE(popf_if):
	pushf
	andl	$~IF_BIT, (SP)
at_popf_if:
	popf
	store_flags
	ret

PROBE(popf_iopl):
	pushf
	orl	$IOPL_BITS, (SP)
at_popf_iopl:
	popf
	store_flags
	pushf
	andl	$~IOPL_BITS, (SP)
	popf
	ret

PROBE(lar):
	mov	probe_kernel_cs, %ecx
	xor	%eax, %eax
at_lar:
	lar	%ecx, %eax
	store_zf
	ret

PROBE(lsl):
	mov	probe_kernel_cs, %ecx
	xor	%eax, %eax
at_lsl:
	lsl	%ecx, %eax
	store_zf
	ret

PROBE(verr):
	mov	probe_kernel_ds, %eax
at_verr:
	verr	%ax
	store_zf
	ret

PROBE(verw):
	mov	probe_kernel_ds, %eax
at_verw:
	verw	%ax
	store_zf
	ret

/* FS is the segment that both modes can pop, and that no code here relies on. */
PROBE(pop_seg):
	mov	probe_user_ds, %eax
	push	AX
at_pop_seg:
	pop	%fs
	mov	%fs, %eax
	mov	AX, P(0)
	ret

PROBE(pop_seg_cpl0):
	mov	probe_kernel_ds, %eax
	push	AX
at_pop_seg_cpl0:
	pop	%fs
	mov	%fs, %eax
	mov	AX, P(0)
	ret

PROBE(push_seg):
	mov	probe_user_ds, %eax
	mov	%eax, %fs
	xor	%eax, %eax
at_push_seg:
#ifdef __x86_64__
	push	%fs
#else
	push	%cs
#endif
	pop	AX
	movzwl	%ax, %eax
	mov	AX, P(0)
	ret

PROBE(call_far):
	push_far %cs, 1f
at_call_far:
	lcall	*(SP)
	add	$8, SP
	ret
1:	mov	4(SP), %eax
	mov	AX, P(0)
	lretl

PROBE(call_far_cpl0):
	push_far probe_kernel_cs, 1f
at_call_far_cpl0:
	lcall	*(SP)
	add	$8, SP
	ret
1:	mov	4(SP), %eax
	mov	AX, P(0)
	lretl

PROBE(call_gate):
	push_far probe_gate, 0
at_call_gate:
	lcall	*(SP)
	add	$8, SP
	ret

PROBE(jmp_far):
	push_far %cs, 1f
at_jmp_far:
	ljmp	*(SP)
1:	add	$8, SP
	mov	%cs, %eax
	mov	AX, P(0)
	ret

PROBE(jmp_far_cpl0):
	push_far probe_kernel_cs, 1f
at_jmp_far_cpl0:
	ljmp	*(SP)
1:	add	$8, SP
	mov	%cs, %eax
	mov	AX, P(0)
	ret

/* A gate that user code may use; Linux has one system call there, getpid in EAX. */
PROBE(int_n):
	mov	$20, %eax
at_int_n:
	int	$PROBE_INT_USER
	mov	AX, P(0)
	ret

PROBE(int_n_cpl0):
at_int_n_cpl0:
	int	$PROBE_INT_KERNEL
	ret

PROBE(ret_far):
	push_far %cs, 1f
at_ret_far:
	lretl
1:	mov	%cs, %eax
	mov	AX, P(0)
	ret

PROBE(ret_far_cpl0):
	push_far probe_kernel_cs, 1f
at_ret_far_cpl0:
	lretl
1:	mov	%cs, %eax
	mov	AX, P(0)
	ret

PROBE(str):
	xor	%eax, %eax
at_str:
	str	%ax
	mov	AX, P(0)
	ret

PROBE(mov_from_seg):
	xor	%eax, %eax
at_mov_from_seg:
	mov	%cs, %eax
	mov	AX, P(0)
	ret

PROBE(mov_to_seg):
	mov	probe_user_ds, %eax
at_mov_to_seg:
	mov	%eax, %fs
	mov	%fs, %eax
	mov	AX, P(0)
	ret

PROBE(mov_to_seg_cpl0):
	mov	probe_kernel_ds, %eax
at_mov_to_seg_cpl0:
	mov	%eax, %fs
	mov	%fs, %eax
	mov	AX, P(0)
	ret

/* --- iret, which textbooks add to the list */

	.macro iret_frame selector, target, clear
	mov	SP, CX
#ifdef __x86_64__
	mov	%ss, %eax
	push	AX
	push	CX
#endif
	pushf
	andl	$~\clear, (SP)
	mov	\selector, %eax
	push	AX
	push	$\target
	.endm

PROBE(iret_if):
	iret_frame %cs, 1f, IF_BIT
at_iret_if:
#ifdef __x86_64__
	iretq
#else
	iretl
#endif
1:	store_flags
	ret

PROBE(iret_cpl0):
	iret_frame probe_kernel_cs, 1f, 0
at_iret_cpl0:
#ifdef __x86_64__
	iretq
#else
	iretl
#endif
1:	mov	%cs, %eax
	mov	AX, P(0)
	ret
	.section .note.GNU-stack, "", @progbits
