/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's side of virtqueues, for tests: guest RAM in two pieces, and a driver that writes what
 * it is told to, right or wrong.
 */
#ifndef DOPPEL_TEST_VIRTIO_DRIVER_H
#define DOPPEL_TEST_VIRTIO_DRIVER_H

#include "lib/virtio_abi.h"
#include "mem/guest_memory.h"

#include <stdlib.h>
#include <string.h>

#define RAM_START 0x80000000UL
#define RAM_HALF  MIB(16)
#define RAM_SPLIT (RAM_START + RAM_HALF) /* here the second piece begins */
#define RAM_END	  (RAM_START + 2 * RAM_HALF)

/* Each piece is an allocation of its own, so that the sanitizer sees what lies beside it. */
static inline void ram_make(struct guest_memory *memory)
{
	*memory = (struct guest_memory){ .start = GPA(RAM_START),
					 .size = 2 * RAM_HALF,
					 .nr_pieces = 2 };
	for (unsigned i = 0; i < 2; i++) {
		void *piece = calloc(1, RAM_HALF);

		if (!piece)
			abort();
		memory->pieces[i] = (struct ram_piece){ HPA((u64)piece), RAM_HALF };
	}
}

static inline void ram_free(struct guest_memory *memory)
{
	for (unsigned i = 0; i < 2; i++)
		free((void *)memory->pieces[i].start.v);
}

static inline void ram_write(struct guest_memory *memory, u64 gpa, const void *bytes, u64 size)
{
	if (!guest_write(memory, GPA(gpa), bytes, size))
		abort();
}

static inline void ram_read(struct guest_memory *memory, u64 gpa, void *bytes, u64 size)
{
	if (!guest_read(memory, GPA(gpa), bytes, size))
		abort();
}

static inline u16 ram_read16(struct guest_memory *memory, u64 gpa)
{
	u16 value;

	ram_read(memory, gpa, &value, 2);
	return value;
}

static inline void ram_write16(struct guest_memory *memory, u64 gpa, u16 value)
{
	ram_write(memory, gpa, &value, 2);
}

/* Where the driver has put a queue. */
struct driver {
	struct guest_memory *memory;
	u64 desc, avail, used;
	u16 size;
	u16 avail_idx; /* as last written */
};

static inline void driver_describe(struct driver *driver, u64 table, u16 index, u64 addr, u32 len,
				   u16 flags, u16 next)
{
	struct virtq_desc desc = { addr, len, flags, next };

	ram_write(driver->memory, table + 16UL * index, &desc, 16);
}

static inline void driver_set_avail_idx(struct driver *driver, u16 idx)
{
	driver->avail_idx = idx;
	ram_write16(driver->memory, driver->avail + VIRTQ_RING_IDX, idx);
}

/* Makes the chain that begins there available. */
static inline void driver_offer(struct driver *driver, u16 head)
{
	u16 entry = driver->avail_idx & (driver->size - 1);

	ram_write16(driver->memory, driver->avail + VIRTQ_RING + 2UL * entry, head);
	driver_set_avail_idx(driver, driver->avail_idx + 1);
}

static inline u16 driver_used_idx(struct driver *driver)
{
	return ram_read16(driver->memory, driver->used + VIRTQ_RING_IDX);
}

static inline struct virtq_used_elem driver_used(struct driver *driver, u16 index)
{
	u16 entry = index & (driver->size - 1);
	struct virtq_used_elem elem;

	ram_read(driver->memory, driver->used + VIRTQ_RING + 8UL * entry, &elem, 8);
	return elem;
}

/* What the driver asks for: with event indices, and without. */
static inline void driver_set_used_event(struct driver *driver, u16 event)
{
	ram_write16(driver->memory, driver->avail + VIRTQ_RING + 2UL * driver->size, event);
}

static inline void driver_set_flags(struct driver *driver, u16 flags)
{
	ram_write16(driver->memory, driver->avail + VIRTQ_RING_FLAGS, flags);
}

static inline u16 driver_avail_event(struct driver *driver)
{
	return ram_read16(driver->memory, driver->used + VIRTQ_RING + 8UL * driver->size);
}

static inline u16 driver_used_flags(struct driver *driver)
{
	return ram_read16(driver->memory, driver->used + VIRTQ_RING_FLAGS);
}

#endif
