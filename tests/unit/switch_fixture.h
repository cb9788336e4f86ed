/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of a switch, for its tests: ports and a real interface that remember what they got, and
 * a clock that stands still.
 */
#ifndef DOPPEL_UNIT_SWITCH_FIXTURE_H
#define DOPPEL_UNIT_SWITCH_FIXTURE_H

#include "net_reference.h"
#include "fake/pages.h"
#include "drivers/host_net.h"
#include "net/switch.h"

#define MS	   1000000UL /* ticks are ns here */
#define MAX_FRAMES 300
#define NR_PORTS   40

/* --- The machine */

extern _Atomic u64 now;

/* Time passes, and timers expire. */
void pass(u64 ns);
unsigned nr_timers(void);

/* --- The real interface */

struct host {
	bool is_there;
	struct host_net_info info;
	unsigned room;
	struct host_net_frame *frames[MAX_FRAMES]; /* that it has */
	unsigned nr, kicks;
	void (*receive)(void *ctx, const struct virtio_net_header *header, const void *frame,
			u32 size);
	void (*flush)(void *ctx);
	void *ctx;
};

extern struct host host;

/* What the device reads of its frame number i. */
u32 on_the_wire(unsigned i, u8 *buf);

/* The oldest so many are on the wire. */
void complete(unsigned nr);

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

extern struct device devices[NR_PORTS];
extern const struct net_port_ops ops; /* of these functions */

struct device *of(struct net_port *port);
bool deliver(struct net_port *port, const struct net_frame *frame);
void flush(struct net_port *port);
void sent(struct net_port *port, u64 cookie);
void writable(struct net_port *port);

/* --- The switch of this test */

extern struct net_switch *net;

/* Each test has a switch of its own, with ports 0 to nr - 1, and maybe the uplink. */
void start(unsigned nr, bool has_uplink);
void stop(unsigned nr);

/* One more port. */
void attach(unsigned i);

/* --- Frames */

const u8 *mac_of(unsigned i);
extern const u8 everybody[6], group[6], outside[6], elsewhere[6];

/* The last that was made. */
extern u8 bytes[NET_MAX_FRAME];
extern struct net_frame frame;

/* A frame of so many bytes, cut in two behind `cut`. */
void make(const u8 *target, const u8 *source, u32 size, u32 cut);

/* Makes one of the usual size, and sends it. */
enum net_result send_from(unsigned i, const u8 *target, u64 cookie);
enum net_result send_to(unsigned from, unsigned to);

/* The port has got so many, the last of which is the one that was made last. */
void check_got(unsigned i, unsigned nr);

#endif
