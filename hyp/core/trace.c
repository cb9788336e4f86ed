/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace ring: each hart notes its last exits. */
#include "core/trace.h"
#include "core/log.h"
#include "riscv/cause.h"

static void show(const struct trace_record *record, unsigned hart)
{
	static const char *const actions[] = { "resume", "next", "inject", "block", "leave", "kill" };
	const char *action = record->action < ARRAY_SIZE(actions) ? actions[record->action] : "?";

	log_raw("  hart %u vm %u.%u time %lu pc %016lx %s, htval %lx: %s\n", hart, record->vm,
		record->vcpu, record->time, record->pc,
		cause_name(record->cause, record->is_interrupt), record->htval, action);
}

void trace_show(const struct trace_ring *ring, unsigned hart, int vm)
{
	u64 count = MIN(ring->next, (u64)TRACE_RECORDS), shown = 0, first = ring->next;

	if (!ring->records)
		return;
	/* Back from the newest until enough of that VM are found, then forward. */
	while (first > ring->next - count && shown < TRACE_SHOWN) {
		first--;
		if (vm < 0 || ring->records[first % TRACE_RECORDS].vm == vm)
			shown++;
	}
	for (u64 i = first; i < ring->next; i++) {
		if (vm < 0 || ring->records[i % TRACE_RECORDS].vm == vm)
			show(&ring->records[i % TRACE_RECORDS], hart);
	}
}
