/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request to a guest's disk, on its way to a disk of the real machine and back. For blk.c.
 *
 * Data is not copied: the guest's buffers are pinned, and the real disk gets their addresses. A
 * request needs a part for each run of sectors that lies in one place, and it may need more parts,
 * or segments, than there are: then it goes on when those have come back. Only what is in an
 * overlay is copied, so much at a time as the guest may be kept waiting for.
 */
#ifndef DOPPEL_BLK_REQUEST_H
#define DOPPEL_BLK_REQUEST_H

#include "core/rate_limit.h"
#include "core/timer.h"
#include "drivers/host_blk.h"
#include "mem/page.h"
#include "virtio/blk.h"
#include "virtio/overlay.h"

#define BLK_REQUESTS 64U /* of one disk that are worked on; others wait in their queue */
#define BLK_PARTS    4U	 /* of one request that the real disk has at a time */

/* Buffers of a request; the real disk takes more, for those that lie in two pieces of RAM. */
#define BLK_BUFFERS 224U

/* Bytes copied between a guest and an overlay before the guest goes on. */
#define BLK_COPY_BUDGET KIB(256)

struct blk_request;

/* A place in a request's data. */
struct blk_cursor {
	unsigned buffer;
	u32 offset; /* bytes, into the buffer */
};

struct blk_part {
	struct host_blk_request host;
	struct blk_request *request;
	struct blk_cursor start; /* of its segments: for unpinning */
};

struct blk_request {
	struct list link; /* in vacant, or in unfinished */
	struct blk *blk;
	struct virtq *queue;
	u16 head;
	gpa_t status_at;
	u8 *status_byte; /* there, pinned */
	u32 written;	 /* bytes that the driver is told of, if it succeeds */
	u8 status;
	/* What is still to be begun. */
	enum host_blk_op op;
	u64 sector;
	u32 left; /* sectors */
	bool may_unmap;
	bool must_flush; /* in the end */
	struct blk_cursor at;
	unsigned nr_buffers;
	unsigned nr_parts, nr_segments; /* in use */
	unsigned pending;		/* parts that the real disk has */
	struct blk_part parts[BLK_PARTS];
	struct virtq_buffer buffers[BLK_BUFFERS];
	struct host_segment segments[HOST_BLK_MAX_SEGMENTS];
};
#define BLK_REQUEST_ORDER 1U
_Static_assert(sizeof(struct blk_request) <= PAGE_SIZE << BLK_REQUEST_ORDER, "so many pages");

enum blk_counter {
	BLK_READS,
	BLK_WRITES,
	BLK_FLUSHES,
	BLK_DISCARDS,
	BLK_WRITE_ZEROES,
	BLK_IDS,
	BLK_BYTES_READ,
	BLK_BYTES_WRITTEN,
	BLK_ERRORS,
	BLK_UNSUPPORTED,
	BLK_NO_ROOM,	/* how often all requests were in use */
	BLK_RATE_LIMIT, /* how often the next request had to wait for the time */
	BLK_COUNTERS,
};

struct blk {
	struct virtio_device device;
	struct host_blk *disk;
	const char *vm_name; /* for messages */
	struct virtio_blk_config config;
	char serial[VIRTIO_BLK_ID_SIZE];
	bool is_read_only, has_overlay;
	struct rate_limit bytes_limit, requests_limit;
	struct timer timer; /* for them */

	/* Lock of the device. */
	struct overlay overlay;
	bool overlay_was_full;
	u64 waiting;	      /* a bit for each queue to look at when there is room again */
	u64 copied;	      /* bytes, between guest and overlay, since the guest waits */
	unsigned in_use;      /* requests */
	unsigned pending;     /* parts that the real disk has */
	u32 must_kick;	      /* it has not been told of all; atomic */
	bool waits_for_timer; /* a rate limit is reached: the timer ends that */
	struct list vacant;
	struct list unfinished; /* requests that go on in the VM's own time */
	struct blk_request *requests[BLK_REQUESTS];
	struct virtq_chain chain;
	u64 counters[BLK_COUNTERS];
};

/* All with the device's lock held. */

/*
 * Begins what can be begun of a request, and ends it when nothing is left to do: the guest gets the
 * status and the chain. From then on it is vacant.
 */
void blk_request_go_on(struct blk_request *r);

/* The same for those that are unfinished, as far as may be copied. */
void blk_go_on_with_unfinished(struct blk *blk);

/* Ends those, for a reset: the guest hears nothing of them. */
void blk_forget_unfinished(struct blk *blk);

/* A part has come back: there may be room for more of what waits. In blk.c. */
void blk_part_is_done(struct blk *blk);

/* The real disk, if it has to be told of requests; the caller does. With or without the lock. */
struct host_blk *blk_take_kick(struct blk *blk);

#endif
