/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fcsr over another hart's turn, when nothing but fcsr has been written since the last one: an
 * emulator need not call that Dirty.
 */
#include "console.h"
#include "sbi.h"

#define HARTS	  2
#define ROUNDS	  20
#define RM_COUNT  5
#define FLAG_NV	  0x10UL
#define QUIET_NAN 0x7ff8000000000000UL
#define A_NAN	  0x7ff4000000000000UL /* signaling */

static volatile u64 turns[HARTS], bad_frm[HARTS], bad_fflags[HARTS], rounds[HARTS], stop;

/* Comes back after the other hart has had a turn. */
static void let_other(u64 n)
{
	u64 before = turns[1 - n];

	while (turns[1 - n] == before && !stop)
		turns[n]++;
}

static void one_round(u64 n)
{
	u64 want = (rounds[n] + n) % RM_COUNT, got;

	asm volatile("frrm %0" : "=r"(got));
	let_other(n);
	asm volatile("fsrm %0" ::"r"(want));
	let_other(n);
	asm volatile("frrm %0" : "=r"(got));
	bad_frm[n] += got != want;

	/* feq.d raises a flag and writes no floating-point register. */
	asm volatile("csrw fflags, x0\n"
		     "fmv.d.x f1, %0" ::"r"(n ? QUIET_NAN : A_NAN));
	let_other(n);
	asm volatile("feq.d t0, f1, f1" ::: "t0");
	let_other(n);
	asm volatile("frflags %0" : "=r"(got));
	bad_fflags[n] += got != (n ? 0 : FLAG_NV);
	rounds[n]++;
}

static void play(u64 n)
{
	csr_write(sie, 0);
	csr_set(sstatus, FS_INITIAL << FS_SHIFT);
	asm volatile("csrw fcsr, x0");
	while (n ? !stop : rounds[n] < ROUNDS)
		one_round(n);
}

void guest_main(void)
{
	scenario_begin("fp-turns");
	check_equal("start of the other", (u64)hart_start(hart_nth(1), play, 1), 0);
	play(0);
	stop = 1;
	check(hart_wait_stopped(hart_nth(1)) && rounds[1] > 1, "both have played");
	for (unsigned n = 0; n < HARTS; n++) {
		check_equal("rounding mode lost", bad_frm[n], 0);
		check_equal("flags lost", bad_fflags[n], 0);
	}
	scenario_end();
}
