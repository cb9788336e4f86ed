/* SPDX-License-Identifier: BSD-2-Clause */
/* Who runs where: one queue, first come first served, a time slice when harts are short. */
#include "vcpu/sched.h"
#include "core/hart.h"
#include "core/panic.h"
#include "riscv/io.h"
#include "vcpu/interrupts.h"
#include "vcpu/vcpu.h"

static struct spinlock lock; /* the queue, hart->idle, vcpu->state; writes of vcpu->hart */
static struct list queue;

static void slice_expired(struct timer *timer)
{
	struct hart *hart = container_of(timer, struct hart, slice);

	hart->slice_is_over = true;
}

void sched_init(void)
{
	list_init(&queue);
	for_each_hart (hart)
		hart->slice.expired = slice_expired;
}

static void wakeup_expired(struct timer *timer)
{
	sched_notify(container_of(timer, struct vcpu, wakeup));
}

void sched_init_vcpu(struct vcpu *vcpu)
{
	list_init(&vcpu->run_link);
	vcpu->wakeup.expired = wakeup_expired;
	vcpu->state = VCPU_OFF;
}

/* The hart that a runnable vCPU should go to: one that idles, preferably where it ran last. */
static struct hart *find_idle(const struct vcpu *vcpu)
{
	if (vcpu->last_hart && vcpu->last_hart->idle)
		return vcpu->last_hart;
	for_each_hart (hart) {
		if (hart->idle)
			return hart;
	}
	return NULL;
}

/*
 * Nobody idles, but a vCPU may be asleep in WFI on its hart. Those harts that do not know yet that
 * others wait are told; from then on WFI traps there.
 */
static void announce_contention(void)
{
	for_each_hart (hart) {
		if (!hart->online || hart->contended)
			continue;
		hart->contended = true;
		if (hart != this_hart())
			hart_kick(hart);
		else if (hart->current)
			vcpu_request_look(hart->current);
	}
}

/* Lock held. */
static void enqueue(struct vcpu *vcpu)
{
	struct hart *idle = find_idle(vcpu);

	vcpu->state = VCPU_RUNNABLE;
	list_insert_before(&queue, &vcpu->run_link);
	if (!idle) {
		announce_contention();
		return;
	}
	idle->idle = false;
	if (idle != this_hart())
		hart_kick(idle);
}

void sched_start(struct vcpu *vcpu)
{
	spin_lock(&lock);
	enqueue(vcpu);
	spin_unlock(&lock);
}

void sched_notify(struct vcpu *vcpu)
{
	struct hart *hart;

	/*
	 * The request is visible before we look where the vCPU is; sched_block() says where it is
	 * before it looks for requests. One of the two sees the other.
	 */
	fence_full();
	hart = __atomic_load_n(&vcpu->hart, __ATOMIC_RELAXED);
	if (hart) {
		if (hart != this_hart())
			hart_kick(hart);
		return;
	}
	spin_lock(&lock);
	if (vcpu->state == VCPU_BLOCKED)
		enqueue(vcpu);
	spin_unlock(&lock);
}

/*
 * First come, first served. To prefer those that ran here last would starve the others: the one
 * that has just given up its turn is always among them. Lock held.
 */
static struct vcpu *dequeue(void)
{
	struct vcpu *first;

	if (list_is_empty(&queue))
		return NULL;
	first = container_of(queue.next, struct vcpu, run_link);
	list_remove(&first->run_link);
	return first;
}

struct vcpu *sched_pick(void)
{
	struct hart *hart = this_hart();
	struct vcpu *vcpu;

	for (;;) {
		spin_lock(&lock);
		vcpu = dequeue();
		hart->idle = !vcpu;
		if (vcpu) {
			vcpu->state = VCPU_RUNNING;
			__atomic_store_n(&vcpu->hart, hart, __ATOMIC_RELAXED);
			hart->contended = !list_is_empty(&queue);
		}
		spin_unlock(&lock);
		if (vcpu)
			break;
		wait_for_interrupt();
		interrupts_handle_pending();
	}
	timer_stop(&vcpu->wakeup);
	/* From here on requests are sent to this hart; the run loop looks at them after this. */
	fence_full();
	return vcpu;
}

static void leave_hart(struct vcpu *vcpu)
{
	vcpu->last_hart = vcpu->hart;
	__atomic_store_n(&vcpu->hart, NULL, __ATOMIC_RELAXED);
}

void sched_yield(struct vcpu *vcpu)
{
	spin_lock(&lock);
	leave_hart(vcpu);
	enqueue(vcpu);
	spin_unlock(&lock);
}

void sched_block(struct vcpu *vcpu, u64 deadline)
{
	if (deadline != TIME_NEVER)
		timer_start(&vcpu->wakeup, deadline);
	spin_lock(&lock);
	leave_hart(vcpu);
	vcpu->state = VCPU_BLOCKED;
	fence_full();
	if (__atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED))
		enqueue(vcpu);
	spin_unlock(&lock);
}

void sched_stop(struct vcpu *vcpu)
{
	spin_lock(&lock);
	leave_hart(vcpu);
	vcpu->state = VCPU_OFF;
	spin_unlock(&lock);
}

static void set_wfi_trap(bool enable)
{
	if (enable)
		csr_set(CSR_HSTATUS, HSTATUS_VTW);
	else
		csr_clear(CSR_HSTATUS, HSTATUS_VTW);
}

void sched_begin_slice(void)
{
	struct hart *hart = this_hart();

	hart->slice_is_over = false;
	hart->slice_is_running = hart->contended;
	set_wfi_trap(hart->contended);
	if (hart->contended)
		timer_start(&hart->slice, time_now() + time_from_ns(SCHED_SLICE_NS));
	else
		timer_stop(&hart->slice);
}

void sched_end_slice(void)
{
	this_hart()->slice_is_over = true;
}

bool sched_should_yield(void)
{
	struct hart *hart = this_hart();
	bool others_wait;

	if (hart->contended && !hart->slice_is_running) {
		sched_begin_slice(); /* contention was announced while the vCPU ran */
		return false;
	}
	if (!hart->slice_is_over)
		return false;
	spin_lock(&lock);
	others_wait = !list_is_empty(&queue);
	hart->contended = others_wait;
	spin_unlock(&lock);
	if (!others_wait)
		sched_begin_slice();
	return others_wait;
}
