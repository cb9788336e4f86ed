/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a hart: take a vCPU, run it until it waits or its turn is over, take the next. */
#include "run/run.h"
#include "run/exit.h"
#include "run/stats.h"
#include "vcpu/sched.h"

/* Why a vCPU is to leave its hart. */
enum fate { GOES_ON, TURN_IS_OVER, WAITS, IS_OFF };

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

static bool has_requests(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED) != 0;
}

static enum fate run_until_it_leaves(struct vcpu *vcpu)
{
	enum fate fate = attend(vcpu);

	while (fate == GOES_ON) {
		enum exit_action action;

		vcpu_enter(vcpu);
		action = exit_handle(vcpu);
		if (likely(action <= EXIT_NEXT_4)) {
			vcpu->pc += action;
		} else if (action == EXIT_BLOCK) {
			vcpu->pc += 4;
			vcpu->is_waiting = true;
			fate = attend(vcpu);
		} else {
			fate = IS_OFF;
		}
		if (unlikely(has_requests(vcpu)) && fate == GOES_ON)
			fate = attend(vcpu);
	}
	return fate;
}

static void stop(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	u16 exit_code;

	sched_stop(vcpu);
	if (!vm_vcpu_is_off(vcpu))
		return;
	vm_finish(vm);
	if (vms_all_over(&exit_code)) {
		stats_show();
		machine_exit(exit_code);
	}
}

static void run_vcpu(struct vcpu *vcpu)
{
	u64 deadline;
	enum fate fate;

	vcpu_load(vcpu);
	sched_begin_slice();
	fate = run_until_it_leaves(vcpu);
	deadline = vcpu_wakeup_time(vcpu);
	vcpu_save(vcpu);

	switch (fate) {
	case TURN_IS_OVER: sched_yield(vcpu); break;
	case WAITS: sched_block(vcpu, deadline); break;
	default: stop(vcpu); break;
	}
}

void run_hart(void)
{
	for (;;)
		run_vcpu(sched_pick());
}
