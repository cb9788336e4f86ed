/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's memory balloon (virtio 1.2 section 5.5): RAM that it does not need goes to others. */
#ifndef DOPPEL_VIRTIO_BALLOON_H
#define DOPPEL_VIRTIO_BALLOON_H

#include "virtio/device.h"

/*
 * What becomes of RAM. vm is the device's; addresses are guest physical, and of RAM. With the
 * device's lock held.
 */
struct virtio_balloon_ops {
	/* A page of 4 KiB that is guest RAM: the guest gives it back, or wants it again. */
	void (*give_page)(void *vm, gpa_t page);
	/*
	 * False: the machine has no RAM for it now, or *budget, in granules that are cleared, is
	 * used up; to be asked again later.
	 */
	bool (*want_page)(void *vm, gpa_t page, unsigned *budget);
	/*
	 * The guest does not need what is there (size: bytes), and may use it again without
	 * telling (section 5.5.6, free page reporting).
	 */
	void (*report)(void *vm, gpa_t gpa, u64 size);
	/* After a batch of those. False: some of what was given is still on its way: call collect.
	 */
	bool (*flush)(void *vm);
	bool (*collect)(void *vm);
	/* The guest wants all of its RAM: its driver begins anew. */
	void (*want_all)(void *vm);
	/* Bytes that the guest has now. */
	u64 (*present)(void *vm);
};

/* NULL, or a sentence for the user: what is wrong, and what to do. */
const char *virtio_balloon_create(const struct virtio_balloon_ops *ops,
				  struct virtio_device **device);

/*
 * Asks the guest to give so many bytes back: whole pages of 4 KiB, and no more than it has. It may
 * give less; how many it has given: show(). The device's lock is not held.
 */
void virtio_balloon_set_target(struct virtio_device *device, u64 bytes);

#endif
