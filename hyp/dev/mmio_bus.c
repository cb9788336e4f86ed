/* SPDX-License-Identifier: BSD-2-Clause */
/* Which device of a VM answers at which guest physical address. */
#include "dev/mmio_bus.h"

void mmio_bus_add(struct mmio_bus *bus, const char *name, u64 start, u64 size,
		  mmio_handler *handler, void *device)
{
	if (bus->nr_regions == MMIO_MAX_REGIONS)
		return;
	bus->regions[bus->nr_regions++] =
		(struct mmio_region){ start, size, handler, device, name };
}

bool mmio_region_access(const struct mmio_region *region, gpa_t gpa, struct mmio_access *access)
{
	u64 offset = gpa.v - region->start;

	if (!IS_ALIGNED(gpa.v, access->len) || access->len > region->size - offset)
		return false;
	access->offset = (u32)offset;
	return region->handler(region->device, access);
}
