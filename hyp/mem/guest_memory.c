/* SPDX-License-Identifier: BSD-2-Clause */
/* The RAM of one guest, as the hypervisor sees it: through the window of mem/hyp_map.h. */
#include "mem/guest_memory.h"
#include "lib/string.h"
#include "mem/hyp_map.h"

static u8 *window(hpa_t hpa)
{
	return (u8 *)(WINDOW_BASE + hpa.v);
}

bool guest_memory_take(struct guest_memory *memory, gpa_t start, u64 size)
{
	memory->nr_pieces = ram_pool_take(size, memory->pieces);
	memory->start = start;
	memory->size = memory->nr_pieces ? size : 0;
	return memory->nr_pieces != 0;
}

void guest_memory_give_back(struct guest_memory *memory)
{
	ram_pool_give_back(memory->pieces, memory->nr_pieces);
	memory->nr_pieces = 0;
	memory->size = 0;
}

bool guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	u64 offset = gpa.v - memory->start.v; /* wraps to something large below the start */

	return offset <= memory->size && size <= memory->size - offset;
}

/* The bytes at an offset into guest RAM, and how many follow them in the same piece. */
static u8 *at_offset(const struct guest_memory *memory, u64 offset, u64 *left)
{
	const struct ram_piece *piece = memory->pieces;

	while (offset >= piece->size)
		offset -= (piece++)->size;
	*left = piece->size - offset;
	return window(piece->start) + offset;
}

bool guest_read(const struct guest_memory *memory, gpa_t gpa, void *buf, u64 size)
{
	u8 *to = buf;
	u64 left;

	if (!guest_memory_contains(memory, gpa, size))
		return false;
	for (u64 done = 0; done < size; done += left) {
		const u8 *from = at_offset(memory, gpa.v - memory->start.v + done, &left);

		left = MIN(left, size - done);
		memcpy(to + done, from, left);
	}
	return true;
}

bool guest_write(const struct guest_memory *memory, gpa_t gpa, const void *buf, u64 size)
{
	const u8 *from = buf;
	u64 left;

	if (!guest_memory_contains(memory, gpa, size))
		return false;
	for (u64 done = 0; done < size; done += left) {
		u8 *to = at_offset(memory, gpa.v - memory->start.v + done, &left);

		left = MIN(left, size - done);
		memcpy(to, from + done, left);
	}
	return true;
}

bool guest_read_pte(const struct guest_memory *memory, gpa_t gpa, u64 *pte)
{
	u64 left;

	if (!guest_memory_contains(memory, gpa, 8))
		return false;
	*pte = __atomic_load_n((u64 *)(void *)at_offset(memory, gpa.v - memory->start.v, &left),
			       __ATOMIC_RELAXED);
	return true;
}

bool guest_clear(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	u64 left;

	if (!guest_memory_contains(memory, gpa, size))
		return false;
	for (u64 done = 0; done < size; done += left) {
		u8 *to = at_offset(memory, gpa.v - memory->start.v + done, &left);

		left = MIN(left, size - done);
		memset(to, 0, left);
	}
	return true;
}

u64 guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa)
{
	u64 left;

	if (!size || !guest_memory_contains(memory, gpa, size))
		return 0;
	*hpa = HPA((u64)at_offset(memory, gpa.v - memory->start.v, &left) - WINDOW_BASE);
	return MIN(left, size);
}

/* All of guest RAM stays the guest's as long as the VM exists. */
void guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size)
{
	(void)memory;
	(void)gpa;
	(void)size;
}

void *guest_window(hpa_t hpa)
{
	return window(hpa);
}
