/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of bit positions and of the macros about sizes, against the compiler's own. */
#include "unit.h"
#include "lib/bits.h"

static void check(u64 x)
{
	assert_int_equal(bits_lowest(x), x ? __builtin_ctzll(x) : 64);
	assert_int_equal(bits_width(x), x ? 64 - __builtin_clzll(x) : 0);
}

static void positions_match_the_compilers(void **state)
{
	struct prng prng = { 0x5eed00a0 };

	(void)state;
	check(0);
	check(UINT64_MAX);
	for (unsigned n = 0; n < 64; n++) {
		check(BIT(n));
		check(BIT(n) - 1);
		check(UINT64_MAX << n);
	}
	for (unsigned i = 0; i < 20000; i++) {
		u64 x = prng_next(&prng) >> prng_below(&prng, 64);

		check(x << prng_below(&prng, 64));
	}
}

static void alignment_is_to_powers_of_two(void **state)
{
	struct prng prng = { 0x5eed00a1 };

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		u64 a = BIT(prng_below(&prng, 40)), x = prng_next(&prng) >> 2;

		if (i % 2)
			x = x / a * a;
		assert_int_equal(ALIGN_DOWN(x, a), x / a * a);
		assert_int_equal(ALIGN_UP(x, a), (x + a - 1) / a * a);
		assert_int_equal(IS_ALIGNED(x, a), x % a == 0);
	}
	/* A 32-bit alignment must not cut a 64-bit address. */
	assert_int_equal(ALIGN_DOWN(0x123456789abcdefULL, 16U), 0x123456789abcde0ULL);
	assert_int_equal(ALIGN_UP(0x123456789abcde1ULL, 16), 0x123456789abcdf0ULL);
}

static unsigned nr_reads;

static u64 next_read(void)
{
	return ++nr_reads;
}

/* A clock that is read twice may have passed the limit the second time. */
static void min_and_max_evaluate_once(void **state)
{
	(void)state;
	nr_reads = 0;
	assert_int_equal(MIN(next_read(), 1UL), 1);
	assert_int_equal(MIN(5UL, next_read()), 2);
	assert_int_equal(MAX(next_read(), 1UL), 3);
	assert_int_equal(MAX(1UL, next_read()), 4);
	assert_int_equal(nr_reads, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_match_the_compilers),
		cmocka_unit_test(alignment_is_to_powers_of_two),
		cmocka_unit_test(min_and_max_evaluate_once),
	};

	return RUN_TESTS(tests);
}
