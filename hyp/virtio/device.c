/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device of a guest: the part that is the same for all, and its registers. */
#include "virtio/device.h"

void virtio_device_attach(struct virtio_device *device, struct guest_memory *memory)
{
	device->memory = memory;
	for (unsigned i = 0; i < device->nr_queues; i++)
		device->queues[i].memory = memory;
}

void virtio_device_destroy(struct virtio_device *device)
{
	device->ops->destroy(device);
}

bool virtio_device_reset(struct virtio_device *device)
{
	return !device->is_resetting;
}

bool virtio_service(struct virtio_device *device)
{
	return !device->is_resetting;
}

bool virtio_mmio(void *device, struct mmio_access *access)
{
	(void)device;
	(void)access;
	return false;
}
