/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of a switch, for its tests. */
#include "switch_fixture.h"
#include "core/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* --- The machine */

_Atomic u64 now = 1;

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

unsigned nr_timers(void)
{
	unsigned nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		nr += timers[i] != NULL;
	return nr;
}

void pass(u64 ns)
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

struct host host;

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

u32 on_the_wire(unsigned i, u8 *buf)
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

void complete(unsigned nr)
{
	while (nr--) {
		struct host_net_frame *frame = host.frames[0];

		assert_true(host.nr > 0);
		memmove(host.frames, host.frames + 1, --host.nr * sizeof(frame));
		frame->done(frame);
	}
}

/* --- Ports */

struct device devices[NR_PORTS];

struct device *of(struct net_port *port)
{
	return container_of(port, struct device, port);
}

bool deliver(struct net_port *port, const struct net_frame *frame)
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

void flush(struct net_port *port)
{
	of(port)->flushes++;
}

void sent(struct net_port *port, u64 cookie)
{
	of(port)->cookies[of(port)->nr_cookies++] = cookie;
}

void writable(struct net_port *port)
{
	of(port)->writables++;
}

const struct net_port_ops ops = { deliver, flush, sent, writable };

struct net_switch *net;

const u8 *mac_of(unsigned i)
{
	static u8 macs[NR_PORTS][6];

	memcpy(macs[i], (const u8[]){ 0x52, 0x54, 0, 0, 1, (u8)i }, 6);
	return macs[i];
}

void attach(unsigned i)
{
	struct device *d = &devices[i];

	memset(d, 0, sizeof(*d));
	d->room = MAX_FRAMES;
	d->port.ops = &ops;
	memcpy(d->port.mac, mac_of(i), 6);
	d->port.is_up = true;
	switch_attach(net, &d->port);
}

void start(unsigned nr, bool has_uplink)
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

void stop(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		switch_detach(&devices[i].port);
		switch_detach(&devices[i].port);
		assert_int_equal(devices[i].port.users, 0);
	}
	assert_int_equal(nr_timers(), 0);
}

u8 bytes[NET_MAX_FRAME];
struct net_frame frame;

void make(const u8 *target, const u8 *source, u32 size, u32 cut)
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

const u8 everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
const u8 group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
const u8 outside[6] = { 0x52, 0x55, 10, 0, 2, 2 };
const u8 elsewhere[6] = { 0x52, 0x55, 10, 0, 2, 9 };

enum net_result send_from(unsigned i, const u8 *target, u64 cookie)
{
	make(target, mac_of(i), 1000, 20);
	return switch_send(&devices[i].port, &frame, cookie);
}

enum net_result send_to(unsigned from, unsigned to)
{
	return send_from(from, mac_of(to), 7);
}

void check_got(unsigned i, unsigned nr)
{
	assert_int_equal(devices[i].nr, nr);
	assert_int_equal(devices[i].port.received, nr);
	if (nr) {
		assert_int_equal(devices[i].last_size, frame.size);
		assert_memory_equal(devices[i].last, bytes, frame.size);
	}
}
