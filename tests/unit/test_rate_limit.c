/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the token bucket: what gets through over time, against plain arithmetic. */
#include "unit.h"
#include "core/rate_limit.h"
#include "core/timer.h"

#define HZ 10000000UL

u64 time_from_ns(u64 ns)
{
	return ns / (1000000000 / HZ);
}

u64 fake_csr_read(unsigned csr)
{
	(void)csr;
	return 0;
}

void fake_csr_write(unsigned csr, u64 value)
{
	(void)csr;
	(void)value;
}

static void rate_0_is_no_limit(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 0, 5);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(rate_limit_use(&limit, UINT64_MAX, 5), 0);
	assert_int_equal(rate_limit_when(&limit, 5), 0);
}

static void one_use_may_be_larger_and_is_paid_off(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 1000, 0);		      /* 100 at first */
	assert_int_equal(rate_limit_use(&limit, 5100, 0), 0); /* 5000 owed: 5 s, and one unit */
	assert_int_equal(rate_limit_use(&limit, 1, 0), 5 * HZ + HZ / 1000);
	assert_int_equal(rate_limit_use(&limit, 1, 5 * HZ), 5 * HZ + HZ / 1000);
	assert_int_equal(rate_limit_use(&limit, 1, 5 * HZ + HZ / 1000), 0);
	assert_int_not_equal(rate_limit_use(&limit, 1, 5 * HZ + HZ / 1000), 0);
}

static void when_uses_nothing(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 10, 0); /* a single one */
	assert_int_equal(rate_limit_when(&limit, 0), 0);
	assert_int_equal(rate_limit_when(&limit, 0), 0);
	assert_int_equal(rate_limit_use(&limit, 1, 0), 0);
	assert_int_equal(rate_limit_when(&limit, 0), HZ / 10);
}

static void time_to_try_again_is_a_millisecond_away(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 1000000, 0);
	assert_int_equal(rate_limit_use(&limit, 100000, 7), 0);
	assert_int_equal(rate_limit_when(&limit, 7), 7 + HZ / 1000);
}

/* Who was idle for long gets 100 ms' worth at once, no more. */
static void what_is_saved_is_bounded(void **state)
{
	static const u64 idle[] = { 0, HZ / 10, HZ, 1000000 * HZ, UINT64_MAX / 2 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(idle); i++) {
		struct rate_limit limit;
		unsigned count = 0;

		rate_limit_init(&limit, 500, 0);
		while (rate_limit_use(&limit, 1, idle[i]) == 0)
			count++;
		assert_int_equal(count, 50);
	}
}

/* Two harts may read the time in one order, and ask in the other. */
static void an_earlier_time_gives_nothing(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 10, HZ);
	assert_int_equal(rate_limit_use(&limit, 1, HZ), 0);
	assert_int_not_equal(rate_limit_use(&limit, 1, HZ - 5), 0);
	assert_int_not_equal(rate_limit_use(&limit, 1, HZ + HZ / 20), 0);
}

/* Tried at every moment, or at random ones: in 20 s as many get through as the rate says. */
static void the_rate_is_kept(void **state)
{
	static const u64 rates[] = { 1, 3, 7, 999, 1000, 65536, 12345679 };
	struct prng prng = { 4711 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 size = MAX(rates[i] / 300, 1UL), used = 0, start = 123456789, now = start;
		struct rate_limit limit;

		rate_limit_init(&limit, rates[i], now);
		while (now < start + 20 * HZ) {
			while (rate_limit_use(&limit, size, now) == 0)
				used += size;
			now += prng_below(&prng, 20000) + 1;
		}
		assert_in_range(used, rates[i] * 20 - size,
				rates[i] * 20 + rates[i] / 10 + size + 1);
	}
}

/* Who waits as long as he is told, and no longer, always gets through. */
static void the_time_told_is_right(void **state)
{
	struct prng prng = { 99 };

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		u64 now = prng_next(&prng) >> 20, when;
		struct rate_limit limit;

		rate_limit_init(&limit, prng_next(&prng) >> prng_below(&prng, 64), now);
		if (!limit.rate)
			continue;
		assert_int_equal(
			rate_limit_use(&limit, prng_next(&prng) >> prng_below(&prng, 64), now), 0);
		when = rate_limit_when(&limit, now);
		if (!when)
			continue;
		assert_true(when >= now + HZ / 1000);
		if (when > now + HZ / 1000)
			assert_int_not_equal(rate_limit_when(&limit, when - 1), 0);
		assert_int_equal(rate_limit_when(&limit, when), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_0_is_no_limit),
		cmocka_unit_test(one_use_may_be_larger_and_is_paid_off),
		cmocka_unit_test(when_uses_nothing),
		cmocka_unit_test(time_to_try_again_is_a_millisecond_away),
		cmocka_unit_test(what_is_saved_is_bounded),
		cmocka_unit_test(an_earlier_time_gives_nothing),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(the_time_told_is_right),
	};

	return RUN_TESTS(tests);
}
