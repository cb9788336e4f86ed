/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a vCPU: into the guest, out at a trap, one switch on scause, and in again. */
#include "run/exit.h"
#include "core/trace.h"
#include "vcpu/inject.h"
#include "vcpu/interrupts.h"
#include "vcpu/sched.h"

exit_action_t exit_inject(struct vcpu *vcpu, u64 cause, u64 tval)
{
	inject_exception(vcpu, cause, tval);
	return EXIT_RESUME;
}

static exit_action_t handle_interrupt(struct vcpu *vcpu, u64 code)
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
static exit_action_t handle_other(struct vcpu *vcpu, u64 cause)
{
	if (cause >= CAUSE_COUNT) {
		vm_kill(vcpu->vm, "trap with cause %lu, which is not defined", cause);
		return EXIT_LEAVE;
	}
	return exit_inject(vcpu, cause, csr_read(CSR_STVAL));
}

static exit_action_t handle_exit(struct vcpu *vcpu, u64 scause)
{
	if (likely(scause == CAUSE_ECALL_VS)) {
		vcpu->stats.exceptions[CAUSE_ECALL_VS]++;
		return sbi_handle(vcpu);
	}
	if (unlikely(scause >= CAUSE_COUNT)) {
		u64 code = scause & ~BIT(CAUSE_INTERRUPT_BIT);

		if (code == scause)
			return handle_other(vcpu, scause);
		vcpu->stats.interrupts[code % ARRAY_SIZE(vcpu->stats.interrupts)]++;
		return handle_interrupt(vcpu, code);
	}
	vcpu->stats.exceptions[scause]++;
	switch (scause) {
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
	case CAUSE_STORE_GUEST_PAGE_FAULT:
	case CAUSE_FETCH_GUEST_PAGE_FAULT: return exit_guest_page_fault(vcpu, scause);
	case CAUSE_VIRTUAL_INSTRUCTION: return exit_virtual_instruction(vcpu);
	case CAUSE_ILLEGAL_INSTRUCTION: return exit_illegal_instruction(vcpu);
	default: return handle_other(vcpu, scause);
	}
}

/* The interrupt has come that a vCPU waited for. */
static void end_wait(struct vcpu *vcpu)
{
	vcpu->is_waiting = false;
	__atomic_store_n(&vcpu->hsm_state, SBI_HSM_STARTED, __ATOMIC_RELAXED);
	if (vcpu->resume_at_address) {
		vcpu->resume_at_address = false;
		vcpu_restart_at(vcpu, vcpu->resume_pc, vcpu->resume_opaque);
	}
}

/* Does what others have asked of the vCPU on this hart, and finds out whether it stays. */
static enum fate attend(struct vcpu *vcpu)
{
	u64 requests = __atomic_exchange_n(&vcpu->requests, 0, __ATOMIC_ACQUIRE);

	if (requests & REQUEST_STOP)
		return IS_OFF;
	vcpu_do_requests(vcpu, requests);
	vcpu_check_timer(vcpu);
	if (vcpu->is_waiting) {
		if (!vcpu_has_wakeup(vcpu))
			return WAITS;
		end_wait(vcpu);
	}
	return sched_should_yield() ? TURN_IS_OVER : GOES_ON;
}

/* The vCPU waits from here on, or is off: no instruction to go on with. */
static enum fate leave(struct vcpu *vcpu, exit_action_t action)
{
	if (action != EXIT_BLOCK)
		return IS_OFF;
	vcpu->pc += 4;
	vcpu->is_waiting = true;
	return attend(vcpu);
}

enum fate exit_run(struct vcpu *vcpu)
{
	enum fate fate = attend(vcpu);

	while (fate == GOES_ON) {
		exit_action_t action;
		u64 scause, pc;

		vcpu = vcpu_enter(vcpu);
		scause = csr_read(CSR_SCAUSE);
		pc = vcpu->pc;
		action = handle_exit(vcpu, scause);
		trace_exit(&this_hart()->trace, pc, scause, vcpu->trace_tag, action);
		if (likely(action <= EXIT_NEXT_4))
			vcpu->pc += action;
		else
			fate = leave(vcpu, action);
		if (unlikely(__atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED)) && fate == GOES_ON)
			fate = attend(vcpu);
	}
	return fate;
}
