/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a hart: take a vCPU, run it until it leaves, take the next. */
#include "run/run.h"
#include "dev/terminal.h"
#include "drivers/host_trace.h"
#include "mem/canary.h"
#include "run/exit.h"
#include "run/stats.h"
#include "vcpu/interrupts.h"
#include "vcpu/sched.h"

static struct hart *work_hart;
static void (*worker)(void);
static void (*all_over)(void);

void run_set_worker(void (*function)(void))
{
	worker = function;
	__atomic_store_n(&work_hart, this_hart(), __ATOMIC_RELEASE);
}

void run_request_work(void)
{
	struct hart *hart = __atomic_load_n(&work_hart, __ATOMIC_ACQUIRE);

	if (hart && !__atomic_exchange_n(&hart->has_work, 1, __ATOMIC_ACQ_REL))
		sched_interrupt(hart);
}

void run_set_all_over(void (*function)(void))
{
	all_over = function;
}

void run_exit(u16 code)
{
	terminal_flush();
	stats_show();
	if (!canary_check())
		code = EXIT_PANIC; /* a bug of our own, too */
	terminal_flush();
	host_trace_finish();
	machine_exit(code);
}

static void do_work(void)
{
	struct hart *hart = this_hart();

	/* Cleared first: what is asked for from now on is done in another round. */
	if (__atomic_exchange_n(&hart->has_work, 0, __ATOMIC_ACQ_REL))
		worker();
}

static void stop(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	sched_stop(vcpu);
	if (vm_vcpu_is_off(vcpu) && vm_finish(vm))
		all_over();
}

/* What comes before the first instruction is done in the VM's own time, and turns. */
static enum fate boot(struct vcpu *vcpu)
{
	enum boot_step step;

	sched_begin_slice(vcpu);
	while ((step = vm_boot_step(vcpu->vm)) != BOOT_IS_DONE) {
		interrupts_handle_pending();
		if (vcpu_must_stop(vcpu))
			return IS_OFF;
		if (vm_is_held(vcpu->vm))
			return IS_HELD;
		if (step == BOOT_WAITS || sched_should_yield(vcpu))
			return TURN_IS_OVER;
	}
	return GOES_ON;
}

static enum fate run_loaded(struct vcpu *vcpu, u64 *deadline)
{
	enum fate fate;

	vcpu_load(vcpu);
	/* Each VM says whether its exits are noted. */
	trace_enable(&this_hart()->trace, !vcpu->vm->trace_is_off);
	sched_begin_slice(vcpu);
	fate = exit_run(vcpu);
	*deadline = vcpu_wakeup_time(vcpu);
	vcpu_save(vcpu);
	return fate;
}

static void run_vcpu(struct vcpu *vcpu)
{
	u64 deadline = TIME_NEVER;
	enum fate fate = GOES_ON;

	if (vcpu_must_stop(vcpu))
		fate = IS_OFF;
	else if (vm_is_held(vcpu->vm))
		fate = IS_HELD;
	else if (unlikely(vcpu->index == 0 && vcpu->vm->boot.is_pending))
		fate = boot(vcpu);
	if (fate == GOES_ON)
		fate = run_loaded(vcpu, &deadline);

	switch (fate) {
	case TURN_IS_OVER:
		sched_yield(vcpu);
		/*
		 * It may be chosen again at once, and wait for its device again: that needs the
		 * interrupt of the real one, which may be on this hart.
		 */
		interrupts_handle_pending();
		break;
	case WAITS: sched_block(vcpu, deadline); break;
	case IS_HELD: sched_hold(vcpu, &vcpu->vm->held); break;
	default: stop(vcpu); break;
	}
}

void run_hart(void)
{
	for (;;) {
		struct vcpu *vcpu = sched_pick();

		if (vcpu)
			run_vcpu(vcpu);
		else
			do_work();
	}
}
