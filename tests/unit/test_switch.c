/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the switch and the uplink: ports and a real interface that remember what they got, a
 * clock that stands still, and at last several threads at once.
 */
#include "net_reference.h"
#include "fake/pages.h"
#include "core/log.h"
#include "drivers/host_net.h"
#include "net/mac_table.h"
#include "net/switch.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define MS	   1000000UL /* ticks are ns here */
#define MAX_FRAMES 300
#define NR_PORTS   40

/* --- The machine */

static _Atomic u64 now = 1;

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_TIME);
	return now;
}

u64 time_from_ns(u64 ns)
{
	return ns;
}

void log_warn(const char *fmt, ...)
{
	(void)fmt;
}

/* Timers: those that are started, in no order. */
static struct timer *timers[64];
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;

static void set_timer(struct timer *from, struct timer *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		if (timers[i] == from) {
			timers[i] = to;
			return;
		}
	}
	assert_null(to);
}

void timer_stop(struct timer *timer)
{
	pthread_mutex_lock(&timers_lock);
	set_timer(timer, NULL);
	pthread_mutex_unlock(&timers_lock);
}

void timer_stop_and_wait(struct timer *timer)
{
	timer_stop(timer);
}

void timer_start(struct timer *timer, u64 deadline)
{
	timer_stop(timer);
	pthread_mutex_lock(&timers_lock);
	timer->deadline = deadline;
	set_timer(NULL, timer);
	pthread_mutex_unlock(&timers_lock);
}

static unsigned nr_timers(void)
{
	unsigned nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		nr += timers[i] != NULL;
	return nr;
}

static void pass(u64 ns)
{
	now += ns;
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		struct timer *timer = timers[i];

		if (timer && timer->deadline <= now) {
			timers[i] = NULL;
			timer->expired(timer);
		}
	}
}

/* --- The real interface */

static struct {
	bool is_there;
	struct host_net_info info;
	unsigned room;
	struct host_net_frame *frames[MAX_FRAMES]; /* that it has */
	unsigned nr, kicks;
	void (*receive)(void *ctx, const struct virtio_net_header *header, const void *frame,
			u32 size);
	void (*flush)(void *ctx);
	void *ctx;
} host;

struct host_net *host_net_get(unsigned index)
{
	return host.is_there && index == 0 ? (struct host_net *)&host : NULL;
}

void host_net_info(struct host_net *net, struct host_net_info *info)
{
	(void)net;
	*info = host.info;
}

void host_net_set_receiver(struct host_net *net,
			   void (*receive)(void *ctx, const struct virtio_net_header *header,
					   const void *frame, u32 size),
			   void *ctx)
{
	(void)net;
	host.receive = receive;
	host.ctx = ctx;
}

void host_net_set_flush(struct host_net *net, void (*flush)(void *ctx), void *ctx)
{
	(void)net;
	(void)ctx;
	host.flush = flush;
}

bool host_net_send(struct host_net *net, struct host_net_frame *frame)
{
	(void)net;
	if (host.nr >= host.room)
		return false;
	assert_true(frame->nr_segments > 0 && frame->nr_segments <= HOST_NET_MAX_SEGMENTS);
	host.frames[host.nr++] = frame;
	return true;
}

void host_net_kick(struct host_net *net)
{
	(void)net;
	host.kicks++;
}

/* What the device reads of its frame number i. */
static u32 on_the_wire(unsigned i, u8 *buf)
{
	const struct host_net_frame *frame = host.frames[i];
	u32 size = 0;

	for (unsigned s = 0; s < frame->nr_segments; s++) {
		memcpy(buf + size, (const void *)frame->segments[s].start.v,
		       frame->segments[s].size);
		size += frame->segments[s].size;
	}
	return size;
}

/* The oldest so many are on the wire. */
static void complete(unsigned nr)
{
	while (nr--) {
		struct host_net_frame *frame = host.frames[0];

		assert_true(host.nr > 0);
		memmove(host.frames, host.frames + 1, --host.nr * sizeof(frame));
		frame->done(frame);
	}
}

/* --- Ports */

struct device {
	struct net_port port;
	unsigned room; /* frames that it still takes */
	unsigned nr, flushes, writables;
	u8 last[NET_MAX_FRAME];
	u32 last_size;
	struct virtio_net_header last_header;
	u64 cookies[MAX_FRAMES];
	unsigned nr_cookies;
};

static struct device devices[NR_PORTS];

static struct device *of(struct net_port *port)
{
	return container_of(port, struct device, port);
}

static bool deliver(struct net_port *port, const struct net_frame *frame)
{
	struct device *d = of(port);

	assert_true(frame->nr_pieces <= NET_MAX_PIECES);
	if (!d->room)
		return false;
	d->room--;
	d->nr++;
	d->last_size = ref_gather(frame, d->last);
	d->last_header = frame->header;
	return true;
}

static void flush(struct net_port *port)
{
	of(port)->flushes++;
}

static void sent(struct net_port *port, u64 cookie)
{
	of(port)->cookies[of(port)->nr_cookies++] = cookie;
}

static void writable(struct net_port *port)
{
	of(port)->writables++;
}

static const struct net_port_ops ops = { deliver, flush, sent, writable };

static struct net_switch *net;

static const u8 *mac_of(unsigned i)
{
	static u8 macs[NR_PORTS][6];

	memcpy(macs[i], (const u8[]){ 0x52, 0x54, 0, 0, 1, (u8)i }, 6);
	return macs[i];
}

static void attach(unsigned i)
{
	struct device *d = &devices[i];

	memset(d, 0, sizeof(*d));
	d->room = MAX_FRAMES;
	d->port.ops = &ops;
	memcpy(d->port.mac, mac_of(i), 6);
	d->port.is_up = true;
	switch_attach(net, &d->port);
}

/* Each test has a switch of its own, with ports 0 to nr - 1, and maybe the uplink. */
static void start(unsigned nr, bool has_uplink)
{
	static unsigned serial;
	char name[SWITCH_NAME_SIZE];

	snprintf(name, sizeof(name), "net-%u", serial++);
	net = switch_get(name);
	assert_non_null(net);
	assert_ptr_equal(switch_get(name), net);
	memset(&host, 0, sizeof(host));
	host.is_there = has_uplink;
	host.room = MAX_FRAMES;
	memcpy(host.info.mac, "\x52\x54\0\0\2\0", 6);
	if (has_uplink)
		switch_set_uplink(net, 0);
	for (unsigned i = 0; i < nr; i++)
		attach(i);
}

static void stop(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		switch_detach(&devices[i].port);
		switch_detach(&devices[i].port);
		assert_int_equal(devices[i].port.users, 0);
	}
	assert_int_equal(nr_timers(), 0);
}

static u8 bytes[NET_MAX_FRAME];
static struct net_frame frame;

/* A frame of so many bytes, cut in two behind `cut`. */
static void make(const u8 *target, const u8 *source, u32 size, u32 cut)
{
	for (u32 i = 0; i < size; i++)
		bytes[i] = (u8)(i * 7 + i / 256);
	memcpy(bytes, target, 6);
	memcpy(bytes + 6, source, 6);
	put_be16(bytes + 12, 0x88b5); /* local experimental */
	memset(&frame, 0, sizeof(frame));
	frame.size = size;
	frame.nr_pieces = 2;
	frame.pieces[0] = (struct net_piece){ bytes, HPA((u64)bytes), cut };
	frame.pieces[1] = (struct net_piece){ bytes + cut, HPA((u64)bytes + cut), size - cut };
}

static const u8 everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const u8 group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const u8 outside[6] = { 0x52, 0x55, 10, 0, 2, 2 };
static const u8 elsewhere[6] = { 0x52, 0x55, 10, 0, 2, 9 };

static enum net_result send_from(unsigned i, const u8 *target, u64 cookie)
{
	make(target, mac_of(i), 1000, 20);
	return switch_send(&devices[i].port, &frame, cookie);
}

static enum net_result send_to(unsigned from, unsigned to)
{
	return send_from(from, mac_of(to), 7);
}

static void check_got(unsigned i, unsigned nr)
{
	assert_int_equal(devices[i].nr, nr);
	assert_int_equal(devices[i].port.received, nr);
	if (nr) {
		assert_int_equal(devices[i].last_size, frame.size);
		assert_memory_equal(devices[i].last, bytes, frame.size);
	}
}

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
		assert_int_equal(host.nr, MIN(2, 9 - i));
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

/* --- Several harts: ports come and go while others send to them */

/* Few: where harts are more than processors, a lock is waited for as long as a process is. */
#define NR_HARTS  4
#define NR_ROUNDS 400

static _Atomic unsigned nr_after_detach, nr_delivered;

struct busy {
	struct net_port port;
	_Atomic bool is_attached;
	_Atomic u32 room;
};

static struct busy busy[NR_HARTS];

static struct busy *busy_of(struct net_port *port)
{
	struct busy *b = container_of(port, struct busy, port);

	nr_after_detach += !b->is_attached;
	return b;
}

static bool busy_deliver(struct net_port *port, const struct net_frame *f)
{
	struct busy *b = busy_of(port);
	u8 got[2000];

	net_frame_read(f, 0, got, sizeof(got));
	nr_delivered++;
	return b->room++ % 8 != 0;
}

static void busy_call(struct net_port *port)
{
	busy_of(port);
}

static void busy_sent(struct net_port *port, u64 cookie)
{
	(void)cookie;
	busy_of(port);
}

static void busy_attach(unsigned i)
{
	static const struct net_port_ops busy_ops = { busy_deliver, busy_call, busy_sent,
						      busy_call };
	struct busy *b = &busy[i];

	memset(&b->port, 0, sizeof(b->port));
	b->port.ops = &busy_ops;
	memcpy(b->port.mac, (const u8[]){ 0x52, 0x54, 0, 0, 1, (u8)i }, 6);
	b->port.is_up = true;
	b->is_attached = true;
	switch_attach(net, &b->port);
}

/* The first two only send; the others come, send a little, and go. */
static void *run_busy(void *arg)
{
	unsigned self = (unsigned)(u64)arg;
	struct prng prng = { 77 + self };
	u8 own[1000] = { 0x52, 0x54, 0, 0, 1, 0, 0x52, 0x54, 0, 0, 1, (u8)self };
	struct net_frame f = { .nr_pieces = 1,
			       .size = sizeof(own),
			       .pieces = { { own, HPA((u64)own), sizeof(own) } } };

	for (unsigned round = 0; round < NR_ROUNDS; round++) {
		if (self >= 2 && round % 16 == 0)
			busy_attach(self);
		own[5] = (u8)prng_below(&prng, NR_HARTS);
		own[0] = prng_below(&prng, 10) ? 0x52 : 0xff;
		switch_send(&busy[self].port, &f, 0);
		switch_flush(&busy[self].port);
		if (prng_below(&prng, 4) == 0)
			switch_has_room(&busy[self].port);
		now++;
		if (self >= 2 && round % 16 == 15) {
			switch_detach(&busy[self].port);
			busy[self].is_attached = false;
		}
	}
	return NULL;
}

static void test_several_harts(void **state)
{
	pthread_t threads[NR_HARTS];

	(void)state;
	start(0, false);
	busy_attach(0);
	busy_attach(1);
	for (u64 i = 0; i < NR_HARTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_busy, (void *)i), 0);
	for (unsigned i = 0; i < NR_HARTS; i++)
		pthread_join(threads[i], NULL);
	switch_detach(&busy[0].port);
	switch_detach(&busy[1].port);
	assert_int_equal(nr_after_detach, 0);
	assert_true(nr_delivered > NR_ROUNDS);
	assert_int_equal(nr_timers(), 0);
}

/* --- Detaching while another hart is in deliver() */

static _Atomic bool is_in_deliver, is_detached;
static bool was_detached_meanwhile;

static bool slow_deliver(struct net_port *port, const struct net_frame *f)
{
	(void)f;
	is_in_deliver = true;
	while (__atomic_load_n(&port->link.next, __ATOMIC_ACQUIRE) != &port->link)
		sched_yield(); /* until it is being detached */
	for (unsigned i = 0; i < 1000 && !is_detached; i++)
		sched_yield();
	was_detached_meanwhile = is_detached;
	return true;
}

static void *detach_first(void *arg)
{
	(void)arg;
	while (!is_in_deliver)
		sched_yield();
	switch_detach(&devices[1].port);
	is_detached = true;
	return NULL;
}

static void test_detach_waits(void **state)
{
	static const struct net_port_ops slow = { slow_deliver, flush, sent, writable };
	pthread_t thread;

	(void)state;
	start(2, false);
	devices[1].port.ops = &slow;
	assert_int_equal(pthread_create(&thread, NULL, detach_first, NULL), 0);
	assert_int_equal(send_to(0, 1), NET_DONE);
	pthread_join(thread, NULL);
	assert_true(is_detached);
	assert_false(was_detached_meanwhile);
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
		cmocka_unit_test(test_detach_waits),
		cmocka_unit_test(test_several_harts),
	};

	return RUN_TESTS(tests);
}
