/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's RAM that can become guest RAM, and who gets which piece of it. */
#ifndef DOPPEL_RAM_POOL_H
#define DOPPEL_RAM_POOL_H

#include "lib/types.h"

#ifndef RAM_GRANULE	   /* the fuzzers have smaller ones */
#define RAM_GRANULE MIB(2) /* pieces start and end at multiples of this */
#endif
#define RAM_MAX_PIECES 8 /* of one VM */

struct ram_piece {
	hpa_t start;
	u64 size; /* bytes */
};

/* Adds a range of RAM that nobody uses; what is not a whole granule is left out. */
void ram_pool_add(hpa_t start, u64 size);

/* Takes a range out again that turned out to be used: payloads, the device tree. */
void ram_pool_reserve(hpa_t start, u64 size);

/*
 * Takes size bytes (a multiple of RAM_GRANULE) out of the pool, in as few pieces as possible, whole
 * GiB aligned to 1 GiB first, so that a G-stage table maps them with its largest pages.
 * Returns the number of pieces, largest alignment first; 0 when the pool cannot give so much.
 */
unsigned ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES]);
void ram_pool_give_back(const struct ram_piece *pieces, unsigned count);

/*
 * Whether any piece that was taken has been given back: RAM of the pool may then hold what belonged
 * to somebody. Until then it holds what the machine's reset left there.
 */
bool ram_pool_is_recycled(void);

/* Bytes that are free. */
u64 ram_pool_free(void);

/* The range number index of the pool, for mapping all of it; false behind the last. */
bool ram_pool_range(unsigned index, struct ram_piece *range);

/* The same of the RAM that nobody has had since boot: it holds what reset, or canary_plant(), left.
 */
bool ram_pool_untouched(unsigned index, struct ram_piece *range);

#endif
