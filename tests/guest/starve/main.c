/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four harts on one, of which none ever waits: those that have not run yet get their turn too, and
 * so does each of them again and again.
 */
#include "console.h"
#include "sbi.h"

#define HARTS 4
#define TURNS 5
#define LIMIT 50000000UL /* ticks: 5 s */

static volatile u64 counts[HARTS], stop;

static void count(u64 n)
{
	while (!stop)
		counts[n]++;
}

/* Waits for each of the others to count on; false: one of them never does. */
static bool others_count(void)
{
	u64 before[HARTS], start = rdtime();

	for (unsigned n = 1; n < HARTS; n++)
		before[n] = counts[n];
	for (unsigned n = 1; n < HARTS; n++) {
		while (counts[n] == before[n])
			if (rdtime() - start > LIMIT)
				return false;
	}
	return true;
}

void guest_main(void)
{
	bool good = true;

	scenario_begin("starve");
	csr_write(sie, 0);
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_start(hart_nth(n), count, n) == 0;
	check(good, "the others are to start");
	check(others_count(), "all of them run");
	for (unsigned turn = 0; good && turn < TURNS; turn++)
		good &= others_count();
	check(good, "and go on running");
	stop = 1;
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_wait_stopped(hart_nth(n));
	check(good, "and stop");
	scenario_end();
}
