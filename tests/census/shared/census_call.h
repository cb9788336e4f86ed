/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor of tests/census/monitor offers its guest beyond SBI: the traps that it took. */
#ifndef CENSUS_CALL_H
#define CENSUS_CALL_H

#include "sbi.h"
#include "types.h"

#define CENSUS_IMPL_ID 0x63656e73UL /* SBI implementation id: "cens" */
#define CENSUS_EXT     0x0a63656eUL /* in the range of vendors' experiments */
#define CENSUS_ARM     0	    /* a0: an instruction, to look for */
#define CENSUS_RESULT  1	    /* error: its first cause or -1; value: how often it trapped */
#define CENSUS_COUNT   2	    /* a0: a cause, or -1 for all; value: traps so far */
#define CENSUS_LOG     3	    /* a0: 1 begins to log traps anew, 0 ends it */
#define CENSUS_ENTRY   4 /* a0: number; value: an entry of the log, error: there is none */

/* An entry: the instruction, the cause, whether the guest's user trapped, what the monitor did. */
#define CENSUS_MAKE_ENTRY(insn, cause, is_interrupt, user, action)                          \
	((u32)(insn) | (u64)(cause) << 32 | (u64)(is_interrupt) << 39 | (u64)(user) << 40 | \
	 (u64)(u8)(action) << 48)
#define CENSUS_ENTRY_INSN(entry)      ((u32)(entry))
#define CENSUS_ENTRY_CAUSE(entry)     ((entry) >> 32 & 0x7f)
#define CENSUS_ENTRY_INTERRUPT(entry) ((entry) >> 39 & 1)
#define CENSUS_ENTRY_USER(entry)      ((entry) >> 40 & 1)
#define CENSUS_ENTRY_ACTION(entry)    ((char)((entry) >> 48))

static inline bool census_is_monitor(void)
{
	return (u64)sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID).value == CENSUS_IMPL_ID;
}

static inline void census_arm(u64 word)
{
	sbi_call1(CENSUS_EXT, CENSUS_ARM, word);
}

static inline void census_result(u64 *cause, u64 *count)
{
	struct sbiret ret = sbi_call0(CENSUS_EXT, CENSUS_RESULT);

	*cause = (u64)ret.error;
	*count = (u64)ret.value;
}

#endif
