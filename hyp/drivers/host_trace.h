/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace for the host: every exit of every guest, through a port of the machine's console.
 * docs/trace.md describes the records as they arrive in the file.
 *
 * Each hart fills blocks of its own, without a lock, and hands each to the device when it is full,
 * or 100 ms old at the next exit. The device reads them where they are.
 *
 *      filled ──► given to the device ──► done: free again        (a ring of TRACE_BLOCKS a hart)
 *
 * A hart that finds no free block waits for one, TRACE_PATIENCE_NS at most, so that a host that is
 * merely busy loses nothing; the hart's interrupts are served meanwhile, but its guests wait. If
 * none becomes free, the host has stopped reading: exits are counted and dropped from then on,
 * without further waits, until there is room again. If nobody is connected any more, nobody is
 * waited for.
 */
#ifndef DOPPEL_HOST_TRACE_H
#define DOPPEL_HOST_TRACE_H

#include "lib/types.h"

#define TRACE_PORT	  "org.doppel.trace.0"
#define TRACE_BLOCK_SIZE  KIB(64)
#define TRACE_BLOCKS	  16 /* of a hart */
#define TRACE_PATIENCE_NS 100000000
#define TRACE_FLUSH_NS	  100000000

/* What a record tells; of an exit: enum trace_outcome. */
#define TRACE_OF_MACHINE 0x10 /* the first record */
#define TRACE_OF_VM	 0x11 /* a VM begins to run, or reboots */
#define TRACE_OF_END	 0x1f /* the last record */

/* Flags of an exit. */
#define TRACE_USER BIT(0) /* from VU-mode */
#define TRACE_TRANSFORMED                                                                         \
	BIT(1)			  /* insn is what htinst held: rs1 and offset are not the guest's \
				   */
#define TRACE_VALUE	   BIT(2) /* value was loaded or stored, or is a0 at a call */
#define TRACE_STORE	   BIT(3) /* the access was a store */
#define TRACE_RAISED_SOFT  BIT(4) /* hvip.VSSIP was raised meanwhile, */
#define TRACE_RAISED_TIMER BIT(5) /* or VSTIP, */
#define TRACE_RAISED_EXT   BIT(6) /* or VSEIP */

/* As in the file: little-endian, 64 bytes. */
struct trace_event {
	u64 time; /* ticks of the machine, at the exit */
	union {
		struct {
			u64 pc;	   /* of a machine: hedeleg; of the end: records lost */
			u64 stval; /* of a machine: hideleg */
			u64 htval; /* of a machine: number of harts */
			u64 value; /* of a machine: ticks a second; of the end: records told */
		};
		char name[32]; /* of a VM */
	};
	u32 insn;	  /* 0: not known */
	u32 call;	  /* of a call: the extension (a7) */
	u32 ticks;	  /* in the hypervisor */
	u32 instructions; /* the same, as the hart's instret counts them */
	u16 vm;
	u8 vcpu;     /* of a VM: how many it has */
	u8 cause;    /* 0x80 and the number, of an interrupt */
	u8 what;     /* enum trace_outcome, or TRACE_OF_* */
	u8 flags;    /* TRACE_USER and those below */
	u8 function; /* of a call: a6 */
	u8 result;   /* of a call: the error; of what was injected: its cause */
};

_Static_assert(sizeof(struct trace_event) == 64, "as docs/trace.md says");

/* Before the records of a block. */
struct trace_block_header {
	u32 magic;
	u32 size;  /* bytes of the block, with this */
	u64 first; /* how many records of this hart came before */
	u64 lost;  /* how many of this hart were dropped before the first of the block, in all */
	u16 hart;  /* its id */
	u8 unused[38];
};

#define TRACE_MAGIC 0x4b4c4254U /* "TBLK" */

_Static_assert(sizeof(struct trace_block_header) == 64, "as docs/trace.md says");

/*
 * Boot hart, once, with the harts known and the drivers up: from now on exits can be told. NULL, or
 * a sentence: what is missing.
 */
const char *host_trace_init(void);

/*
 * Whether there is no room for a record, and the host is to be waited for: call it again and again
 * until it says no. Whoever waits serves the hart's interrupts meanwhile: others need them.
 */
bool host_trace_must_wait(void);

/* Tells of an exit, on the hart that had it; no lock. Where there is no room it is counted. */
void host_trace_add(const struct trace_event *event);

/* Tells of a VM: any lock but the driver's. Nothing happens without a trace. */
void host_trace_note_vm(unsigned vm, unsigned nr_vcpus, const char *name);

/* Before the machine goes off: the host gets what is there, and an end. What comes later is not
 * told. Waits for the host, two seconds at most.
 */
void host_trace_finish(void);

#endif
