/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts that are pending while another hart has its turn are still pending afterwards, and so
 * are those that become due meanwhile: three harts on one, each busy with interrupts off.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

#define HARTS  3
#define ROUNDS 6
#define MS     10000UL /* ticks */
#define NEVER  (-1UL)

/* Much more than the other harts' turns: the computer may be busy. */
#define PATIENCE (300 * MS)

static bool use_stimecmp;
static volatile u64 arrived, lost_timer[HART_MAX], lost_ipi[HART_MAX], early[HART_MAX];

static void set_timer(u64 when)
{
	if (use_stimecmp)
		asm volatile("csrw 0x14d, %0" ::"r"(when) : "memory");
	else
		sbi_set_timer(when);
}

static void on_interrupt(u64 code)
{
	if (code == CAUSE_SOFTWARE_INTERRUPT)
		csr_clear(sip, SIP_SSIP);
	else
		set_timer(NEVER);
}

/* Long enough for each of the others to have a turn or two. */
static void be_busy(void)
{
	u64 start = rdtime();

	while (rdtime() - start < 50 * MS)
		;
}

/* Whether an interrupt of this kind comes when it is let in. One that is lost never does. */
static bool comes(u64 code)
{
	volatile u64 *taken = &hart_self()->interrupts[code];
	u64 before = *taken, start = rdtime();

	csr_write(sie, BIT(code));
	interrupts_on();
	while (*taken == before && rdtime() - start < PATIENCE)
		;
	interrupts_off();
	csr_write(sie, 0);
	return *taken == before + 1;
}

static void take_turns(u64 n)
{
	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, 0);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	wait_word(&arrived, HARTS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* due already, due while others have their turn, not due */
		set_timer(rdtime() + (round % 3 == 0 ? 0 : round % 3 == 1 ? 25 * MS : 100000 * MS));
		sbi_send_ipi(1, hart_self()->id);
		be_busy();
		if (round % 3 == 2)
			early[n] += comes(CAUSE_TIMER_INTERRUPT);
		else
			lost_timer[n] += !comes(CAUSE_TIMER_INTERRUPT);
		lost_ipi[n] += !comes(CAUSE_SOFTWARE_INTERRUPT);
		set_timer(NEVER);
	}
}

static void test(void)
{
	bool good = true;

	arrived = 0;
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_start(hart_nth(n), take_turns, n) == 0;
	take_turns(0);
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_wait_stopped(hart_nth(n));
	check(good, "three harts take turns");
	for (unsigned n = 0; n < HARTS; n++) {
		check_equal("timer interrupts lost", lost_timer[n], 0);
		check_equal("timer interrupts that came early", early[n], 0);
		check_equal("IPIs lost", lost_ipi[n], 0);
	}
}

void guest_main(void)
{
	scenario_begin("turns");
	print("SBI timer\n");
	test();
	use_stimecmp = fdt_has_isa(boot_fdt, "sstc");
	/* Without Sstc the same again by SBI, so that the text is the same. */
	print("stimecmp\n");
	test();
	scenario_end();
}
