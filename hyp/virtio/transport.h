/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a device: what device.c and its registers, transport.c, have in common. */
#ifndef DOPPEL_VIRTIO_TRANSPORT_H
#define DOPPEL_VIRTIO_TRANSPORT_H

#include "virtio/device.h"

/* The device's lock, and that of a receive queue that has one: all queues stand still. */
void virtio_lock_all(struct virtio_device *device);
void virtio_unlock_all(struct virtio_device *device);

/*
 * Resets the device if nothing is in flight; otherwise it stays is_resetting, and this is called
 * again. The generation of the configuration goes on counting: a driver may have read it before.
 * All locks held.
 */
bool virtio_try_to_reset(struct virtio_device *device);

/* Has all registers shown, but for InterruptStatus, or the configuration. Their locks held. */
void virtio_show_registers(struct virtio_device *device);
void virtio_show_config(struct virtio_device *device);

/*
 * Registers that change without an access of the driver. Each is shown under the lock that its
 * value is under, so that the last to change it is the last to show it. A driver that reads of the
 * end of a queue, or of a reset, may use their memory anew: what was written there comes before.
 */
static inline void virtio_show(struct virtio_device *device, u32 offset, u32 value)
{
	if (device->shown)
		__atomic_store_n(&device->shown[offset / 4], value, __ATOMIC_RELEASE);
}

/* NULL: the driver has selected none that there is. */
static inline struct virtq *virtio_selected_queue(struct virtio_device *device)
{
	u32 select = device->s.queue_sel;

	return select < device->nr_queues ? &device->queues[select] : NULL;
}

/* After notify and service, without the lock. */
static inline void virtio_kick(struct virtio_device *device)
{
	if (device->ops->kick)
		device->ops->kick(device);
}

#endif
