/* SPDX-License-Identifier: BSD-2-Clause */
/* What belongs to one hart of the machine. tp points to it whenever the hypervisor runs. */
#ifndef DOPPEL_HART_H
#define DOPPEL_HART_H

#include "core/timer.h"
#include "core/trace.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "platform/qemu-virt/machine.h"

#define HART_STACK_SIZE		  KIB(16)
#define HART_EMERGENCY_STACK_SIZE KIB(4)

struct vcpu;

struct hart {
	/* What assembly sees (offsets in vcpu/asm_offsets.c). */
	u64 trap_gpr[32]; /* registers at a trap of the hypervisor itself */
	u64 trap_pc;
	u64 emergency_stack; /* top: the stack pointer of such a trap may be what is broken */

	unsigned index; /* 0 to nr_harts - 1, the boot hart is 0 */
	u64 id;		/* mhartid */
	unsigned plic_context;
	u64 stack; /* top */
	bool online;

	struct timer heartbeat; /* see vcpu/vcpu.c */
	u64 last_heartbeat;	/* ticks */
	struct vcpu *current;	/* the vCPU whose state is in this hart's registers, or NULL */

	/* The scheduler's (vcpu/sched.c). */
	struct list runnable;  /* vCPUs that wait, for this hart rather than others */
	struct vcpu *running;  /* which it has given this hart to, or NULL */
	u64 chosen_at;	       /* ticks: when it was last found to be the right one */
	bool idle;	       /* waiting for a vCPU */
	bool contended;	       /* others wait for this hart: WFI traps, slices end */
	bool slice_is_running; /* because others wait */
	bool slice_is_over;
	u32 is_preempted; /* atomic: one that woke up should have the hart */
	u32 has_work;	  /* atomic: besides running vCPUs; see run/run.h */
	u64 idle_ticks;	  /* spent waiting, in all, until the last wait ended */
	u64 idle_since;	  /* ticks, while it waits; else 0 */
	struct timer slice;

	struct hart *kicked; /* the one that this has kicked last, or NULL */
	u32 kick_locks;	     /* taken by hart_lock() */
	u32 due_kicks;	     /* a bit for each hart that is to be kicked when it has none */

	u64 vmid_generation; /* of the last HFENCE.GVMA of all VMIDs */

	struct timer_queue timers;
	struct trace_ring trace;
};

extern struct hart harts[MACHINE_MAX_HARTS];
extern unsigned nr_harts; /* known; online or coming */

#define for_each_hart(it) for (struct hart *it = harts; it < harts + nr_harts; it++)

/* tp: no code of the hypervisor ever continues on another hart. */
register struct hart *hart_in_tp __asm__("tp");

/* The hart that executes this. */
static inline struct hart *this_hart(void)
{
	return hart_in_tp;
}

/* Raises an inter-processor interrupt on a hart: it leaves its guest and looks at its requests. */
void hart_kick(struct hart *hart);
void hart_send_due_kicks(void);

/*
 * For locks that others want often, and under which harts are kicked: until it is released kicks
 * wait. Sending one is a call of the firmware, and on QEMU may take as long as the emulator works
 * on something else.
 */
static inline void hart_lock(struct spinlock *lock)
{
	this_hart()->kick_locks++;
	spin_lock(lock);
}

static inline void hart_unlock(struct spinlock *lock)
{
	struct hart *self = this_hart();

	spin_unlock(lock);
	if (--self->kick_locks == 0 && unlikely(self->due_kicks))
		hart_send_due_kicks();
}

#endif
