/* SPDX-License-Identifier: BSD-2-Clause */
/* Which device of a VM answers at which guest physical address. */
#include "dev/mmio_bus.h"

void mmio_bus_add(struct mmio_bus *bus, const char *name, u64 start, u64 size,
		  mmio_handler *handler, void *device)
{
	if (bus->nr_regions == MMIO_MAX_REGIONS)
		return;
	bus->regions[bus->nr_regions++] =
		(struct mmio_region){ start, size, handler, device, name, 0 };
}
