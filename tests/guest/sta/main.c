/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI STA: two harts on one, busy or asleep, read how much time was stolen from them. */
#include "console.h"
#include "sbi.h"
#include "string.h"

#define UART_BASE 0x10000000UL
#define MS	  10000UL /* ticks */
#define MS_IN_NS  1000000UL
#define OFF	  (-1UL)
#define PLACES	  3

struct steal_time {
	u32 sequence;
	u32 flags;
	u64 steal; /* ns */
	u8 preempted;
	u8 pad[47];
};

static volatile struct steal_time places[PLACES] __attribute__((aligned(64)));
static volatile u64 arrived, torn;

static long set_shmem(u64 low, u64 high, u64 flags)
{
	struct sbiret ret = sbi_call3(SBI_EXT_STA, SBI_STA_SET_SHMEM, low, high, flags);

	if (ret.value != 0)
		print("BAD value of set_shmem(0x%lx, 0x%lx, 0x%lx): 0x%lx\n", low, high, flags,
		      ret.value);
	return ret.error;
}

static bool is_zero(volatile const struct steal_time *place)
{
	const volatile u8 *bytes = (const volatile u8 *)place;

	for (unsigned i = 0; i < sizeof(*place); i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static u64 stolen(volatile const struct steal_time *place)
{
	u32 sequence;
	u64 steal;

	do {
		sequence = place->sequence;
		asm volatile("fence r, r" ::: "memory");
		steal = place->steal;
		asm volatile("fence r, r" ::: "memory");
	} while (sequence % 2 || sequence != place->sequence);
	return steal;
}

static void be_busy(u64 ticks)
{
	u64 start = rdtime();

	while (rdtime() - start < ticks)
		;
}

static void test_refusals(void)
{
	const u64 good = (u64)&places[0];

	check(sbi_has(SBI_EXT_STA), "probe finds STA");
	check(sbi_call0(SBI_EXT_STA, 1).error == SBI_ERR_NOT_SUPPORTED &&
		      sbi_call0(SBI_EXT_STA, -1UL).error == SBI_ERR_NOT_SUPPORTED,
	      "other functions: NOT_SUPPORTED");
	memset((void *)(u64)&places[0], 0x55, sizeof(places[0]));
	check(set_shmem(good, 0, 1) == SBI_ERR_INVALID_PARAM &&
		      set_shmem(good, 0, BIT(63)) == SBI_ERR_INVALID_PARAM &&
		      set_shmem(OFF, OFF, 1) == SBI_ERR_INVALID_PARAM,
	      "flags: INVALID_PARAM");
	check(set_shmem(good + 1, 0, 0) == SBI_ERR_INVALID_PARAM &&
		      set_shmem(good + 32, 0, 0) == SBI_ERR_INVALID_PARAM &&
		      set_shmem(OFF, 0, 0) == SBI_ERR_INVALID_PARAM,
	      "not aligned to 64: INVALID_PARAM");
	check(set_shmem(good, 1, 0) == SBI_ERR_INVALID_ADDRESS &&
		      set_shmem(0, 0, 0) == SBI_ERR_INVALID_ADDRESS &&
		      set_shmem(0, OFF, 0) == SBI_ERR_INVALID_ADDRESS &&
		      set_shmem(UART_BASE, 0, 0) == SBI_ERR_INVALID_ADDRESS &&
		      set_shmem(OFF << 6, 0, 0) == SBI_ERR_INVALID_ADDRESS,
	      "no RAM: INVALID_ADDRESS");
	check(places[0].sequence == 0x55555555 && places[0].pad[46] == 0x55,
	      "what is refused is not written");
	check(set_shmem(OFF, OFF, 0) == SBI_SUCCESS, "off, and was never on");
}

static void test_start(void)
{
	memset((void *)(u64)&places[0], 0x55, sizeof(places));
	check(set_shmem((u64)&places[1], 0, 0) == SBI_SUCCESS, "on");
	check(is_zero(&places[1]), "its memory is zero");
	check(places[0].sequence == 0x55555555 && places[0].pad[46] == 0x55 &&
		      places[2].sequence == 0x55555555,
	      "what lies beside it is not");
	memset((void *)(u64)&places[0], 0, sizeof(places));
}

/* The other hart runs as long as this one. */
static void compete(u64 place)
{
	u64 steal, last = 0, start;

	if (set_shmem((u64)&places[place], 0, 0) != 0)
		print("BAD set_shmem of hart %lu\n", place);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	wait_word(&arrived, 2);
	start = rdtime();
	while (rdtime() - start < 400 * MS) {
		/* one's own, and the other's, which may be changing */
		steal = stolen(&places[place]);
		torn += steal < last;
		last = steal;
		torn += stolen(&places[3 - place]) > 1000 * MS_IN_NS;
	}
}

/* Of two busy harts on one, always one waits: together they lost as much as there was. */
static void test_two_busy(void)
{
	u64 one, two;

	hart_start(hart_nth(1), compete, 2);
	compete(1);
	check(hart_wait_stopped(hart_nth(1)), "two busy harts on one");
	one = stolen(&places[1]) / MS_IN_NS;
	two = stolen(&places[2]) / MS_IN_NS;
	if (!check(one && two && one + two > 300 && one + two < 600, "always one of them waited"))
		print("# of 400 ms, %lu and %lu\n", one, two);
	check_equal("steal time that goes back, or is torn", torn, 0);
	check(places[1].sequence >= 4 && places[1].sequence % 2 == 0 && places[1].flags == 0 &&
		      places[1].preempted == 0,
	      "the sequence counts, the rest is 0");
}

/* Alone, and asleep, nothing is stolen; a hart that has stopped is not told any more. */
static void test_alone(void)
{
	struct steal_time stopped = places[2];
	u64 before = stolen(&places[1]), got;

	be_busy(100 * MS);
	csr_write(sie, SIP_STIP);
	sbi_set_timer(rdtime() + 100 * MS);
	asm volatile("wfi");
	sbi_set_timer(-1UL);
	got = (stolen(&places[1]) - before) / MS_IN_NS;
	if (!check(got < 20, "nothing is stolen while nobody else runs"))
		print("# %lu ms of 200\n", got);
	check(memcmp(&stopped, (const void *)(u64)&places[2], sizeof(stopped)) == 0,
	      "nothing is written for a hart that has stopped");
}

static void only_be_busy(u64 ticks)
{
	be_busy(ticks);
}

/* A hart that is started again has it off, and so has one that turned it off. */
static void test_off(void)
{
	memset((void *)(u64)&places[0], 0, sizeof(places));
	check(set_shmem(OFF, OFF, 0) == SBI_SUCCESS, "off");
	hart_start(hart_nth(1), only_be_busy, 100 * MS);
	be_busy(100 * MS);
	check(hart_wait_stopped(hart_nth(1)), "two busy harts again");
	check(is_zero(&places[1]), "nothing is written once it is off");
	check(is_zero(&places[2]), "nor for a hart that was started anew");
}

void guest_main(void)
{
	scenario_begin("sta");
	test_refusals();
	test_start();
	test_two_busy();
	test_alone();
	test_off();
	scenario_end();
}
