/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's disk (virtio 1.2 section 5.2), on a disk of the real machine. */
#ifndef DOPPEL_VIRTIO_BLK_H
#define DOPPEL_VIRTIO_BLK_H

#include "virtio/device.h"

struct virtio_blk_setup {
	const char *vm_name;   /* for messages; it stays valid */
	const char *host_disk; /* serial number of the machine's disk */
	const char *serial;    /* that the guest sees, at most 20 bytes */
	bool is_read_only;
	u64 overlay; /* bytes that a copy-on-write overlay in memory may grow to; 0: none */
	u64 rate_bytes, rate_iops; /* a second; 0: no limit */
	unsigned nr_queues;	   /* 1 to VIRTIO_MAX_QUEUES; a vCPU needs no more than one */
};

/*
 * NULL, or a sentence for the user: there is no such disk, or no memory. Features are what the
 * machine's disk has, or the overlay (section 5.2.3). The monitor's hart.
 */
const char *virtio_blk_create(const struct virtio_blk_setup *setup, struct virtio_device **device);

#endif
