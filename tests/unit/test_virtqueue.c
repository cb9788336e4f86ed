/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the driver's side of a virtqueue, and of the registers, against a device of our own. */
#include "unit.h"
#include "drivers/host_virtio.h"
#include "drivers/virtqueue.h"
#include "fake/pages.h"
#include "fake/virtio_mmio.h"
#include "riscv/csr.h"

#include <string.h>

#define SLOTS	8
#define BUFFERS 5

/* Queues are for ever: nothing is given back. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct fake_device *const device = &fake_devices[0];
static struct transport transport;
static struct virtqueue q;
static u8 data[256][16];

static void bring_up(u64 features, u16 slots, u16 buffers)
{
	fake_machine(1);
	device->id = VIRTIO_ID_RNG;
	device->features = VIRTIO_F_VERSION_1 | features;
	transport = (struct transport){ .base = 0x10001000 };
	assert_true(transport_reset(&transport));
	assert_true(transport_negotiate(&transport, 0, ~0UL));
	assert_null(virtqueue_init(&q, &transport, 3, slots, buffers));
	transport_start(&transport);
	assert_true(device->status & VIRTIO_DRIVER_OK);
}

/* A request of nr buffers, those from first_written on for the device to write; its slot. */
static int give(unsigned nr, unsigned first_written)
{
	int slot = virtqueue_begin(&q);

	assert_true(slot >= 0);
	for (unsigned i = 0; i < nr; i++)
		virtqueue_add(&q, slot, HPA((u64)data[i]), i + 1,
			      i >= first_written ? VIRTQ_DESC_WRITE : 0);
	virtqueue_end(&q, slot, data[slot]);
	return slot;
}

static void complete_next(void)
{
	struct fake_chain chain;

	assert_true(fake_pop(device, 3, &chain));
	fake_push(device, 3, chain.head, 0);
}

/* Collects one request, which must be the one in that slot. */
static void expect_slot(int slot, u32 written)
{
	void *token;
	u32 got;

	assert_int_equal(virtqueue_collect(&q, &token, &got), slot);
	assert_ptr_equal(token, data[slot]);
	assert_int_equal(got, written);
}

static void expect_nothing(void)
{
	void *token;
	u32 written;

	assert_int_equal(virtqueue_collect(&q, &token, &written), -1);
}

static void test_a_request_is_an_indirect_table(void **state)
{
	struct fake_chain chain;
	int slot;

	bring_up(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX, SLOTS, BUFFERS);
	slot = give(BUFFERS, 2);
	assert_true(fake_pop(device, 3, &chain));
	assert_true(chain.is_indirect);
	assert_int_equal(chain.head, slot);
	assert_int_equal(chain.nr, BUFFERS);
	for (unsigned i = 0; i < BUFFERS; i++) {
		assert_ptr_equal(chain.buffers[i].data, data[i]);
		assert_int_equal(chain.buffers[i].size, i + 1);
		assert_int_equal(chain.buffers[i].is_writable, i >= 2);
	}
	expect_nothing();
	fake_push(device, 3, chain.head, 12);
	expect_slot(slot, 12);
	expect_nothing();
	/* A shorter one in the same slot: nothing is left of the longer. */
	assert_int_equal(give(2, 1), slot);
	assert_true(fake_pop(device, 3, &chain));
	assert_int_equal(chain.nr, 2);
	assert_true(chain.buffers[1].is_writable);
	(void)state;
}

static void test_single_buffers_need_no_table(void **state)
{
	struct fake_chain chain;
	int slot;

	bring_up(0, SLOTS, 1);
	slot = give(1, 0);
	assert_true(fake_pop(device, 3, &chain));
	assert_false(chain.is_indirect);
	assert_int_equal(chain.nr, 1);
	assert_true(chain.buffers[0].is_writable);
	fake_push(device, 3, chain.head, 1);
	expect_slot(slot, 1);
	(void)state;
}

static void test_slots_run_out_and_come_back(void **state)
{
	bool used[SLOTS] = { false };

	bring_up(VIRTIO_F_INDIRECT_DESC, SLOTS, BUFFERS);
	for (unsigned i = 0; i < SLOTS; i++) {
		int slot;

		assert_true(virtqueue_has_slot(&q));
		slot = give(1, 0);
		assert_true(slot < SLOTS && !used[slot]);
		used[slot] = true;
	}
	assert_false(virtqueue_has_slot(&q));
	assert_int_equal(virtqueue_begin(&q), -1);
	complete_next();
	assert_int_equal(virtqueue_begin(&q), -1); /* not before it is collected */
	expect_slot(0, 0);
	assert_int_equal(virtqueue_begin(&q), 0);
	(void)state;
}

/* Requests come back in an order of their own, while both indices wrap around several times. */
static void test_any_order_of_completion(void **state)
{
	struct prng prng = { 4711 };
	u16 heads[SLOTS];
	unsigned in_device = 0, given = 0, collected = 0;

	bring_up(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX, SLOTS, BUFFERS);
	while (given < 200000) {
		struct fake_chain chain;
		void *token;
		u32 written;
		int slot;

		for (u32 n = prng_below(&prng, SLOTS + 1); n && virtqueue_has_slot(&q); n--) {
			give(1 + prng_below(&prng, BUFFERS), prng_below(&prng, BUFFERS));
			given++;
		}
		while (fake_pop(device, 3, &chain))
			heads[in_device++] = chain.head;
		for (u32 n = prng_below(&prng, SLOTS + 1); n && in_device; n--) {
			u32 which = prng_below(&prng, in_device);

			fake_push(device, 3, heads[which], 1000U + heads[which]);
			heads[which] = heads[--in_device];
		}
		while ((slot = virtqueue_collect(&q, &token, &written)) >= 0) {
			assert_ptr_equal(token, data[slot]);
			assert_int_equal(written, 1000 + slot);
			collected++;
		}
		assert_int_equal(given - collected, in_device);
		assert_int_equal(q.nr_in_flight, in_device);
	}
	(void)state;
}

static void notify_if_wanted(void)
{
	if (virtqueue_must_notify(&q))
		virtqueue_notify(&q);
}

static void check_notifications(void)
{
	const struct fake_queue *fake = &device->queues[3];

	assert_false(virtqueue_must_notify(&q)); /* of nothing */
	give(1, 0);
	give(1, 0);
	notify_if_wanted();
	assert_int_equal(fake->notifications, 1); /* of both */
	notify_if_wanted();
	assert_int_equal(fake->notifications, 1); /* no more than once */
	complete_next();
	complete_next();
	expect_slot(0, 0);
	expect_slot(1, 0);
	fake_want_notifications(device, 3, false);
	give(1, 0);
	notify_if_wanted();
	assert_int_equal(fake->notifications, 1);
	complete_next();
	fake_want_notifications(device, 3, true);
	give(1, 0);
	notify_if_wanted();
	assert_int_equal(fake->notifications, 2);
}

static void test_notifications_by_event_idx(void **state)
{
	bring_up(VIRTIO_F_EVENT_IDX, SLOTS, 1);
	check_notifications();
	(void)state;
}

static void test_notifications_by_flag(void **state)
{
	bring_up(0, SLOTS, 1);
	check_notifications();
	(void)state;
}

static void test_interrupts_by_event_idx(void **state)
{
	bring_up(VIRTIO_F_EVENT_IDX, SLOTS, 1);
	for (unsigned i = 0; i < 6; i++)
		give(1, 0);
	complete_next(); /* from the start, the first one interrupts */
	assert_int_equal(device->interrupts, 1);
	complete_next(); /* none until the driver asks again */
	assert_int_equal(device->interrupts, 1);
	assert_true(virtqueue_arm(&q, 0)); /* too late: there are some */
	expect_slot(0, 0);
	expect_slot(1, 0);
	assert_false(virtqueue_arm(&q, 1));
	complete_next();
	assert_int_equal(device->interrupts, 1);
	assert_false(virtqueue_arm(&q, 1)); /* one has come, two were asked for */
	complete_next();
	assert_int_equal(device->interrupts, 2);
	expect_slot(2, 0);
	expect_slot(3, 0);
	complete_next();
	assert_false(virtqueue_arm(&q, 1));
	complete_next();
	assert_int_equal(device->interrupts, 3);
	assert_true(virtqueue_arm(&q, 1));
	(void)state;
}

static void test_interrupts_without_event_idx(void **state)
{
	bring_up(0, SLOTS, 1);
	for (unsigned i = 0; i < 4; i++)
		give(1, 0);
	complete_next();
	complete_next();
	assert_int_equal(device->interrupts, 2);
	expect_slot(0, 0);
	expect_slot(1, 0);
	assert_false(virtqueue_arm(&q, 3));
	complete_next();
	assert_int_equal(device->interrupts, 3);
	assert_true(virtqueue_arm(&q, 3)); /* it cannot wait for more */
	(void)state;
}

static void check_bogus(u16 head)
{
	bring_up(0, SLOTS, 1);
	give(1, 0);
	give(1, 0);
	fake_push(device, 3, 1, 0);
	fake_push(device, 3, head, 0);
	expect_slot(1, 0);
	assert_false(q.is_broken);
	expect_nothing();
	assert_true(q.is_broken);
}

static void test_a_device_returns_what_it_never_got(void **state)
{
	check_bogus(2);	    /* a free slot */
	check_bogus(1);	    /* the same twice */
	check_bogus(SLOTS); /* no slot */
	check_bogus(0xffff);
	(void)state;
}

static void test_requests_are_taken_back(void **state)
{
	unsigned taken = 0;

	bring_up(0, SLOTS, 1);
	for (unsigned i = 0; i < 5; i++)
		give(1, 0);
	complete_next();
	expect_slot(0, 0);
	while (virtqueue_take_back(&q))
		taken++;
	assert_int_equal(taken, 4);
	assert_int_equal(q.nr_in_flight, 0);
	(void)state;
}

static void test_bring_up_fails(void **state)
{
	fake_machine(1);
	transport = (struct transport){ .base = 0x10001000 };
	assert_false(transport_negotiate(&transport, VIRTIO_BLK_F_RO, 0)); /* not offered */
	device->ignores_reset = true;
	assert_false(transport_reset(&transport));
	device->ignores_reset = false;
	assert_true(transport_reset(&transport));
	device->features &= ~VIRTIO_F_VERSION_1;
	assert_false(transport_negotiate(&transport, 0, ~0UL));
	device->features |= VIRTIO_F_VERSION_1;
	device->refuses_features = true;
	transport_reset(&transport);
	assert_false(transport_negotiate(&transport, 0, ~0UL));
	device->refuses_features = false;
	transport_reset(&transport);
	assert_true(transport_negotiate(&transport, 0, VIRTIO_F_EVENT_IDX));
	assert_int_equal(device->driver_features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	device->queues[0].max = 4;
	assert_non_null(virtqueue_init(&q, &transport, 0, 5, 1));
	device->queues[0].max = 0; /* there is no such queue */
	assert_non_null(virtqueue_init(&q, &transport, 0, 1, 1));
	device->queues[0].max = 256;
	fake_pages.left = 0;
	assert_non_null(virtqueue_init(&q, &transport, 0, 256, 1)); /* a page is not enough */
	fake_pages.left = FAKE_PAGES_ENDLESS;
	assert_false(device->queues[0].is_ready);
	(void)state;
}

static void test_memory_for_tables_runs_out(void **state)
{
	fake_machine(1);
	transport = (struct transport){ .base = 0x10001000 };
	assert_true(transport_negotiate(&transport, 0, VIRTIO_F_INDIRECT_DESC));
	fake_pages.left = 3; /* the ring, and two of eight tables */
	assert_non_null(virtqueue_init(&q, &transport, 0, 8, 256));
	assert_false(device->queues[0].is_ready);
	fake_pages.left = FAKE_PAGES_ENDLESS;
	(void)state;
}

/* Short rings share pages, and do not overlap. */
static void test_short_rings(void **state)
{
	static struct virtqueue queues[40];

	fake_machine(1);
	transport = (struct transport){ .base = 0x10001000 };
	assert_true(transport_negotiate(&transport, 0, 0));
	fake_pages.allocations = 0;
	for (u16 i = 0; i < ARRAY_SIZE(queues); i++) {
		assert_null(virtqueue_init(&queues[i], &transport, i, 4, 1));
		memset(queues[i].avail, i, VIRTQ_AVAIL_SIZE(4));
		memset(queues[i].used, i, VIRTQ_USED_SIZE(4));
		memset(queues[i].desc, i, VIRTQ_DESC_SIZE(4));
		for (unsigned slot = 0; slot < 4; slot++)
			queues[i].slots[slot].token = &queues[i];
	}
	assert_in_range(fake_pages.allocations, 2, 4);
	for (u16 i = 0; i < ARRAY_SIZE(queues); i++) {
		assert_int_equal(queues[i].avail[0], i);
		assert_int_equal(queues[i].avail[VIRTQ_AVAIL_SIZE(4) - 1], i);
		assert_int_equal(queues[i].used[0], i);
		assert_int_equal(queues[i].used[VIRTQ_USED_SIZE(4) - 1], i);
		assert_int_equal(*(u8 *)queues[i].desc, i);
		assert_int_equal(((u8 *)queues[i].desc)[VIRTQ_DESC_SIZE(4) - 1], i);
		for (unsigned slot = 0; slot < 4; slot++)
			assert_ptr_equal(queues[i].slots[slot].token, &queues[i]);
	}
	(void)state;
}

/* The device changes all 64 bits after the first half was read. */
static void test_configuration_is_read_whole(void **state)
{
	u64 before = 0x1111111122222222;

	bring_up(0, SLOTS, 1);
	memcpy(device->config, &before, sizeof(before));
	device->config[12] = 0x34;
	device->config[13] = 0x12;
	device->config_races = 2;
	assert_int_equal(transport_config64(&transport, 0), before + 2 * 0x100000001);
	assert_int_equal(transport_config16(&transport, 12), 0x1234);
	assert_int_equal(transport_config8(&transport, 13), 0x12);
	(void)state;
}

static void test_a_device_breaks(void **state)
{
	bring_up(0, SLOTS, 1);
	assert_false(transport_is_broken(&transport));
	device->status |= VIRTIO_NEEDS_RESET;
	assert_true(transport_is_broken(&transport));
	device->status = 0; /* somebody has reset it */
	assert_true(transport_is_broken(&transport));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_is_an_indirect_table),
		cmocka_unit_test(test_single_buffers_need_no_table),
		cmocka_unit_test(test_slots_run_out_and_come_back),
		cmocka_unit_test(test_any_order_of_completion),
		cmocka_unit_test(test_notifications_by_event_idx),
		cmocka_unit_test(test_notifications_by_flag),
		cmocka_unit_test(test_interrupts_by_event_idx),
		cmocka_unit_test(test_interrupts_without_event_idx),
		cmocka_unit_test(test_a_device_returns_what_it_never_got),
		cmocka_unit_test(test_requests_are_taken_back),
		cmocka_unit_test(test_bring_up_fails),
		cmocka_unit_test(test_memory_for_tables_runs_out),
		cmocka_unit_test(test_short_rings),
		cmocka_unit_test(test_configuration_is_read_whole),
		cmocka_unit_test(test_a_device_breaks),
	};

	return RUN_TESTS(tests);
}
