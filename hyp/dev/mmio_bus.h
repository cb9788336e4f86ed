/* SPDX-License-Identifier: BSD-2-Clause */
/* Which device of a VM answers at which guest physical address. */
#ifndef DOPPEL_MMIO_BUS_H
#define DOPPEL_MMIO_BUS_H

#include "dev/mmio.h"
#include "lib/types.h"

#define MMIO_MAX_REGIONS 16

struct mmio_region {
	u64 start; /* guest physical */
	u64 size;  /* bytes */
	mmio_handler *handler;
	void *device;
	const char *name; /* as the statistics show it */
	u64 accesses;	  /* that the device answered */
};

struct mmio_bus {
	struct mmio_region regions[MMIO_MAX_REGIONS]; /* those used most come first */
	unsigned nr_regions;
};

/* Adds a device. Regions do not overlap. */
void mmio_bus_add(struct mmio_bus *bus, const char *name, u64 start, u64 size,
		  mmio_handler *handler, void *device);

/* The region that holds an address, or NULL. */
static inline struct mmio_region *mmio_bus_find(struct mmio_bus *bus, gpa_t gpa)
{
	for (unsigned i = 0; i < bus->nr_regions; i++) {
		if (gpa.v - bus->regions[i].start < bus->regions[i].size)
			return &bus->regions[i];
	}
	return NULL;
}

/*
 * Performs an access of len bytes (1, 2, 4 or 8) that starts in the region. False: misaligned,
 * across the end of the region, or refused by the device; the guest gets an access fault.
 */
static inline bool mmio_region_access(const struct mmio_region *region, gpa_t gpa,
				      struct mmio_access *access)
{
	u64 offset = gpa.v - region->start;

	if (!IS_ALIGNED(gpa.v, access->len) || access->len > region->size - offset)
		return false;
	access->offset = (u32)offset;
	return region->handler(region->device, access);
}

#endif
