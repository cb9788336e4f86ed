/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of a real virtio device (virtio 1.2 section 4.2: virtio over MMIO, version 2). */
#include "drivers/transport.h"
#include "riscv/io.h"

#define RESET_TRIES 1000000 /* QEMU's devices are reset when the store is over */

static u32 read_register(const struct transport *transport, u32 offset)
{
	return io_read32(transport->base + offset);
}

static void write_register(const struct transport *transport, u32 offset, u32 value)
{
	io_write32(transport->base + offset, value);
}

static void add_status(const struct transport *transport, u32 bits)
{
	u32 status = read_register(transport, VIRTIO_MMIO_STATUS);

	write_register(transport, VIRTIO_MMIO_STATUS, status | bits);
}

bool transport_reset(const struct transport *transport)
{
	write_register(transport, VIRTIO_MMIO_STATUS, 0);
	for (unsigned i = 0; i < RESET_TRIES; i++) {
		if (!read_register(transport, VIRTIO_MMIO_STATUS)) {
			fence_io(); /* memory is read after the device has stopped writing it */
			return true;
		}
	}
	return false;
}

static u64 offered_features(const struct transport *transport)
{
	u64 features;

	write_register(transport, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = (u64)read_register(transport, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	write_register(transport, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return features | read_register(transport, VIRTIO_MMIO_DEVICE_FEATURES);
}

bool transport_negotiate(struct transport *transport, u64 needed, u64 useful)
{
	u64 offered;

	needed |= VIRTIO_F_VERSION_1;
	add_status(transport, VIRTIO_ACKNOWLEDGE);
	add_status(transport, VIRTIO_DRIVER);
	offered = offered_features(transport);
	if ((offered & needed) != needed)
		return false;
	transport->features = offered & (needed | useful);
	write_register(transport, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_register(transport, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(transport->features >> 32));
	write_register(transport, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_register(transport, VIRTIO_MMIO_DRIVER_FEATURES, (u32)transport->features);
	add_status(transport, VIRTIO_FEATURES_OK);
	return read_register(transport, VIRTIO_MMIO_STATUS) & VIRTIO_FEATURES_OK;
}

void transport_start(const struct transport *transport)
{
	fence_io(); /* what the queues hold comes before it */
	add_status(transport, VIRTIO_DRIVER_OK);
}

bool transport_is_broken(const struct transport *transport)
{
	u32 status = read_register(transport, VIRTIO_MMIO_STATUS);

	return (status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) != VIRTIO_DRIVER_OK;
}

u8 transport_config8(const struct transport *transport, u32 offset)
{
	return io_read8(transport->base + VIRTIO_MMIO_CONFIG + offset);
}

u16 transport_config16(const struct transport *transport, u32 offset)
{
	return io_read16(transport->base + VIRTIO_MMIO_CONFIG + offset);
}

u32 transport_config32(const struct transport *transport, u32 offset)
{
	return read_register(transport, VIRTIO_MMIO_CONFIG + offset);
}

/* In two reads: again, if the device has changed it between them (2.5.1). */
u64 transport_config64(const struct transport *transport, u32 offset)
{
	u32 generation, low, high;

	do {
		generation = read_register(transport, VIRTIO_MMIO_CONFIG_GENERATION);
		low = transport_config32(transport, offset);
		high = transport_config32(transport, offset + 4);
	} while (read_register(transport, VIRTIO_MMIO_CONFIG_GENERATION) != generation);
	return (u64)high << 32 | low;
}
