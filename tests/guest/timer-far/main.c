/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers near the end of time, 2^64, never fire: a hypervisor whose clock is ahead of the guest's
 * must not wrap around. With two harts on one, so that WFI goes through the hypervisor.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

#define MS    10000UL /* ticks */
#define NEVER (-1UL)

static const u64 far_times[] = { NEVER, -2UL, -16UL, -1000UL, -100000UL };
static bool use_stimecmp;

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

static void be_busy(u64 ticks)
{
	u64 start = rdtime();

	while (rdtime() - start < ticks)
		;
}

static void test_firing(void)
{
	volatile u64 *taken = &hart_self()->interrupts[CAUSE_TIMER_INTERRUPT];
	u64 before = *taken, shown = 0;

	csr_write(sie, SIP_STIP);
	for (unsigned i = 0; i < ARRAY_SIZE(far_times); i++) {
		set_timer(far_times[i]);
		be_busy(MS);
		shown |= csr_read(sip) & SIP_STIP;
		interrupts_on();
		be_busy(MS);
		interrupts_off();
	}
	csr_write(sie, 0);
	check(*taken == before && !shown, "far timers never fire");
}

static void wake_other(u64 other)
{
	be_busy(100 * MS);
	sbi_send_ipi(1, other);
}

/* Each WFI that comes back lets the other hart have a turn: few of them fill its time. */
static void test_wfi(void)
{
	unsigned wakeups = 0;

	set_timer(-16UL);
	csr_write(sie, SIP_STIP | SIP_SSIP);
	hart_start(hart_nth(1), wake_other, hart_self()->id);
	while (!(csr_read(sip) & SIP_SSIP)) {
		wfi();
		wakeups++;
	}
	csr_write(sie, 0);
	csr_clear(sip, SIP_SSIP);
	set_timer(NEVER);
	check(wakeups <= 4, "wfi sleeps until an IPI");
	if (wakeups > 4)
		print("BAD it came back %u times\n", wakeups);
	hart_wait_stopped(hart_nth(1));
}

static void test(void)
{
	test_firing();
	test_wfi();
}

void guest_main(void)
{
	scenario_begin("timer-far");
	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, 0);
	print("SBI timer\n");
	test();
	use_stimecmp = fdt_has_isa(boot_fdt, "sstc");
	/* Without Sstc the same again by SBI, so that the text is the same. */
	print("stimecmp\n");
	test();
	scenario_end();
}
