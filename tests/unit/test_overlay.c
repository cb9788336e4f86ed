/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the overlay, against an array. The pool gives what malloc does, full of rubbish. */
#include "unit.h"
#include "mem/guest_memory.h"
#include "mem/page.h"
#include "virtio/overlay.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR	     512U
#define LEAF_SECTORS 4096U
#define MODEL	     (4 * LEAF_SECTORS) /* sectors that the model knows */

static unsigned nr_granules;
static unsigned most_granules = 1000; /* that the pool has */

unsigned ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES])
{
	void *granule;

	assert_int_equal(size, RAM_GRANULE);
	if (nr_granules == most_granules)
		return 0;
	nr_granules++;
	granule = aligned_alloc(PAGE_SIZE, size);
	memset(granule, 0xa5, size);
	pieces[0] = (struct ram_piece){ HPA((u64)granule), size };
	return 1;
}

void ram_pool_give_back(const struct ram_piece *pieces, unsigned count)
{
	assert_int_equal(count, 1);
	assert_int_equal(pieces[0].size, RAM_GRANULE);
	nr_granules--;
	free((void *)pieces[0].start.v);
}

void *guest_window(hpa_t hpa)
{
	return (void *)hpa.v;
}

static struct overlay overlay;

static int teardown(void **state)
{
	(void)state;
	overlay_destroy(&overlay);
	assert_int_equal(nr_granules, 0);
	assert_int_equal(overlay.taken, 0);
	most_granules = 1000;
	return 0;
}

/* What is there, and that it is so many sectors. */
static const u8 *expect(u64 sector, u32 most, enum overlay_content what, u32 count)
{
	const u8 *data = NULL;

	assert_int_equal(overlay_find(&overlay, sector, &most, &data), what);
	assert_int_equal(most, count);
	assert_true((what == OVERLAY_DATA) == (data != NULL));
	return data;
}

static void put(u64 sector, u32 most, u32 count, u8 byte)
{
	u8 *data = overlay_put(&overlay, sector, &most);

	assert_non_null(data);
	assert_int_equal(most, count);
	memset(data, byte, count * SECTOR);
}

static void empty_it_shows_the_base(void **state)
{
	(void)state;
	overlay_init(&overlay, BIT(40), GIB(1));
	expect(0, 1, OVERLAY_BASE, 1);
	expect(0, UINT32_MAX, OVERLAY_BASE, LEAF_SECTORS);
	expect(100, UINT32_MAX, OVERLAY_BASE, LEAF_SECTORS - 100);
	expect(BIT(40) - 1, 100, OVERLAY_BASE, 1);
	assert_int_equal(nr_granules, 0); /* looking takes nothing */
}

static void a_sector_needs_nothing_of_its_neighbours(void **state)
{
	(void)state;
	overlay_init(&overlay, 100000, GIB(1));
	put(11, 1, 1, 7);
	expect(0, 100, OVERLAY_BASE, 11);
	assert_int_equal(expect(11, 100, OVERLAY_DATA, 1)[511], 7);
	expect(12, 100, OVERLAY_BASE, 100);
	put(13, 100, 3, 9); /* to the end of the chunk */
	expect(12, 100, OVERLAY_BASE, 1);
	expect(13, 100, OVERLAY_DATA, 3);
	expect(14, 1, OVERLAY_DATA, 1);
	assert_int_equal(expect(11, 1, OVERLAY_DATA, 1)[0], 7);
	assert_int_equal(overlay.used, 3 * PAGE_SIZE); /* root, leaf, chunk */
}

static void the_tree_is_as_high_as_the_disk_is_large(void **state)
{
	static const struct {
		u64 sectors;
		unsigned levels;
	} disks[] = { { 1, 1 },
		      { 4096, 1 },
		      { 4097, 2 },
		      { 4096UL << 9, 2 },
		      { (4096UL << 9) + 1, 3 },
		      { BIT(55), 6 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(disks); i++) {
		u64 last = disks[i].sectors - 1;

		overlay_init(&overlay, disks[i].sectors, GIB(1));
		assert_int_equal(overlay.levels, disks[i].levels);
		put(last, 1, 1, 1);
		put(0, 1, 1, 2);
		assert_int_equal(*expect(0, 1, OVERLAY_DATA, 1), 2);
		if (last)
			assert_int_equal(*expect(last, 1, OVERLAY_DATA, 1), 1);
		overlay_destroy(&overlay);
	}
}

static void zeroes_take_no_chunk(void **state)
{
	u64 used;

	(void)state;
	overlay_init(&overlay, 4096, GIB(1));
	assert_int_equal(overlay_zero(&overlay, 0, 4096), 4096);
	assert_int_equal(overlay.used, PAGE_SIZE); /* the leaf */
	expect(0, UINT32_MAX, OVERLAY_ZEROES, 4096);
	put(16, 8, 8, 1);
	put(25, 1, 1, 1);
	used = overlay.used;
	expect(0, 100, OVERLAY_ZEROES, 16);
	/* The rest of a chunk that was zeroes is zeroes still, written out. */
	const u8 *data = expect(24, 100, OVERLAY_DATA, 8);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(data[i], i / SECTOR == 1);
	assert_int_equal(overlay_zero(&overlay, 16, 4), 4);
	assert_int_equal(overlay.used, used);
	assert_int_equal(expect(16, 8, OVERLAY_DATA, 8)[4 * SECTOR - 1], 0);
	assert_int_equal(expect(16, 8, OVERLAY_DATA, 8)[4 * SECTOR], 1);
	/* A chunk that is all zeroes is given back, and used again. */
	assert_int_equal(overlay_zero(&overlay, 16, 8), 8);
	assert_int_equal(overlay.used, used - PAGE_SIZE);
	expect(16, 8, OVERLAY_ZEROES, 8);
	put(100, 1, 1, 1);
	assert_int_equal(overlay.used, used);
	assert_int_equal(overlay.taken, RAM_GRANULE);
}

/* Rubbish of others is never seen: what is not written reads as zeroes. */
static void new_memory_is_cleared(void **state)
{
	u32 count = 8;
	u8 *data;

	(void)state;
	overlay_init(&overlay, 4096, GIB(1));
	data = overlay_put(&overlay, 0, &count);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(data[i], 0);
	memset(data, 0xff, PAGE_SIZE);
	overlay_zero(&overlay, 0, 8);
	count = 8;
	data = overlay_put(&overlay, 8, &count);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(data[i], 0);
}

static u64 fill_up(void)
{
	for (u64 chunk = 0;; chunk++) {
		u32 count = 8;

		if (!overlay_put(&overlay, chunk * 8, &count))
			return chunk;
	}
}

static void the_limit_holds(void **state)
{
	u64 chunks;
	u32 count = 8;

	(void)state;
	overlay_init(&overlay, BIT(30), 5 * RAM_GRANULE - 1);
	chunks = fill_up();
	assert_int_equal(nr_granules, 4);
	assert_int_equal(overlay.taken, 4 * RAM_GRANULE);
	/* All but a page of each granule, and the nodes, is chunks. */
	assert_int_equal(chunks, 4 * 511 - overlay.levels - (chunks - 1) / 512);
	expect(chunks * 8, 8, OVERLAY_BASE, 8);
	assert_int_equal(overlay_zero(&overlay, BIT(29), 8), 0); /* no memory for a node */
	expect(BIT(29), 8, OVERLAY_BASE, 8);
	expect(0, 8, OVERLAY_DATA, 8); /* what is there stays, and can be written */
	put(0, 8, 8, 3);
	overlay_zero(&overlay, 0, 8); /* makes room for one */
	assert_non_null(overlay_put(&overlay, chunks * 8, &count));
}

static void the_pool_may_be_empty(void **state)
{
	u32 count = 8;

	(void)state;
	overlay_init(&overlay, BIT(30), GIB(1));
	most_granules = 0;
	assert_null(overlay_put(&overlay, 0, &count));
	assert_int_equal(overlay_zero(&overlay, 0, 8), 0);
	most_granules = 2;
	fill_up();
	assert_int_equal(overlay.taken, 2 * RAM_GRANULE);
	most_granules = 3;
	assert_non_null(overlay_put(&overlay, BIT(20), &count));
}

/* Any sequence of operations, sector by sector as in an array. */
static void it_is_like_an_array(void **state)
{
	static u8 kind[MODEL], byte[MODEL];
	struct prng prng = { 31415926 };

	(void)state;
	overlay_init(&overlay, MODEL, GIB(1));
	memset(kind, OVERLAY_BASE, sizeof(kind));
	for (unsigned round = 0; round < 200000; round++) {
		u32 sector = prng_below(&prng, round % 3 ? MODEL : 64), count;
		u32 most = 1 + prng_below(&prng, round % 5 ? 12 : MODEL), had = most;
		const u8 *data = NULL;
		u8 *to;

		most = had = MIN(most, MODEL - sector);
		switch (prng_below(&prng, 5)) {
		case 0:
		case 1:
			to = overlay_put(&overlay, sector, &most);
			assert_in_range(most, 1, had);
			for (u32 i = 0; i < most; i++) {
				memset(to + i * SECTOR, round & 0xff, SECTOR);
				kind[sector + i] = OVERLAY_DATA;
				byte[sector + i] = round & 0xff;
			}
			break;
		case 2:
			if (round % 7 == 0)
				break;
			count = overlay_zero(&overlay, sector, MIN(most, 300U));
			assert_in_range(count, 1, MIN(most, 300U));
			for (u32 i = 0; i < count; i++) {
				kind[sector + i] = OVERLAY_ZEROES;
				byte[sector + i] = 0;
			}
			break;
		default: {
			enum overlay_content what = overlay_find(&overlay, sector, &most, &data);

			assert_in_range(most, 1, had);
			for (u32 i = 0; i < most; i++) {
				/* Zeroes may have been written out. */
				if (what != OVERLAY_DATA || kind[sector + i] != OVERLAY_ZEROES)
					assert_int_equal(kind[sector + i], what);
				if (what == OVERLAY_DATA) {
					assert_int_equal(data[i * SECTOR], byte[sector + i]);
					assert_int_equal(data[i * SECTOR + SECTOR - 1],
							 byte[sector + i]);
				}
			}
			/* The run is as long as can be. */
			if (what == OVERLAY_BASE && most < had && (sector + most) % LEAF_SECTORS)
				assert_int_not_equal(kind[sector + most], OVERLAY_BASE);
		}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(empty_it_shows_the_base, teardown),
		cmocka_unit_test_teardown(a_sector_needs_nothing_of_its_neighbours, teardown),
		cmocka_unit_test_teardown(the_tree_is_as_high_as_the_disk_is_large, teardown),
		cmocka_unit_test_teardown(zeroes_take_no_chunk, teardown),
		cmocka_unit_test_teardown(new_memory_is_cleared, teardown),
		cmocka_unit_test_teardown(the_limit_holds, teardown),
		cmocka_unit_test_teardown(the_pool_may_be_empty, teardown),
		cmocka_unit_test_teardown(it_is_like_an_array, teardown),
	};

	return RUN_TESTS(tests);
}
