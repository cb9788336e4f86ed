/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the checked accessor of guest RAM. The window onto host physical addresses begins at 0
 * here, so that a pointer is one; the sanitizer guards what lies between the pieces.
 */
#include "unit.h"
#include "mem/guest_memory.h"

#include <stdlib.h>
#include <string.h>

#define START 0x80000000ULL
#define SIZE  (2 * RAM_GRANULE + 4 * RAM_GRANULE + RAM_GRANULE)

struct fixture {
	struct guest_memory memory;
	u8 *piece[3];
};

/* Three pieces whose order on the host is not that of the guest. */
static int setup(void **state)
{
	static const u64 sizes[3] = { 2 * RAM_GRANULE, 4 * RAM_GRANULE, RAM_GRANULE };
	static struct fixture f;

	f = (struct fixture){ .memory = { .start = GPA(START), .size = SIZE, .nr_pieces = 3 } };
	for (unsigned i = 0; i < 3; i++) {
		f.piece[i] = malloc(sizes[i]);
		assert_non_null(f.piece[i]);
		memset(f.piece[i], (int)i + 1, sizes[i]);
		f.memory.pieces[i] = (struct ram_piece){ HPA((u64)f.piece[i]), sizes[i] };
	}
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++)
		free(f->piece[i]);
	return 0;
}

/* Whether [gpa, gpa + size) is inside, in arithmetic that cannot overflow. */
static bool model_contains(u64 gpa, u64 size)
{
	return gpa >= START && (unsigned __int128)gpa + size <= (unsigned __int128)START + SIZE;
}

static void every_boundary_is_checked(void **state)
{
	static const u64 bases[] = { 0,
				     START,
				     START + SIZE,
				     START + 2 * RAM_GRANULE,
				     START + 6 * RAM_GRANULE,
				     BIT(63),
				     UINT64_MAX - SIZE,
				     0 - START,
				     SIZE };
	static const u64 deltas[] = { 0,	1,	  2,	    7,	      8,       9,
				      0 - 1ULL, 0 - 2ULL, 0 - 7ULL, 0 - 8ULL, 0 - 9ULL };
	struct fixture *f = *state;
	static u8 buf[64];

	for (size_t a = 0; a < ARRAY_SIZE(bases); a++) {
		for (size_t b = 0; b < ARRAY_SIZE(deltas); b++) {
			u64 gpa = bases[a] + deltas[b];

			for (size_t c = 0; c < ARRAY_SIZE(bases); c++) {
				for (size_t d = 0; d < ARRAY_SIZE(deltas); d++) {
					u64 size = bases[c] + deltas[d];

					assert_int_equal(
						guest_memory_contains(&f->memory, GPA(gpa), size),
						model_contains(gpa, size));
				}
			}
			for (u64 size = 0; size <= 16; size++) {
				bool inside = model_contains(gpa, size);

				assert_int_equal(guest_read(&f->memory, GPA(gpa), buf, size),
						 inside);
				assert_int_equal(guest_write(&f->memory, GPA(gpa), buf, size),
						 inside);
			}
		}
	}
	/* Sizes that no buffer has must be refused before anything is copied. */
	assert_false(guest_read(&f->memory, GPA(START), buf, SIZE + 1));
	assert_false(guest_write(&f->memory, GPA(START), buf, UINT64_MAX));
	assert_false(guest_read(&f->memory, GPA(UINT64_MAX), buf, 1));
	assert_false(guest_read(&f->memory, GPA(UINT64_MAX), buf, UINT64_MAX));
	assert_false(guest_write(&f->memory, GPA(START - 1), buf, 0 - START + 1));
}

static void a_refused_access_does_nothing(void **state)
{
	struct fixture *f = *state;
	u8 buf[16];

	memset(buf, 0x77, sizeof(buf));
	assert_false(guest_read(&f->memory, GPA(START + SIZE - 8), buf, 16));
	assert_false(guest_write(&f->memory, GPA(START + SIZE - 8), buf, 16));
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(buf[i], 0x77);
	assert_int_equal(f->piece[2][RAM_GRANULE - 8], 3);
	assert_int_equal(f->piece[2][RAM_GRANULE - 1], 3);
}

static void accesses_go_across_pieces(void **state)
{
	struct fixture *f = *state;
	u64 size = 4 * RAM_GRANULE + 24;
	u8 *buf = malloc(size);

	assert_non_null(buf);
	/* All of the middle piece and ends of its neighbours. */
	for (u64 i = 0; i < size; i++)
		buf[i] = (u8)(i * 7 + i / 256);
	assert_true(guest_write(&f->memory, GPA(START + 2 * RAM_GRANULE - 16), buf, size));
	assert_memory_equal(f->piece[0] + 2 * RAM_GRANULE - 16, buf, 16);
	assert_memory_equal(f->piece[1], buf + 16, 4 * RAM_GRANULE);
	assert_memory_equal(f->piece[2], buf + 16 + 4 * RAM_GRANULE, 8);
	assert_int_equal(f->piece[0][2 * RAM_GRANULE - 17], 1);
	assert_int_equal(f->piece[2][8], 3);

	memset(buf, 0, size);
	assert_true(guest_read(&f->memory, GPA(START + 2 * RAM_GRANULE - 16), buf, size));
	for (u64 i = 0; i < size; i += 61)
		assert_int_equal(buf[i], (u8)(i * 7 + i / 256));
	free(buf);
}

static void random_accesses_match_a_flat_copy(void **state)
{
	struct prng prng = { 0x5eed0050 };
	struct fixture *f = *state;
	u8 *flat = malloc(SIZE), buf[5000];
	u64 at = 0;

	assert_non_null(flat);
	for (unsigned i = 0; i < 3; i++) {
		memcpy(flat + at, f->piece[i], f->memory.pieces[i].size);
		at += f->memory.pieces[i].size;
	}
	for (unsigned i = 0; i < 5000; i++) {
		static const u64 near[] = { 0, 2 * RAM_GRANULE, 6 * RAM_GRANULE, SIZE };
		u64 offset = near[prng_below(&prng, 4)] + prng_below(&prng, 8192) - 4096;
		u64 size = prng_below(&prng, sizeof(buf));
		bool inside = model_contains(START + offset, size);

		memset(buf, (int)i, sizeof(buf));
		if (i % 2) {
			assert_int_equal(guest_write(&f->memory, GPA(START + offset), buf, size),
					 inside);
			if (inside)
				memset(flat + offset, (int)i & 0xff, size);
		} else {
			assert_int_equal(guest_read(&f->memory, GPA(START + offset), buf, size),
					 inside);
			if (inside)
				assert_memory_equal(buf, flat + offset, size);
		}
	}
	at = 0;
	for (unsigned i = 0; i < 3; i++) {
		assert_memory_equal(flat + at, f->piece[i], f->memory.pieces[i].size);
		at += f->memory.pieces[i].size;
	}
	free(flat);
}

static void ptes_are_read_at_every_edge(void **state)
{
	struct fixture *f = *state;
	u64 pte = 42;

	for (unsigned i = 0; i < 3; i++)
		*(u64 *)(void *)f->piece[i] = 0x1111 * (i + 1ULL);
	*(u64 *)(void *)(f->piece[2] + RAM_GRANULE - 8) = 0xeeee;
	assert_true(guest_read_pte(&f->memory, GPA(START), &pte));
	assert_int_equal(pte, 0x1111);
	assert_true(guest_read_pte(&f->memory, GPA(START + 2 * RAM_GRANULE), &pte));
	assert_int_equal(pte, 0x2222);
	assert_true(guest_read_pte(&f->memory, GPA(START + 6 * RAM_GRANULE), &pte));
	assert_int_equal(pte, 0x3333);
	assert_true(guest_read_pte(&f->memory, GPA(START + SIZE - 8), &pte));
	assert_int_equal(pte, 0xeeee);
	assert_false(guest_read_pte(&f->memory, GPA(START + SIZE), &pte));
	assert_false(guest_read_pte(&f->memory, GPA(START - 8), &pte));
	assert_false(guest_read_pte(&f->memory, GPA(0), &pte));
	assert_false(guest_read_pte(&f->memory, GPA(0 - 8ULL), &pte));
	assert_int_equal(pte, 0xeeee);
}

static void clearing_reaches_all_of_it_and_no_more(void **state)
{
	struct fixture *f = *state;
	u8 *at, *zeroes = calloc(1, 4 * RAM_GRANULE);

	assert_non_null(zeroes);
	assert_false(guest_clear(&f->memory, f->memory.start, f->memory.size + 1));
	assert_true(guest_clear(&f->memory, f->memory.start,
				f->memory.size)); /* the sanitizer sees what is beyond the ends */
	for (unsigned i = 0; i < 3; i++) {
		at = f->piece[i];
		assert_memory_equal(at, zeroes, f->memory.pieces[i].size);
	}
	free(zeroes);
}

static void no_memory_contains_nothing(void **state)
{
	struct guest_memory memory = { .start = GPA(START) };
	u8 byte;

	(void)state;
	assert_false(guest_memory_contains(&memory, GPA(START), 1));
	assert_false(guest_memory_contains(&memory, GPA(START + 1), 0));
	assert_false(guest_read(&memory, GPA(START), &byte, 1));
	assert_true(guest_clear(&memory, GPA(START), 0));
	assert_false(guest_clear(&memory, GPA(START), 1));
}

static void ram_is_taken_from_the_pool_and_given_back(void **state)
{
	struct guest_memory a, b;

	(void)state;
	ram_pool_add(HPA(GIB(4)), MIB(64)); /* there is nothing: it must not be touched */
	assert_true(guest_memory_take(&a, GPA(START), MIB(40)));
	assert_int_equal(a.size, MIB(40));
	assert_int_equal(a.start.v, START);
	assert_int_equal(ram_pool_free(), MIB(24));
	assert_true(guest_memory_contains(&a, GPA(START), MIB(40)));
	assert_false(guest_memory_contains(&a, GPA(START), MIB(40) + 1));

	assert_false(guest_memory_take(&b, GPA(START), MIB(26)));
	assert_int_equal(ram_pool_free(), MIB(24));
	assert_false(guest_memory_contains(&b, GPA(START), 1));
	guest_memory_give_back(&b); /* of nothing */
	assert_false(ram_pool_is_recycled());

	guest_memory_give_back(&a);
	assert_true(ram_pool_is_recycled()); /* who takes it next has to clear it */
	assert_int_equal(ram_pool_free(), MIB(64));
	assert_false(guest_memory_contains(&a, GPA(START), 1));
	guest_memory_give_back(&a); /* a second time does no harm */
	assert_int_equal(ram_pool_free(), MIB(64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_boundary_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_access_does_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(accesses_go_across_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(random_accesses_match_a_flat_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(ptes_are_read_at_every_edge, setup, teardown),
		cmocka_unit_test_setup_teardown(clearing_reaches_all_of_it_and_no_more, setup,
						teardown),
		cmocka_unit_test(no_memory_contains_nothing),
		cmocka_unit_test(ram_is_taken_from_the_pool_and_given_back),
	};

	return RUN_TESTS(tests);
}
