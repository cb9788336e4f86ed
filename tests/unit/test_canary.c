/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the canary: each single change is found, and RAM that somebody was given is left out.
 * The window onto host physical addresses begins at 0 here, so that a pointer is one.
 */
#include "unit.h"
#include "core/log.h"
#include "mem/canary.h"
#include "mem/page.h"
#include "mem/ram_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (8 * RAM_GRANULE)

static u8 *ram;
static u64 constant[64];
static char told[1024];

void log_error(const char *fmt, ...)
{
	size_t used = strlen(told);
	va_list args;

	va_start(args, fmt);
	vsnprintf(told + used, sizeof(told) - used, fmt, args);
	va_end(args);
}

void log_raw(const char *fmt, ...)
{
	size_t used = strlen(told);
	va_list args;

	va_start(args, fmt);
	vsnprintf(told + used, sizeof(told) - used, fmt, args);
	va_end(args);
}

/* Whether the check finds so many pages changed among so many, and says so. */
static void check(u64 pages, u64 bad)
{
	char want[128];

	told[0] = '\0';
	assert_int_equal(canary_check(), bad == 0);
	snprintf(want, sizeof(want), "stat doppel canary.pages %lu\nstat doppel canary.bad %lu\n",
		 pages, bad);
	assert_non_null(strstr(told, want));
	assert_int_equal(strstr(told, "changed") != NULL, bad != 0);
}

static int setup(void **state)
{
	(void)state;
	ram = aligned_alloc(RAM_GRANULE, SIZE);
	assert_non_null(ram);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

static void test_nothing_planted(void **state)
{
	(void)state;
	told[0] = '\0';
	assert_true(canary_check());
	assert_string_equal(told, "");
}

static void test_changes(void **state)
{
	const u64 places[] = { 0, 1, PAGE_SIZE - 1, PAGE_SIZE, SIZE / 2 + 12345, SIZE - 1 };

	(void)state;
	ram_pool_add(HPA((u64)ram), SIZE);
	canary_plant(constant, sizeof(constant));
	check(SIZE / PAGE_SIZE, 0);
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		ram[places[i]] ^= 0x10;
		check(SIZE / PAGE_SIZE, 1);
		ram[places[i]] ^= 0x10;
	}
	check(SIZE / PAGE_SIZE, 0);
	ram[0]++;
	ram[SIZE - 1]++;
	check(SIZE / PAGE_SIZE, 2);
	ram[0]--;
	ram[SIZE - 1]--;
}

/* A page in the place of another, and one that was cleared. */
static void test_pages_differ(void **state)
{
	u8 page[PAGE_SIZE];

	(void)state;
	memcpy(page, ram, PAGE_SIZE);
	memcpy(ram, ram + PAGE_SIZE, PAGE_SIZE);
	check(SIZE / PAGE_SIZE, 1);
	memset(ram, 0, PAGE_SIZE);
	check(SIZE / PAGE_SIZE, 1);
	memcpy(ram, page, PAGE_SIZE);
	check(SIZE / PAGE_SIZE, 0);
}

static void test_constant(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i += 63) {
		constant[i] ^= 1;
		check(SIZE / PAGE_SIZE, 1);
		constant[i] ^= 1;
	}
	check(SIZE / PAGE_SIZE, 0);
}

/* What a VM has had is left out for good: it wrote there, and may have given it back. */
static void test_taken(void **state)
{
	struct ram_piece pieces[RAM_MAX_PIECES];
	unsigned count = ram_pool_take(2 * RAM_GRANULE, pieces);

	(void)state;
	assert_int_equal(count, 1);
	memset((void *)pieces[0].start.v, 0xff, pieces[0].size);
	check(6 * RAM_GRANULE / PAGE_SIZE, 0);
	ram_pool_give_back(pieces, count);
	assert_int_equal(ram_pool_free(), SIZE);
	check(6 * RAM_GRANULE / PAGE_SIZE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_planted), cmocka_unit_test(test_changes),
		cmocka_unit_test(test_pages_differ),	cmocka_unit_test(test_constant),
		cmocka_unit_test(test_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
