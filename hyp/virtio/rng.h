/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's source of randomness (virtio 1.2 section 5.4): the real machine's. */
#ifndef DOPPEL_VIRTIO_RNG_H
#define DOPPEL_VIRTIO_RNG_H

#include "virtio/device.h"

/*
 * A request gets at most 4096 bytes. NULL, or a sentence for the user: there is no memory, or the
 * machine has no such source. The monitor's hart.
 */
const char *virtio_rng_create(struct virtio_device **device);

#endif
