/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's network interface: what it sends. */
#include "net_fixture.h"

#include <string.h>

static void a_frame_reaches_the_switch_as_it_is(void **state)
{
	u8 bytes[NET_MTU_FRAME];
	u16 head;

	(void)state;
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7);
	put(DATA, bytes, sizeof(bytes));
	head = offer_frame(&plain, sizeof(bytes));
	kick(TX);
	assert_int_equal(f->nr_sent, 1);
	assert_int_equal(f->size, sizeof(bytes));
	assert_int_equal(f->nr_pieces, 2); /* the border */
	assert_memory_equal(f->frame, bytes, sizeof(bytes));
	assert_memory_equal(&f->header, &plain, HEADER_SIZE);
	assert_int_equal(f->nr_flushed, 1);
	assert_int_equal(take_used(TX).id, head);
	assert_int_equal(f->used[TX], used_idx(TX));
	assert_int_equal(f->services, 0);
}

/* The header may be anywhere: in pieces, and with data behind it. */
static void a_header_is_found_in_any_buffers(void **state)
{
	struct virtio_net_header header = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM,
					    .csum_start = 34,
					    .csum_offset = 16 };
	u8 bytes[HEADER_SIZE + 60];

	(void)state;
	memcpy(bytes, &header, HEADER_SIZE);
	for (u32 i = HEADER_SIZE; i < sizeof(bytes); i++)
		bytes[i] = (u8)i;
	put(HEADER, bytes, sizeof(bytes));
	for (u32 first = 1; first <= sizeof(bytes); first++) {
		struct virtq_desc descs[3] = { { HEADER, first, 0, 0 } };
		u32 left = (u32)sizeof(bytes) - first, second = MIN(left, 1U + first % 5);
		unsigned count = 1;

		if (second)
			descs[count++] = (struct virtq_desc){ HEADER + first, second, 0, 0 };
		if (left > second)
			descs[count++] =
				(struct virtq_desc){ HEADER + first + second, left - second, 0, 0 };
		offer(TX, descs, count);
		kick(TX);
		assert_int_equal(f->nr_sent, first);
		assert_int_equal(f->size, 60);
		assert_memory_equal(f->frame, bytes + HEADER_SIZE, 60);
		assert_memory_equal(&f->header, &header, HEADER_SIZE);
		f->size = 0;
	}
}

/* Sends one frame; whether it reached the switch. Its chain comes back either way. */
static bool goes_out(const struct virtio_net_header *header, u32 size)
{
	unsigned before = f->nr_sent;
	u16 head = offer_frame(header, size);

	kick(TX);
	while (serve())
		;
	assert_false(is_broken());
	assert_int_equal(take_used(TX).id, head);
	assert_int_equal(pins(), 0);
	return f->nr_sent != before;
}

static void frames_of_no_sound_size_are_refused(void **state)
{
	struct virtio_net_header tso = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM,
					 .gso_type = VIRTIO_NET_GSO_TCPV4,
					 .gso_size = 1460,
					 .csum_start = 34,
					 .csum_offset = 16 };
	struct virtq_desc tiny = { HEADER, HEADER_SIZE - 1, 0, 0 };

	(void)state;
	for (u32 size = 0; size < 14; size++)
		assert_false(goes_out(&plain, size));
	assert_true(goes_out(&plain, 14));
	assert_true(goes_out(&plain, NET_MTU_FRAME + NET_VLAN_TAG));
	assert_false(goes_out(&plain, NET_MTU_FRAME + NET_VLAN_TAG + 1));
	assert_true(goes_out(&tso, NET_MAX_FRAME));
	assert_false(goes_out(&tso, NET_MAX_FRAME + 1));
	assert_false(goes_out(&tso, 0x80000));
	offer(TX, &tiny, 1);
	kick(TX);
	assert_int_equal(take_used(TX).len, 0);
	assert_int_equal(f->nr_sent, 3);
}

static void unsound_headers_are_refused(void **state)
{
	static const u64 base = VIRTIO_F_VERSION_1;
	static const struct {
		const char *what;
		u64 features;
		struct virtio_net_header header; /* of a frame of 3000 bytes */
		bool goes_out;
	} cases[] = {
		{ "checksum", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 34, 16, 0 }, true },
		{ "checksum not negotiated", base, { NC, 0, 0, 0, 34, 16, 0 }, false },
		{ "the last bytes", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 980, 18, 0 }, true },
		{ "beyond", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 980, 19, 0 }, false },
		{ "sum wraps",
		  base | VIRTIO_NET_F_CSUM,
		  { NC, 0, 0, 0, 0xffff, 0xffff, 0 },
		  false },
		{ "into the MAC", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 0, 6, 0 }, false },
		{ "into the type", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 13, 0, 0 }, false },
		{ "first possible", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 14, 0, 0 }, true },
		{ "TSO4", ALL_FEATURES, { NC, 1, 54, 100, 34, 16, 0 }, true },
		{ "TSO6", ALL_FEATURES, { NC, 4, 74, 100, 54, 16, 0 }, true },
		{ "TSO4 not negotiated",
		  ALL_FEATURES & ~VIRTIO_NET_F_HOST_TSO4,
		  { NC, 1, 54, 100, 34, 16, 0 },
		  false },
		{ "TSO6 not negotiated",
		  ALL_FEATURES & ~VIRTIO_NET_F_HOST_TSO6,
		  { NC, 4, 74, 100, 54, 16, 0 },
		  false },
		{ "UFO", ALL_FEATURES, { NC, 3, 54, 100, 34, 16, 0 }, false },
		{ "USO", ALL_FEATURES, { NC, 5, 54, 100, 34, 16, 0 }, false },
		{ "ECN", ALL_FEATURES, { NC, 0x81, 54, 100, 34, 16, 0 }, false },
		{ "both", ALL_FEATURES, { NC, 5, 54, 100, 34, 16, 0 }, false },
		{ "TSO without checksum", ALL_FEATURES, { 0, 1, 54, 100, 34, 16, 0 }, false },
		{ "segments of nothing", ALL_FEATURES, { NC, 1, 54, 0, 34, 16, 0 }, false },
		{ "header beyond", ALL_FEATURES, { NC, 1, 1001, 100, 34, 16, 0 }, false },
		{ "header is all", ALL_FEATURES, { NC, 1, 1000, 100, 34, 16, 0 }, true },
		{ "501 segments", ALL_FEATURES, { NC, 1, 54, 2, 34, 16, 0 }, true },
		{ "1001 segments", ALL_FEATURES, { NC, 1, 54, 1, 34, 16, 0 }, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		start(cases[i].features);
		if (goes_out(&cases[i].header, 1000) != cases[i].goes_out)
			fail_msg("%s: %d", cases[i].what, !cases[i].goes_out);
		if (cases[i].goes_out)
			assert_memory_equal(&f->header, &cases[i].header, HEADER_SIZE);
	}
}

static void what_means_nothing_is_cleared(void **state)
{
	struct virtio_net_header odd = { .flags = 0xfe,
					 .hdr_len = 1,
					 .gso_size = 2,
					 .csum_start = 3,
					 .csum_offset = 4,
					 .num_buffers = 5 };

	(void)state;
	assert_true(goes_out(&odd, 60));
	assert_memory_equal(&f->header, &plain, HEADER_SIZE);
}

static void a_frame_has_at_most_so_many_pieces(void **state)
{
	struct virtq_desc descs[NET_MAX_PIECES + 1];

	(void)state;
	put(HEADER, &plain, HEADER_SIZE);
	for (unsigned count = NET_MAX_PIECES; count <= NET_MAX_PIECES + 1; count++) {
		descs[0] = (struct virtq_desc){ HEADER, HEADER_SIZE, 0, 0 };
		for (unsigned i = 1; i < count; i++)
			descs[i] = (struct virtq_desc){ BUFFERS, 1, 0, 0 };
		offer(TX, descs, count);
		kick(TX);
		assert_int_equal(f->nr_sent, 1); /* the second is refused */
		assert_int_equal(pins(), 0);
		take_used(TX);
	}
}

static void a_broken_queue_stops_the_device(void **state)
{
	u16 head;

	(void)state;
	for (unsigned q = 0; q < 3; q++) {
		struct virtq_desc loop = { BUFFERS, 100, VIRTQ_DESC_NEXT, 0 };

		start(ALL_FEATURES);
		loop.flags |= q == RX ? W : 0;
		put_desc(q, 0, loop);
		offer_head(q, 0);
		if (q == RX) {
			struct net_frame frame = { .pieces = { { f->frame, HPA(0), 60 } },
						   .nr_pieces = 1,
						   .size = 60 };

			assert_true(f->port->ops->deliver(f->port, &frame));
		} else {
			kick(q);
		}
		assert_true(is_broken());
		assert_string_equal(f->device->why, "chain too long");
		/* Nothing goes on. */
		head = offer_frame(&plain, 60);
		kick(TX);
		assert_int_equal(head, q == TX ? 0 : head);
		assert_int_equal(f->nr_sent, 0);
		assert_int_equal(used_idx(TX), 0);
	}
}

static void what_the_uplink_has_stays_pinned(void **state)
{
	u16 heads[3];

	(void)state;
	f->result = NET_TAKEN;
	for (unsigned i = 0; i < 3; i++)
		heads[i] = offer_frame(&plain, 100);
	kick(TX);
	assert_int_equal(f->nr_sent, 3);
	assert_int_equal(pins(), 300);
	assert_int_equal(used_idx(TX), 0);
	/* They come back in any order. */
	for (unsigned n = 0; n < 3; n++) {
		unsigned i = (n + 1) % 3;

		complete(f->cookies[i]);
		assert_int_equal(take_used(TX).id, heads[i]);
		assert_int_equal(pins(), 200 - 100 * n);
	}
	assert_int_equal(f->services, 0);
}

/* The reset waits for what is in flight, and nothing is written to the rings of before. */
static void a_reset_waits_for_the_uplink(void **state)
{
	(void)state;
	f->result = NET_TAKEN;
	offer_frame(&plain, 100);
	offer_frame(&plain, 100);
	kick(TX);
	assert_int_equal(pins(), 200);
	write_register(VIRTIO_MMIO_STATUS, 0);
	assert_int_not_equal(status(), 0);
	complete(f->cookies[0]);
	serve();
	assert_int_not_equal(status(), 0);
	complete(f->cookies[1]);
	assert_true(serve());
	assert_int_equal(status(), 0);
	assert_false(f->port->is_up);
	assert_int_equal(f->pins, 0);
	assert_int_equal(used_idx(TX), 0);
}

static void the_uplink_has_a_bounded_number(void **state)
{
	(void)state;
	f->result = NET_TAKEN;
	for (unsigned i = 0; i < 50; i++)
		offer_frame(&plain, 100);
	kick(TX);
	assert_int_equal(f->nr_sent, MAX_IN_FLIGHT);
	assert_int_equal(f->services, 0);
	kick(TX); /* waits */
	assert_int_equal(f->nr_sent, MAX_IN_FLIGHT);
	complete(f->cookies[7]);
	assert_true(serve());
	assert_int_equal(f->nr_sent, MAX_IN_FLIGHT + 1);
	assert_int_equal(f->cookies[MAX_IN_FLIGHT], f->cookies[7]);
	while (f->taken) {
		complete(bits_lowest(f->taken));
		serve();
	}
	assert_int_equal(f->nr_sent, 50);
	assert_int_equal(used_idx(TX), 50);
	assert_int_equal(shown("in-flight"), 0);
}

static void without_room_the_frame_is_sent_again(void **state)
{
	u16 first = offer_frame(&plain, 100), second = offer_frame(&plain, 200);

	(void)state;
	f->refusals = 2;
	kick(TX);
	assert_int_equal(f->refusals, 1);
	assert_int_equal(f->services, 0);
	assert_int_equal(f->nr_flushed, 1);
	/* A driver that notifies meanwhile makes no work. */
	kick(TX);
	assert_int_equal(f->refusals, 1);
	f->port->ops->writable(f->port);
	assert_true(serve());
	assert_int_equal(f->refusals, 0);
	assert_int_equal(used_idx(TX), 0);
	f->port->ops->writable(f->port);
	assert_true(serve());
	assert_int_equal(f->nr_sent, 2);
	assert_int_equal(f->sizes[0], 100);
	assert_int_equal(f->sizes[1], 200);
	assert_int_equal(take_used(TX).id, first);
	assert_int_equal(take_used(TX).id, second);
}

static void work_in_one_exit_is_bounded(void **state)
{
	struct virtio_net_header tso = { NC, VIRTIO_NET_GSO_TCPV4, 54, 1460, 34, 16, 0 };
	struct virtio_net_header many = { NC, VIRTIO_NET_GSO_TCPV4, 54, 128, 34, 16, 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->nr_sent, 64);
	assert_true(serve());
	assert_int_equal(f->nr_sent, 100);
	assert_false(serve());

	for (unsigned i = 0; i < 8; i++)
		offer_frame(&tso, 65000);
	kick(TX);
	assert_int_equal(f->nr_sent, 104);
	while (serve())
		;
	assert_int_equal(f->nr_sent, 108);

	offer_frame(&many, 65000);
	offer_frame(&many, 65000);
	kick(TX);
	assert_int_equal(f->nr_sent, 109);
}

/* Refused frames are work, too. */
static void a_flood_of_nonsense_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++)
		offer_frame(&plain, 0);
	kick(TX);
	assert_int_equal(used_idx(TX), 64);
	assert_true(serve());
	assert_int_equal(used_idx(TX), 128);
}

static void what_was_sent_is_told_later_and_once(void **state)
{
	(void)state;
	set_used_event(TX, 5);
	for (unsigned i = 0; i < 5; i++)
		offer_frame(&plain, 60);
	kick(TX);
	assert_null(f->tell_timer); /* the driver does not want to hear of those */
	for (unsigned i = 0; i < 10; i++) {
		offer_frame(&plain, 60);
		kick(TX);
	}
	assert_int_equal(f->interrupts, 0);
	assert_in_range(f->tell_timer->deadline, f->now + HZ / 1000, f->now + HZ / 100);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
	write_register(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_INTERRUPT_USED);

	/* A driver that has seen it meanwhile is left alone. */
	set_used_event(TX, 15);
	offer_frame(&plain, 60);
	kick(TX);
	set_used_event(TX, 16);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
	assert_null(f->tell_timer);

	/* One that is reset has forgotten it. */
	set_used_event(TX, 16);
	offer_frame(&plain, 60);
	kick(TX);
	assert_non_null(f->tell_timer);
	start(ALL_FEATURES);
	assert_null(f->tell_timer);
}

static void many_that_were_sent_are_told_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 63; i++)
		offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->interrupts, 0);
	offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->interrupts, 1);
}

/* A driver that has used its whole queue is not kept waiting. */
static void half_of_a_small_queue_is_told_at_once(void **state)
{
	(void)state;
	f->queue_size = 16;
	start(ALL_FEATURES);
	for (unsigned i = 0; i < 4; i++) /* of two descriptors each */
		offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->interrupts, 0);
	for (unsigned i = 0; i < 4; i++)
		offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->interrupts, 1);
}

static void receive_one(void)
{
	const struct net_frame frame = frame_of(60, 60, own_mac);

	deliver(&frame);
	f->port->ops->flush(f->port);
}

/* The interrupt for a received frame is one for those that were sent as well. */
static void an_answer_tells_of_what_was_sent(void **state)
{
	(void)state;
	offer_buffers(8, 2048);
	offer_frame(&plain, 60);
	kick(TX);
	assert_non_null(f->tell_timer);
	receive_one();
	assert_int_equal(f->interrupts, 1);
	assert_null(f->tell_timer);

	/* What is sent after it is told anew. */
	write_register(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_INTERRUPT_USED);
	set_used_event(TX, 1);
	offer_frame(&plain, 60);
	kick(TX);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 2);
}

/* No interrupt, or one with a frame that is sent meanwhile: the timer goes on. */
static void an_answer_that_tells_nothing(void **state)
{
	(void)state;
	offer_buffers(8, 2048);
	set_used_event(RX, 5);
	offer_frame(&plain, 60);
	kick(TX);
	receive_one();
	assert_int_equal(f->interrupts, 0);
	assert_non_null(f->tell_timer);

	set_used_event(RX, 1);
	spin_lock(&f->device->lock); /* somebody sends */
	receive_one();
	spin_unlock(&f->device->lock);
	assert_int_equal(f->interrupts, 1);
	assert_non_null(f->tell_timer);
	net_told(container_of(f->port, struct net_device, port), 0); /* not the one of now */
	assert_non_null(f->tell_timer);
}

/* What the uplink has sent, too. */
static void the_end_of_a_frame_in_flight_is_told(void **state)
{
	(void)state;
	f->result = NET_TAKEN;
	offer_frame(&plain, 60);
	kick(TX);
	assert_null(f->tell_timer);
	complete(f->cookies[0]);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
}

/* 65536 frames of which the driver wants to hear nothing, and then one. */
static void a_wish_is_not_lost_when_indices_wrap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		set_used_event(TX, (u16)(i + 10));
		offer_frame(&plain, 60);
		kick(TX);
		serve();
	}
	assert_int_equal(f->nr_sent, 65536);
	assert_null(f->tell_timer);
	set_used_event(TX, 0);
	offer_frame(&plain, 60);
	kick(TX);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_reaches_the_switch_as_it_is),
		TEST(a_header_is_found_in_any_buffers),
		TEST(frames_of_no_sound_size_are_refused),
		TEST(unsound_headers_are_refused),
		TEST(what_means_nothing_is_cleared),
		TEST(a_frame_has_at_most_so_many_pieces),
		TEST(a_broken_queue_stops_the_device),
		TEST(what_the_uplink_has_stays_pinned),
		TEST(a_reset_waits_for_the_uplink),
		TEST(the_uplink_has_a_bounded_number),
		TEST(without_room_the_frame_is_sent_again),
		TEST(work_in_one_exit_is_bounded),
		TEST(a_flood_of_nonsense_is_bounded),
		TEST(what_was_sent_is_told_later_and_once),
		TEST(many_that_were_sent_are_told_at_once),
		TEST(half_of_a_small_queue_is_told_at_once),
		TEST(an_answer_tells_of_what_was_sent),
		TEST(an_answer_that_tells_nothing),
		TEST(the_end_of_a_frame_in_flight_is_told),
		TEST(a_wish_is_not_lost_when_indices_wrap),
	};

	return RUN_TESTS(tests);
}
