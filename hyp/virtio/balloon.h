/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's memory balloon (virtio 1.2 section 5.5): RAM that it does not need goes to others. */
#ifndef DOPPEL_VIRTIO_BALLOON_H
#define DOPPEL_VIRTIO_BALLOON_H

#include "virtio/device.h"

/* NULL, or a sentence for the user: what is wrong, and what to do. */
const char *virtio_balloon_create(struct guest_memory *memory, struct virtio_device **device);

/* Asks the guest to give so many bytes back; what it has given, see ops->show. */
void virtio_balloon_set_target(struct virtio_device *device, u64 bytes);

#endif
