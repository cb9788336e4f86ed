/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: one queue a hart, multiplexed on the hart's supervisor timer. Times are timebase ticks.
 */
#include "core/timer.h"
#include "core/hart.h"
#include "core/probe.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/csr.h"
#include "riscv/firmware.h"

bool timer_has_sstc;

u64 time_from_ns(u64 ns)
{
	u64 hz = machine.timebase_hz, seconds = ns / 1000000000;

	if (seconds >= TIME_NEVER / hz - 1)
		return TIME_NEVER;
	return seconds * hz + ns % 1000000000 * hz / 1000000000;
}

u64 time_to_ns(u64 ticks)
{
	u64 hz = machine.timebase_hz;

	return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

/* stimecmp exists only where the extension does and the firmware has set menvcfg.STCE (Sstc 2.1).
 */
void timer_probe(void)
{
	timer_has_sstc = isa_has(machine.isa, "sstc") && PROBE_CSR_WRITE(CSR_STIMECMP, TIME_NEVER);
}

static void program(struct timer_queue *queue, u64 deadline)
{
	if (deadline == queue->programmed)
		return;
	queue->programmed = deadline;
	if (timer_has_sstc)
		csr_write(CSR_STIMECMP, deadline);
	else
		firmware_set_timer(deadline);
}

static u64 next_deadline(const struct timer_queue *queue)
{
	u64 deadline = queue->guest_deadline;

	if (!list_is_empty(&queue->timers)) {
		const struct timer *first = container_of(queue->timers.next, struct timer, link);

		deadline = MIN(deadline, first->deadline);
	}
	return deadline;
}

/* Lock held, on the queue's hart. A call of the firmware may cost more than what it would save. */
static void postpone(struct timer_queue *queue)
{
	__atomic_store_n(&queue->is_early, false, __ATOMIC_RELAXED);
	if (timer_has_sstc)
		program(queue, next_deadline(queue));
}

void timer_queue_init(struct timer_queue *queue)
{
	list_init(&queue->timers);
	queue->guest_deadline = TIME_NEVER;
	queue->programmed = 0;
	program(queue, TIME_NEVER);
}

static void insert(struct timer_queue *queue, struct timer *timer)
{
	struct list *position = queue->timers.next;

	while (position != &queue->timers &&
	       container_of(position, struct timer, link)->deadline <= timer->deadline)
		position = position->next;
	list_insert_before(position, &timer->link);
}

void timer_start(struct timer *timer, u64 deadline)
{
	struct hart *hart = this_hart();
	struct timer_queue *queue = &hart->timers;

	timer_stop(timer);
	spin_lock(&queue->lock);
	timer->deadline = deadline;
	timer->hart = hart;
	insert(queue, timer);
	/* The hardware may stay early: an interrupt for nothing programs it anew. */
	if (deadline < queue->programmed)
		program(queue, deadline);
	spin_unlock(&queue->lock);
}

void timer_stop(struct timer *timer)
{
	struct hart *hart = __atomic_load_n(&timer->hart, __ATOMIC_ACQUIRE);

	if (!hart)
		return;
	spin_lock(&hart->timers.lock);
	if (timer->hart) {
		list_remove(&timer->link);
		timer->hart = NULL;
	}
	/* An interrupt for nothing costs a guest an exit. */
	if (hart == this_hart())
		postpone(&hart->timers);
	else
		__atomic_store_n(&hart->timers.is_early, true, __ATOMIC_RELAXED);
	spin_unlock(&hart->timers.lock);
}

void timer_tidy(void)
{
	struct timer_queue *queue = &this_hart()->timers;

	if (likely(!__atomic_load_n(&queue->is_early, __ATOMIC_RELAXED)))
		return;
	spin_lock(&queue->lock);
	postpone(queue);
	spin_unlock(&queue->lock);
}

void timer_set_guest_deadline(u64 deadline)
{
	struct timer_queue *queue = &this_hart()->timers;

	queue->guest_deadline = deadline;
	if (deadline < queue->programmed)
		program(queue, deadline);
}

static bool is_firing(const struct timer *timer)
{
	for_each_hart (hart) {
		if (__atomic_load_n(&hart->timers.firing, __ATOMIC_ACQUIRE) == timer)
			return true;
	}
	return false;
}

/* Its function may start it again: what counts is that it is neither started nor firing. */
void timer_stop_and_wait(struct timer *timer)
{
	do {
		while (is_firing(timer))
			;
		timer_stop(timer);
	} while (is_firing(timer));
}

unsigned timer_count(void)
{
	unsigned count = 0;

	for_each_hart (hart) {
		spin_lock(&hart->timers.lock);
		if (hart->online) {
			list_for_each (link, &hart->timers.timers)
				count++;
		}
		spin_unlock(&hart->timers.lock);
	}
	return count;
}

/* Takes the first timer that is due out of the queue, or returns NULL. */
static struct timer *take_due(struct timer_queue *queue, u64 now)
{
	struct timer *due = NULL;

	spin_lock(&queue->lock);
	if (!list_is_empty(&queue->timers)) {
		struct timer *first = container_of(queue->timers.next, struct timer, link);

		if (first->deadline <= now) {
			list_remove(&first->link);
			/* Before it is seen as stopped: who waits for its end sees one of the two.
			 */
			__atomic_store_n(&queue->firing, first, __ATOMIC_RELEASE);
			__atomic_store_n(&first->hart, NULL, __ATOMIC_RELEASE);
			due = first;
		}
	}
	spin_unlock(&queue->lock);
	return due;
}

void timer_interrupt(void)
{
	struct timer_queue *queue = &this_hart()->timers;
	struct timer *due;

	while ((due = take_due(queue, time_now())) != NULL) {
		due->expired(due);
		__atomic_store_n(&queue->firing, NULL, __ATOMIC_RELEASE);
	}
	/* The vCPU's own deadline is looked at by the run loop, which knows where to raise it. */
	if (queue->guest_deadline <= time_now())
		queue->guest_deadline = TIME_NEVER;
	spin_lock(&queue->lock);
	program(queue, next_deadline(queue));
	spin_unlock(&queue->lock);
}
