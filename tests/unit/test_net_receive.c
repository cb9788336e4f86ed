/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's network interface: what it receives. */
#include "net_fixture.h"

#include <string.h>

static void a_frame_is_received_as_it_is(void **state)
{
	struct net_frame frame = frame_of(1000, 300, NULL);
	struct virtio_net_header header;
	struct virtq_used_elem elem;
	u8 bytes[1000];

	(void)state;
	frame.header = (struct virtio_net_header){ NC, 0, 0, 0, 34, 16, 0 };
	offer_buffers(2, 1526);
	assert_true(deliver(&frame));
	elem = take_used(RX);
	assert_int_equal(elem.id, 0);
	assert_int_equal(elem.len, HEADER_SIZE + 1000);
	get(BUFFERS, &header, HEADER_SIZE);
	frame.header.num_buffers = 1;
	assert_memory_equal(&header, &frame.header, HEADER_SIZE);
	get(BUFFERS + HEADER_SIZE, bytes, 1000);
	assert_memory_equal(bytes, outside, 1000);
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(shown("frames-received"), 1);
	assert_int_equal(shown("bytes-received"), 1000);
}

/* Every buffer but the last is used to its end (5.1.6.4.1). */
static void a_frame_is_spread_over_buffers(void **state)
{
	static const u32 sizes[] = { 12, 13, 100, 1526, 4096 };
	u8 bytes[HEADER_SIZE + 3000];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct net_frame frame = frame_of(2500, 64, NULL);
		u32 size = sizes[i], total = HEADER_SIZE + frame.size;
		u32 count = (total + size - 1) / size;
		struct virtio_net_header header;

		start(ALL_FEATURES);
		offer_buffers(count + 1, size);
		assert_true(deliver(&frame));
		assert_int_equal(used_idx(RX), count);
		for (u32 n = 0; n < count; n++) {
			struct virtq_used_elem elem = take_used(RX);

			assert_int_equal(elem.id, n);
			assert_int_equal(elem.len, n + 1 < count ? size : total - n * size);
		}
		get(BUFFERS, bytes, total);
		memcpy(&header, bytes, HEADER_SIZE);
		assert_int_equal(header.num_buffers, count);
		assert_memory_equal(bytes + HEADER_SIZE, outside, frame.size);
	}
}

/* A chain of many buffers of one byte, the header among them. */
static void a_buffer_may_be_in_many_parts(void **state)
{
	struct net_frame frame = frame_of(100, 7, NULL);
	struct virtq_desc descs[HEADER_SIZE + 100];
	u8 bytes[HEADER_SIZE + 100];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = (struct virtq_desc){ BORDER - 50 + i, 1, W, 0 };
	offer(RX, descs, ARRAY_SIZE(descs));
	assert_true(deliver(&frame));
	assert_int_equal(take_used(RX).len, sizeof(bytes));
	get(BORDER - 50, bytes, sizeof(bytes));
	assert_int_equal(bytes[10], 1);
	assert_memory_equal(bytes + HEADER_SIZE, outside, 100);
}

static void without_merging_one_chain_must_do(void **state)
{
	struct net_frame small = frame_of(88, 88, NULL), large;

	(void)state;
	start(ALL_FEATURES & ~VIRTIO_NET_F_MRG_RXBUF);
	offer_buffers(3, 100);
	assert_true(deliver(&small));
	assert_int_equal(take_used(RX).len, 100);
	large = frame_of(89, 89, NULL);
	assert_true(deliver(&large)); /* dropped: waiting would not help */
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(shown("dropped-other"), 1);
	assert_true(deliver(&small));
	assert_int_equal(take_used(RX).id, 1);
	assert_false(is_broken());
}

static void without_room_nothing_is_used(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);
	struct virtio_net_header header;

	(void)state;
	assert_false(deliver(&frame));
	offer_buffers(3, 300);
	kick(RX);
	assert_int_equal(f->nr_rooms, 1);
	assert_false(deliver(&frame)); /* three are too few */
	assert_int_equal(used_idx(RX), 0);
	kick(RX);
	assert_int_equal(f->nr_rooms, 2);
	kick(RX); /* nobody waits */
	assert_int_equal(f->nr_rooms, 2);
	offer_buffers(1, 300);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 4);
	get(BUFFERS, &header, HEADER_SIZE);
	assert_int_equal(header.num_buffers, 4);
	assert_int_equal(shown("frames-received"), 1);
}

/* The driver is asked to tell of buffers from the next on. */
static void without_room_the_driver_is_to_notify(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);
	u16 event, flags;

	(void)state;
	offer_buffers(3, 300);
	assert_false(deliver(&frame));
	get(RINGS(RX) + USED + VIRTQ_RING + 8UL * SIZE, &event, 2);
	assert_int_equal(event, 3);

	start(ALL_FEATURES & ~VIRTIO_F_EVENT_IDX);
	get(RINGS(RX) + USED, &flags, 2);
	assert_int_equal(flags, VIRTQ_USED_NO_NOTIFY);
	assert_false(deliver(&frame));
	get(RINGS(RX) + USED, &flags, 2);
	assert_int_equal(flags, 0);
	kick(RX);
	get(RINGS(RX) + USED, &flags, 2);
	assert_int_equal(flags, VIRTQ_USED_NO_NOTIFY);
}

/* If all buffers that the queue can hold are too few, others do not wait. */
static void what_never_fits_is_dropped(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);

	(void)state;
	f->queue_size = 4;
	start(ALL_FEATURES);
	offer_buffers(4, 200);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 0);
	assert_int_equal(shown("dropped-other"), 1);
	assert_false(is_broken());
	frame = frame_of(700, 700, NULL);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 4);
}

static void bad_receive_buffers_stop_the_device(void **state)
{
	static const struct {
		const char *why;
		struct virtq_desc desc;
	} cases[] = {
		{ "receive buffer is readable, or too small", { BUFFERS, 2000, 0, 0 } },
		{ "receive buffer is readable, or too small", { BUFFERS, 11, W, 0 } },
		{ "buffer outside RAM", { RAM_BASE + RAM_SIZE - 100, 2000, W, 0 } },
		{ "buffer of 0 bytes", { BUFFERS, 0, W, 0 } },
	};
	struct net_frame frame = frame_of(100, 100, NULL);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtq_desc desc = cases[i].desc;

		start(ALL_FEATURES);
		offer(RX, &desc, 1);
		assert_true(deliver(&frame));
		assert_true(is_broken());
		assert_string_equal(f->device->why, cases[i].why);
		assert_true(deliver(&frame));
		f->port->ops->flush(f->port);
		assert_int_equal(used_idx(RX), 0);
	}
}

static void a_receive_buffer_is_for_writing_alone(void **state)
{
	struct net_frame frame = frame_of(100, 100, NULL);
	struct virtq_desc descs[2] = { { BUFFERS, 100, 0, 0 }, { BUFFERS + 100, 1000, W, 0 } };

	(void)state;
	offer(RX, descs, 2);
	assert_true(deliver(&frame));
	assert_true(is_broken());
	assert_int_equal(used_idx(RX), 0);
}

/* The switch looked at the features before; here the driver is another meanwhile. */
static void frames_that_the_driver_does_not_know_are_dropped(void **state)
{
	struct net_frame frame = frame_of(2000, 2000, NULL);
	struct virtio_net_header header;

	(void)state;
	start(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM);
	assert_true(f->port->takes_csum);
	assert_false(f->port->takes_tso4 || f->port->takes_tso6);
	offer_buffers(4, 2048);
	frame.header = (struct virtio_net_header){ NC, VIRTIO_NET_GSO_TCPV4, 54, 1460, 34, 16, 0 };
	assert_true(deliver(&frame));
	frame.header.gso_type = VIRTIO_NET_GSO_TCPV6;
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 0);
	frame.header = (struct virtio_net_header){ NC, 0, 0, 0, 34, 16, 0 };
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 1);

	start(VIRTIO_F_VERSION_1);
	assert_false(f->port->takes_csum);
	offer_buffers(4, 2048);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 0);
	/* Without GUEST_CSUM, flags are 0. */
	frame.header = (struct virtio_net_header){ .flags = VIRTIO_NET_HDR_DATA_VALID };
	assert_true(deliver(&frame));
	get(BUFFERS, &header, HEADER_SIZE);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.num_buffers, 1);
}

static void a_burst_is_one_interrupt(void **state)
{
	struct net_frame frame = frame_of(100, 100, NULL);

	(void)state;
	offer_buffers(8, 200);
	set_used_event(RX, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(deliver(&frame));
	assert_int_equal(f->interrupts, 0);
	f->port->ops->flush(f->port);
	assert_int_equal(f->interrupts, 1);
	write_register(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_INTERRUPT_USED);
	/* The driver is still looking: its event is behind. */
	assert_true(deliver(&frame));
	f->port->ops->flush(f->port);
	assert_int_equal(f->interrupts, 1);
	set_used_event(RX, 5);
	assert_true(deliver(&frame));
	f->port->ops->flush(f->port);
	assert_int_equal(f->interrupts, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_received_as_it_is),
		TEST(a_frame_is_spread_over_buffers),
		TEST(a_buffer_may_be_in_many_parts),
		TEST(without_merging_one_chain_must_do),
		TEST(without_room_nothing_is_used),
		TEST(without_room_the_driver_is_to_notify),
		TEST(what_never_fits_is_dropped),
		TEST(bad_receive_buffers_stop_the_device),
		TEST(a_receive_buffer_is_for_writing_alone),
		TEST(frames_that_the_driver_does_not_know_are_dropped),
		TEST(a_burst_is_one_interrupt),
	};

	return RUN_TESTS(tests);
}
