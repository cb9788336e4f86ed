/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes for guests' seeds: ChaCha20 keyed from the machine's own seed. */
#ifndef DOPPEL_RANDOM_H
#define DOPPEL_RANDOM_H

#include "lib/types.h"

struct random {
	u32 state[16]; /* RFC 8439 section 2.3: constants, key, counter, nonce */
};

/* Keys the generator with any number of bytes (the more than 32 are folded in). */
void random_seed(struct random *random, const void *seed, size_t size);

/* Fills buf with size bytes; forgets the key that made them (fast key erasure). */
void random_bytes(struct random *random, void *buf, size_t size);

#endif
