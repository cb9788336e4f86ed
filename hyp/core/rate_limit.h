/* SPDX-License-Identifier: BSD-2-Clause */
/* A limit to a rate: a token bucket. */
#ifndef DOPPEL_RATE_LIMIT_H
#define DOPPEL_RATE_LIMIT_H

#include "lib/types.h"

/* Units are bytes, or requests. What was not used in the last 100 ms may be used later. */
struct rate_limit {
	u64 rate;      /* units a second; 0: no limit */
	s64 tokens;    /* units that may be used now; below 0: a large use is being paid off */
	u64 part;      /* of the next unit, in 1/timebase */
	u64 filled_at; /* ticks */
};

void rate_limit_init(struct rate_limit *limit, u64 rate, u64 now);

/*
 * Uses units, if anything is left: one use may be larger than what is left, and delays the next.
 * Returns 0 when it may be done now, else the time (ticks) from when on it may be tried again: a
 * millisecond later at least, so that a timer has more than one unit to let through.
 */
u64 rate_limit_use(struct rate_limit *limit, u64 units, u64 now);

/* The same without using anything: for what is subject to two limits. */
u64 rate_limit_when(struct rate_limit *limit, u64 now);

#endif
