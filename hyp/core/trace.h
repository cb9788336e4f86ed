/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace ring: each hart notes its last exits in a few instructions each. A run with a trace
 * (./doppel run --trace) tells the host of each exit besides: drivers/host_trace.h.
 */
#ifndef DOPPEL_TRACE_H
#define DOPPEL_TRACE_H

#include "lib/types.h"
#include "riscv/csr.h"

#define TRACE_RECORDS 256 /* of a hart; the ring is 8 KiB */
#define TRACE_SHOWN   16  /* as many are printed at panic and when a VM is killed */

struct trace_record {
	u64 time;  /* ticks; 0: nothing recorded yet */
	u64 pc;	   /* of the guest */
	u64 htval; /* guest physical address >> 2 of a guest page fault, else what htval held */
	u64 what;  /* scause in bits 63 and 7:0, outcome in 15:8, vCPU in 31:16, VM in 47:32 */
};

#define TRACE_RING_SIZE (TRACE_RECORDS * sizeof(struct trace_record))

struct host_trace;

struct trace_ring {
	struct trace_record *records; /* where to note; NULL: tracing is off, or goes to the host */
	struct trace_record *memory;  /* NULL: tracing is off for good */
	u64 position;		      /* bytes recorded so far */
	struct host_trace *host;      /* of this hart; NULL: the host is told nothing */
	struct host_trace *stream;    /* the same while exits are told to the host, else NULL */
};

/* The part of trace_record.what that tells the vCPU. */
static inline u64 trace_tag(unsigned vm, unsigned vcpu)
{
	return (u64)vm << 32 | (u64)vcpu << 16;
}

/* What came of an exit; "handled" unless something else is noted. */
enum trace_outcome { TRACE_HANDLED, TRACE_INJECTED, TRACE_BLOCKED, TRACE_LEFT };

/* Notes an exit, before it is handled: in ring->records, or in ring->memory, if that is NULL. */
static inline void trace_exit(struct trace_ring *ring, struct trace_record *records, u64 time,
			      u64 pc, u64 scause, u64 tag)
{
	struct trace_record *slot =
		(struct trace_record *)((u8 *)records + ring->position % TRACE_RING_SIZE);

	ring->position += sizeof(*slot);
	slot->time = time;
	slot->pc = pc;
	slot->htval = csr_read(CSR_HTVAL);
	slot->what = scause | tag;
}

/* Whether the exits of the vCPU that comes to this hart are noted. */
static inline void trace_enable(struct trace_ring *ring, bool enable)
{
	ring->stream = enable ? ring->host : NULL;
	ring->records = enable && !ring->host ? ring->memory : NULL;
}

/* Notes what came of the last exit of this hart, and tells it. */
void trace_outcome(struct trace_ring *ring, enum trace_outcome outcome);
enum trace_outcome trace_last_outcome(const struct trace_ring *ring);

/* The VM that a record tells of. */
static inline unsigned trace_record_vm(const struct trace_record *record)
{
	return record->what >> 32 & 0xffff;
}

/* A record as one line of text, without its end. */
#define TRACE_LINE_SIZE 160
void trace_format(const struct trace_record *record, unsigned hart, char line[TRACE_LINE_SIZE]);

/*
 * Prints the last TRACE_SHOWN exits of the ring, oldest first; of VM number vm only, or of all
 * (-1), and none from before the time since (ticks): that VM may have the place of another.
 */
void trace_show(const struct trace_ring *ring, unsigned hart, int vm, u64 since);

#endif
