/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's disk: many requests at a time, resets, rate limits. */
#include "blk_fixture.h"

/* --- Many at a time */

static void requests_are_done_in_any_order(void **state)
{
	struct prng prng = { 1234 };

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		offer_transfer(i % 2, VIRTIO_BLK_T_IN, i, DATA + 4096 * i, 4 * SECTOR, i);
	notify(0);
	notify(1);
	assert_int_equal(f.disk.nr_waiting, 32);
	while (f.disk.nr_waiting)
		complete(prng_below(&prng, f.disk.nr_waiting), VIRTIO_BLK_S_OK);
	assert_int_equal(nr_used(0), 16);
	assert_int_equal(nr_used(1), 16);
	for (unsigned i = 0; i < 32; i++) {
		expect_status(i, VIRTIO_BLK_S_OK);
		expect_pattern(DATA + 4096 * i, i, 4 * SECTOR);
	}
}

/*
 * Those for which there is no room are begun when others are done: nobody notifies again. Not by
 * who completes, whose time it may not be, but in the VM's own.
 */
static void what_waits_is_begun_when_there_is_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 80; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA + 512 * i, SECTOR, i);
	offer_transfer(1, VIRTIO_BLK_T_IN, 80, DATA + 512 * 80, SECTOR, 80);
	notify(0);
	notify(1);
	assert_int_equal(f.disk.nr_waiting, NR_IN_FLIGHT);
	assert_int_equal(counter("in-flight"), NR_IN_FLIGHT);
	for (unsigned i = 0; i < 81; i++) {
		assert_int_equal(f.disk.nr_waiting, MIN(NR_IN_FLIGHT, 81U - i));
		complete(0, VIRTIO_BLK_S_OK);
		assert_int_equal(f.disk.nr_waiting, MIN(NR_IN_FLIGHT, 81U - i) - 1);
		serve();
	}
	assert_int_equal(nr_used(0), 80);
	assert_int_equal(nr_used(1), 1);
	for (unsigned i = 0; i < 81; i++)
		expect_pattern(DATA + 512 * i, i, SECTOR);
}

/* Notifications are off while the queue is worked off, and on again when it is empty. */
static void the_driver_notifies_only_of_what_is_not_seen(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA + 512 * i, SECTOR, i);
	assert_true(notify_if_wanted(0));
	offer_transfer(0, VIRTIO_BLK_T_IN, 70, DATA, SECTOR, 70);
	assert_false(notify_if_wanted(0)); /* it is seen when there is room */
	complete_all();
	serve();
	complete_all();
	assert_int_equal(nr_used(0), 71);
	offer_transfer(0, VIRTIO_BLK_T_IN, 71, DATA, SECTOR, 71);
	assert_true(notify_if_wanted(0));
	complete_all();
	assert_int_equal(nr_used(0), 72);
}

/* The guest goes on after so many; the rest is for the VM's own time. */
static void work_at_a_time_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		struct virtq_desc buffers[] = { readable(header(99, 0), 16),
						writable(status_of(i), 1) };

		offer(0, buffers, 2);
	}
	notify(0);
	assert_int_equal(nr_used(0), 64);
	assert_int_equal(f.services, 1);
	service();
	assert_int_equal(nr_used(0), 80);
	assert_int_equal(f.services, 1);
	assert_int_equal(counter("in-flight"), 0);
}

static void a_driver_that_polls_gets_no_interrupt(void **state)
{
	(void)state;
	write16(avail_at(0), VIRTQ_AVAIL_NO_INTERRUPT);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(f.interrupts, 0);
}

/* --- Reset */

static void a_reset_waits_for_the_real_disk(void **state)
{
	(void)state;
	f.max_pin = 512;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 700 * 512, 0); /* of several steps */
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 1);
	notify(0);
	f.device->is_resetting = true;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 2);
	assert_false(f.device->ops->is_quiet(f.device));
	complete(1, VIRTIO_BLK_S_OK);
	assert_false(f.device->ops->is_quiet(f.device));
	assert_int_equal(f.services, 0);
	complete(0, VIRTIO_BLK_S_OK);
	assert_true(f.device->ops->is_quiet(f.device));
	assert_int_equal(f.services, 1);
	assert_int_equal(f.disk.nr_waiting, 0); /* no further step, no new request */
	for (unsigned i = 0; i < 3; i++)
		expect_status(i, UNWRITTEN);
	assert_int_equal(nr_used(0), 0);
}

static void a_reset_forgets_what_waits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA + 512 * i, SECTOR, i);
	notify(0);
	f.device->is_resetting = true;
	complete_all();
	f.device->ops->reset(f.device);
	virtq_disable(&f.device->queues[0]);
	f.device->is_resetting = false;
	f.device->queues[0].s.next_avail = f.device->queues[0].s.next_used = 0;
	f.avail[0] = f.used[0] = 0;
	f.next_desc[0] = 0;
	write16(used_at(0) + 2, 0);
	assert_true(virtq_enable(&f.device->queues[0]));
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 3, DATA, 512), VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 3, 512);
}

/* --- Limits */

static void requests_a_second_are_limited(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.rate_iops = 100; /* 10 at first */
	attach(&s, 0);
	for (unsigned i = 0; i < 15; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA, SECTOR, i);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 10);
	complete_all();
	assert_int_equal(f.disk.nr_submitted, 10);
	assert_non_null(started);
	assert_int_equal(started->deadline, HZ / 100);
	f.now = HZ / 100;
	started->expired(started);
	assert_int_equal(f.services, 1);
	service();
	assert_int_equal(f.disk.nr_submitted, 11);
	f.now = HZ;
	service();
	assert_int_equal(f.disk.nr_submitted, 15);
	complete_all();
	assert_int_equal(nr_used(0), 15);
	assert_true(counter("rate-limited") >= 2);
	timer_stop(started);
}

static void bytes_a_second_are_limited(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.rate_bytes = 10 * 4096;
	attach(&s, 0);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 8 * SECTOR, 0);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 16 * SECTOR, 1);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, SECTOR, 2);
	notify(0);
	assert_int_equal(f.disk.nr_submitted, 1);
	f.now = HZ / 10 - HZ / 1000; /* nearly all is back: enough to begin */
	service();
	assert_int_equal(f.disk.nr_submitted, 2);
	f.now = 2 * HZ / 10 - HZ / 1000;
	service();
	assert_int_equal(f.disk.nr_submitted, 2); /* the large one is being paid off */
	f.now = 3 * HZ / 10;
	service();
	assert_int_equal(f.disk.nr_submitted, 3);
	complete_all();
	if (started)
		timer_stop(started);
}

/* A reset leaves no timer behind. */
static void a_reset_stops_the_timer(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.rate_iops = 1;
	attach(&s, 0);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, SECTOR, 0);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, SECTOR, 1);
	notify(0);
	complete_all();
	assert_non_null(started);
	f.device->ops->reset(f.device);
	assert_null(started);
}

/* --- All of it */

/* Anything that may stand in a chain: nothing breaks, and all of it comes back. */
static void random_requests_all_come_back(void **state)
{
	struct prng prng = { 20260101 };
	unsigned offered = 0;

	(void)state;
	for (unsigned round = 0; round < 3000 && !f.resets; round++) {
		struct virtq_desc buffers[8];
		unsigned count = 0, nr_readable = prng_below(&prng, 4);
		static const u32 sizes[] = { 1, 15, 16, 20, 21, 32, 496, 511, 512, 1024, 4096 };
		u64 h = header(prng_below(&prng, 16), prng_below(&prng, 3)
							      ? prng_below(&prng, SECTORS + 2)
							      : prng_next(&prng));

		if (nr_readable)
			buffers[count++] =
				readable(h, prng_below(&prng, 8) ? 16 : 1 + prng_below(&prng, 16));
		while (count < nr_readable)
			buffers[count++] = readable(DATA + prng_below(&prng, 65536),
						    sizes[prng_below(&prng, ARRAY_SIZE(sizes))]);
		for (unsigned i = prng_below(&prng, 4); i; i--)
			buffers[count++] = writable(DATA + 131072 + prng_below(&prng, 65536),
						    sizes[prng_below(&prng, ARRAY_SIZE(sizes))]);
		buffers[count++] = writable(status_of(round % 256), 1);
		offer(0, buffers, count);
		offered++;
		if (prng_below(&prng, 2))
			notify(0);
		while (f.disk.nr_kicked && (prng_below(&prng, 3) || f.avail[0] - f.used[0] > 24)) {
			complete(prng_below(&prng, f.disk.nr_kicked),
				 (u8)(prng_below(&prng, 9) == 0));
			while (nr_used(0))
				take_used(0);
		}
		while (nr_used(0))
			take_used(0);
		if (f.avail[0] - f.used[0] > 24)
			notify(0);
	}
	notify(0);
	complete_all();
	assert_int_equal(f.resets, 0);
	assert_int_equal(read16(used_at(0) + 2), offered);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		USUAL(requests_are_done_in_any_order),
		USUAL(what_waits_is_begun_when_there_is_room),
		USUAL(the_driver_notifies_only_of_what_is_not_seen),
		USUAL(work_at_a_time_is_bounded),
		USUAL(a_driver_that_polls_gets_no_interrupt),
		USUAL(a_reset_waits_for_the_real_disk),
		USUAL(a_reset_forgets_what_waits),
		OWN(requests_a_second_are_limited),
		OWN(bytes_a_second_are_limited),
		OWN(a_reset_stops_the_timer),
		USUAL(random_requests_all_come_back),
	};

	return RUN_TESTS(tests);
}
