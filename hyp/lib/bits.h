/* SPDX-License-Identifier: BSD-2-Clause */
/* Positions of bits; the compiler's own functions for it would need its run-time library. */
#ifndef DOPPEL_BITS_H
#define DOPPEL_BITS_H

#include "lib/types.h"

/* The number of the lowest bit that is set; 64 if none is. */
static inline unsigned bits_lowest(u64 bits)
{
	unsigned n = 0;

	while (n < 64 && !(bits >> n & 1))
		n++;
	return n;
}

/* How many bits a number takes: 0 for 0, 1 for 1, 64 for the largest. */
static inline unsigned bits_width(u64 number)
{
	unsigned n = 0;

	for (; number; number >>= 1)
		n++;
	return n;
}

#endif
