/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast counters grow between two looks at them. */
#ifndef DOPPEL_MONITOR_RATES_H
#define DOPPEL_MONITOR_RATES_H

#include "lib/types.h"
#include "riscv/csr.h"

/* Exits by cause: exceptions first, then interrupts. */
#define RATES_INTERRUPTS 16
#define RATES_CAUSES	 (CAUSE_COUNT + RATES_INTERRUPTS)
#define RATES_NO_CAUSE	 RATES_CAUSES

/* What a VM has counted so far. Exits may wrap: only differences are used. */
struct rates_counters {
	u64 busy; /* ticks of harts that it has used */
	u32 exits[RATES_CAUSES];
};

struct rates_result {
	u64 busy_permille; /* of one hart */
	u64 exits_per_second;
	unsigned top_cause;   /* the most frequent, or RATES_NO_CAUSE */
	unsigned top_percent; /* of all exits */
};

struct rates {
	bool has_result;
	u64 time; /* ticks, of the last look that counted */
	struct rates_counters counters;
	struct rates_result result;
};

/* Begins anew: the counters were 0 at this time. */
void rates_reset(struct rates *rates, u64 now);

/*
 * The rates since the last look, or since the beginning. A look within less than shortest ticks
 * after it does not count: the result is that of the last look then. hz: ticks per second.
 */
const struct rates_result *rates_look(struct rates *rates, const struct rates_counters *counters,
				      u64 now, u64 shortest, u64 hz);

#endif
