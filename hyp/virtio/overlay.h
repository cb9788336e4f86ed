/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest has written to a disk whose image stays as it is: sectors in memory, on top of a
 * base. Whole sectors are kept, so that nothing ever needs to be read before it is written.
 *
 *     tree, 512 entries a node ──► leaf, for 2 MiB of the disk ──► chunk of 4 KiB, 8 sectors
 *
 * An entry of a leaf is the address of a chunk, and in its low bits a mask of the sectors that the
 * overlay has; with no chunk, those read as zeroes. Memory comes from the pool of guest RAM when it
 * is needed, 2 MiB at a time, and goes back when the overlay ends.
 */
#ifndef DOPPEL_OVERLAY_H
#define DOPPEL_OVERLAY_H

#include "lib/types.h"

struct overlay_page;

/* Under the lock of who has it. */
struct overlay {
	u64 limit, taken;			/* bytes of memory: what it may take, and has */
	u64 used;				/* of it, in nodes and chunks */
	unsigned levels;			/* of the tree */
	u64 root;				/* address of the node; 0: it is empty */
	struct overlay_page *granules, *vacant; /* lists */
	u8 *next, *end; /* pages of the newest granule that have not been used */
};

enum overlay_content {
	OVERLAY_BASE, /* it has nothing here: the base shows */
	OVERLAY_DATA,
	OVERLAY_ZEROES,
};

/*
 * For a disk of so many sectors (1 or more, of 512 bytes), and to take no more than limit bytes:
 * whole granules of 2 MiB. Nothing is taken yet.
 */
void overlay_init(struct overlay *overlay, u64 sectors, u64 limit);

/* Gives all memory back: what was written is gone. */
void overlay_destroy(struct overlay *overlay);

/*
 * What is at a sector of the disk, and in *count, which holds the most to look at (not 0), how many
 * from there on are the same. With OVERLAY_DATA, *data is where they are.
 */
enum overlay_content overlay_find(const struct overlay *overlay, u64 sector, u32 *count,
				  const u8 **data);

/*
 * Where sectors are to be written that are the overlay's from now on; *count as above. NULL: there
 * is no memory. What is not written there reads as what it was in the overlay, or as zeroes.
 */
u8 *overlay_put(struct overlay *overlay, u64 sector, u32 *count);

/* Makes sectors zeroes. Returns how many, at most max; 0: there is no memory. */
u32 overlay_zero(struct overlay *overlay, u64 sector, u32 max);

#endif
