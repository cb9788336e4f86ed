/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace ring: each hart notes its last exits in a few instructions each. */
#ifndef DOPPEL_TRACE_H
#define DOPPEL_TRACE_H

#include "lib/types.h"

#define TRACE_RECORDS 128 /* a power of two; 4 KiB a hart */
#define TRACE_SHOWN   16  /* as many are printed at panic and when a VM is killed */

struct trace_record {
	u64 time; /* ticks; 0: nothing recorded yet */
	u64 pc;	  /* of the guest */
	u64 htval; /* guest physical address >> 2 of a guest page fault, else whatever htval held */
	u8 cause; /* scause without the interrupt bit */
	u8 is_interrupt;
	u8 action; /* enum exit_action */
	u8 vm;
	u32 vcpu;
};

struct trace_ring {
	struct trace_record *records; /* NULL: tracing is off */
	u64 next;		      /* records written so far */
};

/* The slot for the next record of a ring that is on. */
static inline struct trace_record *trace_slot(struct trace_ring *ring)
{
	return &ring->records[ring->next++ % TRACE_RECORDS];
}

/* Prints the last TRACE_SHOWN exits of the ring, oldest first; of VM number vm only, or of all (-1). */
void trace_show(const struct trace_ring *ring, unsigned hart, int vm);

#endif
