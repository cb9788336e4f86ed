/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the real machine's virtio devices, and brings their drivers up. */
#include "drivers/host_virtio.h"
#include "core/log.h"
#include "drivers/transport.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/io.h"

static const struct host_driver *const drivers[] = {
	&host_blk_driver,
	&host_net_driver,
	&host_console_driver,
	&host_rng_driver,
};

static struct transport transports[MACHINE_MAX_VIRTIO];

static const struct host_driver *find_driver(u32 id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (drivers[i]->id == id)
			return drivers[i];
	}
	return NULL;
}

static void start(struct transport *transport, const struct host_driver *driver)
{
	const char *problem = "it does not end its reset";

	if (transport_reset(transport))
		problem = driver->start(transport);
	if (!problem) {
		transport->driver = driver;
		log_debug("%s at 0x%lx, features 0x%lx", driver->name, transport->base,
			  transport->features);
		return;
	}
	transport_reset(transport);
	io_write32(transport->base + VIRTIO_MMIO_STATUS, VIRTIO_FAILED);
	log_warn("the machine's %s at 0x%lx is of no use: %s", driver->name, transport->base,
		 problem);
}

/* What a driver ignores, and of what it says nothing: 4.2.2.2. */
static void probe(struct transport *transport)
{
	u64 base = transport->base;
	u32 id = io_read32(base + VIRTIO_MMIO_DEVICE_ID);
	const struct host_driver *driver = find_driver(id);

	if (io_read32(base + VIRTIO_MMIO_MAGIC) != VIRTIO_MMIO_MAGIC_VALUE || !id)
		return;
	if (io_read32(base + VIRTIO_MMIO_VERSION) != VIRTIO_MMIO_MODERN)
		log_warn("the machine's virtio device at 0x%lx is left alone: its transport is of "
			 "the old kind; with QEMU, use -global virtio-mmio.force-legacy=false",
			 base);
	else if (!driver)
		log_debug("virtio device %u at 0x%lx: no driver", id, base);
	else
		start(transport, driver);
}

void host_virtio_init(void)
{
	for (unsigned i = 0; i < machine.nr_virtio; i++) {
		transports[i] = (struct transport){
			.base = machine.virtio[i].base.v,
			.source = machine.virtio[i].irq,
		};
		probe(&transports[i]);
	}
}

bool host_virtio_is_used(unsigned index)
{
	return index < machine.nr_virtio && transports[index].driver;
}

void host_virtio_interrupt(unsigned source)
{
	for (unsigned i = 0; i < machine.nr_virtio; i++) {
		const struct transport *transport = &transports[i];
		u32 causes;

		if (!transport->driver || transport->source != source)
			continue;
		causes = io_read32(transport->base + VIRTIO_MMIO_INTERRUPT_STATUS);
		if (!causes)
			continue;
		/* First: what comes from now on interrupts anew. */
		io_write32(transport->base + VIRTIO_MMIO_INTERRUPT_ACK, causes);
		fence_io();
		transport->driver->interrupt(transport->device, causes);
	}
}
