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
	memory->frames = NULL;
	return memory->nr_pieces != 0;
}

void guest_memory_give_back(struct guest_memory *memory)
{
	if (memory->frames)
		frames_destroy(memory->frames);
	else
		ram_pool_give_back(memory->pieces, memory->nr_pieces);
	memory->frames = NULL;
	memory->nr_pieces = 0;
	memory->size = 0;
}

bool guest_memory_allow_holes(struct guest_memory *memory)
{
	memory->frames = frames_create(memory->pieces, memory->nr_pieces, memory->size);
	return memory->frames != NULL;
}

u64 guest_memory_present(const struct guest_memory *memory)
{
	if (!memory->frames)
		return memory->size;
	return __atomic_load_n(&memory->frames->nr_present, __ATOMIC_RELAXED) * RAM_GRANULE;
}

bool guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	u64 offset = gpa.v - memory->start.v; /* wraps to something large below the start */

	return offset <= memory->size && size <= memory->size - offset;
}

/* Where an offset into guest RAM is, pinned, and how many bytes, at most size, follow it there. */
static u64 pin(const struct guest_memory *memory, u64 offset, u64 size, hpa_t *hpa)
{
	const struct ram_piece *piece = memory->pieces;

	if (unlikely(memory->frames))
		return frames_pin(memory->frames, offset, size, hpa);
	while (offset >= piece->size)
		offset -= (piece++)->size;
	*hpa = HPA(piece->start.v + offset);
	return MIN(piece->size - offset, size);
}

static void unpin(const struct guest_memory *memory, u64 offset, u64 size)
{
	if (unlikely(memory->frames))
		frames_unpin(memory->frames, offset, size);
}

/* The same; RAM that is absent comes back. */
static u64 pin_present(const struct guest_memory *memory, u64 offset, u64 size, hpa_t *hpa)
{
	u64 piece = pin(memory, offset, size, hpa);

	if (unlikely(!piece) && frames_populate(memory->frames, offset, hpa))
		piece = pin(memory, offset, size, hpa);
	return piece;
}

enum access { READ, WRITE, CLEAR };

/* RAM that left and finds no place to come back to: the rest is as if it were no RAM. */
static bool access(const struct guest_memory *memory, gpa_t gpa, u8 *buf, u64 size,
		   enum access what)
{
	u64 offset = gpa.v - memory->start.v, piece;
	hpa_t hpa;

	if (!guest_memory_contains(memory, gpa, size))
		return false;
	for (; size; offset += piece, size -= piece) {
		piece = pin_present(memory, offset, size, &hpa);
		if (!piece)
			return false;
		if (what == READ)
			memcpy(buf, window(hpa), piece);
		else if (what == WRITE)
			memcpy(window(hpa), buf, piece);
		else
			memset(window(hpa), 0, piece);
		unpin(memory, offset, piece);
		if (buf)
			buf += piece;
	}
	return true;
}

bool guest_read(const struct guest_memory *memory, gpa_t gpa, void *buf, u64 size)
{
	return access(memory, gpa, buf, size, READ);
}

bool guest_write(const struct guest_memory *memory, gpa_t gpa, const void *buf, u64 size)
{
	return access(memory, gpa, (u8 *)(u64)buf, size, WRITE);
}

bool guest_read_pte(const struct guest_memory *memory, gpa_t gpa, u64 *pte)
{
	u64 offset = gpa.v - memory->start.v;
	hpa_t hpa;

	if (!guest_memory_contains(memory, gpa, 8) || !pin_present(memory, offset, 8, &hpa))
		return false;
	*pte = __atomic_load_n((u64 *)(void *)window(hpa), __ATOMIC_RELAXED);
	unpin(memory, offset, 8);
	return true;
}

bool guest_clear(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	return access(memory, gpa, NULL, size, CLEAR);
}

u64 guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa)
{
	if (!size || !guest_memory_contains(memory, gpa, size))
		return 0;
	return pin(memory, gpa.v - memory->start.v, size, hpa);
}

void guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size)
{
	unpin(memory, gpa.v - memory->start.v, size);
}

bool guest_bring_back(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	u64 offset = gpa.v - memory->start.v, end = offset + size;
	bool done = true;
	hpa_t hpa;

	if (likely(!memory->frames) || !guest_memory_contains(memory, gpa, size))
		return true;
	for (offset = ALIGN_DOWN(offset, RAM_GRANULE); done && offset < end; offset += RAM_GRANULE)
		done = frames_populate(memory->frames, offset, &hpa);
	return done;
}

void *guest_window(hpa_t hpa)
{
	return window(hpa);
}
