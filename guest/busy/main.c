/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that always has something to do: it counts, and says each second how far it got. Two of
 * them on one hart show how the hart is shared. After ten seconds it powers off.
 */
#include "console.h"
#include "csr.h"

#define SECOND	10000000UL /* ticks of `time`: virt's timebase is 10 MHz */
#define SECONDS 10
#define ROUND	1000 /* steps between two looks at the clock */

/* A step that the compiler cannot leave out; no access to memory, no exit. */
static void count_round(void)
{
	for (unsigned i = 0; i < ROUND; i++)
		asm volatile("");
}

void guest_main(void)
{
	u64 end = rdtime(), all = 0;

	for (unsigned second = 1; second <= SECONDS; second++) {
		u64 rounds = 0;

		for (end += SECOND; rdtime() < end; rounds++)
			count_round();
		all += rounds;
		print("second %u: %lu thousand steps\n", second, rounds);
	}
	print("in all: %lu thousand steps\n", all);
}
