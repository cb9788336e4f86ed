/* SPDX-License-Identifier: BSD-2-Clause */
/* What the census' programs execute: the instructions of items.h, which tests/census/mkitems makes. */
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
	char flag; /* what else is wrong, or seen; '.' nothing */
	u64 value; /* a0 after it was executed */
};

/* An address of virt without RAM or a device. */
#define HOLE_ADDRESS 0x10200000UL

#endif
