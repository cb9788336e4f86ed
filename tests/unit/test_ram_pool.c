/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the pool of guest RAM, against one flag for each 2 MiB. */
#include "unit.h"
#include "mem/ram_pool.h"

#include <string.h>

#define GRANULES (16 * 512) /* the model: 16 GiB */

/* Who has a granule: NOBODY's RAM is free, OUTSIDE is no RAM of the pool. */
enum { OUTSIDE = -1, NOBODY = 0 };

static int model[GRANULES];

static void model_set(u64 start, u64 size, int from, int to)
{
	assert_true(start % RAM_GRANULE == 0 && size % RAM_GRANULE == 0);
	for (u64 at = start; at < start + size; at += RAM_GRANULE) {
		assert_true(at / RAM_GRANULE < GRANULES);
		assert_int_equal(model[at / RAM_GRANULE], from);
		model[at / RAM_GRANULE] = to;
	}
}

static u64 model_free(void)
{
	u64 sum = 0;

	for (unsigned i = 0; i < GRANULES; i++)
		sum += model[i] == NOBODY ? RAM_GRANULE : 0;
	return sum;
}

/* The pool's ranges are sorted, do not touch, and are exactly what the model says is free. */
static unsigned check_ranges(void)
{
	struct ram_piece range;
	u64 end = 0, sum = 0;
	unsigned n = 0;

	for (; ram_pool_range(n, &range); n++) {
		assert_true(range.size > 0);
		assert_true(n == 0 || range.start.v > end);
		end = range.start.v + range.size;
		sum += range.size;
		model_set(range.start.v, range.size, NOBODY, NOBODY);
	}
	assert_int_equal(sum, model_free());
	assert_int_equal(sum, ram_pool_free());
	return n;
}

static void begin(void)
{
	for (unsigned i = 0; i < GRANULES; i++)
		model[i] = OUTSIDE;
	ram_pool_reserve(HPA(0), BIT(50));
	assert_int_equal(check_ranges(), 0);
}

static void add(u64 start, u64 size)
{
	ram_pool_add(HPA(start), size);
	model_set(start, size, OUTSIDE, NOBODY);
	check_ranges();
}

/* Takes and checks what must hold for each answer. Returns the number of pieces. */
static unsigned take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES], int owner)
{
	unsigned count = ram_pool_take(size, pieces);
	u64 sum = 0;

	assert_true(count <= RAM_MAX_PIECES);
	for (unsigned i = 0; i < count; i++) {
		model_set(pieces[i].start.v, pieces[i].size, NOBODY, owner);
		sum += pieces[i].size;
	}
	assert_int_equal(sum, count ? size : 0);
	check_ranges();
	return count;
}

static void give_back(const struct ram_piece *pieces, unsigned count, int owner)
{
	ram_pool_give_back(pieces, count);
	for (unsigned i = 0; i < count; i++)
		model_set(pieces[i].start.v, pieces[i].size, owner, NOBODY);
	check_ranges();
}

static void random_takes_do_not_overlap(void **state)
{
	struct {
		struct ram_piece pieces[RAM_MAX_PIECES];
		unsigned count;
	} live[20] = { 0 };
	struct prng prng = { 0x5eed0040 };
	unsigned failures = 0, in_many = 0;

	(void)state;
	begin();
	add(GIB(1) + MIB(6), GIB(10) - MIB(6));
	add(GIB(13), GIB(2) + MIB(2));
	for (unsigned i = 0; i < 5000; i++) {
		unsigned at = prng_below(&prng, ARRAY_SIZE(live));
		u64 size = RAM_GRANULE * (1 + prng_below(&prng, prng_below(&prng, 3) ? 300 : 1600));

		if (live[at].count) {
			give_back(live[at].pieces, live[at].count, (int)at + 1);
			live[at].count = 0;
			continue;
		}
		live[at].count = take(size, live[at].pieces, (int)at + 1);
		if (!live[at].count)
			failures++;
		in_many += live[at].count > 1;
	}
	assert_true(failures > 10 && in_many > 10);
	for (unsigned at = 0; at < ARRAY_SIZE(live); at++)
		give_back(live[at].pieces, live[at].count, (int)at + 1);
	assert_int_equal(check_ranges(), 2); /* all in one again, as it was added */
}

static void whole_gigabytes_come_first_and_aligned(void **state)
{
	struct ram_piece pieces[2 + RAM_MAX_PIECES];
	unsigned count;

	(void)state;
	begin();
	add(MIB(512), GIB(4)); /* 3 of them are aligned */
	count = take(GIB(2) + MIB(512), pieces, 1);
	assert_int_equal(count, 2);
	assert_int_equal(pieces[0].start.v % GIB(1), 0);
	assert_int_equal(pieces[0].size, GIB(2));
	assert_int_equal(pieces[1].size, MIB(512));
	/* The rest did not cost the last aligned one. */
	assert_int_equal(take(GIB(1), &pieces[2], 2), 1);
	assert_int_equal(pieces[2].start.v % GIB(1), 0);
	give_back(pieces, 2, 1);
	give_back(&pieces[2], 1, 2);
	assert_int_equal(check_ranges(), 1);
}

static void the_longest_run_of_gigabytes_is_taken(void **state)
{
	struct ram_piece pieces[2 + RAM_MAX_PIECES];

	(void)state;
	begin();
	add(GIB(1), GIB(1));
	add(GIB(3), GIB(2));
	add(GIB(6), GIB(3));
	add(GIB(10), GIB(1));
	assert_int_equal(take(GIB(4), pieces, 1), 2);
	assert_int_equal(pieces[0].start.v, GIB(6));
	assert_int_equal(pieces[0].size, GIB(3));
	assert_int_equal(pieces[1].size, GIB(1));
	give_back(pieces, 2, 1);
}

static void small_takes_leave_large_ranges_whole(void **state)
{
	struct ram_piece pieces[2 + RAM_MAX_PIECES];

	(void)state;
	begin();
	add(GIB(2), GIB(2));
	add(GIB(5) + MIB(2), MIB(64));
	add(GIB(6) + MIB(2), MIB(32));
	assert_int_equal(take(MIB(20), pieces, 1), 1);
	assert_true(pieces[0].start.v >= GIB(6));
	assert_int_equal(take(MIB(64), &pieces[1], 2), 1);
	assert_int_equal(pieces[1].start.v, GIB(5) + MIB(2));
	assert_int_equal(take(MIB(16), &pieces[2], 3), 1);
	/* Out of the end: the range still begins at a whole gigabyte. */
	assert_int_equal(pieces[2].start.v, GIB(4) - MIB(16));
}

static void too_much_leaves_the_pool_as_it_was(void **state)
{
	struct ram_piece pieces[2 + RAM_MAX_PIECES];

	(void)state;
	begin();
	add(GIB(1), GIB(2));
	add(GIB(4), MIB(10));
	assert_int_equal(take(GIB(2) + MIB(12), pieces, 1), 0);
	assert_int_equal(take(BIT(40), pieces, 1), 0);
	assert_int_equal(check_ranges(), 2);
	assert_int_equal(take(GIB(2) + MIB(10), pieces, 1), 2);
	assert_int_equal(take(RAM_GRANULE, &pieces[2], 2), 0);
	give_back(pieces, 2, 1);
}

static void a_take_has_at_most_eight_pieces(void **state)
{
	struct ram_piece pieces[2 + RAM_MAX_PIECES];

	(void)state;
	begin();
	for (u64 i = 0; i < RAM_MAX_PIECES + 1; i++)
		add(MIB(8) * i, RAM_GRANULE);
	assert_int_equal(take(RAM_GRANULE * (RAM_MAX_PIECES + 1), pieces, 1), 0);
	assert_int_equal(check_ranges(), RAM_MAX_PIECES + 1);
	assert_int_equal(take(RAM_GRANULE * RAM_MAX_PIECES, pieces, 1), RAM_MAX_PIECES);
}

static void what_is_reserved_is_not_given_out(void **state)
{
	(void)state;
	begin();
	/* Parts of granules at both ends are left out. */
	ram_pool_add(HPA(MIB(2) + 1), MIB(8));
	model_set(MIB(4), MIB(6), OUTSIDE, NOBODY);
	check_ranges();
	ram_pool_add(HPA(MIB(20) + 1), MIB(2));
	ram_pool_add(HPA(MIB(24)), MIB(2) - 1);
	check_ranges();
	add(MIB(100), MIB(100));

	ram_pool_reserve(HPA(MIB(120) - 1), 2); /* two granules */
	model_set(MIB(118), MIB(4), NOBODY, OUTSIDE);
	assert_int_equal(check_ranges(), 3);
	ram_pool_reserve(HPA(MIB(8)), MIB(100)); /* ends of two ranges */
	model_set(MIB(8), MIB(2), NOBODY, OUTSIDE);
	model_set(MIB(100), MIB(8), NOBODY, OUTSIDE);
	assert_int_equal(check_ranges(), 3);
	ram_pool_reserve(HPA(0), MIB(2)); /* nothing there */
	assert_int_equal(check_ranges(), 3);
	ram_pool_reserve(HPA(MIB(0)), MIB(118)); /* whole ranges */
	model_set(MIB(4), MIB(4), NOBODY, OUTSIDE);
	model_set(MIB(108), MIB(10), NOBODY, OUTSIDE);
	assert_int_equal(check_ranges(), 1);
}

/* Every other one of as many VMs as there can be goes first. */
static void nothing_is_lost_between_many_pieces(void **state)
{
	static struct ram_piece taken[256][RAM_MAX_PIECES];
	unsigned count[256];

	(void)state;
	begin();
	ram_pool_add(HPA(0), MIB(2048));
	model_set(0, MIB(2048), OUTSIDE, NOBODY);
	for (unsigned i = 0; i < 256; i++) {
		count[i] = ram_pool_take(MIB(8), taken[i]);
		assert_int_equal(count[i], 1);
	}
	for (unsigned first = 0; first < 2; first++) {
		for (unsigned i = first; i < 256; i += 2)
			ram_pool_give_back(taken[i], count[i]);
	}
	assert_int_equal(check_ranges(), 1);
}

#define ADDED 4000 /* more than there is room for */

static void a_full_table_loses_but_never_doubles(void **state)
{
	struct ram_piece pieces[RAM_MAX_PIECES], range;
	u64 sum = 0, last = 0;

	(void)state;
	begin();
	for (u64 i = 0; i < ADDED; i++)
		ram_pool_add(HPA(2 * RAM_GRANULE * i), RAM_GRANULE);
	for (unsigned i = 0; ram_pool_range(i, &range); i++) {
		assert_true(i == 0 || range.start.v > last);
		last = range.start.v;
		sum += range.size;
	}
	assert_true(sum > 0 && sum < ADDED * RAM_GRANULE);
	assert_int_equal(ram_pool_free(), sum);
	for (u64 taken = 0; taken < sum; taken += RAM_GRANULE) {
		assert_int_equal(ram_pool_take(RAM_GRANULE, pieces), 1);
		model_set(pieces[0].start.v, pieces[0].size, OUTSIDE, 1);
	}
	assert_int_equal(ram_pool_take(RAM_GRANULE, pieces), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_takes_do_not_overlap),
		cmocka_unit_test(whole_gigabytes_come_first_and_aligned),
		cmocka_unit_test(the_longest_run_of_gigabytes_is_taken),
		cmocka_unit_test(small_takes_leave_large_ranges_whole),
		cmocka_unit_test(too_much_leaves_the_pool_as_it_was),
		cmocka_unit_test(a_take_has_at_most_eight_pieces),
		cmocka_unit_test(what_is_reserved_is_not_given_out),
		cmocka_unit_test(nothing_is_lost_between_many_pieces),
		cmocka_unit_test(a_full_table_loses_but_never_doubles),
	};

	return RUN_TESTS(tests);
}
