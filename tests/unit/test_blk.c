/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's disk: what a request does, and what the disk says of itself. */
#include "blk_fixture.h"

#include <string.h>

/* --- Reading and writing */

static void a_read_goes_into_the_guests_buffer(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_IN, 5, DATA, 8 * SECTOR, 0);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 1);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_READ);
	assert_int_equal(f.disk.waiting[0]->sector, 5);
	assert_int_equal(f.disk.waiting[0]->nr_segments, 1);
	assert_int_equal(f.disk.waiting[0]->segments[0].start.v, (u64)at(DATA));
	assert_int_equal(f.pins[(DATA - RAM_BASE) / 512], 1);
	assert_int_equal(nr_used(0), 0);
	expect_status(0, UNWRITTEN);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(0, VIRTIO_BLK_S_OK);
	assert_int_equal(f.pins[(DATA - RAM_BASE) / 512], 0);
	assert_int_equal(take_used(0), 8 * SECTOR + 1);
	assert_int_equal(f.interrupts, 1);
	expect_pattern(DATA, 5, 8 * SECTOR);
	assert_int_equal(counter("reads"), 1);
	assert_int_equal(counter("bytes-read"), 8 * SECTOR);
}

static void a_write_comes_from_the_guests_buffer(void **state)
{
	(void)state;
	memset(at(DATA), 0x5a, 2 * SECTOR);
	offer_transfer(0, VIRTIO_BLK_T_OUT, SECTORS - 2, DATA, 2 * SECTOR, 0);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->segments[0].start.v, (u64)at(DATA));
	assert_int_equal(nr_used(0), 0);
	complete_all();
	expect_status(0, VIRTIO_BLK_S_OK);
	assert_int_equal(take_used(0), 1);
	assert_int_equal(f.disk.nr_submitted, 1); /* the driver flushes, not we */
	for (u64 i = 0; i < 2 * SECTOR; i++)
		assert_int_equal(f.disk.content[(SECTORS - 2) * SECTOR + i], 0x5a);
	assert_int_equal(f.disk.content[(SECTORS - 2) * SECTOR - 1],
			 pattern(SECTORS - 3, SECTOR - 1));
}

/* 2.7.4: how the driver divides a request into buffers means nothing. */
static void buffers_may_be_anything(void **state)
{
	u64 h = header(VIRTIO_BLK_T_IN, 9);
	struct virtq_desc split[] = {
		readable(h, 1),	     readable(h + 1, 14),	 readable(h + 15, 1),
		writable(DATA, 100), writable(DATA + 100, 1000), writable(DATA + 1100, 436 + 1),
	};
	struct virtq_desc joined[] = { readable(DATA, 16 + 100), readable(DATA + 116, 412),
				       writable(status_of(3), 1) };
	struct virtio_blk_header write = { VIRTIO_BLK_T_OUT, 0, 77 };

	(void)state;
	assert_int_equal(run(split, 6), VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 9, 3 * SECTOR);

	memset(at(DATA), 0x33, 4096);
	memcpy(at(DATA), &write, 16);
	assert_int_equal(run(joined, 3), VIRTIO_BLK_S_OK);
	for (u64 i = 0; i < SECTOR; i++)
		assert_int_equal(f.disk.content[77 * SECTOR + i], 0x33);
	assert_int_equal(f.disk.content[78 * SECTOR], pattern(78, 0));
}

static void a_buffer_may_lie_in_two_pieces_of_ram(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, BORDER - 700, 4 * SECTOR, 0);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->nr_segments, 2);
	assert_int_equal(f.disk.waiting[0]->segments[0].size, 700);
	complete_all();
	take_used(0);
	expect_status(0, VIRTIO_BLK_S_OK);
	expect_pattern(BORDER - 700, 0, 4 * SECTOR);
}

static void an_indirect_table_holds_the_most_buffers(void **state)
{
	struct virtq_desc table[226] = { readable(header(VIRTIO_BLK_T_IN, 1), 16) };
	struct virtq_desc desc = { TABLES, 0, VIRTQ_DESC_INDIRECT, 0 };

	(void)state;
	for (unsigned i = 0; i < 224; i++)
		table[1 + i] = writable(DATA + 512 * i, 512);
	table[225] = writable(status_of(1), 1);
	for (unsigned i = 0; i < 225; i++) {
		table[i].flags |= VIRTQ_DESC_NEXT;
		table[i].next = (u16)(i + 1);
	}
	memcpy(at(TABLES), table, sizeof(table));
	desc.len = sizeof(table);
	offer(0, &desc, 1);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->nr_segments, 224);
	complete_all();
	assert_int_equal(take_used(0), 224 * 512 + 1);
	expect_status(1, VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 1, 224 * 512);
}

/* seg_max (5.2.4): more than that is the driver's mistake. */
static void more_buffers_than_offered_are_refused(void **state)
{
	struct virtq_desc buffers[227] = { readable(header(VIRTIO_BLK_T_IN, 0), 16) };

	(void)state;
	for (unsigned i = 0; i < 225; i++)
		buffers[1 + i] = writable(DATA + 512 * i, 512);
	buffers[226] = writable(status_of(1), 1);
	assert_int_equal(run(buffers, 227), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
}

/* RAM of which every page is somewhere else: more segments than the real disk takes at once. */
static void a_fragmented_request_is_done_in_several_steps(void **state)
{
	const u32 size = 700 * 512;

	(void)state;
	f.max_pin = 512;
	offer_transfer(0, VIRTIO_BLK_T_IN, 10, DATA, size, 0);
	notify(0);
	for (unsigned step = 0; step < 3; step++) {
		assert_int_equal(nr_used(0), 0);
		assert_int_equal(f.disk.nr_waiting, 1);
		complete(0, VIRTIO_BLK_S_OK);
		assert_int_equal(f.disk.nr_waiting, 0); /* that may be anybody's time */
		service();
	}
	assert_int_equal(take_used(0), size + 1);
	expect_status(0, VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 10, size);
	assert_int_equal(f.disk.nr_submitted, 3);
}

static void an_error_ends_a_request_of_several_steps(void **state)
{
	(void)state;
	f.max_pin = 512;
	offer_transfer(0, VIRTIO_BLK_T_IN, 10, DATA, 700 * 512, 0);
	notify(0);
	complete(0, VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_waiting, 0);
	assert_int_equal(take_used(0), 0);
	expect_status(0, VIRTIO_BLK_S_IOERR);
}

/* 254 segments of 500 bytes each are no whole number of sectors. */
static void segments_that_end_within_a_sector_are_refused(void **state)
{
	struct virtq_desc buffers[226] = { readable(header(VIRTIO_BLK_T_IN, 0), 16) };

	(void)state;
	f.max_pin = 512;
	for (unsigned i = 0; i < 224; i++)
		buffers[1 + i] =
			writable(DATA + 1024 * i + 100, i == 223 ? 512 * 140 - 223 * 300 : 300);
	for (unsigned i = 1; i < 100; i++)
		buffers[i].addr += 512 - 100 - 150; /* across a border of 512 bytes */
	buffers[225] = writable(status_of(1), 1);
	assert_int_equal(run(buffers, 226), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void memory_that_is_gone_is_an_error(void **state)
{
	(void)state;
	f.hole = DATA + 8192;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA + 8192, 4096), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
	/* What comes before it may be transferred; the request fails all the same. */
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 65536), VIRTIO_BLK_S_IOERR);
	f.hole = 0;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 65536), VIRTIO_BLK_S_OK);
}

static void a_transfer_of_nothing_is_done(void **state)
{
	struct virtq_desc read[] = { readable(header(VIRTIO_BLK_T_IN, 5), 16),
				     writable(status_of(0), 1) };
	struct virtq_desc write[] = { readable(header(VIRTIO_BLK_T_OUT, 5), 16),
				      writable(status_of(0), 1) };

	(void)state;
	assert_int_equal(run(read, 2), VIRTIO_BLK_S_OK);
	assert_int_equal(run(write, 2), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void nothing_outside_the_disk_is_reached(void **state)
{
	static const struct {
		u64 sector;
		u32 size;
	} bad[] = {
		{ SECTORS, SECTOR }, { SECTORS - 1, 2 * SECTOR }, { SECTORS + 1, SECTOR },
		{ 0, MIB(2) + 512 }, { UINT64_MAX, SECTOR },	  { UINT64_MAX / 512, SECTOR },
		{ BIT(55), SECTOR }, { BIT(63), 2 * SECTOR },	  { UINT64_MAX - 1, 4 * SECTOR },
	};
	static const u32 types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT };

	(void)state;
	f.disk.nr_submitted = 0;
	for (unsigned t = 0; t < 2; t++) {
		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
			assert_int_equal(run_transfer(types[t], bad[i].sector, RAM_BASE + 0x100000,
						      bad[i].size),
					 VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, SECTORS - 1, DATA, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(counter("errors"), 2 * ARRAY_SIZE(bad));
}

static void data_is_whole_sectors(void **state)
{
	static const u32 bad[] = { 1, 511, 513, 1000, 65535 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, bad[i]),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, bad[i]),
				 VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void what_the_disk_says_is_what_the_guest_sees(void **state)
{
	static const u8 statuses[] = { VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, i);
		notify(0);
		complete(0, statuses[i]);
		take_used(0);
		expect_status(i, statuses[i]);
	}
	assert_int_equal(counter("errors"), 1);
	assert_int_equal(counter("unsupported"), 1);
}

/* --- Requests that are none */

static void a_header_that_is_too_short_is_an_error(void **state)
{
	struct virtq_desc none[] = { writable(DATA, 513) };
	struct virtq_desc of_15[] = { readable(header(VIRTIO_BLK_T_IN, 0), 15),
				      writable(DATA, 513) };

	(void)state;
	assert_int_equal(run(none, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(of_15, 2), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void without_room_for_a_status_the_device_stops(void **state)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_OUT, 0), 16),
					readable(DATA, 512) };

	(void)state;
	offer(0, buffers, 2);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 1);
	notify(0);
	assert_int_equal(f.resets, 1);
	assert_int_equal(f.disk.nr_submitted, 0);
	expect_status(1, UNWRITTEN); /* what comes behind it is not looked at */
}

static void a_broken_queue_stops_the_device(void **state)
{
	struct virtq_desc outside[] = { readable(header(VIRTIO_BLK_T_IN, 0), 16),
					writable(RAM_BASE + RAM_SIZE - 100, 512) };

	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 1);
	offer(0, outside, 2);
	notify(0);
	assert_int_equal(f.resets, 1);
	assert_int_equal(f.disk.nr_waiting, 1); /* that came before */
	complete_all();
}

static void unknown_types_are_unsupported(void **state)
{
	static const u32 types[] = { 2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 24, 0x100, 0xffffffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		assert_int_equal(run_transfer(types[i], 0, DATA, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(counter("unsupported"), ARRAY_SIZE(types));
}

/* --- Other requests */

static void the_id_is_padded(void **state)
{
	static const u8 want[20] = "DATA1";
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_GET_ID, 0), 16),
					writable(DATA, 20), writable(status_of(0), 1) };
	struct virtq_desc split[] = { readable(header(VIRTIO_BLK_T_GET_ID, 0), 16),
				      writable(DATA, 3), writable(DATA + 3, 18) };

	(void)state;
	memset(at(DATA), UNWRITTEN, 32);
	assert_int_equal(run(buffers, 3), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(DATA), want, 20);
	assert_int_equal(*at(DATA + 20), UNWRITTEN);
	memset(at(DATA), UNWRITTEN, 32);
	assert_int_equal(run(split, 3), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(DATA), want, 20);
	for (u32 size = 1; size < 64; size++) {
		memset(at(DATA), UNWRITTEN, 64);
		buffers[1].len = size;
		assert_int_equal(run(buffers, 3),
				 size == 20 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
		assert_int_equal(*at(DATA), size == 20 ? 'D' : UNWRITTEN);
	}
}

static void an_id_of_20_bytes_has_no_end(void **state)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_GET_ID, 0), 16),
					writable(DATA, 20), writable(status_of(0), 1) };
	struct virtio_blk_setup s = usual;

	(void)state;
	s.serial = "abcdefghijklmnopqrstuvwxyz";
	attach(&s, 0);
	assert_int_equal(run(buffers, 3), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(DATA), "abcdefghijklmnopqrst\0", 21);
}

/* Completed when the real disk has completed it, no sooner, and as it has. */
static void a_flush_is_the_real_disks(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 1);
	offer_flush(2);
	offer_flush(3);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 3);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_WRITE);
	assert_int_equal(f.disk.waiting[1]->op, HOST_BLK_FLUSH);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(2, UNWRITTEN);
	complete(0, VIRTIO_BLK_S_IOERR);
	expect_status(2, VIRTIO_BLK_S_IOERR);
	expect_status(3, UNWRITTEN);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(3, VIRTIO_BLK_S_OK);
	assert_int_equal(nr_used(0), 3);
	assert_int_equal(counter("flushes"), 2);
}

/* 5.2.6.2: a driver that cannot flush expects that what is written is stable. */
static void without_flushes_a_write_is_stable_when_it_is_done(void **state)
{
	(void)state;
	attach(&usual, VIRTIO_BLK_F_FLUSH);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 1);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 1);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(1, UNWRITTEN);
	assert_int_equal(f.disk.nr_waiting, 1);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_FLUSH);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(1, VIRTIO_BLK_S_OK);

	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 2);
	notify(0);
	complete(0, VIRTIO_BLK_S_OK);
	complete(0, VIRTIO_BLK_S_IOERR);
	expect_status(2, VIRTIO_BLK_S_IOERR);

	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 3);
	notify(0);
	complete(0, VIRTIO_BLK_S_IOERR);
	expect_status(3, VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_waiting, 0);

	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 4);
	notify(0);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(4, VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_waiting, 0);

	offer_flush(5); /* it has not accepted them */
	notify(0);
	expect_status(5, VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(nr_used(0), 5);
}

static void a_disk_without_cache_has_no_flush(void **state)
{
	(void)state;
	f.disk.info.has_flush = false;
	attach(&usual, 0);
	assert_false(f.device->features & VIRTIO_BLK_F_FLUSH);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 0);
	offer_flush(1);
	notify(0);
	complete_all();
	expect_status(0, VIRTIO_BLK_S_OK);
	expect_status(1, VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 1);
}

static void ranges_are_bounded(void **state)
{
	static const struct {
		u32 type;
		u64 sector;
		u32 sectors, flags;
		u8 status;
	} cases[] = {
		{ VIRTIO_BLK_T_DISCARD, 0, 2048, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_DISCARD, 0, 2049, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, 8, 1, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, 0, 8, 2, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, SECTORS - 8, 8, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_DISCARD, SECTORS - 8, 9, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, UINT64_MAX, 2, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 1024, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 1024, 1, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 1025, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0x80000000, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_WRITE_ZEROES, SECTORS - 1, 2, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_WRITE_ZEROES, BIT(63), 1, 0, VIRTIO_BLK_S_IOERR },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned before = f.disk.nr_submitted;

		assert_int_equal(
			run_range(cases[i].type, cases[i].sector, cases[i].sectors, cases[i].flags),
			cases[i].status);
		assert_int_equal(f.disk.nr_submitted - before, cases[i].status == VIRTIO_BLK_S_OK);
	}
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 0, 0), VIRTIO_BLK_S_OK);
}

static void zeroes_are_written_and_may_unmap(void **state)
{
	struct virtio_blk_range range = { 5, 2, VIRTIO_BLK_RANGE_UNMAP };
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_WRITE_ZEROES, 0), 16),
					readable(DATA, 16), writable(status_of(0), 1) };

	(void)state;
	memcpy(at(DATA), &range, 16);
	offer(0, buffers, 3);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_WRITE_ZEROES);
	assert_int_equal(f.disk.waiting[0]->sector, 5);
	assert_int_equal(f.disk.waiting[0]->nr_sectors, 2);
	assert_true(f.disk.waiting[0]->may_unmap);
	complete_all();
	take_used(0);
	assert_int_equal(f.disk.content[5 * SECTOR], 0);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 9, 1, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.content[9 * SECTOR], 0);
	assert_int_equal(f.disk.content[8 * SECTOR], pattern(8, 0));
}

/* One range, of 16 bytes: max_discard_seg says so. */
static void a_range_is_16_bytes(void **state)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_DISCARD, 0), 16),
					readable(DATA, 16), writable(status_of(0), 1) };

	(void)state;
	memset(at(DATA), 0, 64);
	for (u32 size = 1; size <= 48; size++) {
		buffers[1].len = size;
		assert_int_equal(run(buffers, 3),
				 size == 16 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
	}
}

static void what_was_not_accepted_is_unsupported(void **state)
{
	(void)state;
	attach(&usual, VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void expect_read_only(void)
{
	assert_true(f.device->features & VIRTIO_BLK_F_RO);
	assert_false(f.device->features & (VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES));
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

static void read_only_as_described(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.is_read_only = true;
	attach(&s, 0);
	expect_read_only();
}

static void read_only_as_the_real_disk_even_if_the_driver_ignores_it(void **state)
{
	(void)state;
	f.disk.info.is_read_only = true;
	attach(&usual, VIRTIO_BLK_F_RO);
	expect_read_only();
}

/* --- What it says of itself */

static u64 config(u32 offset, u32 size)
{
	u64 value = UINT64_MAX;

	f.device->ops->read_config(f.device, offset, size, &value);
	return value;
}

#define CONFIG(field)                                     \
	config(offsetof(struct virtio_blk_config, field), \
	       sizeof(((struct virtio_blk_config *)0)->field))

static void the_configuration_is_the_real_disks(void **state)
{
	(void)state;
	f.disk.info.block_size = 4096;
	attach(&usual, 0);
	assert_int_equal(CONFIG(capacity), SECTORS);
	assert_int_equal(CONFIG(seg_max), 224);
	assert_int_equal(CONFIG(blk_size), 4096);
	assert_int_equal(CONFIG(num_queues), 2);
	assert_int_equal(CONFIG(max_discard_sectors), 2048);
	assert_int_equal(CONFIG(max_discard_seg), 1);
	assert_int_equal(CONFIG(discard_sector_alignment), 8);
	assert_int_equal(CONFIG(max_write_zeroes_sectors), 1024);
	assert_int_equal(CONFIG(max_write_zeroes_seg), 1);
	assert_int_equal(CONFIG(write_zeroes_may_unmap), 1);
	assert_int_equal(config(0, 4), SECTORS);
	assert_int_equal(config(1, 1), SECTORS >> 8);
	assert_int_equal(config(63, 1), 0);
	assert_int_equal(f.device->ops->config_size, 64);
}

static void features_are_what_there_is(void **state)
{
	static const u64 all = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
			       VIRTIO_BLK_F_MQ | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
	struct virtio_blk_setup s = usual;

	(void)state;
	attach(&usual, 0);
	assert_int_equal(f.device->features & 0xffffff, all);
	teardown(NULL);
	setup(NULL);
	s.nr_queues = 1;
	f.disk.info.has_discard = f.disk.info.has_write_zeroes = f.disk.info.has_flush = false;
	attach(&s, 0);
	assert_int_equal(f.device->features & 0xffffff,
			 VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE);
}

static void a_disk_that_is_not_there_is_told_of(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.host_disk = "d4";
	assert_non_null(strstr(virtio_blk_create(&s, &f.device), "no disk"));
	assert_null(f.device);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		USUAL(a_read_goes_into_the_guests_buffer),
		USUAL(a_write_comes_from_the_guests_buffer),
		USUAL(buffers_may_be_anything),
		USUAL(a_buffer_may_lie_in_two_pieces_of_ram),
		USUAL(an_indirect_table_holds_the_most_buffers),
		USUAL(more_buffers_than_offered_are_refused),
		USUAL(a_fragmented_request_is_done_in_several_steps),
		USUAL(an_error_ends_a_request_of_several_steps),
		USUAL(segments_that_end_within_a_sector_are_refused),
		USUAL(memory_that_is_gone_is_an_error),
		USUAL(a_transfer_of_nothing_is_done),
		USUAL(nothing_outside_the_disk_is_reached),
		USUAL(data_is_whole_sectors),
		USUAL(what_the_disk_says_is_what_the_guest_sees),
		USUAL(a_header_that_is_too_short_is_an_error),
		USUAL(without_room_for_a_status_the_device_stops),
		USUAL(a_broken_queue_stops_the_device),
		USUAL(unknown_types_are_unsupported),
		USUAL(the_id_is_padded),
		OWN(an_id_of_20_bytes_has_no_end),
		USUAL(a_flush_is_the_real_disks),
		OWN(without_flushes_a_write_is_stable_when_it_is_done),
		OWN(a_disk_without_cache_has_no_flush),
		USUAL(ranges_are_bounded),
		USUAL(zeroes_are_written_and_may_unmap),
		USUAL(a_range_is_16_bytes),
		OWN(what_was_not_accepted_is_unsupported),
		OWN(read_only_as_described),
		OWN(read_only_as_the_real_disk_even_if_the_driver_ignores_it),
		OWN(the_configuration_is_the_real_disks),
		OWN(features_are_what_there_is),
		OWN(a_disk_that_is_not_there_is_told_of),
	};

	return RUN_TESTS(tests);
}
