/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs where. One queue of runnable vCPUs; while it is empty every vCPU keeps its hart, sleeps
 * on it in WFI by itself, and costs nothing. When there are more vCPUs than harts, WFI traps and
 * frees the hart, and a time slice takes it from those that do not wait.
 *
 *               sched_start()           sched_pick()
 *      OFF ───────────────► RUNNABLE ───────────────► RUNNING
 *       ▲                      ▲   ▲     sched_yield()   │ │
 *       │         sched_notify │   └─────────────────────┘ │ sched_block()
 *       │                   BLOCKED ◄──────────────────────┤
 *       └──────────────────────────────────────────────────┘ sched_stop()
 */
#ifndef DOPPEL_SCHED_H
#define DOPPEL_SCHED_H

#include "lib/types.h"

struct vcpu;

#define SCHED_SLICE_NS 5000000

void sched_init(void);

/* Prepares the links of a new vCPU, which is off. */
void sched_init_vcpu(struct vcpu *vcpu);

/* Lets a vCPU that is off run. */
void sched_start(struct vcpu *vcpu);

/* A request has been made to the vCPU: makes it look, wherever it is. */
void sched_notify(struct vcpu *vcpu);

/*
 * For the run loop of a hart. sched_pick() waits until there is a vCPU to run. The others take the
 * vCPU, already saved, off this hart; sched_block() may return at once by way of the queue if there
 * is a request already. deadline (ticks) is when its own timer will wake it.
 */
struct vcpu *sched_pick(void);
void sched_yield(struct vcpu *vcpu);
void sched_block(struct vcpu *vcpu, u64 deadline);
void sched_stop(struct vcpu *vcpu);

/* After an interrupt of this hart: whether its vCPU's time is over. Keeps hstatus.VTW up to date.
 */
bool sched_should_yield(void);

/* The vCPU on this hart gives up the rest of its time slice. */
void sched_end_slice(void);

/* Sets hstatus.VTW and the time slice for a vCPU that comes to this hart. */
void sched_begin_slice(void);

#endif
