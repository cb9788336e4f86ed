/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of rates: between looks, at looks that come too soon, and over counters that wrap. */
#include "unit.h"
#include "monitor/rates.h"

#define HZ	 10000000UL
#define SHORTEST (HZ / 5)

static void rates_are_of_the_time_between(void **state)
{
	struct rates_counters counters = { .busy = HZ, .exits = { [10] = 300, [21] = 100 } };
	const struct rates_result *result;
	struct rates rates;

	(void)state;
	rates_reset(&rates, 5 * HZ);
	result = rates_look(&rates, &counters, 9 * HZ, SHORTEST, HZ);
	assert_int_equal(result->busy_permille, 250);
	assert_int_equal(result->exits_per_second, 100);
	assert_int_equal(result->top_cause, 10);
	assert_int_equal(result->top_percent, 75);

	counters.busy += 3 * HZ; /* two harts, one of them half */
	counters.exits[CAUSE_COUNT + 5] += 20;
	result = rates_look(&rates, &counters, 11 * HZ, SHORTEST, HZ);
	assert_int_equal(result->busy_permille, 1500);
	assert_int_equal(result->exits_per_second, 10);
	assert_int_equal(result->top_cause, CAUSE_COUNT + 5);
	assert_int_equal(result->top_percent, 100);

	result = rates_look(&rates, &counters, 12 * HZ, SHORTEST, HZ);
	assert_int_equal(result->busy_permille, 0);
	assert_int_equal(result->exits_per_second, 0);
	assert_int_equal(result->top_cause, RATES_NO_CAUSE);
}

static void a_look_too_soon_does_not_count(void **state)
{
	struct rates_counters counters = { .exits = { [2] = 50 } };
	struct rates rates;

	(void)state;
	rates_reset(&rates, 0);
	assert_int_equal(rates_look(&rates, &counters, 0, SHORTEST, HZ)->top_cause, RATES_NO_CAUSE);
	/* Before there is anything else, it tells what there is. */
	assert_int_equal(rates_look(&rates, &counters, HZ / 10, SHORTEST, HZ)->exits_per_second,
			 500);
	assert_int_equal(rates_look(&rates, &counters, HZ, SHORTEST, HZ)->exits_per_second, 50);
	counters.exits[2] += 10;
	assert_int_equal(
		rates_look(&rates, &counters, HZ + SHORTEST - 1, SHORTEST, HZ)->exits_per_second,
		50);
	/* It has not hidden the exits either. */
	assert_int_equal(rates_look(&rates, &counters, 2 * HZ, SHORTEST, HZ)->exits_per_second, 10);
}

static void counters_may_wrap(void **state)
{
	struct rates_counters counters = { .exits = { [10] = UINT32_MAX - 9 } };
	struct rates rates;

	(void)state;
	rates_reset(&rates, 0);
	rates_look(&rates, &counters, HZ, SHORTEST, HZ);
	counters.exits[10] += 30;
	assert_int_equal(rates_look(&rates, &counters, 2 * HZ, SHORTEST, HZ)->exits_per_second, 30);
}

/* A guest that sleeps in WFI is found out at the next heartbeat only. */
static void less_time_than_before_is_none(void **state)
{
	struct rates_counters counters = { .busy = HZ };
	struct rates rates;

	(void)state;
	rates_reset(&rates, 0);
	rates_look(&rates, &counters, HZ, SHORTEST, HZ);
	counters.busy -= HZ / 20;
	assert_int_equal(rates_look(&rates, &counters, 2 * HZ, SHORTEST, HZ)->busy_permille, 0);
	counters.busy += HZ / 2;
	assert_int_equal(rates_look(&rates, &counters, 3 * HZ, SHORTEST, HZ)->busy_permille, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_of_the_time_between),
		cmocka_unit_test(a_look_too_soon_does_not_count),
		cmocka_unit_test(counters_may_wrap),
		cmocka_unit_test(less_time_than_before_is_none),
	};
	return RUN_TESTS(tests);
}
