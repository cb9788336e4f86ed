/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of guest RAM with holes: granules leave and come back, cleared, and never while pinned. */
#include "unit.h"
#include "fake/pages.h"
#include "mem/guest_memory.h"

#include <stdlib.h>
#include <string.h>

#define START	 0x80000000UL
#define GRANULES 4UL
#define SIZE	 (GRANULES * RAM_GRANULE)

static struct guest_memory memory;
static u8 *ram; /* all that the pool has */

static int setup(void **state)
{
	(void)state;
	if (!ram) {
		ram = aligned_alloc(RAM_GRANULE, SIZE);
		assert_non_null(ram);
		ram_pool_add(HPA((u64)ram), SIZE);
	}
	memset(ram, 0x5a, SIZE);
	memory = (struct guest_memory){ 0 };
	assert_true(guest_memory_take(&memory, GPA(START), SIZE));
	assert_true(guest_memory_allow_holes(&memory));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_memory_give_back(&memory);
	assert_int_equal(ram_pool_free(), SIZE);
	assert_int_equal(fake_pages.in_use, 0);
	return 0;
}

static void leave(u64 granule)
{
	assert_true(frames_take_out(memory.frames, granule * RAM_GRANULE));
	frames_let_go(memory.frames, granule * RAM_GRANULE);
}

static void what_leaves_is_the_pools_and_comes_back_cleared(void **state)
{
	u64 value = 0;

	(void)state;
	assert_int_equal(ram_pool_free(), 0);
	leave(2);
	assert_int_equal(ram_pool_free(), RAM_GRANULE);
	assert_int_equal(guest_memory_present(&memory), SIZE - RAM_GRANULE);
	assert_true(guest_read(&memory, GPA(START + 2 * RAM_GRANULE + 8), &value, 8));
	assert_int_equal(value, 0);
	assert_int_equal(ram_pool_free(), 0);
	assert_int_equal(guest_memory_present(&memory), SIZE);
	assert_true(guest_read(&memory, GPA(START + RAM_GRANULE), &value, 8));
	assert_int_equal(value, 0x5a5a5a5a5a5a5a5aUL);
}

static void what_comes_back_before_it_is_gone_is_as_it_was(void **state)
{
	u64 value;

	(void)state;
	assert_true(frames_take_out(memory.frames, RAM_GRANULE));
	assert_true(guest_read(&memory, GPA(START + RAM_GRANULE), &value, 8));
	assert_int_equal(value, 0x5a5a5a5a5a5a5a5aUL);
	frames_let_go(memory.frames, RAM_GRANULE);
	assert_int_equal(ram_pool_free(), 0);
}

static void what_is_pinned_stays(void **state)
{
	gpa_t gpa = GPA(START + RAM_GRANULE - 100);
	hpa_t hpa;
	u64 size;

	(void)state;
	size = guest_pin(&memory, gpa, 200, &hpa);
	assert_int_equal(size, 200);
	assert_false(frames_take_out(memory.frames, 0));
	assert_false(frames_take_out(memory.frames, RAM_GRANULE));
	guest_unpin(&memory, gpa, size);
	leave(0);
	leave(1);
}

/* The new frames come in an order of their own. */
static void a_pin_ends_where_the_machines_ram_is_elsewhere(void **state)
{
	hpa_t hpa;
	u64 size;

	(void)state;
	leave(1);
	leave(3);
	assert_true(guest_bring_back(&memory, GPA(START + 3 * RAM_GRANULE), 8));
	assert_true(guest_bring_back(&memory, GPA(START + RAM_GRANULE), 8));
	size = guest_pin(&memory, GPA(START), SIZE, &hpa);
	assert_true(size >= RAM_GRANULE && size < SIZE);
	guest_unpin(&memory, GPA(START), size);
}

/* Whoever's time it is: nothing is cleared for a pin. */
static void a_pin_brings_nothing_back(void **state)
{
	hpa_t hpa;

	(void)state;
	leave(1);
	assert_int_equal(guest_pin(&memory, GPA(START + RAM_GRANULE + 8), 8, &hpa), 0);
	assert_int_equal(guest_pin(&memory, GPA(START), 2 * RAM_GRANULE, &hpa), RAM_GRANULE);
	assert_int_equal(ram_pool_free(), RAM_GRANULE);
	guest_unpin(&memory, GPA(START), RAM_GRANULE);
	assert_true(guest_bring_back(&memory, GPA(START + RAM_GRANULE + 8), 8));
	assert_int_equal(ram_pool_free(), 0);
	assert_int_equal(guest_pin(&memory, GPA(START + RAM_GRANULE + 8), 8, &hpa), 8);
	guest_unpin(&memory, GPA(START + RAM_GRANULE + 8), 8);
}

static void a_pin_keeps_what_is_leaving(void **state)
{
	hpa_t hpa;

	(void)state;
	assert_true(frames_is_present(memory.frames, RAM_GRANULE));
	assert_true(frames_take_out(memory.frames, RAM_GRANULE));
	assert_false(frames_is_present(memory.frames, RAM_GRANULE));
	assert_int_equal(guest_pin(&memory, GPA(START + RAM_GRANULE), 8, &hpa), 8);
	assert_true(frames_is_present(memory.frames, RAM_GRANULE));
	frames_let_go(memory.frames, RAM_GRANULE);
	assert_int_equal(guest_memory_present(&memory), SIZE);
	guest_unpin(&memory, GPA(START + RAM_GRANULE), 8);
	leave(1);
	assert_false(frames_is_present(memory.frames, RAM_GRANULE));
}

/* All granules that it touches, and no others. */
static void a_range_is_brought_back(void **state)
{
	(void)state;
	for (u64 i = 0; i < GRANULES; i++)
		leave(i);
	assert_true(guest_bring_back(&memory, GPA(START + 2 * RAM_GRANULE - 1), 2));
	assert_int_equal(ram_pool_free(), 2 * RAM_GRANULE);
	assert_true(frames_is_present(memory.frames, RAM_GRANULE));
	assert_true(frames_is_present(memory.frames, 2 * RAM_GRANULE));
	assert_true(guest_bring_back(&memory, GPA(START + SIZE - 1), 2)); /* no RAM: nothing */
	assert_int_equal(ram_pool_free(), 2 * RAM_GRANULE);
}

static void without_ram_left_a_hole_stays_one(void **state)
{
	struct ram_piece pieces[RAM_MAX_PIECES];
	u64 value;
	hpa_t hpa;

	(void)state;
	leave(0);
	assert_int_equal(ram_pool_take(RAM_GRANULE, pieces), 1);
	assert_false(guest_read(&memory, GPA(START), &value, 8));
	assert_false(guest_write(&memory, GPA(START + RAM_GRANULE - 4), &value, 4));
	assert_int_equal(guest_pin(&memory, GPA(START + 8), 8, &hpa), 0);
	assert_false(frames_populate(memory.frames, 0, &hpa));
	assert_false(guest_bring_back(&memory, GPA(START), SIZE));
	ram_pool_give_back(pieces, 1);
	assert_true(frames_populate(memory.frames, 0, &hpa));
}

static void a_granule_is_given_when_its_last_page_is(void **state)
{
	(void)state;
	for (u64 page = 0; page < FRAMES_PAGES_PER_GRANULE; page++) {
		bool last = page == FRAMES_PAGES_PER_GRANULE - 1;

		assert_int_equal(frames_give_page(memory.frames, RAM_GRANULE + page * 4096), last);
	}
	/* Twice is once. */
	frames_want_page(memory.frames, RAM_GRANULE);
	frames_want_page(memory.frames, RAM_GRANULE);
	assert_false(frames_give_page(memory.frames, RAM_GRANULE + 4096));
	assert_true(frames_give_page(memory.frames, RAM_GRANULE));
	frames_want_all(memory.frames);
	assert_false(frames_give_page(memory.frames, RAM_GRANULE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_leaves_is_the_pools_and_comes_back_cleared,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_back_before_it_is_gone_is_as_it_was,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_pinned_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pin_ends_where_the_machines_ram_is_elsewhere,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_pin_brings_nothing_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pin_keeps_what_is_leaving, setup, teardown),
		cmocka_unit_test_setup_teardown(a_range_is_brought_back, setup, teardown),
		cmocka_unit_test_setup_teardown(without_ram_left_a_hole_stays_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_granule_is_given_when_its_last_page_is, setup,
						teardown),
	};

	return RUN_TESTS(tests);
}
