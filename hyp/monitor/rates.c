/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast counters grow between two looks at them. */
#include "monitor/rates.h"

void rates_reset(struct rates *rates, u64 now)
{
	*rates = (struct rates){ .time = now, .result.top_cause = RATES_NO_CAUSE };
}

static void look(struct rates *rates, const struct rates_counters *counters, u64 elapsed, u64 hz)
{
	struct rates_result *result = &rates->result;
	u64 before = rates->counters.busy;
	/* What seemed to be work may turn out, a heartbeat later, to have been a doze. */
	u64 busy = counters->busy > before ? counters->busy - before : 0, all = 0, top = 0;

	result->top_cause = RATES_NO_CAUSE;
	for (unsigned i = 0; i < RATES_CAUSES; i++) {
		u32 exits = counters->exits[i] - rates->counters.exits[i];

		all += exits;
		if (exits > top) {
			top = exits;
			result->top_cause = i;
		}
	}
	result->busy_permille = busy * 1000 / elapsed;
	result->exits_per_second = all * hz / elapsed;
	result->top_percent = all ? (unsigned)(top * 100 / all) : 0;
}

const struct rates_result *rates_look(struct rates *rates, const struct rates_counters *counters,
				      u64 now, u64 shortest, u64 hz)
{
	u64 elapsed = now - rates->time;

	if (!elapsed || (elapsed < shortest && rates->has_result))
		return &rates->result;
	look(rates, counters, elapsed, hz);
	if (elapsed < shortest)
		return &rates->result;
	rates->has_result = true;
	rates->time = now;
	rates->counters = *counters;
	return &rates->result;
}
