/* SPDX-License-Identifier: BSD-2-Clause */
/* Which device of a VM answers at which guest physical address. */
#ifndef DOPPEL_MMIO_BUS_H
#define DOPPEL_MMIO_BUS_H

#include "dev/mmio.h"
#include "lib/types.h"

#define MMIO_MAX_REGIONS 40

struct mmio_region {
	u64 start; /* guest physical */
	u64 size;  /* bytes; both are multiples of 8 */
	mmio_handler *handler;
	void *device;
	const char *name; /* as the statistics show it */
	u64 accesses;	  /* under the lock of the VM */
};

struct mmio_bus {
	/* Those used most first; size 0: the end. */
	struct mmio_region regions[MMIO_MAX_REGIONS + 1];
	unsigned nr_regions;
};

/* Adds a device. Regions do not overlap. */
void mmio_bus_add(struct mmio_bus *bus, const char *name, u64 start, u64 size,
		  mmio_handler *handler, void *device);

/* The region that holds an address, or NULL. */
static inline struct mmio_region *mmio_bus_find(struct mmio_bus *bus, gpa_t gpa)
{
	struct mmio_region *region = bus->regions;

	while (unlikely(gpa.v - region->start >= region->size)) {
		if (!region->size)
			return NULL;
		region++;
	}
	return region;
}

/*
 * Performs an access of len bytes (1, 2, 4 or 8) that starts in the region. False: refused by the
 * device; the guest gets an access fault. The address is a multiple of len, so that no access
 * crosses the end of the region.
 */
static inline bool mmio_region_access(struct mmio_region *region, gpa_t gpa,
				      struct mmio_access *access)
{
	access->offset = (u32)(gpa.v - region->start);
	region->accesses++;
	return region->handler(region->device, access);
}

#endif
