/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a split virtqueue (virtio 1.2 section 2.7), with the real device behind it.
 *
 * A request has a slot from virtqueue_begin() until virtqueue_collect() returns it, and always
 * takes one descriptor of the ring, that with the slot's number: the request's only buffer, or its
 * indirect table (2.7.5.3), which is the slot's. So there is nothing to chain or to free in the
 * ring itself.
 *
 * The caller's lock protects all of it; only virtqueue_notify() may be called without.
 */
#ifndef DOPPEL_VIRTQUEUE_H
#define DOPPEL_VIRTQUEUE_H

#include "drivers/transport.h"

struct virtqueue_slot {
	void *token;		  /* of the request that has it; NULL: it is free, or being built */
	struct virtq_desc *table; /* NULL: requests have one buffer each */
	u16 nr_buffers;
	u16 next_free; /* in the list of free slots */
};

struct virtqueue {
	u64 notify_register;
	u16 index, size, nr_slots, max_buffers;
	bool has_event_idx;
	bool is_broken; /* the device has returned what it was never given */
	struct virtq_desc *desc;
	u8 *avail, *used; /* at VIRTQ_RING_*, see lib/virtio_abi.h */
	struct virtqueue_slot *slots;
	u16 first_free, nr_in_flight;
	u16 next_avail; /* the entry of the available ring to fill next */
	u16 notified;	/* next_avail when the device was last told, or found to need no telling */
	u16 next_used;	/* the entry of the used ring to look at next */
};

/*
 * Sets up the queue number index for nr_slots requests in flight, of at most max_buffers buffers
 * each; more than one takes VIRTIO_F_INDIRECT_DESC. The ring has at least as many descriptors as
 * either, as 2.7.5.3.1 demands. Boot; nothing is given back. NULL, or what went wrong.
 */
const char *virtqueue_init(struct virtqueue *q, const struct transport *transport, u16 index,
			   u16 nr_slots, u16 max_buffers);

/*
 * Builds a request: begin takes a slot (-1: all are in use), add appends a buffer (flags: 0 or
 * VIRTQ_DESC_WRITE; those to be written come last), end gives it to the device. The token is not
 * NULL.
 */
int virtqueue_begin(struct virtqueue *q);
void virtqueue_add(struct virtqueue *q, int slot, hpa_t start, u32 size, u16 flags);
void virtqueue_end(struct virtqueue *q, int slot, void *token);

/*
 * Whether the device wants to be told of what was given to it since this was last asked. If so,
 * virtqueue_notify() must follow; it may wait until the lock is free.
 */
bool virtqueue_must_notify(struct virtqueue *q);
void virtqueue_notify(const struct virtqueue *q);

/*
 * The slot of a request that the device has completed, in the order of completion, or -1. The slot
 * is free from now on. written: how many bytes the device says it has written.
 */
int virtqueue_collect(struct virtqueue *q, void **token, u32 *written);

/*
 * Asks for an interrupt when `ahead` + 1 more requests are completed. True: they are already, and
 * the interrupt may not come: collect, and ask again. A device without VIRTIO_F_EVENT_IDX
 * interrupts for every request.
 */
bool virtqueue_arm(struct virtqueue *q, u16 ahead);

/* After a reset of the device: takes back a request that it had, or returns NULL. */
void *virtqueue_take_back(struct virtqueue *q);

static inline bool virtqueue_has_slot(const struct virtqueue *q)
{
	return q->nr_in_flight < q->nr_slots;
}

#endif
