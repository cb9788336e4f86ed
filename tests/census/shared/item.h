/* SPDX-License-Identifier: BSD-2-Clause */
/* What the census' programs execute: the instructions of items.h, which tests/census/mkitems makes.
 */
#ifndef CENSUS_ITEM_H
#define CENSUS_ITEM_H

#include "types.h"

/* How an instruction is executed, and what is in a0. */
enum how {
	HOW_CSR_READ,
	HOW_CSR_WRITE,	 /* a0: what the CSR holds, or 0 if it cannot be read */
	HOW_RAM,	 /* a0: an address in RAM */
	HOW_RAM_PLUS_1,	 /* a0: a misaligned address in RAM */
	HOW_HOLE,	 /* a0: an address where there is nothing */
	HOW_HOLE_PLUS_1, /* a0: a misaligned one */
	HOW_SBI,	 /* a0 to a7: a call of the SBI base extension */
	HOW_SRET,	 /* sepc is the instruction behind it, and SPP this mode */
	HOW_WFI,	 /* an interrupt is pending and enabled, but for the global enable */
};

struct item {
	u32 word;
	u8 count, step; /* CSR numbers: how many, and from one to the next */
	u8 how;
};

/* How an instruction ended, in the letters of the output. */
struct outcome {
	u64 cause; /* NO_TRAP: it was executed */
	char tval; /* 0 zero, i instruction, a a0, p pc, x something else, - no trap */
	/*
	 * '.' nothing else; 'e' a wrong pc was told, 'm' a wrong mode, 'h' a wrong htval;
	 * 'd' the trap was delegated to VS-mode;
	 * 'c' the VS register was accessed, 'r' the real one, '?' neither; 's' it was vsstatus,
	 * but HS-mode does not see the same SD there
	 */
	char flag;
	u64 value;		    /* a0 after it was executed */
	u64 real_cause, real_count; /* under the monitor: what trapped in truth, and how often */
};

#define OUTCOME_EXECUTED ((struct outcome){ NO_TRAP, '-', '.', 0, NO_TRAP, 0 })

/* An address of virt without RAM or a device. */
#define HOLE_ADDRESS 0x10200000UL

#endif
