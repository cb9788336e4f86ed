/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the hypervisor's own pages. */
#include "unit.h"
#include "mem/page.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PAGES 300

/* A pool whose first address is aligned to a page and to no more. */
static u8 *pool;

static int setup(void **state)
{
	u8 *memory = aligned_alloc(MIB(1), MIB(4));

	assert_non_null(memory);
	*state = memory;
	pool = memory + PAGE_SIZE;
	memset(pool, 0xa5, POOL_PAGES * PAGE_SIZE);
	page_pool_init(pool, POOL_PAGES * PAGE_SIZE);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static bool is_cleared(const u8 *pages, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (pages[i])
			return false;
	}
	return true;
}

static void check_pages(const u8 *pages, unsigned order)
{
	assert_true(pages >= pool);
	assert_true(pages + (PAGE_SIZE << order) <= pool + POOL_PAGES * PAGE_SIZE);
	assert_int_equal((uintptr_t)pages % (PAGE_SIZE << order), 0);
	assert_true(is_cleared(pages, PAGE_SIZE << order));
}

static void every_page_is_given_out_once(void **state)
{
	u8 *pages[POOL_PAGES];

	(void)state;
	assert_int_equal(page_total(), POOL_PAGES);
	for (unsigned i = 0; i < POOL_PAGES; i++) {
		assert_int_equal(page_used(), i);
		pages[i] = page_alloc(0);
		assert_non_null(pages[i]);
		check_pages(pages[i], 0);
		memset(pages[i], 0xff, PAGE_SIZE); /* a second one of it would not be cleared */
	}
	assert_null(page_alloc(0));
	assert_int_equal(page_used(), POOL_PAGES);
	page_free(pages[7], 0);
	assert_null(page_alloc(1));
	assert_ptr_equal(page_alloc(0), pages[7]);
	for (unsigned i = 0; i < POOL_PAGES; i++)
		page_free(pages[i], 0);
	page_free(NULL, 3);
	assert_int_equal(page_used(), 0);
}

static void random_allocations_do_not_overlap(void **state)
{
	struct {
		u8 *pages;
		unsigned order;
	} live[64] = { 0 };
	struct prng prng = { 0x5eed0030 };
	unsigned failures = 0, largest = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned at = prng_below(&prng, ARRAY_SIZE(live)), sum = 0;

		if (live[at].pages) {
			const u8 *pages = live[at].pages;

			for (size_t n = 0; n < PAGE_SIZE << live[at].order; n += PAGE_SIZE)
				assert_int_equal(pages[n], at + 1); /* nobody else wrote here */
			page_free(live[at].pages, live[at].order);
			live[at].pages = NULL;
		} else {
			live[at].order = prng_below(&prng, 8);
			live[at].pages = page_alloc(live[at].order);
			if (live[at].pages) {
				check_pages(live[at].pages, live[at].order);
				memset(live[at].pages, (int)at + 1, PAGE_SIZE << live[at].order);
				largest = MAX(largest, live[at].order);
			} else {
				failures++;
			}
		}
		for (size_t n = 0; n < ARRAY_SIZE(live); n++)
			sum += live[n].pages ? 1U << live[n].order : 0;
		assert_int_equal(page_used(), sum);
	}
	assert_int_equal(largest, 7);
	assert_true(failures > 100);
	for (size_t n = 0; n < ARRAY_SIZE(live); n++)
		page_free(live[n].pages, live[n].order);
	assert_int_equal(page_used(), 0);
	assert_non_null(page_alloc(7)); /* all of it is one again */
}

static void what_never_fits_is_refused(void **state)
{
	(void)state;
	assert_null(page_alloc(9)); /* 512 pages */
	assert_null(page_alloc(40));
	assert_int_equal(page_used(), 0);
	/* A pool that ends before the first aligned address. */
	page_pool_init(pool, 3 * PAGE_SIZE);
	assert_null(page_alloc(2));
	assert_null(page_alloc(20));
	assert_non_null(page_alloc(1));
}

static void a_pool_has_a_limit(void **state)
{
	(void)state;
	page_pool_init(pool, PAGE_POOL_MAX + MIB(64));
	assert_int_equal(page_total(), PAGE_POOL_MAX / PAGE_SIZE);
	page_pool_init(pool, 10 * PAGE_SIZE + 4095);
	assert_int_equal(page_total(), 10);
}

static void order_holds_the_size(void **state)
{
	(void)state;
	assert_int_equal(page_order(0), 0);
	assert_int_equal(page_order(1), 0);
	assert_int_equal(page_order(4096), 0);
	assert_int_equal(page_order(4097), 1);
	assert_int_equal(page_order(8192), 1);
	assert_int_equal(page_order(8193), 2);
	assert_int_equal(page_order(MIB(64)), 14);
	assert_int_equal(page_order(MIB(64) + 1), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_page_is_given_out_once, setup, teardown),
		cmocka_unit_test_setup_teardown(random_allocations_do_not_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(what_never_fits_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pool_has_a_limit, setup, teardown),
		cmocka_unit_test(order_holds_the_size),
	};

	return RUN_TESTS(tests);
}
