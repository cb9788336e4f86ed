/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest has written to a disk whose image stays as it is. */
#include "virtio/overlay.h"
#include "lib/string.h"
#include "mem/guest_memory.h"
#include "mem/page.h"
#include "mem/ram_pool.h"

#define SECTOR	       512U
#define CHUNK_SECTORS  8U
#define FULL	       0xffUL /* mask: all sectors of a chunk */
#define NODE_BITS      9U
#define NODE_ENTRIES   (1U << NODE_BITS)
#define LEAF_SECTORS   (CHUNK_SECTORS * NODE_ENTRIES)
#define ADDRESS(entry) ((entry) & ~(u64)(PAGE_SIZE - 1))
#define MASK(entry)    ((entry)&FULL)

_Static_assert(CHUNK_SECTORS *SECTOR == PAGE_SIZE && NODE_ENTRIES * 8 == PAGE_SIZE, "both a page");

/* A page that is free; the first one of each granule is in the list of granules instead. */
struct overlay_page {
	struct overlay_page *next;
	hpa_t hpa; /* of a granule */
};

void overlay_init(struct overlay *overlay, u64 sectors, u64 limit)
{
	*overlay = (struct overlay){ .limit = limit, .levels = 1 };
	while ((sectors - 1) / LEAF_SECTORS >> NODE_BITS * (overlay->levels - 1))
		overlay->levels++;
}

void overlay_destroy(struct overlay *overlay)
{
	while (overlay->granules) {
		struct ram_piece piece = { overlay->granules->hpa, RAM_GRANULE };

		overlay->granules = overlay->granules->next;
		ram_pool_give_back(&piece, 1);
	}
	*overlay = (struct overlay){ .limit = 0 };
}

/* --- Pages */

static bool take_granule(struct overlay *overlay)
{
	struct ram_piece pieces[RAM_MAX_PIECES];
	struct overlay_page *first;

	if (overlay->limit - overlay->taken < RAM_GRANULE || !ram_pool_take(RAM_GRANULE, pieces))
		return false;
	overlay->taken += RAM_GRANULE;
	first = guest_window(pieces[0].start);
	*first = (struct overlay_page){ overlay->granules, pieces[0].start };
	overlay->granules = first;
	overlay->next = (u8 *)first + PAGE_SIZE;
	overlay->end = (u8 *)first + RAM_GRANULE;
	return true;
}

/* Cleared: it may hold what belonged to another VM. */
static void *new_page(struct overlay *overlay)
{
	void *page = overlay->vacant;

	if (page) {
		overlay->vacant = overlay->vacant->next;
	} else {
		if (overlay->next == overlay->end && !take_granule(overlay))
			return NULL;
		page = overlay->next;
		overlay->next += PAGE_SIZE;
	}
	overlay->used += PAGE_SIZE;
	memset(page, 0, PAGE_SIZE);
	return page;
}

static void give_page(struct overlay *overlay, u64 address)
{
	struct overlay_page *page = (void *)address;

	page->next = overlay->vacant;
	overlay->vacant = page;
	overlay->used -= PAGE_SIZE;
}

/* --- The tree */

/* The entry of a sector's chunk, in the leaf. NULL: there is no leaf. */
static u64 *find_entry(const struct overlay *overlay, u64 sector)
{
	u64 chunk = sector / CHUNK_SECTORS, address = overlay->root;
	u64 *entry = NULL;

	for (unsigned level = overlay->levels; level-- > 0; address = *entry) {
		if (!address)
			return NULL;
		entry = (u64 *)address + (chunk >> NODE_BITS * level) % NODE_ENTRIES;
	}
	return entry;
}

/* The same, and what is missing of the tree is made. NULL: there is no memory. */
static u64 *make_entry(struct overlay *overlay, u64 sector)
{
	u64 chunk = sector / CHUNK_SECTORS;
	u64 *entry = &overlay->root;

	for (unsigned level = overlay->levels; level-- > 0;) {
		if (!*entry)
			*entry = (u64)new_page(overlay);
		if (!*entry)
			return NULL;
		entry = (u64 *)*entry + (chunk >> NODE_BITS * level) % NODE_ENTRIES;
	}
	return entry;
}

static enum overlay_content content(u64 entry, unsigned sector)
{
	if (!(entry >> sector & 1))
		return OVERLAY_BASE;
	return ADDRESS(entry) ? OVERLAY_DATA : OVERLAY_ZEROES;
}

/* How many sectors of the chunk, from the first one on, are that. */
static unsigned count_in_chunk(u64 entry, unsigned first, enum overlay_content what)
{
	unsigned sector = first;

	if (MASK(entry) == 0 || MASK(entry) == FULL) /* all are the same */
		return content(entry, first) == what ? CHUNK_SECTORS - first : 0;
	while (sector < CHUNK_SECTORS && content(entry, sector) == what)
		sector++;
	return sector - first;
}

/* Sectors from there to the end of the chunk, or of the leaf; at most max. */
static u32 left_in(u64 sector, u32 unit, u32 max)
{
	return MIN(unit - (u32)(sector % unit), max);
}

enum overlay_content overlay_find(const struct overlay *overlay, u64 sector, u32 *count,
				  const u8 **data)
{
	const u64 *entry = find_entry(overlay, sector);
	unsigned first = (unsigned)(sector % CHUNK_SECTORS);
	u32 max = left_in(sector, LEAF_SECTORS, *count), n;
	enum overlay_content what;

	if (!entry) {
		*count = max;
		return OVERLAY_BASE;
	}
	what = content(*entry, first);
	n = count_in_chunk(*entry, first, what);
	if (what == OVERLAY_DATA)
		*data = (const u8 *)ADDRESS(*entry) + first * SECTOR;
	else /* goes on in the next chunks of the leaf */
		while (n < max && (first + n) % CHUNK_SECTORS == 0) {
			unsigned more = count_in_chunk(*++entry, 0, what);

			n += more;
			if (!more)
				break;
		}
	*count = MIN(n, max);
	return what;
}

/* So many sectors of the chunk, from the first one on, as a mask. */
static u64 mask_of(u64 sector, u32 count)
{
	return (BIT(count) - 1) << sector % CHUNK_SECTORS;
}

u8 *overlay_put(struct overlay *overlay, u64 sector, u32 *count)
{
	u64 *entry = make_entry(overlay, sector);

	*count = left_in(sector, CHUNK_SECTORS, *count);
	if (!entry)
		return NULL;
	if (!ADDRESS(*entry)) {
		u64 chunk = (u64)new_page(overlay);

		if (!chunk)
			return NULL;
		*entry |= chunk;
	}
	*entry |= mask_of(sector, *count);
	return (u8 *)ADDRESS(*entry) + sector % CHUNK_SECTORS * SECTOR;
}

static void zero_in_chunk(struct overlay *overlay, u64 *entry, u64 sector, u32 count)
{
	u64 mask = mask_of(sector, count), chunk = ADDRESS(*entry);

	if (chunk && !(MASK(*entry) & ~mask)) { /* nothing else is in it */
		give_page(overlay, chunk);
		*entry = 0;
	} else if (chunk) {
		memset((u8 *)chunk + sector % CHUNK_SECTORS * SECTOR, 0, count * SECTOR);
	}
	*entry |= mask;
}

u32 overlay_zero(struct overlay *overlay, u64 sector, u32 max)
{
	u64 *entry = make_entry(overlay, sector);
	u32 done = 0;

	if (!entry)
		return 0;
	max = left_in(sector, LEAF_SECTORS, max);
	while (done < max) {
		u32 count = left_in(sector + done, CHUNK_SECTORS, max - done);

		zero_in_chunk(overlay, entry++, sector + done, count);
		done += count;
	}
	return done;
}
