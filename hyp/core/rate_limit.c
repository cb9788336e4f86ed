/* SPDX-License-Identifier: BSD-2-Clause */
/* A limit to a rate: a token bucket, in whole units; no fraction of one is lost. */
#include "core/rate_limit.h"
#include "core/timer.h"

/* Products of these and of a timebase below 2^24 Hz fit into 64 bits. */
#define MAX_RATE  BIT(39)
#define MAX_UNITS BIT(39) /* of one use */

/* The bucket holds what comes in 100 ms. */
static s64 capacity(const struct rate_limit *limit)
{
	return (s64)MAX(limit->rate / 10, 1UL);
}

void rate_limit_init(struct rate_limit *limit, u64 rate, u64 now)
{
	limit->rate = MIN(rate, MAX_RATE);
	limit->tokens = capacity(limit);
	limit->part = 0;
	limit->filled_at = now;
}

static void fill(struct rate_limit *limit, u64 now)
{
	u64 hz = time_from_ns(1000000000), elapsed = now - limit->filled_at;
	u64 missing = (u64)(capacity(limit) - limit->tokens);
	u64 gained;

	if (now < limit->filled_at) /* read before somebody else's */
		return;
	limit->filled_at = now;
	if (elapsed / hz > missing / limit->rate) {
		limit->tokens = capacity(limit);
		return;
	}
	limit->part += elapsed % hz * limit->rate;
	gained = elapsed / hz * limit->rate + limit->part / hz;
	limit->part %= hz;
	limit->tokens += (s64)MIN(gained, missing);
}

u64 rate_limit_when(struct rate_limit *limit, u64 now)
{
	u64 hz = time_from_ns(1000000000), owed, ticks;

	if (!limit->rate)
		return 0;
	fill(limit, now);
	if (limit->tokens > 0)
		return 0;
	owed = (u64)-limit->tokens; /* and one more */
	ticks = owed / limit->rate * hz;
	ticks += ((owed % limit->rate + 1) * hz - limit->part + limit->rate - 1) / limit->rate;
	return now + MAX(ticks, hz / 1000);
}

u64 rate_limit_use(struct rate_limit *limit, u64 units, u64 now)
{
	u64 when = rate_limit_when(limit, now);

	if (when == 0 && limit->rate)
		limit->tokens -= (s64)MIN(units, MAX_UNITS);
	return when;
}
