/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the switch and its uplink: offloads, segments that become one, the uplink's room. */
#include "switch_fixture.h"

#include <stdlib.h>
#include <string.h>

/* --- Offloads */

static void make_tcp(unsigned from, const u8 *target, u32 payload)
{
	make(target, mac_of(from), 54 + payload, 54);
	put_be16(bytes + 12, 0x0800);
	bytes[14] = 0x45;
	bytes[20] = 0x40;
	bytes[21] = 0;
	bytes[23] = 6;
	bytes[46] = 0x50;
	put_be16(bytes + 50, ref_pseudo_sum(bytes + 14, 20 + payload, 6));
	frame.header.flags = VIRTIO_NET_HDR_NEEDS_CSUM;
	frame.header.gso_type = payload > 1460 ? VIRTIO_NET_GSO_TCPV4 : VIRTIO_NET_GSO_NONE;
	frame.header.gso_size = payload > 1460 ? 1460 : 0;
	frame.header.csum_start = 34;
	frame.header.csum_offset = 16;
}

static void test_offloads_between_ports(void **state)
{
	(void)state;
	start(2, false);
	devices[1].port.takes_csum = devices[1].port.takes_tso4 = true;
	make_tcp(0, mac_of(1), 20000);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	check_got(1, 1);
	assert_memory_equal(&devices[1].last_header, &frame.header, sizeof(frame.header));
	devices[1].port.takes_tso4 = false;
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[1].nr, 15);
	assert_int_equal(devices[1].last_size, 54 + 20000 - 13 * 1460);
	assert_int_equal(devices[1].last_header.flags, 0);
	devices[1].port.takes_csum = false;
	make_tcp(0, mac_of(1), 100);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[1].nr, 16);
	assert_int_equal(ref_transport_sum(devices[1].last + 14, devices[1].last + 34, 120, 6),
			 0xffff);
	stop(2);
}

/* A packet of which a part has arrived is not sent again. */
static void test_room_for_a_part(void **state)
{
	(void)state;
	start(2, false);
	devices[1].room = 5;
	make_tcp(0, mac_of(1), 20000);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[1].nr, 5);
	assert_int_equal(devices[1].port.dropped_full, 9);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_NO_ROOM);
	assert_int_equal(devices[1].port.dropped_full, 9);
	stop(2);
}

static void check_wire(unsigned i, u32 payload)
{
	u8 wire[2000];
	u32 size = on_the_wire(i, wire);

	assert_int_equal(size, 54 + payload);
	assert_int_equal(ref_sum(0, wire + 14, 20), 0xffff);
	assert_int_equal(ref_transport_sum(wire + 14, wire + 34, size - 34, 6), 0xffff);
	assert_int_equal(host.frames[i]->header.flags, 0);
	assert_int_equal(host.frames[i]->header.gso_type, 0);
	/* The payload is the guest's memory, not a copy of it. */
	assert_int_equal(host.frames[i]->nr_segments, 2);
	assert_int_equal(host.frames[i]->segments[1].start.v, (u64)bytes + 54 + i * 1460UL);
}

static void test_cut_for_the_uplink(void **state)
{
	(void)state;
	start(1, true);
	make_tcp(0, outside, 10000);
	assert_int_equal(switch_send(&devices[0].port, &frame, 77), NET_TAKEN);
	assert_int_equal(host.nr, 7);
	for (unsigned i = 0; i < 7; i++)
		check_wire(i, i < 6 ? 1460 : 10000 - 6 * 1460);
	complete(6);
	assert_int_equal(devices[0].nr_cookies, 0);
	complete(1);
	assert_int_equal(devices[0].nr_cookies, 1);
	assert_int_equal(devices[0].cookies[0], 77);
	stop(1);
}

static void test_uplink_with_offloads(void **state)
{
	(void)state;
	start(0, false);
	host.is_there = true;
	host.info.has_csum = host.info.has_tso4 = true;
	switch_set_uplink(net, 0);
	attach(0);
	make_tcp(0, outside, 10000);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_TAKEN);
	assert_int_equal(host.nr, 1);
	assert_memory_equal(&host.frames[0]->header, &frame.header, sizeof(frame.header));
	complete(1);
	stop(1);
}

/* A segment as it arrives from outside. */
static u8 *arrive(unsigned to, u32 sequence)
{
	u8 *data = malloc(54 + 1000);

	make_tcp(0, mac_of(to), 1000);
	memcpy(bytes + 6, outside, 6);
	put_be16(bytes + 16, 1040);
	put_be16(bytes + 24, 0);
	put_be16(bytes + 24, (u16)~ref_sum(0, bytes + 14, 20));
	put_be32(bytes + 38, sequence);
	bytes[47] = 0x10;
	put_be16(bytes + 50, 0);
	put_be16(bytes + 50, (u16)~ref_transport_sum(bytes + 14, bytes + 34, 1020, 6));
	memcpy(data, bytes, 54 + 1000);
	host.receive(host.ctx, &(struct virtio_net_header){ 0 }, data, 54 + 1000);
	return data;
}

/* Segments for who takes large ones become one; for others they stay what they are. */
static void test_segments_from_outside(void **state)
{
	u8 *kept[6];

	(void)state;
	start(2, true);
	devices[1].port.takes_csum = devices[1].port.takes_tso4 = true;
	kept[0] = arrive(0, 1000);
	kept[1] = arrive(0, 2000);
	assert_int_equal(devices[0].nr, 2);
	kept[2] = arrive(1, 1000);
	kept[3] = arrive(1, 2000);
	kept[4] = arrive(1, 3000);
	assert_int_equal(devices[1].nr, 0);
	host.flush(host.ctx);
	assert_int_equal(devices[1].nr, 1);
	assert_int_equal(devices[1].flushes, 1);
	assert_int_equal(devices[1].last_size, 54 + 3000);
	assert_int_equal(devices[1].last_header.gso_type, VIRTIO_NET_GSO_TCPV4);
	assert_memory_equal(devices[1].last + 54 + 2000, kept[4] + 54, 1000);
	devices[1].port.takes_tso4 = false;
	kept[5] = arrive(1, 4000);
	assert_int_equal(devices[1].nr, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		free(kept[i]);
	stop(2);
}

/* --- The uplink's room */

/* What is all headers is copied with them: the sender need not wait for it. */
static void test_short_frames(void **state)
{
	u8 wire[NET_HEAD];

	(void)state;
	start(1, true);
	make(outside, mac_of(0), NET_HEAD, 20);
	assert_int_equal(switch_send(&devices[0].port, &frame, 5), NET_DONE);
	memset(bytes, 0, NET_HEAD);
	assert_int_equal(on_the_wire(0, wire), NET_HEAD);
	assert_memory_equal(wire, outside, 6);
	complete(1);
	assert_int_equal(devices[0].nr_cookies, 0);
	make(outside, mac_of(0), NET_HEAD + 1, 20);
	assert_int_equal(switch_send(&devices[0].port, &frame, 5), NET_TAKEN);
	complete(1);
	assert_int_equal(devices[0].nr_cookies, 1);
	stop(1);
}

/* The device has room for few: the others follow in order. */
static void test_pending(void **state)
{
	(void)state;
	start(1, true);
	host.room = 2;
	for (u64 i = 0; i < 10; i++)
		assert_int_equal(send_from(0, outside, i), NET_TAKEN);
	assert_int_equal(host.nr, 2);
	for (unsigned i = 0; i < 10; i++) {
		complete(1);
		assert_int_equal(host.nr, MIN(2U, 9 - i));
	}
	assert_int_equal(devices[0].nr_cookies, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(devices[0].cookies[i], i);
	stop(1);
}

/* Half of the slots is what one port may have; the others still can send. */
static void test_quota(void **state)
{
	unsigned nr;

	(void)state;
	start(3, true);
	for (nr = 0; send_from(0, outside, nr) == NET_TAKEN; nr++)
		;
	assert_int_equal(nr, 128);
	assert_int_equal(send_from(0, outside, nr), NET_NO_ROOM);
	assert_int_equal(send_from(0, everybody, nr), NET_DONE); /* never waits */
	for (nr = 0; send_from(1, outside, nr) == NET_TAKEN; nr++)
		;
	assert_int_equal(nr, 128);
	assert_int_equal(send_from(2, outside, 0), NET_NO_ROOM);
	assert_int_equal(devices[0].writables, 0);
	complete(31);
	assert_int_equal(devices[0].writables, 0);
	complete(1);
	assert_int_equal(devices[0].writables, 1); /* woken once, for more than one frame */
	complete(32);
	assert_int_equal(devices[1].writables, 0); /* its quota is still used up */
	assert_int_equal(devices[2].writables, 1);
	complete(160);
	assert_int_equal(devices[0].writables, 1);
	assert_int_equal(devices[1].writables, 1);
	complete(32);
	assert_int_equal(devices[0].nr_cookies + devices[1].nr_cookies, 256);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(devices[i].port.in_uplink, 0);
	stop(3);
}

/* Who needs much room is not passed by those who need little. */
static void test_large_ones_get_their_turn(void **state)
{
	(void)state;
	start(4, true);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(send_from(0, outside, 0), NET_TAKEN);
		assert_int_equal(send_from(1, outside, 0), NET_TAKEN);
	}
	make_tcp(2, outside, 60 * 1000);
	frame.header.gso_size = 1000;
	assert_int_equal(switch_send(&devices[2].port, &frame, 0), NET_NO_ROOM);
	assert_int_equal(send_from(3, outside, 0), NET_NO_ROOM);
	assert_int_equal(send_from(0, outside, 0), NET_NO_ROOM);
	complete(3);
	assert_int_equal(devices[2].writables, 0);
	complete(1);
	assert_int_equal(devices[2].writables, 1);
	assert_int_equal(devices[3].writables, 0);
	make_tcp(2, outside, 60 * 1000);
	frame.header.gso_size = 1000;
	assert_int_equal(switch_send(&devices[2].port, &frame, 0), NET_TAKEN);
	complete(32);
	assert_int_equal(devices[3].writables, 1);
	complete(host.nr);
	stop(4);
}

/* 128 frames */
static enum net_result send_large(unsigned from)
{
	make_tcp(from, outside, 60 * 1000);
	frame.header.gso_size = 470;
	return switch_send(&devices[from].port, &frame, 0);
}

/* Nothing is out any more, and who waits is about to be woken. */
static void three_more_wait(struct net_port *port, u64 cookie)
{
	(void)port;
	(void)cookie;
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(send_large(i), NET_NO_ROOM);
}

/* Those that were woken first were reset, and send nothing. */
static void test_nobody_is_left_waiting(void **state)
{
	static const struct net_port_ops last = { deliver, flush, three_more_wait, writable };

	(void)state;
	start(4, true);
	devices[0].port.ops = &last;
	assert_int_equal(send_from(0, outside, 0), NET_TAKEN);
	assert_int_equal(send_large(0), NET_NO_ROOM); /* its quota; the others it comes before */
	complete(1);
	assert_int_equal(host.nr, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(devices[i].writables, 1);
	stop(4);
}

/* A port that goes leaves nothing behind that could call it. */
static void test_detach_with_frames_outside(void **state)
{
	(void)state;
	start(2, true);
	while (send_from(0, outside, 0) == NET_TAKEN)
		;
	send_from(1, outside, 3);
	switch_detach(&devices[0].port);
	memset(&devices[0].port, 0xee, sizeof(devices[0].port));
	complete(129);
	assert_int_equal(devices[0].nr_cookies + devices[0].writables, 0);
	assert_int_equal(devices[1].nr_cookies, 1);
	memset(&devices[0].port, 0, sizeof(devices[0].port));
	attach(0);
	assert_int_equal(send_from(0, outside, 4), NET_TAKEN);
	complete(1);
	assert_int_equal(devices[0].nr_cookies, 1);
	stop(2);
}

/* Built, but in more pieces than the device takes: all slots come back. */
static void test_too_many_pieces(void **state)
{
	(void)state;
	start(1, true);
	for (unsigned round = 0; round < 1000; round++) {
		make(outside, mac_of(0), 1000, 20);
		frame.nr_pieces = NET_MAX_PIECES;
		for (unsigned i = 0; i < NET_MAX_PIECES; i++)
			frame.pieces[i] = (struct net_piece){ bytes + i * 10, HPA(0), 10 };
		frame.pieces[0].size = 250;
		frame.pieces[1] = (struct net_piece){ bytes + 250, HPA(0), 130 };
		assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	}
	assert_int_equal(devices[0].port.dropped_other, 1000);
	assert_int_equal(host.nr, 0);
	assert_int_equal(devices[0].port.in_uplink, 0);
	stop(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offloads_between_ports),
		cmocka_unit_test(test_room_for_a_part),
		cmocka_unit_test(test_cut_for_the_uplink),
		cmocka_unit_test(test_uplink_with_offloads),
		cmocka_unit_test(test_segments_from_outside),
		cmocka_unit_test(test_short_frames),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_large_ones_get_their_turn),
		cmocka_unit_test(test_nobody_is_left_waiting),
		cmocka_unit_test(test_detach_with_frames_outside),
		cmocka_unit_test(test_too_many_pieces),
	};

	return RUN_TESTS(tests);
}
