/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: one queue a hart, multiplexed on the hart's supervisor timer. Times are timebase ticks.
 */
#ifndef DOPPEL_TIMER_H
#define DOPPEL_TIMER_H

#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "riscv/csr.h"

#define TIME_NEVER UINT64_MAX

struct hart;

struct timer {
	struct list link;
	u64 deadline;
	struct hart *hart;		      /* in whose queue it is; NULL: not started */
	void (*expired)(struct timer *timer); /* on that hart, without locks held */
};

struct timer_queue {
	struct spinlock lock;
	struct list timers;	    /* earliest first */
	u64 programmed;		    /* what the hardware will interrupt at, TIME_NEVER: nothing */
	const struct timer *firing; /* whose function is being called; atomic */
	bool is_early;		    /* programmed for one that another hart has stopped; atomic */
	/*
	 * The deadline of the vCPU that runs on this hart, when the hart lacks Sstc. It is no entry
	 * of the queue because a guest sets it often and mostly far away.
	 */
	u64 guest_deadline;
};

/* Ticks since the machine was reset. */
static inline u64 time_now(void)
{
	return csr_read(CSR_TIME);
}

u64 time_from_ns(u64 ns);
u64 time_to_ns(u64 ticks);

/* True when the harts have the Sstc extension, found by probing; see timer_probe(). */
extern bool timer_has_sstc;

/* Once, on the boot hart: finds out how to program the timer. */
void timer_probe(void);

/* Once on each hart. */
void timer_queue_init(struct timer_queue *queue);

/* Starts a timer on this hart, or moves it; it fires once, at or after deadline. */
void timer_start(struct timer *timer, u64 deadline);

/* Stops a timer, wherever it was started. It may be firing on another hart at this moment. */
void timer_stop(struct timer *timer);

/*
 * The same, and waits until its function has returned, so that the timer's memory can be given
 * back. The caller holds no lock that the function takes, and is not called by it.
 */
void timer_stop_and_wait(struct timer *timer);

/* Timers that have been started and have not fired yet, on all harts. */
unsigned timer_count(void);

/* Sets the running vCPU's deadline (see struct timer_queue). */
void timer_set_guest_deadline(u64 deadline);

/*
 * Programs this hart's timer for what is next, if it still is for what another hart has stopped:
 * the interrupt would be for nothing. Where that takes a call of the firmware nothing is done.
 */
void timer_tidy(void);

/* The timer interrupt of this hart: fires what is due, programs what is next. */
void timer_interrupt(void);

#endif
