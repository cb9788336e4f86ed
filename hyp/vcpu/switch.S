/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch, and the shortest loop around it.
 *
 *      vcpu_run() ───► enter_guest ──sret──► guest
 *          ▲               ▲                   │ trap
 *          │ leave         │ stay              ▼
 *          └───────── exit_handle() ◄──── trap_entry
 *
 * exit_handle() is C, and C preserves s0 to s11. So the guest's s registers (and gp) simply stay where
 * they are while an exit is handled: an environment call, which may touch a0 and a1 only, neither saves
 * nor loads them. Other exits save them, because the instruction that trapped may name any register;
 * they are loaded again only if one was written (vcpu_set_gpr() tells).
 *
 * sscratch tells whom a trap interrupts: the struct vcpu while a guest runs, 0 in the hypervisor.
 *
 * sstatus.SPP and hstatus.SPV keep what the trap put into them, so that the next sret goes back to
 * where the guest was; who takes another trap in between, or loads another vCPU, sets them anew.
 */
#include "asm_offsets.h"
#include "riscv/csr.h"

#define GPR(n) VCPU_GPR + 8 * n

	/*
	 * s0 to s11 by their numbers, and gp, which the hypervisor never uses; then all others but x0
	 * and a0. SAVED_REGS stands in vcpu.h as a bit mask, too.
	 */
#define SAVED_REGS	3, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
#define OTHER_REGS	1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31

	.macro	store_guest regs:vararg
	.irp	n, \regs
	sd	x\n, GPR(\n)(a0)
	.endr
	.endm

	.macro	load_guest regs:vararg
	.irp	n, \regs
	ld	x\n, GPR(\n)(a0)
	.endr
	.endm

#define FRAME_SIZE 112 /* ra and the hypervisor's own s registers */

	.text

	/* void vcpu_run(a0 = struct vcpu *): see vcpu.h */
	.globl	vcpu_run
vcpu_run:
	addi	sp, sp, -FRAME_SIZE
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	sd	s1, 16(sp)
	sd	s2, 24(sp)
	sd	s3, 32(sp)
	sd	s4, 40(sp)
	sd	s5, 48(sp)
	sd	s6, 56(sp)
	sd	s7, 64(sp)
	sd	s8, 72(sp)
	sd	s9, 80(sp)
	sd	s10, 88(sp)
	sd	s11, 96(sp)
	sd	sp, VCPU_HOST_SP(a0)
load_saved_and_enter:
	sd	zero, VCPU_SAVED_REG_WRITTEN(a0)
	load_guest SAVED_REGS
enter_guest:
	csrw	sscratch, a0
	ld	t0, VCPU_PC(a0)
	csrw	sepc, t0
	load_guest OTHER_REGS
	ld	a0, GPR(10)(a0)
	sret

	/* All traps into HS-mode: stvec. */
	.globl	trap_entry
	.balign	4
trap_entry:
	csrrw	a0, sscratch, a0
	beqz	a0, trap_of_hypervisor
	store_guest OTHER_REGS
	csrrw	t0, sscratch, zero
	csrr	t1, sepc
	csrr	a1, scause
	sd	t0, GPR(10)(a0)
	sd	t1, VCPU_PC(a0)
	ld	sp, VCPU_HOST_SP(a0)
	ld	tp, VCPU_HART(a0)
	li	t0, CAUSE_ECALL_VS
	beq	a1, t0, 1f
	store_guest SAVED_REGS
	call	exit_handle		/* (vcpu, scause): vcpu to go on with, or NULL to leave */
	beqz	a0, leave
	ld	t0, VCPU_SAVED_REG_WRITTEN(a0)
	beqz	t0, enter_guest
	j	load_saved_and_enter

1:	call	exit_handle_ecall	/* (vcpu, scause), the same */
	bnez	a0, enter_guest

leave:
	ld	a0, HART_CURRENT(tp)
	ld	t0, VCPU_SAVED_REG_WRITTEN(a0)
	bnez	t0, 2f			/* what is in memory is newer */
	store_guest SAVED_REGS
2:
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	ld	s1, 16(sp)
	ld	s2, 24(sp)
	ld	s3, 32(sp)
	ld	s4, 40(sp)
	ld	s5, 48(sp)
	ld	s6, 56(sp)
	ld	s7, 64(sp)
	ld	s8, 72(sp)
	ld	s9, 80(sp)
	ld	s10, 88(sp)
	ld	s11, 96(sp)
	addi	sp, sp, FRAME_SIZE
	ret

	/*
	 * The hypervisor itself trapped: an instruction of the exception table, or a bug. Registers go
	 * to struct hart, and the stack is another one: the usual one may be what is broken.
	 */
trap_of_hypervisor:
	csrrw	a0, sscratch, zero
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, \
		   21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd	x\n, HART_TRAP_GPR + 8 * \n(tp)
	.endr
	csrr	t0, sepc
	sd	t0, HART_TRAP_PC(tp)
	ld	sp, HART_EMERGENCY_STACK(tp)
	mv	a0, tp
	call	host_trap
	csrw	sepc, a0
	.irp	n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, \
		   21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	x\n, HART_TRAP_GPR + 8 * \n(tp)
	.endr
	sret
