/* SPDX-License-Identifier: BSD-2-Clause */
/* Who runs where: the mechanism. */
#include "vcpu/sched.h"
#include "core/hart.h"
#include "core/panic.h"
#include "riscv/io.h"
#include "vcpu/interrupts.h"
#include "vcpu/vcpu.h"

/*
 * One lock for all of it: the queues, hart->idle, the states of vCPUs, what the policy keeps;
 * writes of vcpu->hart. It is held for some hundred instructions when a vCPU comes to a hart or
 * leaves it, and not at all while one runs.
 */
static struct spinlock lock;

static void slice_expired(struct timer *timer)
{
	struct hart *hart = container_of(timer, struct hart, slice);

	hart->slice_is_over = true;
}

void sched_init(void)
{
	policy_init();
	for_each_hart (hart) {
		list_init(&hart->runnable);
		hart->slice.expired = slice_expired;
	}
}

static void wakeup_expired(struct timer *timer)
{
	sched_notify(container_of(timer, struct vcpu, wakeup));
}

void sched_init_vcpu(struct vcpu *vcpu, struct sched_vm *vm)
{
	list_init(&vcpu->run_link);
	vcpu->wakeup.expired = wakeup_expired;
	vcpu->state = VCPU_OFF;
	vcpu->affinity = UINT32_MAX;
	vcpu->sched_vm = vm;
	vcpu->member.group = &vm->group;
}

static bool may_run_on(const struct vcpu *vcpu, const struct hart *hart)
{
	return vcpu->affinity >> hart->index & 1;
}

/* The best of those that wait and may run on the hart; all queues are looked at. Lock held. */
static struct vcpu *find_best(const struct hart *hart)
{
	struct vcpu *best = NULL;

	for_each_hart (other) {
		list_for_each (link, &other->runnable) {
			struct vcpu *vcpu = container_of(link, struct vcpu, run_link);

			if (!may_run_on(vcpu, hart) || vcpu->member.group->is_throttled)
				continue;
			if (!best || policy_goes_before(&vcpu->member, &best->member))
				best = vcpu;
		}
	}
	return best;
}

/* A hart that idles and may take the vCPU, preferably where it ran last. */
static struct hart *find_idle(const struct vcpu *vcpu)
{
	struct hart *last = vcpu->last_hart;

	if (last && last->idle && may_run_on(vcpu, last))
		return last;
	for_each_hart (hart) {
		if (hart->idle && may_run_on(vcpu, hart))
			return hart;
	}
	return NULL;
}

/* Lock held. */
static bool offer_to_idle(const struct vcpu *vcpu)
{
	struct hart *hart = find_idle(vcpu);

	if (!hart)
		return false;
	hart->idle = false;
	if (hart != this_hart())
		hart_kick(hart);
	return true;
}

/* Makes a hart look at what the scheduler has noted for it. */
static void poke(struct hart *hart)
{
	if (hart != this_hart())
		hart_kick(hart);
	else if (hart->current)
		vcpu_request_look(hart->current);
}

/*
 * Nobody idles, but a vCPU may be asleep in WFI on its hart. Those harts that do not know yet that
 * others wait are told; from then on WFI traps there.
 */
static void announce_contention(const struct vcpu *vcpu)
{
	for_each_hart (hart) {
		if (!hart->online || hart->contended || !may_run_on(vcpu, hart))
			continue;
		hart->contended = true;
		poke(hart);
	}
}

static bool is_preempted(const struct hart *hart)
{
	return __atomic_load_n(&hart->is_preempted, __ATOMIC_RELAXED);
}

/*
 * The hart whose vCPU deserves it least, if the one that woke up should have it before the slice is
 * over. One that is to change its vCPU already will consider this one too: it need not be told.
 */
static struct hart *find_victim(const struct vcpu *woken, u64 now)
{
	struct hart *victim = NULL;

	for_each_hart (hart) {
		const struct vcpu *running = hart->running;

		if (!running || !may_run_on(woken, hart) || is_preempted(hart) ||
		    !policy_preempts(&woken->member, &running->member, now - running->charged_at))
			continue;
		if (!victim || policy_goes_before(&victim->running->member, &running->member))
			victim = hart;
	}
	return victim;
}

/* Finds a hart for a vCPU that is in a queue. Lock held. */
static void offer(struct vcpu *vcpu, u64 now)
{
	struct hart *hart;

	if (vcpu->member.group->is_throttled)
		return;
	if (offer_to_idle(vcpu))
		return;
	announce_contention(vcpu);
	hart = find_victim(vcpu, now);
	if (hart) {
		__atomic_store_n(&hart->is_preempted, 1, __ATOMIC_RELAXED);
		poke(hart);
	}
}

/* Into whose queue: any would do, but there its state is in the TLB. */
static struct hart *home_of(const struct vcpu *vcpu)
{
	if (vcpu->last_hart && may_run_on(vcpu, vcpu->last_hart))
		return vcpu->last_hart;
	for_each_hart (hart) {
		if (may_run_on(vcpu, hart))
			return hart;
	}
	return this_hart();
}

static void put_into_queue(struct vcpu *vcpu, u64 now)
{
	vcpu->state = VCPU_RUNNABLE;
	vcpu->state_since = now;
	list_insert_before(&home_of(vcpu)->runnable, &vcpu->run_link);
	offer(vcpu, now);
}

/* Lock held. */
static void charge(struct vcpu *vcpu, u64 now)
{
	struct sched_group *group = vcpu->member.group;
	bool was_throttled = group->is_throttled;

	policy_charge(&vcpu->member, now - vcpu->charged_at, now);
	vcpu->charged_at = now;
	if (group->is_throttled && !was_throttled)
		timer_start(&vcpu->sched_vm->refill, group->period_end);
}

/* Those that run alone are not charged for long: virtual times are brought up to date. Lock held.
 */
static void charge_running(u64 now)
{
	for_each_hart (hart) {
		if (hart->running)
			charge(hart->running, now);
	}
}

/* For a vCPU that did not want to run until now. Lock held. */
static void wake(struct vcpu *vcpu)
{
	u64 now = time_now();

	if (vcpu->state == VCPU_BLOCKED)
		vcpu->stats.idle_ticks += now - vcpu->state_since;
	charge_running(now);
	policy_activate(&vcpu->member);
	put_into_queue(vcpu, now);
}

void sched_start(struct vcpu *vcpu)
{
	hart_lock(&lock);
	wake(vcpu);
	hart_unlock(&lock);
}

void sched_notify_running(struct vcpu *vcpu)
{
	struct hart *hart;

	/*
	 * The request is visible before we look where the vCPU is; sched_block() says where it is
	 * before it looks for requests. One of the two sees the other.
	 */
	fence_full();
	hart = __atomic_load_n(&vcpu->hart, __ATOMIC_RELAXED);
	if (hart && hart != this_hart())
		hart_kick(hart);
}

void sched_notify(struct vcpu *vcpu)
{
	sched_notify_running(vcpu);
	if (__atomic_load_n(&vcpu->hart, __ATOMIC_RELAXED))
		return;
	hart_lock(&lock);
	if (vcpu->state == VCPU_BLOCKED || (vcpu->state == VCPU_HELD && vcpu_must_stop(vcpu)))
		wake(vcpu);
	hart_unlock(&lock);
}

/* Lock held. */
static struct vcpu *take_best(struct hart *hart)
{
	struct vcpu *vcpu = find_best(hart);
	u64 now = time_now();

	if (!vcpu)
		return NULL;
	list_remove(&vcpu->run_link);
	vcpu->state = VCPU_RUNNING;
	vcpu->stats.stolen_ticks += now - vcpu->state_since;
	vcpu->state_since = vcpu->charged_at = hart->chosen_at = now;
	vcpu->member.is_urgent = false;
	hart->running = vcpu;
	__atomic_store_n(&hart->is_preempted, 0, __ATOMIC_RELAXED); /* it was for the last one */
	__atomic_store_n(&vcpu->hart, hart, __ATOMIC_RELAXED);
	hart->contended = find_best(hart) != NULL;
	return vcpu;
}

static void idle(struct hart *hart)
{
	u64 start = time_now();

	__atomic_store_n(&hart->idle_since, start, __ATOMIC_RELAXED);
	wait_for_interrupt();
	__atomic_store_n(&hart->idle_since, 0, __ATOMIC_RELAXED);
	hart->idle_ticks += time_now() - start;
	interrupts_handle_pending();
}

static bool has_work(const struct hart *hart)
{
	return __atomic_load_n(&hart->has_work, __ATOMIC_ACQUIRE);
}

/*
 * The hart turns to other work, which may take long. It may have been offered a vCPU that no other
 * hart knows of.
 */
static void stop_idling(struct hart *hart)
{
	hart_lock(&lock);
	hart->idle = false;
	for_each_hart (other) {
		list_for_each (link, &other->runnable) {
			struct vcpu *vcpu = container_of(link, struct vcpu, run_link);

			if (!vcpu->member.group->is_throttled && !offer_to_idle(vcpu))
				announce_contention(vcpu);
		}
	}
	hart_unlock(&lock);
}

struct vcpu *sched_pick(void)
{
	struct hart *hart = this_hart();
	struct vcpu *vcpu = NULL;

	while (!has_work(hart)) {
		hart_lock(&lock);
		vcpu = take_best(hart);
		hart->idle = !vcpu;
		hart_unlock(&lock);
		if (vcpu)
			break;
		/* Work that comes now brings an interrupt with it, which ends the wait. */
		if (!has_work(hart))
			idle(hart);
	}
	if (!vcpu) {
		stop_idling(hart);
		return NULL;
	}
	timer_stop(&vcpu->wakeup);
	/* From here on requests are sent to this hart; the run loop looks at them after this. */
	fence_full();
	return vcpu;
}

/* Lock held. */
static void leave_hart(struct vcpu *vcpu, enum vcpu_state state)
{
	u64 now = time_now();

	charge(vcpu, now);
	vcpu->stats.run_ticks += now - vcpu->state_since;
	vcpu->state = state;
	vcpu->state_since = now;
	vcpu->hart->running = NULL;
	/* Who waits for this, in vm_hold() say, then reads what vcpu_save() has written. */
	__atomic_store_n(&vcpu->hart, NULL, __ATOMIC_RELEASE);
	if (state != VCPU_RUNNABLE)
		policy_deactivate(&vcpu->member);
}

void sched_yield(struct vcpu *vcpu)
{
	hart_lock(&lock);
	leave_hart(vcpu, VCPU_RUNNABLE);
	put_into_queue(vcpu, vcpu->state_since);
	hart_unlock(&lock);
}

void sched_block(struct vcpu *vcpu, u64 deadline)
{
	if (deadline != TIME_NEVER)
		timer_start(&vcpu->wakeup, deadline);
	hart_lock(&lock);
	leave_hart(vcpu, VCPU_BLOCKED);
	fence_full();
	if (__atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED))
		wake(vcpu);
	hart_unlock(&lock);
}

void sched_hold(struct vcpu *vcpu, const u32 *held)
{
	hart_lock(&lock);
	leave_hart(vcpu, VCPU_HELD);
	fence_full();
	if (vcpu_must_stop(vcpu) || !__atomic_load_n(held, __ATOMIC_RELAXED))
		wake(vcpu);
	hart_unlock(&lock);
}

/* Lock held. */
static bool take_out(struct vcpu *vcpu, enum vcpu_state state)
{
	u64 now = time_now();

	switch (vcpu->state) {
	case VCPU_RUNNABLE:
		list_remove(&vcpu->run_link);
		vcpu->stats.stolen_ticks += now - vcpu->state_since;
		policy_deactivate(&vcpu->member);
		break;
	case VCPU_BLOCKED: vcpu->stats.idle_ticks += now - vcpu->state_since; break;
	case VCPU_HELD: break;
	default: return false;
	}
	vcpu->state = state;
	vcpu->state_since = now;
	return true;
}

bool sched_hold_waiting(struct vcpu *vcpu, const u32 *held)
{
	bool done;

	hart_lock(&lock);
	done = __atomic_load_n(held, __ATOMIC_RELAXED) && !vcpu_must_stop(vcpu) &&
	       take_out(vcpu, VCPU_HELD);
	hart_unlock(&lock);
	return done;
}

bool sched_stop_waiting(struct vcpu *vcpu)
{
	bool done;

	hart_lock(&lock);
	done = take_out(vcpu, VCPU_OFF);
	hart_unlock(&lock);
	return done;
}

void sched_unhold(struct vcpu *vcpu)
{
	hart_lock(&lock);
	if (vcpu->state == VCPU_HELD)
		wake(vcpu);
	hart_unlock(&lock);
}

void sched_stop(struct vcpu *vcpu)
{
	hart_lock(&lock);
	leave_hart(vcpu, VCPU_OFF);
	hart_unlock(&lock);
}

static void set_wfi_trap(bool enable)
{
	if (enable)
		csr_set(CSR_HSTATUS, HSTATUS_VTW);
	else
		csr_clear(CSR_HSTATUS, HSTATUS_VTW);
}

/* What sleeps on the hart would use up the VM's budget, if it has a cap. */
void sched_begin_slice(struct vcpu *vcpu)
{
	struct hart *hart = this_hart();
	u64 slice = policy_slice(&vcpu->member, hart->contended);

	hart->slice_is_over = false;
	hart->slice_is_running = hart->contended;
	set_wfi_trap(slice != TIME_NEVER);
	if (slice != TIME_NEVER)
		timer_start(&hart->slice, time_now() + slice);
	else
		timer_stop(&hart->slice);
}

void sched_end_slice(struct vcpu *vcpu)
{
	hart_lock(&lock);
	policy_yield(&vcpu->member);
	hart_unlock(&lock);
	this_hart()->slice_is_over = true;
}

/* Its slice is over, or one that woke up wants the hart: is there anybody who is to go first? */
static bool others_go_first(struct vcpu *vcpu)
{
	struct hart *hart = this_hart();
	const struct vcpu *best;
	bool yields;

	hart_lock(&lock);
	hart->chosen_at = time_now();
	charge(vcpu, hart->chosen_at);
	best = find_best(hart);
	hart->contended = best != NULL;
	yields = vcpu->member.group->is_throttled || !may_run_on(vcpu, hart) ||
		 (best && policy_goes_before(&best->member, &vcpu->member));
	hart_unlock(&lock);
	return yields;
}

/*
 * A vCPU that has just come, or was found to be the right one, stays for a little: else one that
 * sleeps and wakes all the time would cost the others a switch, or an interrupt, each time. The
 * slice is cut to that end.
 */
static bool may_stay(void)
{
	struct hart *hart = this_hart();
	u64 until = hart->chosen_at + policy_min_run();

	if (hart->slice_is_over || time_now() >= until)
		return false;
	if (!hart->slice.hart || hart->slice.deadline > until)
		timer_start(&hart->slice, until);
	return true;
}

bool sched_should_yield(struct vcpu *vcpu)
{
	struct hart *hart = this_hart();

	if (has_work(hart))
		return true;
	if (hart->contended && !hart->slice_is_running && !hart->slice_is_over)
		sched_begin_slice(vcpu); /* contention was announced while the vCPU ran */
	if (!hart->slice_is_over && (!is_preempted(hart) || may_stay()))
		return false;
	__atomic_store_n(&hart->is_preempted, 0, __ATOMIC_RELAXED);
	if (others_go_first(vcpu))
		return true;
	sched_begin_slice(vcpu);
	return false;
}

void sched_interrupt(struct hart *hart)
{
	poke(hart);
}

/* The VM has a budget again: its vCPUs that wait are in the queues. */
static void refill_expired(struct timer *timer)
{
	struct sched_vm *vm = container_of(timer, struct sched_vm, refill);
	u64 now;

	hart_lock(&lock);
	now = time_now(); /* not before those who had the lock charged up to their now */
	policy_refill(&vm->group, now);
	if (vm->group.is_throttled) {
		timer_start(&vm->refill, vm->group.period_end);
	} else {
		for_each_hart (hart) {
			list_for_each (link, &hart->runnable) {
				struct vcpu *vcpu = container_of(link, struct vcpu, run_link);

				if (vcpu->sched_vm == vm)
					offer(vcpu, now);
			}
		}
	}
	hart_unlock(&lock);
}

void sched_init_vm(struct sched_vm *vm, u32 weight, u32 cap)
{
	hart_lock(&lock);
	policy_init_group(&vm->group, weight, cap, time_now());
	hart_unlock(&lock);
	vm->refill.expired = refill_expired;
}

void sched_forget_vm(struct sched_vm *vm)
{
	timer_stop_and_wait(&vm->refill);
}

void sched_set_weight(struct sched_vm *vm, u32 weight)
{
	hart_lock(&lock);
	charge_running(time_now());
	policy_set_weight(&vm->group, weight);
	hart_unlock(&lock);
}

/* Its vCPUs see it at the end of their slices; those without a slice are made to look. */
static void look_at_slices(const struct sched_vm *vm)
{
	for_each_hart (hart) {
		if (hart->running && hart->running->sched_vm == vm) {
			__atomic_store_n(&hart->is_preempted, 1, __ATOMIC_RELAXED);
			poke(hart);
		}
	}
}

void sched_set_cap(struct sched_vm *vm, u32 cap)
{
	u64 now;

	hart_lock(&lock);
	now = time_now();
	policy_set_cap(&vm->group, cap, now);
	look_at_slices(vm);
	/* If it was throttled, it is no more. Under the lock: charge() starts this timer, too. */
	timer_start(&vm->refill, now);
	hart_unlock(&lock);
}

void sched_set_affinity(struct vcpu *vcpu, u32 set)
{
	hart_lock(&lock);
	vcpu->affinity = set;
	if (vcpu->state == VCPU_RUNNABLE)
		offer(vcpu, time_now());
	look_at_slices(vcpu->sched_vm);
	hart_unlock(&lock);
}
