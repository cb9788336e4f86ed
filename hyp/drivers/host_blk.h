/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk of the real machine: a driver for virtio-blk (virtio 1.2 section 5.2). */
#ifndef DOPPEL_HOST_BLK_H
#define DOPPEL_HOST_BLK_H

#include "drivers/host_segment.h"
#include "lib/list.h"
#include "lib/types.h"

#define HOST_BLK_MAX_SEGMENTS 254U /* of one request: 256 descriptors, less header and status */

struct host_blk;

struct host_blk_info {
	char serial[21]; /* "" when it has none */
	u64 sectors;	 /* of 512 bytes */
	u32 block_size;	 /* bytes; 512 unless the device says otherwise */
	bool is_read_only, has_flush, has_discard, has_write_zeroes;
	u32 max_discard_sectors, max_write_zeroes_sectors; /* in one request */
	u64 reads, writes, flushes, others, errors, bytes_read, bytes_written, interrupts;
};

enum host_blk_op {
	HOST_BLK_READ,
	HOST_BLK_WRITE,
	HOST_BLK_FLUSH,
	HOST_BLK_DISCARD,
	HOST_BLK_WRITE_ZEROES
};

/*
 * A request, in the caller's memory until done is called. Read and write: the segments' sizes sum
 * up to a multiple of 512; discard and write-zeroes: nr_sectors.
 */
struct host_blk_request {
	struct list link; /* the driver's, with status */
	u8 status;
	enum host_blk_op op;
	u64 sector;	/* of 512 bytes; the first */
	u32 nr_sectors; /* of discard and write-zeroes */
	bool may_unmap; /* write-zeroes */
	const struct host_segment *segments;
	unsigned nr_segments; /* at most HOST_BLK_MAX_SEGMENTS */
	/* Any hart, no lock held: it may submit. status is VIRTIO_BLK_S_*. */
	void (*done)(struct host_blk_request *request, u8 status);
};

/* The disk with that serial number, or NULL; the disk number index, NULL behind the last. */
struct host_blk *host_blk_find(const char *serial);
struct host_blk *host_blk_get(unsigned index);

/* What the disk is, and what was counted since boot. Any lock but the driver's. */
void host_blk_info(struct host_blk *disk, struct host_blk_info *info);

/*
 * Hands a request to the device, or keeps it until the device has room: in order either way. It
 * never fails here, and never calls done from here, whatever locks the caller holds; done tells.
 * The device hears of it at the next host_blk_kick().
 *
 * The driver itself answers what the device must not be asked (5.2.6.1): IOERR, if a request is
 * beyond the end of the disk, or writes to a read-only one, or the disk has broken down; UNSUPP for
 * discard and write-zeroes without the feature. A flush of a disk without that feature succeeds: it
 * has no cache that could be flushed (5.2.5.1).
 *
 * A flush that is done covers all requests that were done when it was submitted, and no others: the
 * device completes requests in any order, and the driver adds no barriers (5.2.6.2). Nobody needs
 * one: who wants a write flushed waits for it first.
 */
void host_blk_submit(struct host_blk *disk, struct host_blk_request *request);

/* Tells the device of what was submitted. Any lock. */
void host_blk_kick(struct host_blk *disk);

/* Collects what is completed, without an interrupt; for who waits. No lock held: it calls done. */
void host_blk_poll(struct host_blk *disk);

#endif
