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
