/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of a guest's network interface, for its tests: real queues and registers, a VM, a
 * switch and time that are stand-ins. Guest RAM is in two pieces and counts pins; the switch
 * answers what the test says, and keeps a copy of what it was given.
 */
#ifndef DOPPEL_UNIT_NET_FIXTURE_H
#define DOPPEL_UNIT_NET_FIXTURE_H

#include "unit.h"
#include "core/timer.h"
#include "lib/bits.h"
#include "net/switch.h"
#include "virtio/net.h"
#include "virtio/net_device.h"

#define RAM_BASE   0x80000000UL
#define PIECE_SIZE MIB(1)
#define RAM_SIZE   (2 * PIECE_SIZE)
#define BORDER	   (RAM_BASE + PIECE_SIZE)

/* Where the test puts things. */
#define RINGS(q) (RAM_BASE + 0x10000UL * (q))
#define AVAIL	 0x2000UL
#define USED	 0x3000UL
#define HEADER	 (RAM_BASE + 0x40000)
#define BUFFERS	 (RAM_BASE + 0x50000)
#define DATA	 (BORDER - 700) /* across the border */

#define RX	      0
#define TX	      1
#define CTRL	      2
#define SIZE	      256 /* of queues */
#define HEADER_SIZE   12
#define MAX_IN_FLIGHT 32
#define HZ	      10000000UL

#define W VIRTQ_DESC_WRITE

#define ALL_FEATURES                                                                          \
	(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | \
	 VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |         \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ |            \
	 VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC | VIRTIO_F_EVENT_IDX)

extern const u8 own_mac[6];

struct fixture {
	struct guest_memory memory;
	u8 *piece[2];
	long pins, pins_of_rings;
	struct virtio_device *device;
	unsigned interrupts, services;
	u64 now;
	struct timer *timer, *tell_timer; /* that are started */
	u16 queue_size;
	u16 avail[3], used[3]; /* indices of the driver */
	u16 next_desc[3];

	/* The switch. */
	struct net_port *port;
	enum net_result result;
	unsigned refusals; /* so often NET_NO_ROOM comes first */
	unsigned nr_sent, nr_flushed, nr_rooms;
	struct virtio_net_header header; /* of the last frame */
	u8 frame[NET_MAX_FRAME];
	u32 size;
	unsigned nr_pieces;
	u64 cookies[512];
	u64 taken; /* bits: cookies */
	u32 sizes[512];
};

extern struct fixture *f;

/* --- The world */

/* The driver's accesses to guest RAM. */
void put(u64 gpa, const void *buf, u64 size);
void get(u64 gpa, void *buf, u64 size);

/* Bytes that are pinned besides the rings. */
long pins(void);

/* The time of that timer has come: f->timer or f->tell_timer. */
void fire(struct timer **place);

/* Whether it asked; then it is served, once. */
bool serve(void);

/* The uplink is done with a frame. */
void complete(u64 cookie);

/* --- The driver: registers */

u64 access_register(u32 offset, u8 len, bool is_write, u64 value);
void write_register(u32 offset, u64 value);
u32 status(void);
bool is_broken(void);

/* Takes these features, as far as FEATURES_OK: whether the device accepts them. */
bool take_features(u64 features);

/* A driver that is ready, with these features and all queues. */
void start(u64 features);

/* --- The driver: queues */

void put_desc(unsigned q, u16 index, struct virtq_desc desc);
void offer_head(unsigned q, u16 head);

/* Makes a chain of these buffers available; addr, len and flags are set. Returns its head. */
u16 offer(unsigned q, struct virtq_desc *descs, unsigned count);
void kick(unsigned q);

u16 used_idx(unsigned q);
void set_used_event(unsigned q, u16 event);

/* The next chain that came back. */
struct virtq_used_elem take_used(unsigned q);

#define NC VIRTIO_NET_HDR_NEEDS_CSUM
extern const struct virtio_net_header plain;

/* A chain with a header and so many bytes of data behind it, each its own buffer. */
u16 offer_frame(const struct virtio_net_header *header, u32 size);

/* Empty buffers in a row, each a chain of its own. */
void offer_buffers(unsigned count, u32 size);

/* A frame of so many bytes, in pieces, that begins with this MAC; its bytes count up behind it. */
extern u8 outside[NET_MAX_FRAME];
struct net_frame frame_of(u32 size, u32 piece, const u8 *mac);

/* The switch hands it over. */
bool deliver(const struct net_frame *frame);

/* What the device shows by that name. */
u64 shown(const char *name);

/* --- Set-up: an interface without a limit, or with one of 10 000 bytes a second */

int setup(void **state);
int setup_limited(void **state);

/* After every test: nothing stays pinned, and all memory is given back. */
int teardown(void **state);

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LIMITED(name) cmocka_unit_test_setup_teardown(name, setup_limited, teardown)

#endif
