/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs where: the mechanism. Each hart has a queue of the runnable vCPUs that ran there last; a
 * hart that is free takes the best of all queues. Who that is, is the policy's to say
 * (vcpu/sched_policy.h).
 *
 * While no vCPU waits, every one keeps its hart, sleeps on it in WFI by itself, and costs nothing.
 * When there are more than harts, WFI traps and frees the hart, a time slice takes it from those
 * that do not wait, and one that wakes up may take it before that.
 *
 *               sched_start()           sched_pick()
 *      OFF ───────────────► RUNNABLE ───────────────► RUNNING
 *       ▲                    ▲  ▲  ▲     sched_yield()   │ │ │
 *       │       sched_notify │  │  └─────────────────────┘ │ │
 *       │                 BLOCKED ◄────────────────────────┤ │ sched_block()
 *       │                       │ sched_unhold()           │ │
 *       │                     HELD ◄───────────────────────┘ │ sched_hold()
 *       └────────────────────────────────────────────────────┘ sched_stop()
 *
 * sched_hold_waiting() and sched_stop_waiting() lead from RUNNABLE and BLOCKED to HELD and OFF.
 */
#ifndef DOPPEL_SCHED_H
#define DOPPEL_SCHED_H

#include "core/timer.h"
#include "lib/types.h"
#include "vcpu/sched_policy.h"

struct vcpu;

/* A VM as the scheduler sees it: what the policy knows, and what brings it back after throttling.
 */
struct sched_vm {
	struct sched_group group;
	struct timer refill;
};

void sched_init(void);

/* Prepares a new VM; and gives back what it holds: its vCPUs are off. */
void sched_init_vm(struct sched_vm *vm, u32 weight, u32 cap);
void sched_forget_vm(struct sched_vm *vm);

/* Prepares a new vCPU of the VM, which is off and may run on any hart. */
void sched_init_vcpu(struct vcpu *vcpu, struct sched_vm *vm);

/*
 * What the VM gets when harts are short: weight, 1 to SCHED_WEIGHT_MAX, in proportion to the
 * others'; cap, in percent of one hart, even when harts are free (SCHED_CAP_NONE: no limit).
 */
void sched_set_weight(struct sched_vm *vm, u32 weight);
void sched_set_cap(struct sched_vm *vm, u32 cap);

/* The harts that the vCPU may run on: a bit in set for each hart's index, at least one. */
void sched_set_affinity(struct vcpu *vcpu, u32 set);

/* Lets a vCPU that is off run. */
void sched_start(struct vcpu *vcpu);

/* A request has been made to the vCPU: makes it look, wherever it is. */
void sched_notify(struct vcpu *vcpu);

/* The same, but it may sleep on: it looks before its next instruction. */
void sched_notify_running(struct vcpu *vcpu);

/*
 * For the run loop of a hart. sched_pick() waits until there is a vCPU to run; NULL: the hart has
 * other work. The others take the vCPU, already saved, off this hart. sched_block() may return at
 * once by way of the queue if there is a request already; deadline (ticks) is when its own timer
 * will wake it. sched_hold() keeps it from running until sched_unhold(), unless *held is 0 by then.
 */
struct vcpu *sched_pick(void);
void sched_yield(struct vcpu *vcpu);
void sched_block(struct vcpu *vcpu, u64 deadline);
void sched_hold(struct vcpu *vcpu, const u32 *held);
void sched_stop(struct vcpu *vcpu);

/*
 * For a vCPU that is not on a hart: holds it, unless *held is 0 by then, or takes it out for good,
 * at once. True: done; false: it is off, it is on a hart and has to be asked, or it is about to
 * stop.
 */
bool sched_hold_waiting(struct vcpu *vcpu, const u32 *held);
bool sched_stop_waiting(struct vcpu *vcpu);

/* Ends the hold, if there is one: *held is 0 already. */
void sched_unhold(struct vcpu *vcpu);

/* After an interrupt of this hart: whether its vCPU is to leave it. May begin a new slice. */
bool sched_should_yield(struct vcpu *vcpu);

/* The vCPU on this hart gives up the rest of its turn to its siblings. */
void sched_end_slice(struct vcpu *vcpu);

/* Sets hstatus.VTW and the time slice for a vCPU that comes to this hart. */
void sched_begin_slice(struct vcpu *vcpu);

/* Makes a hart leave its vCPU, and sched_pick() return NULL, until its flag has_work is cleared. */
void sched_interrupt(struct hart *hart);

#endif
