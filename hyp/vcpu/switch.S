/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch. A trap of the guest arrives here and becomes the return of vcpu_enter().
 *
 *      run loop ──call──► vcpu_switch ──sret──► guest
 *          ▲                                      │ trap
 *          └────────ret──── trap_entry ◄──────────┘
 *
 * sscratch tells whom a trap interrupts: the struct vcpu while a guest runs, 0 in the hypervisor.
 *
 * sstatus.SPP and hstatus.SPV keep what the trap put into them, so that the next sret goes back to
 * where the guest was; who takes another trap in between, or loads another vCPU, sets them anew.
 * Neither gp nor fp registers are used by the hypervisor: gp is the guest's until it is saved.
 */
#include "asm_offsets.h"
#include "riscv/csr.h"

#define GPR(n) VCPU_GPR + 8 * n

	.text

	/* vcpu_switch(a0 = struct vcpu *): see vcpu_enter() in vcpu.h */
	.globl	vcpu_switch
vcpu_switch:
	sd	sp, VCPU_HOST_SP(a0)
	sd	ra, -16(sp)		/* nothing else uses the stack until the guest is back */
	csrw	sscratch, a0
	ld	t0, VCPU_PC(a0)
	csrw	sepc, t0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, \
		   21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	x\n, GPR(\n)(a0)
	.endr
	ld	a0, GPR(10)(a0)
	sret

	/* All traps into HS-mode: stvec. */
	.globl	trap_entry
	.balign	4
trap_entry:
	csrrw	a0, sscratch, a0
	beqz	a0, trap_of_hypervisor
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, \
		   21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd	x\n, GPR(\n)(a0)
	.endr
	csrrw	t0, sscratch, zero
	csrr	t1, sepc
	sd	t0, GPR(10)(a0)
	sd	t1, VCPU_PC(a0)
	ld	sp, VCPU_HOST_SP(a0)
	ld	tp, VCPU_HART(a0)
	ld	ra, -16(sp)
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
