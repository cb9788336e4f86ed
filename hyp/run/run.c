/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a hart: take a vCPU, run it until it leaves, take the next. */
#include "run/run.h"
#include "run/exit.h"
#include "run/stats.h"
#include "vcpu/sched.h"

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
	fate = exit_run(vcpu);
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
