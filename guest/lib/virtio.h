/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of virtio 1.2 over MMIO, with split queues that are polled. What a device does
 * with the buffers it is given, its driver knows. Numbers in parentheses are sections of the
 * specification.
 *
 *     virtio_find() ─► virtio_negotiate() ─► virtq_start() for each queue ─► virtio_go()
 *     virtq_set() for each buffer ─► virtq_offer() ─► virtio_notify() ─► virtq_wait()
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include "types.h"

/* Registers (4.2.2). */
#define VIRTIO_DEVICE_ID	   0x008
#define VIRTIO_DEVICE_FEATURES	   0x010
#define VIRTIO_DEVICE_FEATURES_SEL 0x014
#define VIRTIO_DRIVER_FEATURES	   0x020
#define VIRTIO_DRIVER_FEATURES_SEL 0x024
#define VIRTIO_QUEUE_SEL	   0x030
#define VIRTIO_QUEUE_NUM_MAX	   0x034
#define VIRTIO_QUEUE_NUM	   0x038
#define VIRTIO_QUEUE_READY	   0x044
#define VIRTIO_QUEUE_NOTIFY	   0x050
#define VIRTIO_STATUS		   0x070
#define VIRTIO_QUEUE_DESC	   0x080 /* this and the next two: 64 bits, lower half first */
#define VIRTIO_QUEUE_AVAIL	   0x090
#define VIRTIO_QUEUE_USED	   0x0a0
#define VIRTIO_QUEUE_RESET	   0x0c0
#define VIRTIO_CONFIG		   0x100
#define VIRTIO_REGISTERS	   0x1000 /* bytes */

/* VIRTIO_STATUS (2.1) */
#define VIRTIO_ACKNOWLEDGE 1U
#define VIRTIO_DRIVER	   2U
#define VIRTIO_DRIVER_OK   4U
#define VIRTIO_FEATURES_OK 8U
#define VIRTIO_NEEDS_RESET 64U

/* VIRTIO_DEVICE_ID (5) */
#define VIRTIO_NET     1
#define VIRTIO_BLOCK   2
#define VIRTIO_CONSOLE 3
#define VIRTIO_RNG     4
#define VIRTIO_BALLOON 5

/* Features of all devices (6); without VERSION_1 there is no modern device. */
#define VIRTIO_F_INDIRECT   BIT(28)
#define VIRTIO_F_VERSION_1  BIT(32)
#define VIRTIO_F_RING_RESET BIT(40)

/* Flags of a buffer (2.7.5). */
#define VIRTQ_NEXT     1
#define VIRTQ_WRITE    2 /* by the device */
#define VIRTQ_INDIRECT 4

#define VIRTQ_SIZE 256 /* at most */

struct virtio {
	u64 base; /* of its registers */
};

struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct virtq_used {
	u32 head;    /* the first descriptor of the chain */
	u32 written; /* bytes */
};

/* A queue, in memory that the device reads and writes (2.7); `taken` is the driver's own. */
struct virtq {
	struct virtq_desc desc[VIRTQ_SIZE];
	struct {
		u16 flags, idx, ring[VIRTQ_SIZE], event;
	} avail;
	struct {
		u16 flags, idx;
		struct virtq_used ring[VIRTQ_SIZE];
		u16 event;
	} used __attribute__((aligned(4)));
	u16 size;
	u16 taken;
} __attribute__((aligned(16)));

/* The device of that kind, counted from 0 in the order of the device tree. False: there is none. */
bool virtio_find(u32 id, unsigned number, struct virtio *device);

u32 virtio_read(const struct virtio *device, u32 offset);
void virtio_write(const struct virtio *device, u32 offset, u32 value);

/* Waits until the device has let go of all memory. */
void virtio_reset(const struct virtio *device);

/* Sets status bits beside those that are set. */
void virtio_add_status(const struct virtio *device, u32 bits);

/* All 64 bits, without the reset and the status around it. */
void virtio_write_features(const struct virtio *device, u64 features);

/* From reset to FEATURES_OK (3.1.1). False: the device does not work with these. */
bool virtio_negotiate(const struct virtio *device, u64 features);

/* Tells the device where a queue is, and that it is ready. */
void virtio_place_queue(const struct virtio *device, unsigned index, u32 size, u64 desc, u64 avail,
			u64 used);

/* The same for an empty queue of so many entries, a power of two. */
void virtq_start(struct virtq *q, const struct virtio *device, unsigned index, u16 size);

/* The driver is ready: DRIVER_OK. */
void virtio_go(const struct virtio *device);

void virtq_set(struct virtq *q, u16 slot, const volatile void *buffer, u32 size, u16 flags,
	       u16 next);

/* The chain that begins with descriptor `head` is the device's now. */
void virtq_offer(struct virtq *q, u16 head);

/* There is something in the queue. */
void virtio_notify(const struct virtio *device, u32 index);

/* Takes the next chain that the device is done with. False: there is none. */
bool virtq_take(struct virtq *q, struct virtq_used *used);

/* The same, waiting for 10 seconds at most. */
bool virtq_wait(struct virtq *q, struct virtq_used *used);

#endif
