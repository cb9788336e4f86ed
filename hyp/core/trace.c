/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace ring: each hart notes its last exits. */
#include "core/trace.h"
#include "core/log.h"
#include "lib/format.h"
#include "riscv/cause.h"

#define OUTCOME_SHIFT 8

void trace_outcome(struct trace_ring *ring, enum trace_outcome outcome)
{
	u64 last = ring->position / sizeof(struct trace_record) - 1;

	if ((ring->records || ring->stream) && ring->position)
		ring->memory[last % TRACE_RECORDS].what |= (u64)outcome << OUTCOME_SHIFT;
}

enum trace_outcome trace_last_outcome(const struct trace_ring *ring)
{
	u64 last = ring->position / sizeof(struct trace_record) - 1;

	return ring->memory[last % TRACE_RECORDS].what >> OUTCOME_SHIFT & 0xff;
}

void trace_format(const struct trace_record *record, unsigned hart, char line[TRACE_LINE_SIZE])
{
	/* In the order of enum trace_outcome. */
	static const char *const outcomes[] = { "handled", "injected", "blocked", "left" };
	u64 outcome = record->what >> OUTCOME_SHIFT & 0xff;

	snprintf(line, TRACE_LINE_SIZE, "hart %u vm %u.%u time %lu pc %016lx %s, htval %lx: %s",
		 hart, trace_record_vm(record), (unsigned)(record->what >> 16 & 0xffff),
		 record->time, record->pc,
		 cause_name(record->what & 0xff, record->what >> CAUSE_INTERRUPT_BIT),
		 record->htval, outcome < ARRAY_SIZE(outcomes) ? outcomes[outcome] : "?");
}

static void show(const struct trace_record *record, unsigned hart)
{
	char line[TRACE_LINE_SIZE];

	trace_format(record, hart, line);
	log_raw("  %s\n", line);
}

static bool is_wanted(const struct trace_record *record, int vm, u64 since)
{
	return record->time >= since && (vm < 0 || trace_record_vm(record) == (unsigned)vm);
}

void trace_show(const struct trace_ring *ring, unsigned hart, int vm, u64 since)
{
	u64 written = ring->position / sizeof(struct trace_record);
	u64 oldest = written - MIN(written, (u64)TRACE_RECORDS), first = written, shown = 0;

	if (!ring->memory)
		return;
	/* Back from the newest until enough of that VM are found, then forward. */
	while (first > oldest && shown < TRACE_SHOWN) {
		first--;
		if (is_wanted(&ring->memory[first % TRACE_RECORDS], vm, since))
			shown++;
	}
	for (u64 i = first; i < written; i++) {
		const struct trace_record *record = &ring->memory[i % TRACE_RECORDS];

		if (is_wanted(record, vm, since))
			show(record, hart);
	}
}
