/* SPDX-License-Identifier: BSD-2-Clause */
/* Raising an exception in the guest, as its hart would. */
#include "vcpu/inject.h"
#include "riscv/csr.h"
#include "vcpu/vcpu.h"

#define STVEC_MODE_MASK 3UL

void inject_exception(struct vcpu *vcpu, u64 cause, u64 tval)
{
	u64 status = csr_read(CSR_VSSTATUS);
	bool interrupts_were_on = status & SSTATUS_SIE;

	status &= ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
	if (!vcpu_was_in_user_mode())
		status |= SSTATUS_SPP;
	if (interrupts_were_on)
		status |= SSTATUS_SPIE;
	csr_write(CSR_VSSTATUS, status);
	csr_write(CSR_VSEPC, vcpu->pc);
	csr_write(CSR_VSCAUSE, cause);
	csr_write(CSR_VSTVAL, tval);

	/* Exceptions go to the base address, whatever the mode of stvec (section 10.1.2). */
	vcpu->pc = csr_read(CSR_VSTVEC) & ~STVEC_MODE_MASK;
	csr_set(CSR_SSTATUS, SSTATUS_SPP);
	csr_set(CSR_HSTATUS, HSTATUS_SPVP);
	vcpu->stats.injected_faults++;
}
