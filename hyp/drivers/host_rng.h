/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's source of randomness: a driver for virtio-rng (virtio 1.2 section 5.4). */
#ifndef DOPPEL_HOST_RNG_H
#define DOPPEL_HOST_RNG_H

#include "drivers/host_segment.h"
#include "lib/list.h"

struct host_rng_request {
	struct list link; /* the driver's */
	struct host_segment segment;
	/*
	 * Any hart, no lock held; so many bytes were filled, at most segment.size. 0: the device
	 * has broken down.
	 */
	void (*done)(struct host_rng_request *request, u32 size);
};

/* Whether the machine has such a device, and it has come up. */
bool host_rng_is_there(void);

/*
 * Fills the memory with random bytes, as many as the device likes. In order. Never calls done()
 * itself: the caller may hold any lock.
 */
void host_rng_submit(struct host_rng_request *request);

#endif
