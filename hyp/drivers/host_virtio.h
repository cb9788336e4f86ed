/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the real machine's virtio devices, and brings their drivers up. */
#ifndef DOPPEL_HOST_VIRTIO_H
#define DOPPEL_HOST_VIRTIO_H

#include "lib/types.h"

/*
 * Boot hart, once, with the transports mapped: resets each, and starts the drivers of those that
 * have a device. A device that does not come up is left alone and told of. Drivers poll until the
 * interrupts are wired, by the caller: for each of machine.virtio that has a driver.
 */
void host_virtio_init(void);

/* Whether somebody drives the device behind machine.virtio[index]. */
bool host_virtio_is_used(unsigned index);

/* The interrupt of the transport with that source of the machine's PLIC. */
void host_virtio_interrupt(unsigned source);

#endif
