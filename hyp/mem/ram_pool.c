/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's RAM that can become guest RAM: a short sorted list of free ranges. */
#include "mem/ram_pool.h"
#include "lib/spinlock.h"

/* 256 VMs of RAM_MAX_PIECES each leave so many gaps at most, beside the ranges of the machine. */
#define MAX_RANGES (256 * RAM_MAX_PIECES + 64)

/* Sorted by address; two ranges never touch. */
struct ranges {
	struct ram_piece range[MAX_RANGES];
	unsigned count;
};

static struct spinlock lock;
static struct ranges vacant;	/* nobody's now */
static struct ranges untouched; /* nobody's since boot */
static bool is_recycled;

static u64 end_of(const struct ram_piece *piece)
{
	return piece->start.v + piece->size;
}

static void remove_range(struct ranges *ranges, unsigned index)
{
	ranges->count--;
	for (unsigned i = index; i < ranges->count; i++)
		ranges->range[i] = ranges->range[i + 1];
}

/*
 * What touches a range becomes part of it. A table that is full forgets what touches none: RAM is
 * lost, nothing is given out twice.
 */
static void insert_range(struct ranges *ranges, u64 start, u64 end)
{
	struct ram_piece *range = ranges->range;
	bool touches_last, touches_next;
	unsigned at = 0;

	if (start >= end)
		return;
	while (at < ranges->count && range[at].start.v < start)
		at++;
	touches_last = at > 0 && end_of(&range[at - 1]) == start;
	touches_next = at < ranges->count && end == range[at].start.v;
	if (touches_last) {
		range[at - 1].size += end - start + (touches_next ? range[at].size : 0);
		if (touches_next)
			remove_range(ranges, at);
	} else if (touches_next) {
		range[at].size += end - start;
		range[at].start = HPA(start);
	} else if (ranges->count < MAX_RANGES) {
		for (unsigned i = ranges->count; i > at; i--)
			range[i] = range[i - 1];
		range[at] = (struct ram_piece){ HPA(start), end - start };
		ranges->count++;
	}
}

static void cut_range(struct ranges *ranges, u64 start, u64 end)
{
	for (unsigned i = 0; i < ranges->count;) {
		struct ram_piece range = ranges->range[i];

		if (end_of(&range) <= start || range.start.v >= end) {
			i++;
			continue;
		}
		remove_range(ranges, i);
		insert_range(ranges, range.start.v, MIN(start, end_of(&range)));
		insert_range(ranges, MAX(end, range.start.v), end_of(&range));
		i = 0;
	}
}

/* Somebody gets it. Lock held. */
static void cut(u64 start, u64 end)
{
	cut_range(&vacant, start, end);
	cut_range(&untouched, start, end);
}

void ram_pool_add(hpa_t start, u64 size)
{
	u64 first = ALIGN_UP(start.v, RAM_GRANULE), end = ALIGN_DOWN(start.v + size, RAM_GRANULE);

	spin_lock(&lock);
	insert_range(&vacant, first, end);
	insert_range(&untouched, first, end);
	spin_unlock(&lock);
}

void ram_pool_reserve(hpa_t start, u64 size)
{
	spin_lock(&lock);
	cut(ALIGN_DOWN(start.v, RAM_GRANULE), ALIGN_UP(start.v + size, RAM_GRANULE));
	spin_unlock(&lock);
}

static u64 free_bytes(void)
{
	u64 sum = 0;

	for (unsigned i = 0; i < vacant.count; i++)
		sum += vacant.range[i].size;
	return sum;
}

u64 ram_pool_free(void)
{
	u64 sum;

	spin_lock(&lock);
	sum = free_bytes();
	spin_unlock(&lock);
	return sum;
}

/* The longest run of whole, aligned GiB, at most want bytes. */
static struct ram_piece find_gigapages(u64 want)
{
	struct ram_piece best = { HPA(0), 0 };

	for (unsigned i = 0; i < vacant.count; i++) {
		u64 start = ALIGN_UP(vacant.range[i].start.v, GIB(1));
		u64 end = ALIGN_DOWN(end_of(&vacant.range[i]), GIB(1));
		u64 size = start < end ? MIN(end - start, ALIGN_DOWN(want, GIB(1))) : 0;

		if (size > best.size)
			best = (struct ram_piece){ HPA(start), size };
	}
	return best;
}

/*
 * The smallest range that holds all of it, so that large ones stay whole; else the largest.
 * Ends of ranges are taken: what is left keeps its aligned beginning.
 */
static struct ram_piece find_best_fit(u64 want)
{
	const struct ram_piece *best = NULL;

	for (unsigned i = 0; i < vacant.count; i++) {
		const struct ram_piece *range = &vacant.range[i];
		bool fits = range->size >= want;

		if (!best || (fits && (best->size < want || range->size < best->size)) ||
		    (!fits && best->size < want && range->size > best->size))
			best = range;
	}
	if (!best)
		return (struct ram_piece){ HPA(0), 0 };
	u64 size = MIN(want, best->size);

	return (struct ram_piece){ HPA(end_of(best) - size), size };
}

static void put_back(const struct ram_piece *pieces, unsigned count)
{
	spin_lock(&lock);
	for (unsigned i = 0; i < count; i++)
		insert_range(&vacant, pieces[i].start.v, end_of(&pieces[i]));
	spin_unlock(&lock);
}

unsigned ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES])
{
	unsigned count = 0;

	spin_lock(&lock);
	while (size && count < RAM_MAX_PIECES) {
		struct ram_piece piece = find_gigapages(size);

		if (!piece.size)
			piece = find_best_fit(size);
		if (!piece.size)
			break;
		cut(piece.start.v, end_of(&piece));
		pieces[count++] = piece;
		size -= piece.size;
	}
	spin_unlock(&lock);
	if (size) {
		put_back(pieces, count);
		return 0;
	}
	return count;
}

void ram_pool_give_back(const struct ram_piece *pieces, unsigned count)
{
	if (count)
		__atomic_store_n(&is_recycled, true, __ATOMIC_RELAXED);
	put_back(pieces, count);
}

bool ram_pool_is_recycled(void)
{
	return __atomic_load_n(&is_recycled, __ATOMIC_RELAXED);
}

static bool get_range(const struct ranges *ranges, unsigned index, struct ram_piece *range)
{
	bool found;

	spin_lock(&lock);
	found = index < ranges->count;
	if (found)
		*range = ranges->range[index];
	spin_unlock(&lock);
	return found;
}

bool ram_pool_range(unsigned index, struct ram_piece *range)
{
	return get_range(&vacant, index, range);
}

bool ram_pool_untouched(unsigned index, struct ram_piece *range)
{
	return get_range(&untouched, index, range);
}
