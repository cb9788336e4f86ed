/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One hart does its work although the others misbehave for ever: one spins with interrupts off, one
 * waits for an interrupt that never comes, one calls SBI, one takes faults, one touches a device.
 */
#include "console.h"
#include "insn.h"
#include "sbi.h"

#define MS 10000UL

static volatile u64 arrived;

static void arrive(void)
{
	csr_write(sie, 0);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

static void spin(u64 arg)
{
	(void)arg;
	arrive();
	for (;;)
		asm volatile("");
}

static void wait_for_ever(u64 arg)
{
	(void)arg;
	arrive();
	for (;;)
		wfi();
}

static void call_for_ever(u64 arg)
{
	arrive();
	for (;;)
		sbi_call1(0x0badc0de, arg++, 0);
}

static void fault_for_ever(u64 arg)
{
	(void)arg;
	arrive();
	for (;;) {
		exec_insn(0xffffffff, 0, false);
		trap_call((void *)0x10200000UL, 0, 0, 0);
	}
}

static void touch_for_ever(u64 arg)
{
	volatile u32 *plic_priority = (volatile u32 *)0x0c000004UL;

	(void)arg;
	arrive();
	for (;;)
		(void)*plic_priority;
}

static void on_timer(u64 code)
{
	(void)code;
	sbi_set_timer(-1UL);
}

void guest_main(void)
{
	static void (*const bad[])(u64) = { spin, wait_for_ever, call_for_ever, fault_for_ever,
					    touch_for_ever };
	volatile u64 *ticks = &hart_self()->interrupts[CAUSE_TIMER_INTERRUPT];
	bool good = true;

	scenario_begin("spin");
	hart_self()->on_interrupt = on_timer;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		good &= hart_start(hart_nth(i + 1), bad[i], 0) == 0;
	check(good && wait_word(&arrived, ARRAY_SIZE(bad)), "five harts do their worst");
	csr_write(sie, SIP_STIP);
	interrupts_on();
	for (u64 i = 1; i <= 10; i++) {
		sbi_set_timer(rdtime() + MS);
		good &= wait_word(ticks, i);
	}
	check(good, "the sixth gets its timer interrupts");
	for (u64 i = 11; i <= 20; i++) {
		sbi_set_timer(rdtime() + MS);
		while (*ticks < i)
			wfi();
	}
	check(good, "and wakes from wfi");
	good = true;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		good &= hart_status(hart_nth(i + 1)) == SBI_HSM_STARTED;
	check(good, "the others are still started");
	check_equal("a fence reaches them",
		    (u64)sbi_call4(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, -1UL, 0, 0).error, 0);
	scenario_end();
}
