/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrs.nto with two harts on one: each waits for the other's store, and the wait gives the other its
 * turn at once, not at the end of a time slice.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

#define ROUNDS 200

static volatile u64 ball, waits;

static void wait_for_store(volatile u64 *word, u64 old)
{
	u64 value;

	asm volatile("lr.d %0, (%1)" : "=r"(value) : "r"(word) : "memory");
	if (value == old)
		asm volatile(".4byte 0x00d00073" ::: "memory"); /* wrs.nto */
}

/* The ball is odd: it is at player 1. */
static void play(u64 player)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 seen;

		while (((seen = ball) & 1) != player) {
			wait_for_store(&ball, seen);
			waits++;
		}
		ball = seen + 1;
	}
}

void guest_main(void)
{
	bool stops;

	scenario_begin("wrs");
	if (!fdt_has_isa(boot_fdt, "zawrs")) {
		skip("the ball goes to and fro");
		skip("and seldom is it waited for twice");
		scenario_end();
	}
	csr_write(sie, 0);
	hart_start(hart_nth(1), play, 1);
	play(0);
	stops = hart_wait_stopped(hart_nth(1));
	check(stops && ball == 2 * ROUNDS, "the ball goes to and fro");
	if (!check(waits < 8 * ROUNDS, "and seldom is it waited for twice"))
		print("BAD %lu waits\n", waits);
	scenario_end();
}
