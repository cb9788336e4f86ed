/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's source of randomness (virtio 1.2 section 5.4): the real machine's. */
#ifndef DOPPEL_VIRTIO_RNG_H
#define DOPPEL_VIRTIO_RNG_H

#include "virtio/device.h"

/* NULL, or a sentence for the user: what is wrong, and what to do. */
const char *virtio_rng_create(struct virtio_device **device);

#endif
