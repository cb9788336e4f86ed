/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler's policy: who deserves a hart most. hyp/vcpu/sched.c is the mechanism and asks
 * these functions, all of them with its lock held; another policy is another implementation of this
 * file.
 *
 * Proportional share among VMs, by virtual time. A VM's virtual time advances while its vCPUs run,
 * the slower the larger its weight; the VM that is furthest behind is served first. The system's
 * virtual time is the average of those of all VMs that want to run, by weight. A VM that slept, or
 * that cannot use its share (one vCPU on four harts), falls behind it by a bounded amount only: it
 * cannot save up time and then keep the others away.
 *
 * docs/scheduling.md tells more, with an example.
 */
#ifndef DOPPEL_SCHED_POLICY_H
#define DOPPEL_SCHED_POLICY_H

#include "lib/types.h"

#define SCHED_WEIGHT_MAX     10000
#define SCHED_WEIGHT_DEFAULT 100
#define SCHED_CAP_MAX	     3200 /* percent of one hart */
#define SCHED_CAP_NONE	     0

#define SCHED_SLICE_NS	5000000	 /* how long one runs while others wait */
#define SCHED_WAKEUP_NS 1000000	 /* who wakes preempts who is ahead of him by more than this */
#define SCHED_RATE_NS	1000000	 /* but who has come to a hart stays there for so long */
#define SCHED_LAG_NS	20000000 /* how much service a VM may be behind its share */
#define SCHED_PERIOD_NS 50000000 /* of caps */

/* What shares harts with others: a VM. */
struct sched_group {
	u32 weight;
	u32 cap;	    /* percent of one hart, SCHED_CAP_NONE: none */
	unsigned nr_active; /* vCPUs that run or want to */
	u64 vtime;	    /* virtual time */
	u64 member_vtime;   /* of the vCPU that was served last */
	s64 budget;	    /* with a cap: ticks of this period that are left */
	u64 period_end;	    /* with a cap: when there is more */
	bool is_throttled;  /* the budget is used up */
};

/* One of a group: a vCPU. */
struct sched_member {
	struct sched_group *group;
	u64 vtime;	/* ticks of service, to share the group's among its members */
	bool is_urgent; /* a sibling waits for it: it goes before its siblings */
};

/* Once, before the others. */
void policy_init(void);

void policy_init_group(struct sched_group *group, u32 weight, u32 cap, u64 now);

/* Changes what a group is due from now on. */
void policy_set_weight(struct sched_group *group, u32 weight);
void policy_set_cap(struct sched_group *group, u32 cap, u64 now);

/* The member wants to run, after it did not; or does not want to any more. */
void policy_activate(struct sched_member *member);
void policy_deactivate(struct sched_member *member);

/* The member has run for so many ticks, up to now. */
void policy_charge(struct sched_member *member, u64 ticks, u64 now);

/* The member gives up its turn: its siblings go first. */
void policy_yield(struct sched_member *member);

/* Gives the group the budget of the periods that have begun; updates is_throttled. */
void policy_refill(struct sched_group *group, u64 now);

/* Whether a is to run before b. */
bool policy_goes_before(const struct sched_member *a, const struct sched_member *b);

/* Whether one that woke up should take the hart of one that runs, uncharged for so many ticks. */
bool policy_preempts(const struct sched_member *woken, const struct sched_member *running,
		     u64 uncharged);

/* How many ticks a member runs at least when it has come to a hart, others waking as they may. */
u64 policy_min_run(void);

/* How many ticks the member may run before others are considered; TIME_NEVER: as it likes. */
u64 policy_slice(const struct sched_member *member, bool others_wait);

#endif
