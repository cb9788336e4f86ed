/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the switch: who gets what, who is waited for, DHCP, what it tells of itself. */
#include "switch_fixture.h"
#include "net/mac_table.h"

#include <string.h>

/* --- Who gets what */

static void test_unicast(void **state)
{
	(void)state;
	start(3, true);
	assert_int_equal(send_to(0, 2), NET_DONE);
	check_got(0, 0);
	check_got(1, 0);
	check_got(2, 1);
	assert_int_equal(host.nr, 0);
	assert_int_equal(send_to(1, 1), NET_DONE); /* to itself: to nobody */
	check_got(1, 0);
	devices[2].port.is_up = false;
	assert_int_equal(send_to(0, 2), NET_DONE);
	check_got(2, 1);
	assert_int_equal(host.nr, 0);
	assert_int_equal(devices[0].port.sent, 2);
	assert_int_equal(devices[0].port.bytes_sent, 2000);
	assert_int_equal(devices[2].port.bytes_received, 1000);
	stop(3);
}

static void test_broadcast(void **state)
{
	(void)state;
	start(NR_PORTS, true);
	devices[5].port.is_up = false;
	devices[6].room = 0;
	assert_int_equal(send_from(3, everybody, 9), NET_TAKEN);
	for (unsigned i = 0; i < NR_PORTS; i++)
		check_got(i, i != 3 && i != 5 && i != 6);
	assert_int_equal(devices[6].port.dropped_full, 1);
	assert_int_equal(host.nr, 1);
	complete(1);
	assert_int_equal(devices[3].nr_cookies, 1);
	assert_int_equal(devices[3].cookies[0], 9);
	assert_int_equal(send_from(3, group, 9), NET_TAKEN);
	check_got(4, 2);
	stop(NR_PORTS);
}

/* A segment to many would be cut for each. */
static void test_no_large_broadcast(void **state)
{
	(void)state;
	start(2, true);
	make(everybody, mac_of(0), 5000, 100);
	frame.header.gso_type = VIRTIO_NET_GSO_TCPV4;
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[0].port.dropped_other, 1);
	check_got(1, 0);
	assert_int_equal(host.nr, 0);
	stop(2);
}

static void test_spoofing(void **state)
{
	(void)state;
	start(3, true);
	for (unsigned at = 0; at < 6; at++) {
		for (unsigned kind = 0; kind < 3; kind++) {
			make(kind == 0	 ? mac_of(1)
			     : kind == 1 ? everybody
					 : outside,
			     mac_of(0), 100, 14);
			bytes[6 + at] ^= 1;
			assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
		}
	}
	make(mac_of(1), mac_of(2), 100, 14);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[0].port.dropped_spoofed, 19);
	check_got(1, 0);
	check_got(2, 0);
	assert_int_equal(host.nr, 0);
	stop(3);
}

/* The guest changes the frame after it was looked at: what was looked at is what arrives. */
static u8 *to_change;

static bool change_and_deliver(struct net_port *port, const struct net_frame *f)
{
	memset(to_change, 0xaa, NET_HEAD);
	return deliver(port, f);
}

static void test_change_behind_the_back(void **state)
{
	static const struct net_port_ops changing = { change_and_deliver, flush, sent, writable };
	u8 wire[2000];

	(void)state;
	start(2, true);
	devices[1].port.ops = &changing;
	to_change = bytes;
	assert_int_equal(send_to(0, 1), NET_DONE);
	assert_memory_equal(devices[1].last, mac_of(1), 6);
	assert_memory_equal(devices[1].last + 6, mac_of(0), 6);
	assert_int_equal(bytes[6], 0xaa);
	assert_int_equal(send_from(0, outside, 0), NET_TAKEN);
	memset(bytes, 0xaa, NET_HEAD);
	assert_int_equal(on_the_wire(0, wire), 1000);
	assert_memory_equal(wire, outside, 6);
	assert_memory_equal(wire + 6, mac_of(0), 6);
	complete(1);
	stop(2);
}

static void test_malformed(void **state)
{
	(void)state;
	start(2, true);
	for (u32 size = 2; size < 14; size++) {
		make(everybody, mac_of(0), 14, 1);
		frame.pieces[1].size = size - 1;
		frame.size = size;
		assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	}
	assert_int_equal(devices[0].port.dropped_other, 12);
	make(outside, mac_of(0), NET_MTU_FRAME + NET_VLAN_TAG + 1, 20);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	make(mac_of(1), mac_of(0), NET_MTU_FRAME + NET_VLAN_TAG + 1, 20);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[0].port.dropped_other, 14);
	check_got(1, 0);
	assert_int_equal(host.nr, 0);
	make(everybody, mac_of(0), 14, 13); /* the shortest */
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	check_got(1, 1);
	stop(2);
}

/* What no port has is outside; promiscuous ports have it only until it was heard of. */
static void test_learning(void **state)
{
	u8 in[60] = { 0 };
	struct virtio_net_header header = { 0 };

	(void)state;
	start(3, true);
	devices[2].port.is_promiscuous = true;
	assert_int_equal(send_from(0, outside, 0), NET_TAKEN);
	check_got(1, 0);
	check_got(2, 1);
	memcpy(in, mac_of(0), 6);
	memcpy(in + 6, outside, 6);
	host.receive(host.ctx, &header, in, sizeof(in));
	assert_int_equal(devices[0].nr, 1);
	assert_int_equal(send_from(0, outside, 0), NET_TAKEN);
	assert_int_equal(devices[2].nr, 1);
	assert_int_equal(send_from(0, elsewhere, 0), NET_TAKEN);
	assert_int_equal(devices[2].nr, 2);
	assert_int_equal(send_to(0, 1), NET_DONE); /* another's unicast is never seen */
	assert_int_equal(devices[2].nr, 2);
	now += 301000000000; /* five minutes, and it is forgotten */
	assert_int_equal(send_from(0, outside, 0), NET_TAKEN);
	assert_int_equal(devices[2].nr, 3);
	assert_int_equal(host.nr, 4);
	complete(4);
	stop(3);
}

static void test_without_uplink(void **state)
{
	(void)state;
	start(2, false);
	devices[1].port.is_promiscuous = true;
	assert_int_equal(send_from(0, outside, 0), NET_DONE);
	check_got(1, 1);
	assert_int_equal(devices[0].port.dropped_other, 1);
	assert_int_equal(send_from(0, everybody, 0), NET_DONE);
	check_got(1, 2);
	switch_flush(&devices[0].port);
	assert_int_equal(host.kicks, 0);
	stop(2);
}

static void test_from_outside(void **state)
{
	struct virtio_net_header header = { 0 };
	u8 in[60] = { 0 };

	(void)state;
	start(3, true);
	devices[2].port.is_promiscuous = true;
	memcpy(in + 6, outside, 6);
	memcpy(in, mac_of(1), 6);
	host.receive(host.ctx, &header, in, sizeof(in));
	assert_int_equal(devices[1].nr, 1);
	assert_memory_equal(devices[1].last, in, sizeof(in));
	assert_int_equal(devices[1].flushes, 0);
	host.flush(host.ctx);
	assert_int_equal(devices[1].flushes, 1);
	assert_int_equal(devices[0].flushes + devices[2].flushes, 0);
	memset(in, 0xff, 6);
	host.receive(host.ctx, &header, in, sizeof(in));
	assert_int_equal(devices[0].nr, 1);
	assert_int_equal(devices[1].nr, 2);
	assert_int_equal(devices[2].nr, 1);
	memcpy(in, elsewhere, 6); /* nobody's: promiscuous ones may look */
	host.receive(host.ctx, &header, in, sizeof(in));
	assert_int_equal(devices[1].nr, 2);
	assert_int_equal(devices[2].nr, 2);
	memset(in, 0xff, 6); /* who claims to be one of ours */
	memcpy(in + 6, mac_of(0), 6);
	host.receive(host.ctx, &header, in, sizeof(in));
	host.receive(host.ctx, &header, in, 13);
	assert_int_equal(devices[1].nr, 2);
	memcpy(in, mac_of(1), 6); /* nobody waits on an interrupt */
	memcpy(in + 6, outside, 6);
	devices[1].room = 0;
	host.receive(host.ctx, &header, in, sizeof(in));
	assert_int_equal(devices[1].port.dropped_full, 1);
	assert_int_equal(nr_timers(), 0);
	stop(3);
}

static void test_flush(void **state)
{
	(void)state;
	start(NR_PORTS, true);
	send_to(0, 1);
	send_to(0, 1);
	send_from(0, outside, 0);
	switch_flush(&devices[0].port);
	switch_flush(&devices[0].port);
	assert_int_equal(devices[1].flushes, 1);
	assert_int_equal(host.kicks, 1);
	send_from(0, everybody, 0);
	assert_int_equal(host.kicks, 1);
	switch_flush(&devices[0].port);
	assert_int_equal(host.kicks, 2);
	for (unsigned i = 0; i < NR_PORTS; i++)
		assert_int_equal(devices[i].flushes, i == 0 ? 0 : i == 1 ? 2 : 1);
	complete(2);
	stop(NR_PORTS);
}

/* --- Waiting for a port */

static void test_backpressure(void **state)
{
	(void)state;
	start(3, false);
	devices[1].room = 1;
	assert_int_equal(send_to(0, 1), NET_DONE);
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	assert_int_equal(send_to(2, 1), NET_NO_ROOM);
	assert_int_equal(send_to(0, 2), NET_DONE); /* others are not concerned */
	assert_int_equal(nr_timers(), 1);
	pass(1 * MS);
	devices[1].room = 10;
	switch_has_room(&devices[1].port);
	assert_int_equal(devices[0].writables, 1);
	assert_int_equal(devices[2].writables, 1);
	assert_int_equal(nr_timers(), 0);
	assert_int_equal(send_to(0, 1), NET_DONE);
	assert_int_equal(send_to(2, 1), NET_DONE);
	assert_int_equal(devices[1].nr, 3);
	assert_int_equal(devices[1].port.dropped_full, 0);
	assert_int_equal(devices[0].port.sent, 3);
	stop(3);
}

/* One that takes nothing holds others up for 2 ms, and then not at all. */
static void test_stalled(void **state)
{
	(void)state;
	start(2, false);
	devices[1].room = 0;
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	pass(2 * MS - 1);
	assert_int_equal(devices[0].writables, 0);
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	pass(1);
	assert_int_equal(devices[0].writables, 1);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(send_to(0, 1), NET_DONE);
		pass(MS);
	}
	assert_int_equal(devices[1].port.dropped_full, 10);
	assert_int_equal(devices[0].writables, 1);
	devices[1].room = 16; /* it is well again: 16 frames earn all the patience */
	switch_has_room(&devices[1].port);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(send_to(0, 1), NET_DONE);
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	pass(2 * MS - 1);
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	pass(1);
	assert_int_equal(send_to(0, 1), NET_DONE);
	stop(2);
}

/*
 * Another sender's frame, taken at the moment at which the port had no room for ours, earned it
 * patience when its timer was over: who waits is woken all the same.
 */
static void test_patience_earned_meanwhile(void **state)
{
	(void)state;
	start(2, false);
	devices[1].room = 0;
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	pass(2 * MS);
	assert_int_equal(devices[0].writables, 1);
	assert_int_equal(send_to(0, 1), NET_DONE);
	devices[1].port.patience += MS / 8;
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	pass(MS / 8);
	assert_int_equal(devices[0].writables, 2);
	assert_int_equal(send_to(0, 1), NET_DONE);
	stop(2);
}

/* Nor can one that takes a frame now and then: each earns it a sixteenth. */
static void test_trickle(void **state)
{
	u64 waited = 0;

	(void)state;
	start(2, false);
	devices[1].room = 0;
	for (unsigned i = 0; i < 100; i++) {
		u64 began = now;

		while (send_to(0, 1) == NET_NO_ROOM) {
			pass(MS / 100);
			if (now - began >= 19 * MS / 10) {
				devices[1].room = 1;
				switch_has_room(&devices[1].port);
			}
		}
		waited += now - began;
		devices[1].room = 1;
		switch_has_room(&devices[1].port);
		assert_int_equal(send_to(0, 1), NET_DONE);
	}
	assert_true(waited <= 2 * MS + 200 * (MS / 8 + MS / 100));
	stop(2);
}

/* Room came after deliver() had said no, and before the sender was in the list. */
static struct net_port *with_room;

static bool refuse_and_have_room(struct net_port *port, const struct net_frame *f)
{
	(void)f;
	with_room = port;
	switch_has_room(port);
	return false;
}

static void test_room_at_the_last_moment(void **state)
{
	static const struct net_port_ops late = { refuse_and_have_room, flush, sent, writable };

	(void)state;
	start(2, false);
	devices[1].port.ops = &late;
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	assert_ptr_equal(with_room, &devices[1].port);
	assert_int_equal(devices[0].writables, 1);
	stop(2);
}

static void test_detach_while_others_wait(void **state)
{
	(void)state;
	start(3, false);
	devices[1].room = devices[2].room = 0;
	assert_int_equal(send_to(0, 1), NET_NO_ROOM);
	switch_detach(&devices[1].port); /* the one waited for */
	assert_int_equal(devices[0].writables, 1);
	assert_int_equal(nr_timers(), 0);
	assert_int_equal(send_to(0, 1), NET_DONE);
	assert_int_equal(send_to(0, 2), NET_NO_ROOM);
	switch_detach(&devices[0].port); /* the one that waits */
	switch_has_room(&devices[2].port);
	pass(5 * MS);
	assert_int_equal(devices[0].writables, 1);
	stop(3);
}

/* --- DHCP */

static void make_request(unsigned from)
{
	make(everybody, mac_of(from), 42 + 300, 42 + 100);
	memset(bytes + 14, 0, 328);
	put_be16(bytes + 12, 0x0800);
	bytes[14] = 0x45;
	bytes[23] = 17;
	put_be16(bytes + 36, 67);
	put_be16(bytes + 38, 308);
	memcpy(bytes + 42, "\1\1\6", 3);
	memcpy(bytes + 42 + 28, mac_of(from), 6);
	memcpy(bytes + 42 + 236, "\x63\x82\x53\x63\x35\1\1\xff", 8);
}

static void test_dhcp(void **state)
{
	(void)state;
	start(3, true);
	make_request(0);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_TAKEN);
	check_got(1, 1); /* a port without an address: its request is a frame like others */
	assert_int_equal(devices[0].nr, 0);
	complete(1);
	devices[0].port.address = 0x0a00020f;
	devices[0].port.prefix = 24;
	make_request(0);
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	check_got(1, 1);
	assert_int_equal(host.nr, 0);
	assert_int_equal(devices[0].nr, 1);
	assert_int_equal(get_be32(devices[0].last + 42 + 16), 0x0a00020f);
	switch_flush(&devices[0].port);
	assert_int_equal(devices[0].flushes, 1);
	memcpy(bytes, outside, 6); /* to the server alone: also answered */
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[0].nr, 2);
	assert_int_equal(host.nr, 0);
	bytes[42] = 2; /* no request: nobody has it */
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(devices[0].nr, 2);
	assert_int_equal(host.nr, 0);
	devices[0].room = 0;
	bytes[42] = 1;
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_int_equal(nr_timers(), 0);
	stop(3);
}

/* --- For those who look */

static bool is_listed(const struct net_switch *wanted)
{
	struct net_switch *other = NULL;

	while ((other = switch_next(other)) != NULL) {
		if (other == wanted)
			return true;
	}
	return false;
}

static void test_ports_are_listed(void **state)
{
	struct switch_port_info info;
	struct net_switch *empty;
	u32 next = 0;

	(void)state;
	start(0, false);
	empty = net;
	start(4, true);
	assert_true(is_listed(empty) && is_listed(net));
	assert_string_not_equal(switch_name(empty), switch_name(net));
	assert_false(switch_next_port(empty, &next, &info));

	devices[2].port.address = 0x0a000210;
	strcpy(devices[2].port.host_name, "two");
	devices[3].port.is_up = false;
	assert_int_equal(send_to(0, 2), NET_DONE);
	make(mac_of(2), outside, 100, 14); /* spoofed */
	assert_int_equal(switch_send(&devices[0].port, &frame, 0), NET_DONE);
	assert_true(switch_next_port(net, &next, &info));
	assert_true(info.is_uplink && info.is_up);
	assert_memory_equal(info.mac, host.info.mac, 6);
	switch_detach(&devices[1].port);
	assert_true(switch_next_port(net, &next, &info));
	assert_false(info.is_uplink);
	assert_memory_equal(info.mac, mac_of(0), 6);
	assert_true(info.sent == 1 && info.bytes_sent == 1000 && info.dropped == 1);
	switch_detach(&devices[0].port); /* the rest is found all the same */
	assert_true(switch_next_port(net, &next, &info));
	assert_true(info.is_up && info.address == 0x0a000210);
	assert_string_equal(info.name, "two");
	assert_true(info.received == 1 && info.bytes_received == 1000 && info.dropped == 0);
	assert_true(switch_next_port(net, &next, &info));
	assert_false(info.is_up);
	assert_false(switch_next_port(net, &next, &info));
	stop(4);
}

static void test_learnt_addresses_are_listed(void **state)
{
	struct virtio_net_header header = { 0 };
	u64 key, sum = 0;
	u8 in[60];
	unsigned next = 0, count = 0;

	(void)state;
	start(1, true);
	assert_false(switch_next_outside(net, &next, &key));
	memset(in, 0xff, sizeof(in));
	memcpy(in + 6, outside, 6);
	host.receive(host.ctx, &header, in, sizeof(in));
	now += 200000000000;
	memcpy(in + 6, elsewhere, 6);
	host.receive(host.ctx, &header, in, sizeof(in));
	for (next = 0; switch_next_outside(net, &next, &key); count++)
		sum += key;
	assert_int_equal(count, 2);
	assert_int_equal(sum, mac_key(outside) + mac_key(elsewhere));
	now += 101000000000; /* the first is forgotten */
	next = 0;
	assert_true(switch_next_outside(net, &next, &key));
	assert_int_equal(key, mac_key(elsewhere));
	assert_false(switch_next_outside(net, &next, &key));
	stop(1);
}

static void test_no_memory(void **state)
{
	(void)state;
	fake_pages.left = 0;
	assert_null(switch_get("one-too-many"));
	fake_pages.left = FAKE_PAGES_ENDLESS;
	start(1, false);
	switch_set_uplink(net, 0); /* the machine has none */
	assert_int_equal(send_from(0, outside, 0), NET_DONE);
	stop(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unicast),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_no_large_broadcast),
		cmocka_unit_test(test_spoofing),
		cmocka_unit_test(test_change_behind_the_back),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_without_uplink),
		cmocka_unit_test(test_from_outside),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_backpressure),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_patience_earned_meanwhile),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_room_at_the_last_moment),
		cmocka_unit_test(test_detach_while_others_wait),
		cmocka_unit_test(test_dhcp),
		cmocka_unit_test(test_ports_are_listed),
		cmocka_unit_test(test_learnt_addresses_are_listed),
		cmocka_unit_test(test_no_memory),
	};

	return RUN_TESTS(tests);
}
