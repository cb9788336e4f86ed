/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the scheduler's policy on a simulated machine: harts that serve whom the policy wants,
 * slice by slice, as hyp/vcpu/sched.c does.
 */
#include "unit.h"
#include "core/timer.h"
#include "vcpu/sched_policy.h"

#include <string.h>

#define MS	  10000UL /* ticks: the timebase is 10 MHz */
#define MAX_VCPUS 16
#define MAX_HARTS 4

static struct sched_group groups[MAX_VCPUS];
static struct vcpu_sim {
	struct sched_member member;
	bool wants, runs;
	u64 served;
} vcpus[MAX_VCPUS];
static unsigned nr_vcpus, nr_harts_sim;
static u64 now;
static struct vcpu_sim *on[MAX_HARTS];

u64 time_from_ns(u64 ns)
{
	return ns / 100;
}

static int setup(void **state)
{
	(void)state;
	memset(groups, 0, sizeof(groups));
	memset(vcpus, 0, sizeof(vcpus));
	memset(on, 0, sizeof(on));
	nr_vcpus = 0;
	nr_harts_sim = 1;
	now = 1000;
	policy_init();
	return 0;
}

static struct sched_group *add_group(unsigned index, u32 weight, u32 cap)
{
	policy_init_group(&groups[index], weight, cap, now);
	return &groups[index];
}

static struct vcpu_sim *add_vcpu(struct sched_group *group)
{
	struct vcpu_sim *vcpu = &vcpus[nr_vcpus++];

	vcpu->member.group = group;
	vcpu->wants = true;
	policy_activate(&vcpu->member);
	return vcpu;
}

static void sleep_vcpu(struct vcpu_sim *vcpu)
{
	vcpu->wants = false;
	policy_deactivate(&vcpu->member);
}

static void wake_vcpu(struct vcpu_sim *vcpu)
{
	vcpu->wants = true;
	policy_activate(&vcpu->member);
}

static struct vcpu_sim *best(void)
{
	struct vcpu_sim *found = NULL;

	for (unsigned i = 0; i < nr_vcpus; i++) {
		struct vcpu_sim *vcpu = &vcpus[i];

		if (!vcpu->wants || vcpu->runs || vcpu->member.group->is_throttled)
			continue;
		if (!found || policy_goes_before(&vcpu->member, &found->member))
			found = vcpu;
	}
	return found;
}

/* All harts change vCPUs at the same times, each millisecond: coarser than the policy's slices. */
static void simulate(u64 ticks)
{
	for (u64 end = now + ticks; now < end;) {
		for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
			if (groups[i].weight)
				policy_refill(&groups[i], now);
		}
		for (unsigned h = 0; h < nr_harts_sim; h++) {
			on[h] = best();
			if (on[h])
				on[h]->runs = true;
		}
		now += MS;
		for (unsigned h = 0; h < nr_harts_sim; h++) {
			if (!on[h])
				continue;
			on[h]->runs = false;
			on[h]->served += MS;
			policy_charge(&on[h]->member, MS, now);
		}
	}
}

static void assert_near(u64 value, u64 want, u64 tolerance)
{
	assert_in_range(value, want - MIN(want, tolerance), want + tolerance);
}

static void test_weights(void **state)
{
	struct vcpu_sim *three = add_vcpu(add_group(0, 300, SCHED_CAP_NONE));
	struct vcpu_sim *one = add_vcpu(add_group(1, 100, SCHED_CAP_NONE));

	(void)state;
	simulate(4000 * MS);
	assert_near(three->served, 3000 * MS, 5 * MS);
	assert_near(one->served, 1000 * MS, 5 * MS);
}

/* The extremes of weight, with more vCPUs than one. */
static void test_extreme_weights(void **state)
{
	struct sched_group *heavy = add_group(0, SCHED_WEIGHT_MAX, SCHED_CAP_NONE);
	struct vcpu_sim *light = add_vcpu(add_group(1, 1, SCHED_CAP_NONE));
	struct vcpu_sim *a = add_vcpu(heavy), *b = add_vcpu(heavy);

	(void)state;
	simulate(30000 * MS);
	assert_near(light->served, 3 * MS, 3 * MS);
	assert_true(light->served > 0);
	assert_near(a->served, b->served, 10 * MS);
}

/* A VM with many vCPUs gets no more than one with a single one. */
static void test_share_is_the_vm(void **state)
{
	struct sched_group *many = add_group(0, 100, SCHED_CAP_NONE);
	struct vcpu_sim *one = add_vcpu(add_group(1, 100, SCHED_CAP_NONE));
	struct vcpu_sim *members[4];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(members); i++)
		members[i] = add_vcpu(many);
	simulate(4000 * MS);
	assert_near(one->served, 2000 * MS, 5 * MS);
	for (unsigned i = 0; i < ARRAY_SIZE(members); i++)
		assert_near(members[i]->served, 500 * MS, 10 * MS);
}

static void test_cap(void **state)
{
	struct vcpu_sim *capped = add_vcpu(add_group(0, 100, 25));

	(void)state;
	/* In the long run exactly, although no period is a whole number of its turns. */
	simulate(100000 * MS);
	assert_near(capped->served, 25000 * MS, 13 * MS);
}

static void test_cap_of_several_vcpus(void **state)
{
	struct sched_group *group = add_group(0, 100, 150);
	struct vcpu_sim *a, *b;

	(void)state;
	nr_harts_sim = 2;
	a = add_vcpu(group);
	b = add_vcpu(group);
	simulate(10000 * MS);
	assert_near(a->served + b->served, 15000 * MS, 75 * MS);
}

static void test_cap_is_lifted(void **state)
{
	struct sched_group *group = add_group(0, 100, 1);
	struct vcpu_sim *vcpu = add_vcpu(group);

	(void)state;
	simulate(10 * MS);
	assert_true(group->is_throttled);
	policy_set_cap(group, SCHED_CAP_NONE, now);
	assert_false(group->is_throttled);
	vcpu->served = 0;
	simulate(100 * MS);
	assert_int_equal(vcpu->served, 100 * MS);
}

/* Who slept is served first, but for the bound only, however long it was. */
static void test_sleeper(void **state)
{
	struct vcpu_sim *sleeper = add_vcpu(add_group(0, 100, SCHED_CAP_NONE));
	struct vcpu_sim *worker = add_vcpu(add_group(1, 100, SCHED_CAP_NONE));
	u64 bound = time_from_ns(SCHED_LAG_NS);

	(void)state;
	simulate(100 * MS);
	sleep_vcpu(sleeper);
	simulate(10000 * MS);
	wake_vcpu(sleeper);
	assert_true(policy_preempts(&sleeper->member, &worker->member, 0));
	sleeper->served = worker->served = 0;
	simulate(1000 * MS);
	assert_true(sleeper->served > worker->served);
	/* It catches up with the average, which it draws along: twice the bound beside one other.
	 */
	assert_true(sleeper->served - worker->served <= 2 * bound + 2 * MS);
}

/* One vCPU cannot use half of two harts' time beside four that want more. */
static void test_infeasible_share(void **state)
{
	struct sched_group *many = add_group(1, 100, SCHED_CAP_NONE);
	struct vcpu_sim *heavy = add_vcpu(add_group(0, SCHED_WEIGHT_MAX, SCHED_CAP_NONE));
	struct vcpu_sim *late;
	u64 total = 0;

	(void)state;
	nr_harts_sim = 2;
	for (unsigned i = 0; i < 4; i++)
		add_vcpu(many);
	simulate(10000 * MS);
	assert_near(heavy->served, 10000 * MS, 5 * MS);
	for (unsigned i = 1; i < nr_vcpus; i++) {
		assert_near(vcpus[i].served, 2500 * MS, 10 * MS);
		total += vcpus[i].served;
	}
	assert_int_equal(total + heavy->served, 20000 * MS);

	/* It has saved up nothing by that: one hart, and a newcomer of the same weight. */
	nr_harts_sim = 1;
	late = add_vcpu(add_group(2, SCHED_WEIGHT_MAX, SCHED_CAP_NONE));
	heavy->served = 0;
	simulate(1000 * MS);
	assert_near(late->served, heavy->served, 50 * MS);
}

static void test_weight_is_changed(void **state)
{
	struct vcpu_sim *a = add_vcpu(add_group(0, 100, SCHED_CAP_NONE));
	struct vcpu_sim *b = add_vcpu(add_group(1, 100, SCHED_CAP_NONE));

	(void)state;
	simulate(1000 * MS);
	assert_near(a->served, 500 * MS, 5 * MS);
	policy_set_weight(&groups[0], 400);
	a->served = b->served = 0;
	simulate(1000 * MS);
	assert_near(a->served, 800 * MS, 10 * MS);
	policy_set_weight(&groups[0], 100);
	a->served = b->served = 0;
	simulate(1000 * MS);
	assert_near(a->served, 500 * MS, 10 * MS);
}

/* The product of what it is behind and its weight would have more than 64 bits. */
static void test_weight_of_one_that_slept_for_long(void **state)
{
	struct vcpu_sim *sleeper = add_vcpu(add_group(0, SCHED_WEIGHT_MAX, SCHED_CAP_NONE));
	struct vcpu_sim *worker = add_vcpu(add_group(1, 1, SCHED_CAP_NONE));

	(void)state;
	sleep_vcpu(sleeper);
	for (unsigned i = 0; i < 4; i++)
		policy_charge(&worker->member, BIT(40), now);
	policy_set_weight(&groups[0], 1);
	wake_vcpu(sleeper);
	sleeper->served = worker->served = 0;
	simulate(1000 * MS);
	assert_near(sleeper->served, 500 * MS, 25 * MS);
}

/* Virtual time may wrap: only differences count. */
static void test_wrap(void **state)
{
	const u64 most = BIT(40), speed = 25600; /* of a charge; of virtual time with weight 1 */
	struct vcpu_sim *a = add_vcpu(add_group(0, 1, SCHED_CAP_NONE));
	struct vcpu_sim *b;
	u64 before;

	(void)state;
	/* Alone, it draws the system's virtual time along, to the brink. */
	while (groups[0].vtime <= UINT64_MAX - most * speed)
		policy_charge(&a->member, most, now);
	policy_charge(&a->member, (UINT64_MAX - groups[0].vtime) / speed - 100 * MS, now);
	before = groups[0].vtime;
	b = add_vcpu(add_group(1, 1, SCHED_CAP_NONE));
	simulate(1000 * MS);
	assert_true(groups[0].vtime < before); /* it has wrapped */
	assert_near(a->served, 500 * MS, 25 * MS);
	assert_near(b->served, 500 * MS, 25 * MS);
}

static void test_siblings(void **state)
{
	struct sched_group *group = add_group(0, 100, SCHED_CAP_NONE);
	struct vcpu_sim *a = add_vcpu(group), *b = add_vcpu(group);

	(void)state;
	policy_charge(&a->member, 5 * MS, now);
	assert_true(policy_goes_before(&b->member, &a->member));
	a->member.is_urgent = true;
	assert_true(policy_goes_before(&a->member, &b->member));
	b->member.is_urgent = true;
	policy_charge(&b->member, 5 * MS, now);
	policy_yield(&a->member);
	assert_true(policy_goes_before(&b->member, &a->member));
}

static void test_slices(void **state)
{
	struct vcpu_sim *free = add_vcpu(add_group(0, 100, SCHED_CAP_NONE));
	struct vcpu_sim *capped = add_vcpu(add_group(1, 100, 10));
	u64 slice = time_from_ns(SCHED_SLICE_NS);

	(void)state;
	assert_int_equal(policy_slice(&free->member, false), TIME_NEVER);
	assert_int_equal(policy_slice(&free->member, true), slice);
	/* 10 % of 50 ms; the nearer its end, the shorter, but not without limit. */
	assert_int_equal(policy_slice(&capped->member, false), slice);
	policy_charge(&capped->member, 4 * MS, now);
	assert_int_equal(policy_slice(&capped->member, false), 1 * MS);
	policy_charge(&capped->member, MS - 1, now);
	assert_in_range(policy_slice(&capped->member, false), 2, MS);
}

static void test_wakeups_that_preempt(void **state)
{
	struct vcpu_sim *woken = add_vcpu(add_group(0, 100, SCHED_CAP_NONE));
	struct vcpu_sim *running = add_vcpu(add_group(1, 100, SCHED_CAP_NONE));
	u64 limit = time_from_ns(SCHED_WAKEUP_NS);

	(void)state;
	assert_false(policy_preempts(&woken->member, &running->member, 0));
	assert_false(policy_preempts(&woken->member, &running->member, limit));
	assert_true(policy_preempts(&woken->member, &running->member, limit + 1));
	policy_charge(&woken->member, limit, now);
	assert_false(policy_preempts(&woken->member, &running->member, limit + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_weights, setup),
		cmocka_unit_test_setup(test_extreme_weights, setup),
		cmocka_unit_test_setup(test_share_is_the_vm, setup),
		cmocka_unit_test_setup(test_cap, setup),
		cmocka_unit_test_setup(test_cap_of_several_vcpus, setup),
		cmocka_unit_test_setup(test_cap_is_lifted, setup),
		cmocka_unit_test_setup(test_sleeper, setup),
		cmocka_unit_test_setup(test_infeasible_share, setup),
		cmocka_unit_test_setup(test_weight_is_changed, setup),
		cmocka_unit_test_setup(test_weight_of_one_that_slept_for_long, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_siblings, setup),
		cmocka_unit_test_setup(test_slices, setup),
		cmocka_unit_test_setup(test_wakeups_that_preempt, setup),
	};

	return RUN_TESTS(tests);
}
