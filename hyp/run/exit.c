/* SPDX-License-Identifier: BSD-2-Clause */
/* What to do after a trap of a guest: one switch on scause. */
#include "run/exit.h"
#include "core/trace.h"
#include "vcpu/inject.h"
#include "vcpu/interrupts.h"

enum exit_action exit_inject(struct vcpu *vcpu, u64 cause, u64 tval)
{
	inject_exception(vcpu, cause, tval);
	return EXIT_RESUME;
}

static enum exit_action handle_interrupt(struct vcpu *vcpu, u64 code)
{
	if (!interrupts_handle(code)) {
		vm_kill(vcpu->vm, "interrupt %lu, which no one enabled", code);
		return EXIT_LEAVE;
	}
	/* A timer may have expired, somebody may want this vCPU's attention or its hart. */
	__atomic_fetch_or(&vcpu->requests, REQUEST_LOOK, __ATOMIC_RELAXED);
	return EXIT_RESUME;
}

/* Causes that hedeleg sends to the guest, or that no guest can have: it gets what it would see. */
static enum exit_action handle_other(struct vcpu *vcpu, u64 cause)
{
	if (cause >= CAUSE_COUNT) {
		vm_kill(vcpu->vm, "trap with cause %lu, which is not defined", cause);
		return EXIT_LEAVE;
	}
	return exit_inject(vcpu, cause, csr_read(CSR_STVAL));
}

static enum exit_action handle_exception(struct vcpu *vcpu, u64 cause)
{
	switch (cause) {
	case CAUSE_ECALL_VS: return sbi_handle(vcpu);
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
	case CAUSE_STORE_GUEST_PAGE_FAULT:
	case CAUSE_FETCH_GUEST_PAGE_FAULT: return exit_guest_page_fault(vcpu, cause);
	case CAUSE_VIRTUAL_INSTRUCTION: return exit_virtual_instruction(vcpu);
	case CAUSE_ILLEGAL_INSTRUCTION: return exit_illegal_instruction(vcpu);
	default: return handle_other(vcpu, cause);
	}
}

static void count(struct vcpu *vcpu, u64 code, bool is_interrupt)
{
	if (is_interrupt)
		vcpu->stats.interrupts[code % ARRAY_SIZE(vcpu->stats.interrupts)]++;
	else if (likely(code < CAUSE_COUNT))
		vcpu->stats.exceptions[code]++;
}

static void record(struct vcpu *vcpu, struct trace_ring *ring, u64 pc, u64 scause,
		   enum exit_action action)
{
	struct trace_record *slot = trace_slot(ring);

	slot->time = time_now();
	slot->pc = pc;
	slot->htval = csr_read(CSR_HTVAL);
	slot->cause = (u8)scause;
	slot->is_interrupt = (scause >> CAUSE_INTERRUPT_BIT) != 0;
	slot->action = (u8)action;
	slot->vm = (u8)vcpu->vm->id;
	slot->vcpu = (u16)vcpu->index;
}

enum exit_action exit_handle(struct vcpu *vcpu)
{
	struct trace_ring *ring = &this_hart()->trace;
	u64 scause = csr_read(CSR_SCAUSE), pc = vcpu->pc;
	bool is_interrupt = scause >> CAUSE_INTERRUPT_BIT;
	enum exit_action action;

	count(vcpu, scause & ~BIT(CAUSE_INTERRUPT_BIT), is_interrupt);
	if (unlikely(is_interrupt))
		action = handle_interrupt(vcpu, scause & ~BIT(CAUSE_INTERRUPT_BIT));
	else
		action = handle_exception(vcpu, scause);
	if (ring->records)
		record(vcpu, ring, pc, scause, action);
	return action;
}
