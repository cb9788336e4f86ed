/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's disk with an overlay: its base stays as it is. */
#include "blk_fixture.h"

#include <string.h>

static int setup_overlay(void **state)
{
	struct virtio_blk_setup s = usual;

	setup(state);
	s.overlay = MIB(2) + 1;
	/* The base may be able to do nothing but be read. */
	f.disk.info.is_read_only = true;
	f.disk.info.has_flush = f.disk.info.has_discard = f.disk.info.has_write_zeroes = false;
	attach(&s, 0);
	assert_false(f.device->features & VIRTIO_BLK_F_RO);
	return 0;
}

/* The base is read, and only read. */
static void expect_base_unchanged(void)
{
	for (u64 i = 0; i < SECTORS * SECTOR; i++)
		assert_int_equal(f.disk.content[i], pattern(i / SECTOR, i % SECTOR));
}

static void what_is_written_over_the_base_is_read_again(void **state)
{
	(void)state;
	memset(at(DATA), 0x77, 3 * SECTOR);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 10, DATA, 3 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 8, DATA, 8 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 2); /* what lies before, and behind */
	expect_pattern(DATA, 8, 2 * SECTOR);
	for (u64 i = 0; i < 3 * SECTOR; i++)
		assert_int_equal(*at(DATA + 2 * SECTOR + i), 0x77);
	expect_pattern(DATA + 5 * SECTOR, 13, 3 * SECTOR);
	assert_int_equal(counter("overlay-bytes"), MIB(2));
	expect_base_unchanged();
}

/* Every other sector is the overlay's: more parts than the real disk gets at a time. */
static void runs_are_read_in_several_steps(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		memset(at(DATA), 0x80 + (int)i, SECTOR);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 2 * i, DATA, SECTOR),
				 VIRTIO_BLK_S_OK);
	}
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, BORDER - 10 * SECTOR - 100, 40 * SECTOR, 1);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 4);
	while (f.disk.nr_waiting) {
		complete_all();
		service();
	}
	expect_status(1, VIRTIO_BLK_S_OK);
	assert_int_equal(take_used(0), 40 * SECTOR + 1);
	for (unsigned i = 0; i < 20; i++) {
		u64 gpa = BORDER - 10 * SECTOR - 100 + 2 * i * SECTOR;

		assert_int_equal(*at(gpa), 0x80 + i);
		assert_int_equal(*at(gpa + SECTOR - 1), 0x80 + i);
		expect_pattern(gpa + SECTOR, 2 * i + 1, SECTOR);
	}
}

static void an_error_of_the_base_is_the_guests(void **state)
{
	(void)state;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 1, DATA, SECTOR), VIRTIO_BLK_S_OK);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 4 * SECTOR, 1);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 2);
	complete(1, VIRTIO_BLK_S_IOERR);
	expect_status(1, UNWRITTEN); /* the other part still uses its memory */
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(1, VIRTIO_BLK_S_IOERR);
	take_used(0);
}

/* 256 KiB at most are copied while the guest waits; the rest is done in its own time. */
static void copying_at_a_time_is_bounded(void **state)
{
	const u32 size = 600 * 1024;
	unsigned services = 0;

	(void)state;
	for (u32 i = 0; i < size; i++)
		*at(DATA + i) = (u8)(i / 999);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, size, 1);
	offer_flush(2);
	notify(0);
	expect_status(1, UNWRITTEN);
	expect_status(2, VIRTIO_BLK_S_OK); /* nothing that was done waits for it */
	while (!nr_used(0) || *at(status_of(1)) == UNWRITTEN) {
		assert_true(f.services > 0);
		assert_true(++services < 3);
		serve();
	}
	assert_int_equal(services, 2);
	expect_status(1, VIRTIO_BLK_S_OK);
	assert_int_equal(nr_used(0), 2);
	take_used(0);
	take_used(0);
	for (u32 i = 0; i < size; i++)
		*at(DATA + i) = 0;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, size, 1);
	notify(0);
	while (!nr_used(0))
		service();
	take_used(0);
	for (u32 i = 0; i < size; i++)
		assert_int_equal(*at(DATA + i), (u8)(i / 999));
	assert_int_equal(f.disk.nr_submitted, 0);
}

/* The first is done when just as much has been copied as may be: the second is not forgotten. */
static void what_still_waits_asks_again(void **state)
{
	const u32 size = 512 * 1024;

	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, size, 1);
	offer_transfer(0, VIRTIO_BLK_T_OUT, size / SECTOR, DATA + size, SECTOR, 2);
	notify(0);
	serve();
	expect_status(1, VIRTIO_BLK_S_OK);
	expect_status(2, UNWRITTEN);
	serve();
	expect_status(2, VIRTIO_BLK_S_OK);
	assert_int_equal(f.services, 0);
	take_used(0);
	take_used(0);
}

static void a_reset_forgets_what_is_half_copied(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 600 * 1024, 1);
	notify(0);
	assert_int_equal(counter("in-flight"), 1);
	f.device->is_resetting = true;
	assert_true(f.device->ops->is_quiet(f.device));
	f.device->ops->reset(f.device);
	expect_status(1, UNWRITTEN);
	assert_int_equal(nr_used(0), 0);
	assert_int_equal(counter("in-flight"), 0);
}

static void discarded_and_zeroed_sectors_are_zeroes(void **state)
{
	static const u32 types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		memset(at(DATA), 0x55, 16 * SECTOR);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 16 * SECTOR),
				 VIRTIO_BLK_S_OK);
		assert_int_equal(run_range(types[i], 1, SECTORS - 2, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, 24 * SECTOR),
				 VIRTIO_BLK_S_OK);
		for (u64 b = 0; b < 24 * SECTOR; b++)
			assert_int_equal(*at(DATA + b), b < SECTOR ? 0x55 : 0);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, SECTORS - 1, DATA, SECTOR),
				 VIRTIO_BLK_S_OK);
		expect_pattern(DATA, SECTORS - 1, SECTOR);
	}
	expect_base_unchanged();
}

/* Nor does a driver without flushes make any. */
static void no_flush_reaches_the_base(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.overlay = MIB(2);
	attach(&s, VIRTIO_BLK_F_FLUSH);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 0);
}

/* 2 MiB: the 511th chunk has no place, nor has anything after it. One warning is enough. */
static void a_full_overlay_fails_writes_and_reads_on(void **state)
{
	unsigned written = 0;

	(void)state;
	memset(at(DATA), 0x66, 4096);
	while (run_transfer(VIRTIO_BLK_T_OUT, written * 8, DATA, 4096) == VIRTIO_BLK_S_OK)
		written++;
	assert_int_equal(written, 510); /* a page is the granule's, one the leaf */
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, written * 8, DATA, 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.warnings, 1);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 509 * 8, DATA, 8192), VIRTIO_BLK_S_OK);
	assert_int_equal(*at(DATA + 4095), 0x66);
	expect_pattern(DATA + 4096, 510 * 8, 4096);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	expect_base_unchanged();
}

static void memory_that_is_gone_is_not_copied(void **state)
{
	(void)state;
	f.hole = DATA + 4096;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 8192), VIRTIO_BLK_S_IOERR);
	f.hole = 0;
	/* What was not written reads as zeroes: no rubbish of another VM. */
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 8, DATA, 4096), VIRTIO_BLK_S_OK);
	for (u64 i = 0; i < 4096; i++)
		assert_int_equal(*at(DATA + i), 0);
}

#define OVER(test) cmocka_unit_test_setup_teardown(test, setup_overlay, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		OVER(what_is_written_over_the_base_is_read_again),
		OVER(runs_are_read_in_several_steps),
		OVER(an_error_of_the_base_is_the_guests),
		OVER(copying_at_a_time_is_bounded),
		OVER(what_still_waits_asks_again),
		OVER(a_reset_forgets_what_is_half_copied),
		OVER(discarded_and_zeroed_sectors_are_zeroes),
		OWN(no_flush_reaches_the_base),
		OVER(a_full_overlay_fails_writes_and_reads_on),
		OVER(memory_that_is_gone_is_not_copied),
	};

	return RUN_TESTS(tests);
}
