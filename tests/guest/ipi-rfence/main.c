/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts between harts reach exactly those that are named, and remote fences take effect before
 * the call returns: a hart that uses a translation, or code, all the time sees what was changed.
 */
#include "console.h"
#include "insn.h"
#include "paging.h"
#include "sbi.h"
#include "string.h"

#define HARTS	     4
#define ROUNDS	     12
#define SETTLE_TICKS 10000 /* 1 ms */

static volatile u64 ready, stop;

static void on_interrupt(u64 code)
{
	if (code == CAUSE_SOFTWARE_INTERRUPT)
		csr_clear(sip, SIP_SSIP);
}

static volatile u64 *received(u64 hart)
{
	return &harts[hart].interrupts[CAUSE_SOFTWARE_INTERRUPT];
}

static void arrive(void)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
}

static void listen(void)
{
	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, SIP_SSIP);
	interrupts_on();
}

static void ipi_receiver(u64 sleeps)
{
	listen();
	arrive();
	while (!stop)
		if (sleeps)
			wfi();
}

/* Starts the other harts and waits until they are where they want to be. */
static void others_start(void (*fn)(u64), bool pass_number)
{
	ready = stop = 0;
	for (unsigned n = 1; n < HARTS; n++)
		if (hart_start(hart_nth(n), fn, pass_number ? n : n & 1))
			print("BAD hart_start\n");
	if (!wait_word(&ready, HARTS - 1))
		print("BAD harts do not start\n");
}

static void others_stop(void)
{
	stop = 1;
	fence();
	sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, 0, -1UL);
	for (unsigned n = 1; n < HARTS; n++)
		if (!hart_wait_stopped(hart_nth(n)))
			print("BAD hart does not stop\n");
}

/* Sends to a subset and sees who gets it, once each. */
static bool subset_gets_it(u64 subset, u64 mask, u64 base)
{
	u64 before[HARTS];
	u64 start;
	bool good = true;

	for (u64 h = 0; h < HARTS; h++)
		before[h] = *received(h);
	good &= sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, mask, base).error == 0;
	for (u64 h = 0; h < HARTS; h++)
		if (subset & BIT(h))
			good &= wait_word(received(h), before[h] + 1);
	start = rdtime();
	while (rdtime() - start < SETTLE_TICKS)
		;
	for (u64 h = 0; h < HARTS; h++)
		good &= *received(h) == before[h] + (subset >> h & 1);
	if (!good)
		print("BAD IPI to 0x%lx, as mask 0x%lx base 0x%lx\n", subset, mask, base);
	return good;
}

static void test_subsets(void)
{
	bool good = true;

	others_start(ipi_receiver, false);
	listen();
	for (u64 subset = 0; subset < BIT(HARTS); subset++)
		good &= subset_gets_it(subset, subset, 0);
	check(good, "IPIs to every subset of 4 harts");
	good = true;
	for (u64 base = 1; base < HARTS; base++)
		for (u64 mask = 1; mask < BIT(HARTS - base); mask++)
			good &= subset_gets_it(mask << base, mask, base);
	check(good, "IPIs with every mask base");
	check(subset_gets_it(BIT(HARTS) - 1, 0, -1UL), "IPIs to all harts by base -1");
	others_stop();
	interrupts_off();
}

/* Each hart sends to every other one as fast as it can; each counts at least one, none hangs. */
static volatile u64 storm_done;

static void storm(u64 n)
{
	u64 self = hart_self()->id, seed = n + 1;

	listen();
	arrive();
	wait_word(&ready, HARTS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 mask = random_next(&seed) & (BIT(HARTS) - 1) & ~BIT(self);

		sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, mask, 0);
		sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, mask, 0);
		sbi_call4(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, -1UL, random_next(&seed) << 12,
			  PAGE_SIZE);
		sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA_ASID, mask, 0, 0, -1UL, i);
	}
	__atomic_fetch_add(&storm_done, 1, __ATOMIC_SEQ_CST);
	wait_word(&storm_done, HARTS);
}

static void test_storm(void)
{
	bool good = true;

	if (is_native()) {
		/* OpenSBI 1.1 deadlocks: every hart waits in the firmware for a fence of another */
		skip("all harts send IPIs and fences to each other");
		return;
	}
	others_start(storm, true);
	storm(0);
	good &= storm_done == HARTS;
	interrupts_off();
	for (u64 h = 0; h < HARTS; h++)
		good &= *received(h) > 0;
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_wait_stopped(hart_nth(n));
	check(good, "all harts send IPIs and fences to each other");
}

/* Remote sfence.vma: pages[0] and pages[1] change places under the readers' eyes. */
#define SHARED_VA 0x3000000000UL

static u64 pages[2][PAGE_SIZE / 8] __attribute__((aligned(PAGE_SIZE)));
static u64 *root;
static volatile u64 epoch, acknowledged[HARTS], seen[HARTS];

static bool reader_saw(unsigned n, u64 round, u64 want)
{
	if (!wait_word(&acknowledged[n], round)) {
		print("BAD reader %u does not answer in round %lu\n", n, round);
		return false;
	}
	if (seen[n] != want)
		print("BAD reader %u saw %lu in round %lu\n", n, seen[n], round);
	return seen[n] == want;
}

static void page_reader(u64 n)
{
	u64 told = 0;

	paging_use(paging_satp(root) | n << 44); /* an ASID for each hart */
	arrive();
	while (!stop) {
		u64 value = *(volatile u64 *)SHARED_VA;
		u64 now = epoch;

		if (now == told)
			continue;
		fence();
		value = *(volatile u64 *)SHARED_VA;
		seen[n] = value;
		fence();
		acknowledged[n] = told = now;
	}
	paging_use(0);
}

static bool page_round(u64 round, u64 fid, u64 start, u64 size)
{
	u64 mask = 0;
	bool good = true;
	struct sbiret ret;

	for (unsigned n = 1; n < HARTS; n++)
		mask |= BIT(hart_nth(n));
	paging_map(root, SHARED_VA, (u64)pages[round & 1], PTE_KERNEL, 0);
	fence();
	if (fid == SBI_RFENCE_SFENCE_VMA) {
		ret = sbi_call4(SBI_EXT_RFENCE, fid, mask, 0, start, size);
		good &= ret.error == 0;
	} else {
		for (unsigned n = 1; n < HARTS; n++)
			good &= sbi_call(SBI_EXT_RFENCE, fid, 1, hart_nth(n), start, size, n)
					.error == 0;
	}
	epoch = round;
	for (unsigned n = 1; n < HARTS; n++)
		good &= reader_saw(n, round, round & 1);
	return good;
}

static void test_sfence(void)
{
	static const struct {
		const char *name;
		u64 fid, start, size;
	} kinds[] = {
		{ "remote sfence.vma of one page", SBI_RFENCE_SFENCE_VMA, SHARED_VA, PAGE_SIZE },
		{ "remote sfence.vma of everything", SBI_RFENCE_SFENCE_VMA, 0, 0 },
		{ "remote sfence.vma of size -1", SBI_RFENCE_SFENCE_VMA, 0, -1UL },
		{ "remote sfence.vma of 1 GiB around it", SBI_RFENCE_SFENCE_VMA,
		  SHARED_VA & ~0x3fffffffUL, 0x40000000 },
		{ "remote sfence.vma of an ASID, one page", SBI_RFENCE_SFENCE_VMA_ASID, SHARED_VA,
		  PAGE_SIZE },
		{ "remote sfence.vma of an ASID, everything", SBI_RFENCE_SFENCE_VMA_ASID, 0, -1UL },
	};
	u64 round = 0;

	root = paging_new();
	pages[1][0] = 1;
	paging_map(root, SHARED_VA, (u64)pages[0], PTE_KERNEL, 0);
	others_start(page_reader, true);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool good = true;

		for (unsigned n = 0; n < ROUNDS; n++)
			good &= page_round(++round, kinds[i].fid, kinds[i].start, kinds[i].size);
		check(good, kinds[i].name);
	}
	others_stop();
	csr_clear(sip, SIP_SSIP);
}

/*
 * Remote fence.i: code that returns a number is rewritten between the calls of others. Not during
 * them: QEMU 10 then translates the old code anew just before it is gone, and keeps that.
 */
static u32 code[2] = { INSN_ADDI(REG_A0, 0, 0), INSN_RET };

static void code_caller(u64 n)
{
	u64 (*volatile function)(void) = (u64(*)(void))code;
	u64 told = 0;

	arrive();
	while (!stop) {
		u64 now = epoch;

		if (now == told)
			continue;
		fence();
		seen[n] = function();
		fence();
		acknowledged[n] = told = now;
	}
}

static void test_fence_i(void)
{
	bool good = true;

	epoch = 0;
	for (unsigned n = 0; n < HARTS; n++)
		acknowledged[n] = 0;
	others_start(code_caller, true);
	for (u64 round = 1; round <= ROUNDS; round++) {
		*(volatile u32 *)code = INSN_ADDI(REG_A0, 0, round);
		fence();
		good &= sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, -1UL).error == 0;
		epoch = round;
		for (unsigned n = 1; n < HARTS; n++)
			good &= reader_saw(n, round, round);
	}
	check(good, "remote fence.i");
	others_stop();
}

void guest_main(void)
{
	scenario_begin("ipi-rfence");
	test_subsets();
	test_storm();
	csr_write(sie, 0);
	test_sfence();
	test_fence_i();
	scenario_end();
}
