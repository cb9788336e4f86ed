/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler's policy: proportional share by virtual time, with caps. */
#include "vcpu/sched_policy.h"
#include "core/timer.h"

/* Virtual time per tick of a VM with weight 1; large, so that little is lost by rounding. */
#define SCALE 25600UL

/* No slice is shorter, so that a nearly used-up budget does not cost a timer interrupt each. */
#define SLICE_MIN_NS 200000

/* No group is ahead of the others by so many slices: a run is charged at the end of each. */
#define LEAD_MAX 200

/* Longer runs are not charged in full: sums stay far from overflow. */
#define CHARGE_MAX BIT(40)

static u64 slice, slice_min, wakeup, rate, lag, period; /* in ticks */

/*
 * The system's virtual time is base + sum / weights: sum is that of weight * (vtime - base) over
 * the active groups, weights that of their weights.
 */
static u64 base;
static s64 sum;
static u64 weights;

void policy_init(void)
{
	slice = time_from_ns(SCHED_SLICE_NS);
	slice_min = time_from_ns(SLICE_MIN_NS);
	wakeup = time_from_ns(SCHED_WAKEUP_NS);
	rate = time_from_ns(SCHED_RATE_NS);
	lag = time_from_ns(SCHED_LAG_NS);
	period = time_from_ns(SCHED_PERIOD_NS);
	base = weights = 0;
	sum = 0;
}

/* Virtual times may wrap: only differences count. */
static s64 difference(u64 a, u64 b)
{
	return (s64)(a - b);
}

static u64 virtual_ticks(const struct sched_group *group, u64 ticks)
{
	return ticks * SCALE / group->weight;
}

static u64 system_vtime(void)
{
	if (weights) {
		s64 step = sum / (s64)weights;

		base += (u64)step;
		sum -= step * (s64)weights;
	}
	return base;
}

static void add_vtime(struct sched_group *group, u64 vtime)
{
	group->vtime += vtime;
	if (group->nr_active)
		sum += (s64)(vtime * group->weight);
}

/* Who is further behind than the bound loses the rest. */
static void bound_lag(struct sched_group *group)
{
	u64 earliest = system_vtime() - virtual_ticks(group, lag);
	s64 missing = difference(earliest, group->vtime);

	if (missing > 0)
		add_vtime(group, (u64)missing);
}

/*
 * Nor is anybody ahead by more than a slice or so; who seems to be has slept for so long that the
 * difference wrapped.
 */
static void bound_lead(struct sched_group *group)
{
	u64 latest = system_vtime() + virtual_ticks(group, LEAD_MAX * slice);

	if (difference(group->vtime, latest) > 0)
		group->vtime = latest;
}

static void join(struct sched_group *group)
{
	bound_lead(group);
	bound_lag(group);
	sum += difference(group->vtime, base) * (s64)group->weight;
	weights += group->weight;
}

static void leave(struct sched_group *group)
{
	system_vtime();
	sum -= difference(group->vtime, base) * (s64)group->weight;
	weights -= group->weight;
	if (!weights)
		sum = 0; /* what rounding has left */
}

static s64 quota(const struct sched_group *group)
{
	return (s64)(period * group->cap / 100);
}

void policy_init_group(struct sched_group *group, u32 weight, u32 cap, u64 now)
{
	*group = (struct sched_group){ .weight = weight, .vtime = system_vtime() };
	policy_set_cap(group, cap, now);
}

void policy_set_weight(struct sched_group *group, u32 weight)
{
	s64 ahead;

	bound_lag(group); /* a group that has slept for days is far behind */
	ahead = difference(group->vtime, system_vtime());
	if (group->nr_active)
		leave(group);
	/* What it owes, or is owed, in time of a hart stays the same. */
	group->vtime = base + (u64)(ahead * (s64)group->weight / (s64)weight);
	group->weight = weight;
	if (group->nr_active)
		join(group);
}

void policy_set_cap(struct sched_group *group, u32 cap, u64 now)
{
	group->cap = cap;
	group->budget = quota(group);
	group->period_end = now + period;
	group->is_throttled = false;
}

void policy_activate(struct sched_member *member)
{
	struct sched_group *group = member->group;

	if (group->nr_active == 0)
		join(group);
	group->nr_active++;
	if (difference(group->member_vtime - slice, member->vtime) > 0)
		member->vtime = group->member_vtime - slice;
}

void policy_deactivate(struct sched_member *member)
{
	struct sched_group *group = member->group;

	if (group->nr_active == 1)
		leave(group);
	group->nr_active--;
}

void policy_charge(struct sched_member *member, u64 ticks, u64 now)
{
	struct sched_group *group = member->group;

	ticks = MIN(ticks, CHARGE_MAX);
	member->vtime += ticks;
	if (difference(member->vtime, group->member_vtime) > 0)
		group->member_vtime = member->vtime;
	add_vtime(group, virtual_ticks(group, ticks));
	bound_lag(group);
	if (group->cap) {
		group->budget -= (s64)ticks;
		policy_refill(group, now);
	}
}

void policy_yield(struct sched_member *member)
{
	member->vtime += slice;
}

void policy_refill(struct sched_group *group, u64 now)
{
	if (group->cap && now >= group->period_end) {
		u64 periods = (now - group->period_end) / period + 1;

		/* Too much in one period is paid back in the next ones; too little is not kept. */
		group->budget = MIN(group->budget + (s64)periods * quota(group), quota(group));
		group->period_end += periods * period;
	}
	group->is_throttled = group->cap && group->budget <= 0;
}

bool policy_goes_before(const struct sched_member *a, const struct sched_member *b)
{
	if (a->group != b->group)
		return difference(a->group->vtime, b->group->vtime) < 0;
	if (a->is_urgent != b->is_urgent)
		return a->is_urgent;
	return difference(a->vtime, b->vtime) < 0;
}

bool policy_preempts(const struct sched_member *woken, const struct sched_member *running,
		     u64 uncharged)
{
	const struct sched_group *group = running->group;

	uncharged = MIN(uncharged, CHARGE_MAX);
	if (woken->group == group)
		return difference(running->vtime + uncharged, woken->vtime) > (s64)wakeup;
	return difference(group->vtime + virtual_ticks(group, uncharged), woken->group->vtime) >
	       (s64)virtual_ticks(group, wakeup);
}

u64 policy_min_run(void)
{
	return rate;
}

u64 policy_slice(const struct sched_member *member, bool others_wait)
{
	const struct sched_group *group = member->group;
	u64 left;

	if (!group->cap)
		return others_wait ? slice : TIME_NEVER;
	/* What is left is for all members that want to run. */
	left = (u64)MAX(group->budget, 0) / MAX(group->nr_active, 1U);
	return MIN(MAX(left, slice_min), slice);
}
