/* SPDX-License-Identifier: BSD-2-Clause */
/* What to do after a trap of a guest: one switch on scause. */
#include "run/exit.h"
#include "core/trace.h"
#include "drivers/host_trace.h"
#include "run/observe.h"
#include "vcpu/inject.h"
#include "vcpu/interrupts.h"
#include "vcpu/sched.h"

exit_action_t exit_inject(struct vcpu *vcpu, u64 cause, u64 tval)
{
	inject_exception(vcpu, cause, tval);
	trace_outcome(&this_hart()->trace, TRACE_INJECTED);
	return EXIT_RESUME;
}

static __attribute__((noinline)) exit_action_t handle_interrupt(struct vcpu *vcpu, u64 code)
{
	vcpu->stats.interrupts[code % ARRAY_SIZE(vcpu->stats.interrupts)]++;
	if (!interrupts_handle(code)) {
		vm_kill(vcpu->vm, "interrupt %lu, which no one enabled", code);
		return EXIT_LEAVE;
	}
	/* A timer may have expired, somebody may want this vCPU's attention or its hart. */
	vcpu_request_look(vcpu);
	return EXIT_RESUME;
}

/* Causes that hedeleg sends to the guest, or that no guest can have: it gets what it would see. */
static __attribute__((noinline)) exit_action_t handle_other(struct vcpu *vcpu, u64 cause)
{
	if (cause >= CAUSE_COUNT) {
		vm_kill(vcpu->vm, "trap with cause %lu, which is not defined", cause);
		return EXIT_LEAVE;
	}
	return exit_inject(vcpu, cause, csr_read(CSR_STVAL));
}

static exit_action_t handle_exit(struct vcpu *vcpu, u64 scause)
{
	if (scause == CAUSE_LOAD_GUEST_PAGE_FAULT || scause == CAUSE_STORE_GUEST_PAGE_FAULT) {
		vcpu->stats.exceptions[scause]++;
		return exit_guest_page_fault(vcpu, scause);
	}
	if (unlikely(scause >= CAUSE_COUNT)) {
		u64 code = scause & ~BIT(CAUSE_INTERRUPT_BIT);

		if (code == scause)
			return handle_other(vcpu, scause);
		return handle_interrupt(vcpu, code);
	}
	vcpu->stats.exceptions[scause]++;
	switch (scause) {
	case CAUSE_FETCH_GUEST_PAGE_FAULT: return exit_fetch_guest_page_fault(vcpu);
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

static bool has_requests(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED) != 0;
}

/* Does what others have asked of the vCPU on this hart, and finds out whether it stays. */
static enum fate attend(struct vcpu *vcpu)
{
	u64 requests = __atomic_exchange_n(&vcpu->requests, 0, __ATOMIC_ACQUIRE);

	if (requests & REQUEST_STOP)
		return IS_OFF;
	vcpu_do_requests(vcpu, requests);
	if (requests & REQUEST_SERVICE && !vm_service_devices(vcpu)) {
		vcpu_request(vcpu, REQUEST_SERVICE); /* not before its device is reset */
		return vm_is_held(vcpu->vm) ? IS_HELD : TURN_IS_OVER;
	}
	if (vm_is_held(vcpu->vm))
		return IS_HELD;
	if (requests & REQUEST_RELOAD)
		return TURN_IS_OVER;
	/* A device has more to do. Nobody kicks a hart from itself: look again in the next turn. */
	if (requests & REQUEST_SERVICE && has_requests(vcpu))
		return TURN_IS_OVER;
	vcpu_check_timer(vcpu);
	if (vcpu->is_waiting) {
		if (!vcpu_has_wakeup(vcpu))
			return WAITS;
		end_wait(vcpu);
	}
	return sched_should_yield(vcpu) ? TURN_IS_OVER : GOES_ON;
}

/* The exit was not one after which the guest simply goes on. */
static __attribute__((noinline)) enum fate decide(struct vcpu *vcpu, exit_action_t action)
{
	struct trace_ring *trace = &this_hart()->trace;

	if (action == EXIT_LEAVE) {
		trace_outcome(trace, TRACE_LEFT);
		return IS_OFF;
	}
	if (action == EXIT_BLOCK) {
		trace_outcome(trace, TRACE_BLOCKED);
		vcpu->pc += 4;
		vcpu->is_waiting = true;
	} else {
		vcpu->pc += action;
	}
	return attend(vcpu);
}

/* Goes on behind the instruction, unless there is more to do. start: the time of the exit. */
static inline struct vcpu *finish(struct vcpu *vcpu, exit_action_t action, u64 start)
{
	vcpu->stats.hypervisor_ticks += csr_read(CSR_TIME) - start;
	if (unlikely(action > EXIT_NEXT_4 || has_requests(vcpu))) {
		vcpu->fate = decide(vcpu, action);
		return vcpu->fate == GOES_ON ? vcpu : NULL;
	}
	vcpu->pc += action;
	return vcpu;
}

static exit_action_t handle_ecall(struct vcpu *vcpu)
{
	vcpu->stats.exceptions[CAUSE_ECALL_VS]++;
	return sbi_handle(vcpu);
}

static exit_action_t handle_any(struct vcpu *vcpu, u64 scause)
{
	return scause == CAUSE_ECALL_VS ? handle_ecall(vcpu) : handle_exit(vcpu, scause);
}

/* An exit that the host is told of: what the usual way does, and three looks at it. */
static struct vcpu *handle_observed(struct vcpu *vcpu, u64 scause, u64 start)
{
	struct trace_ring *trace = &this_hart()->trace;
	struct trace_event event;
	exit_action_t action;
	struct vcpu *next;

	observe_exit(&event, vcpu, scause, start);
	trace_exit(trace, trace->memory, start, vcpu->pc, scause, vcpu->trace_tag);
	action = handle_any(vcpu, scause);
	observe_action(&event, vcpu, action);
	while (host_trace_must_wait()) {
		interrupts_handle_pending();
		vcpu_request_look(vcpu); /* they may be for this vCPU, or somebody else's hart */
	}
	next = finish(vcpu, action, start);
	observe_end(&event, trace);
	return next;
}

/* An exit that is not noted in the ring alone. A function of its own: the usual way pays nothing.
 */
static __attribute__((noinline)) struct vcpu *handle_unusually(struct vcpu *vcpu, u64 scause,
							       u64 start)
{
	if (this_hart()->trace.stream)
		return handle_observed(vcpu, scause, start);
	return finish(vcpu, handle_any(vcpu, scause), start);
}

struct vcpu *exit_handle_ecall(struct vcpu *vcpu, u64 scause)
{
	u64 start = csr_read(CSR_TIME);
	struct trace_ring *trace = &this_hart()->trace;

	if (unlikely(!trace->records))
		return handle_unusually(vcpu, scause, start);
	trace_exit(trace, trace->records, start, vcpu->pc, scause, vcpu->trace_tag);
	return finish(vcpu, handle_ecall(vcpu), start);
}

struct vcpu *exit_handle(struct vcpu *vcpu, u64 scause)
{
	u64 start = csr_read(CSR_TIME);
	struct trace_ring *trace = &this_hart()->trace;

	if (unlikely(!trace->records))
		return handle_unusually(vcpu, scause, start);
	trace_exit(trace, trace->records, start, vcpu->pc, scause, vcpu->trace_tag);
	return finish(vcpu, handle_exit(vcpu, scause), start);
}

enum fate exit_run(struct vcpu *vcpu)
{
	vcpu->fate = attend(vcpu);
	if (vcpu->fate == GOES_ON)
		vcpu_run(vcpu);
	return vcpu->fate;
}
