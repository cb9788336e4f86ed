/* SPDX-License-Identifier: BSD-2-Clause */
/* Hart State Management: start, stop, status, both suspends, and what can go wrong with them. */
#include "console.h"
#include "fdt.h"
#include "paging.h"
#include "sbi.h"

#define HARTS	     4
#define SETTLE_TICKS 20000 /* 2 ms */

void hart_tell(void);

struct told {
	volatile u64 a0, a1, status, satp, done;
} hart_told;

static volatile u64 runs[HART_MAX];

static void settle(void)
{
	u64 start = rdtime();

	while (rdtime() - start < SETTLE_TICKS)
		;
}

static bool wait_status(u64 id, long status)
{
	u64 start = rdtime();

	while (hart_status(id) != status)
		if (rdtime() - start > 50000000)
			return false;
	return true;
}

static void count_run(u64 id)
{
	runs[id]++;
}

static void test_first_look(void)
{
	bool good = hart_status(boot_hart_id) == SBI_HSM_STARTED;

	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_status(hart_nth(n)) == SBI_HSM_STOPPED;
	check_equal("number of harts", hart_count(), HARTS);
	check(good, "one hart is started, the others are stopped");
}

static void check_told(const char *what, u64 hart, u64 opaque)
{
	bool good = wait_word(&hart_told.done, 1) && hart_told.a0 == hart &&
		    hart_told.a1 == opaque && !(hart_told.status & SSTATUS_SIE) &&
		    hart_told.satp == 0;

	check(good, what);
	if (!good)
		print("BAD done %lu a0 0x%lx a1 0x%lx sstatus 0x%lx satp 0x%lx\n", hart_told.done,
		      hart_told.a0, hart_told.a1, hart_told.status, hart_told.satp);
	hart_told.done = 0;
}

static void test_start_state(void)
{
	const u64 opaque = 0xfedcba9876543210UL;

	for (unsigned n = 1; n < HARTS; n++) {
		u64 hart = hart_nth(n);

		check_equal(
			"start",
			(u64)sbi_call3(SBI_EXT_HSM, SBI_HSM_START, hart, (u64)hart_tell, opaque + n)
				.error,
			0);
		check_told("a0, a1, sstatus.SIE and satp of a started hart", hart, opaque + n);
		check(wait_status(hart, SBI_HSM_STOPPED), "it stops");
	}
}

static void test_restart(void)
{
	bool good = true;

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned n = 1; n < HARTS; n++)
			good &= hart_start(hart_nth(n), count_run, hart_nth(n)) == 0;
		for (unsigned n = 1; n < HARTS; n++)
			good &= hart_wait_stopped(hart_nth(n));
	}
	for (unsigned n = 1; n < HARTS; n++)
		good &= runs[hart_nth(n)] == 20;
	check(good, "20 starts and stops of each hart");
}

static volatile u64 hold;

static void wait_release(u64 arg)
{
	(void)arg;
	while (hold)
		;
}

static void test_start_twice(void)
{
	u64 hart = hart_nth(1);
	long first, second, third;

	hold = 1;
	first = hart_start(hart, wait_release, 0);
	second = hart_start(hart, wait_release, 0);
	wait_status(hart, SBI_HSM_STARTED);
	third = hart_start(hart, wait_release, 0);
	hold = 0;
	/* which error a hart in START_PENDING gives is not said */
	check(first == 0 && second < 0 && third == SBI_ERR_ALREADY_AVAILABLE,
	      "start of a hart that is being started, and that is started");
	check(hart_wait_stopped(hart), "it stops");
}

/* Two harts start a third at the same time: one of them does. */
static volatile u64 go, answers[2];

static void race(u64 which)
{
	u64 target = hart_nth(3);

	for (u64 round = 1; round <= 50; round++) {
		wait_word(&go, round);
		answers[which] =
			(u64)sbi_call3(SBI_EXT_HSM, SBI_HSM_START, target, (u64)hart_tell, round)
				.error;
		fence();
		__atomic_fetch_add(&hold, 1, __ATOMIC_SEQ_CST);
	}
}

static void test_start_race(void)
{
	bool good = true;

	hold = 0;
	good &= hart_start(hart_nth(1), race, 0) == 0;
	good &= hart_start(hart_nth(2), race, 1) == 0;
	for (u64 round = 1; round <= 50; round++) {
		u64 one, other;

		good &= wait_status(hart_nth(3), SBI_HSM_STOPPED);
		go = round;
		good &= wait_word(&hold, 2 * round);
		one = answers[0];
		other = answers[1];
		/* the hart may have run and stopped between the two: then both are right */
		good &= one == 0 || other == 0;
		good &= (s64)one <= 0 && (s64)other <= 0;
		good &= wait_word(&hart_told.done, 1) && hart_told.a1 == round;
		good &= wait_status(hart_nth(3), SBI_HSM_STOPPED);
		hart_told.done = 0;
	}
	good &= hart_wait_stopped(hart_nth(1)) && hart_wait_stopped(hart_nth(2));
	check(good, "two harts start a third at the same time");
}

static void test_start_nowhere(void)
{
	u64 hart = hart_nth(1), base, size;
	bool good = true;

	fdt_memory(boot_fdt, &base, &size);
	if (is_native()) {
		skip("start outside memory is refused"); /* OpenSBI 1.1 starts the hart there */
		skip("suspend that would resume outside memory is refused");
		return;
	}
	const u64 nowhere[] = { 0,	 0x10000000, 0x0c000000, 0x10200000, base + size,
				BIT(40), BIT(55),    BIT(63),	 -2UL,	     -4UL };
	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
		long error = sbi_call3(SBI_EXT_HSM, SBI_HSM_START, hart, nowhere[i], 0).error;

		if (error == SBI_ERR_INVALID_ADDRESS && hart_status(hart) == SBI_HSM_STOPPED)
			continue;
		good = false;
		print("BAD start at 0x%lx: error %ld\n", nowhere[i], error);
	}
	check(good, "start outside memory is refused");
	good = true;
	csr_write(sie, SIP_SSIP);
	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
		csr_set(sip, SIP_SSIP);
		good &= sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE,
				  nowhere[i], 0)
				.error == SBI_ERR_INVALID_ADDRESS;
	}
	csr_clear(sip, SIP_SSIP);
	csr_write(sie, 0);
	check(good, "suspend that would resume outside memory is refused");
}

static volatile u64 suspended_error, suspended_sum;

/* Values in many registers, live across the suspend. */
static void suspend_retentive(u64 seed)
{
	u64 a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17;

	csr_write(sie, SIP_SSIP);
	asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
	suspended_error = (u64)sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE,
					 0xdeadbeef, 0)
				  .error;
	asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
	suspended_sum = a + b + c + d + e + f;
	csr_clear(sip, SIP_SSIP);
	csr_write(sie, 0);
}

static void test_suspend_retentive(void)
{
	u64 hart = hart_nth(2);

	suspended_error = 99;
	check(hart_start(hart, suspend_retentive, 1000) == 0 &&
		      wait_status(hart, SBI_HSM_SUSPENDED),
	      "retentive suspend: the status is suspended");
	settle();
	check(suspended_error == 99 && hart_status(hart) == SBI_HSM_SUSPENDED, "it stays so");
	check(hart_start(hart, suspend_retentive, 1000) < 0,
	      "start of a suspended hart is refused");
	sbi_send_ipi(1, hart);
	check(hart_wait_stopped(hart) && suspended_error == 0 && suspended_sum == 56000,
	      "an IPI resumes it behind the call, registers as they were");
}

static void suspend_until_timer(u64 arg)
{
	(void)arg;
	csr_write(sie, SIP_STIP);
	sbi_set_timer(rdtime() + 30000);
	suspended_error =
		(u64)sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0).error;
	suspended_sum = rdtime();
	sbi_set_timer(-1UL);
	csr_write(sie, 0);
}

static void test_suspend_timer(void)
{
	u64 hart = hart_nth(3), start = rdtime();

	suspended_error = 99;
	check(hart_start(hart, suspend_until_timer, 0) == 0 && wait_word(&suspended_error, 0) &&
		      hart_wait_stopped(hart) && suspended_sum >= start + 30000,
	      "the timer resumes a suspended hart");
}

static u64 *suspend_root;

static void suspend_non_retentive(u64 opaque)
{
	csr_write(sie, SIP_SSIP);
	paging_use(paging_satp(suspend_root));
	sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE, (u64)hart_tell,
		  opaque);
	print("BAD non-retentive suspend returned\n");
}

static void test_suspend_non_retentive(void)
{
	u64 hart = hart_nth(1);
	const u64 opaque = 0x8000000000000001UL;

	suspend_root = paging_new();
	check(hart_start(hart, suspend_non_retentive, opaque) == 0 &&
		      wait_status(hart, SBI_HSM_SUSPENDED),
	      "non-retentive suspend: the status is suspended");
	sbi_send_ipi(1, hart);
	check_told("a0, a1, sstatus.SIE and satp of a resumed hart", hart, opaque);
	check(hart_wait_stopped(hart), "it stops");
}

/* Calls that reach stopped harts neither wake them nor hang. */
static void test_stopped(void)
{
	bool good = true;

	sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, 0, -1UL);
	sbi_call4(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, -1UL, 0, 0);
	sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, -1UL);
	settle();
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_status(hart_nth(n)) == SBI_HSM_STOPPED;
	csr_clear(sip, SIP_SSIP);
	check(good, "IPIs and fences leave stopped harts stopped");
}

/* The hart that booted is nothing special: it may stop, and another one ends the scenario. */
static void last_hart(u64 first)
{
	check(wait_status(first, SBI_HSM_STOPPED), "the boot hart stops");
	check_equal("the boot hart starts again", (u64)hart_start(first, count_run, first), 0);
	check(hart_wait_stopped(first) && runs[first] == 1, "and has run");
	scenario_end();
}

void guest_main(void)
{
	scenario_begin("hsm");
	csr_write(sie, 0);
	test_first_look();
	test_start_state();
	test_restart();
	test_start_twice();
	test_start_race();
	test_start_nowhere();
	test_suspend_retentive();
	test_suspend_timer();
	test_suspend_non_retentive();
	test_stopped();
	hart_start(hart_nth(1), last_hart, boot_hart_id);
	sbi_call0(SBI_EXT_HSM, SBI_HSM_STOP);
	print("BAD hart_stop returned\n");
}
