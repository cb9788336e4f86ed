/* SPDX-License-Identifier: BSD-2-Clause */
/* Goes through all items in one mode under one gate, and prints how they ended. */
#ifndef CENSUS_SWEEP_H
#define CENSUS_SWEEP_H

#include "hart.h"
#include "item.h"

#define MAX_WORDS      8
#define MAX_RANGE      64   /* CSR numbers of an item */
#define MAX_EXECUTIONS 1500 /* of all items, with their ranges; mkitems checks it */

/* An instruction with what must come before it, and its argument. */
struct snippet {
	u32 words[MAX_WORDS];
	unsigned count;
	u64 a0;
};

/* The registers of a call of SBI's base extension; a0 is the snippet's. */
#define SNIPPET_ARGS(a0)                                                     \
	{                                                                    \
		(a0), 0, 0, 0, 0, 0, SBI_BASE_GET_SPEC_VERSION, SBI_EXT_BASE \
	}

/* How all items ended under the gate that the others are compared with. */
struct baseline {
	struct outcome outcomes[MAX_EXECUTIONS];
	bool is_filled;
};

struct sweep {
	const char *mode;
	const char *gate;
	struct baseline
		*baseline; /* filled by the first sweep; then only what differs is printed */
	/* Executes one instruction of an item. */
	struct outcome (*try)(const struct item *item, u32 word);
};

/*
 * Prints, for tests/census/machine.py,
 *	m MODE GATE		what the next lines are about
 *	r ITEM FIRST-LAST CAUSE TVAL FLAG VALUE REAL-CAUSE REAL-COUNT
 *				how instructions ended: struct outcome. Neighbours of a range of CSR
 *				numbers that end alike take one line.
 */
void sweep_run(struct sweep *sweep);

/* How many reads of counters, but of time, and of seed have been executed by snippet_run(): c COUNT
 */
void sweep_print_counter_reads(void);

/* What the device tree tells: isa ISA */
void sweep_print_isa(void);

struct snippet snippet_of(const struct item *item, u32 word, bool is_supervisor, u64 csr_value);

/* What the trap value is: the letter of struct outcome. */
char snippet_tval(const struct snippet *snippet, u64 tval, u64 epc);

/* Runs a snippet by guest/lib, in S-mode (or HS-mode) or in U-mode. */
struct outcome snippet_run(const struct snippet *snippet, bool user);

#endif
