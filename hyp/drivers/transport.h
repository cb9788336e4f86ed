/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of a real virtio device (virtio 1.2 section 4.2: virtio over MMIO, version 2). */
#ifndef DOPPEL_TRANSPORT_H
#define DOPPEL_TRANSPORT_H

#include "lib/types.h"
#include "lib/virtio_abi.h"

struct transport;

struct host_driver {
	u32 id; /* VIRTIO_ID_* */
	const char *name;
	/*
	 * Brings the device up: features, queues, DRIVER_OK, and sets transport->device. NULL, or
	 * what is missing; then the device is reset and left alone.
	 */
	const char *(*start)(struct transport *transport);
	/* causes: VIRTIO_INTERRUPT_*. No lock held; on several harts at once, if it must be. */
	void (*interrupt)(void *device, u32 causes);
};

struct transport {
	u64 base;			  /* of the registers, mapped one to one */
	unsigned source;		  /* of the machine's PLIC */
	const struct host_driver *driver; /* NULL: nobody drives it */
	void *device;			  /* the driver's */
	u64 features;			  /* negotiated */
};

extern const struct host_driver host_blk_driver, host_net_driver, host_console_driver,
	host_rng_driver;

/*
 * The device has forgotten everything, and no longer touches memory, when this returns (2.4).
 * False: it does not answer; what it does to memory is anybody's guess.
 */
bool transport_reset(const struct transport *transport);

/*
 * The first half of the bring-up (3.1.1): accepts those of the features that are offered; the ones
 * in needed, VERSION_1 among them, must be. False: they are not, or the device refuses.
 */
bool transport_negotiate(struct transport *transport, u64 needed, u64 useful);

/* The second half, when the queues stand: DRIVER_OK (3.1.1). */
void transport_start(const struct transport *transport);

/* Whether the device can do no more: it needs a reset (2.1.2), or has been reset behind our back.
 */
bool transport_is_broken(const struct transport *transport);

static inline bool transport_has(const struct transport *transport, u64 feature)
{
	return (transport->features & feature) == feature;
}

/*
 * Fields of the configuration space, at the width that each has (4.2.2.2). offset: bytes from its
 * beginning, a multiple of the width; of 4, where that is 8.
 */
u8 transport_config8(const struct transport *transport, u32 offset);
u16 transport_config16(const struct transport *transport, u32 offset);
u32 transport_config32(const struct transport *transport, u32 offset);
u64 transport_config64(const struct transport *transport, u32 offset);

#endif
