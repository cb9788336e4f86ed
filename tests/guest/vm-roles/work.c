/* SPDX-License-Identifier: BSD-2-Clause */
/* Roles that measure what a VM gets: harts for work, and the time until one that sleeps wakes up.
 */
#include "console.h"
#include "roles.h"
#include "sbi.h"
#include "string.h"

#define SAMPLES_MAX    2000
#define RESTLESS_TICKS 100 /* 10 us */

static volatile u64 rounds[HART_MAX], nr_done;

/*
 * A thousand instructions and a few: with --icount, a microsecond. In one piece, which an emulator
 * runs much faster than a loop.
 */
static void round_of_work(void)
{
	asm volatile(".rept 997\n\tnop\n\t.endr");
}

static u64 work_until(u64 end)
{
	u64 done = 0;

	for (; rdtime() < end; done++)
		round_of_work();
	return done;
}

/* Rounds done from `from` to `from` + `span` (ms of the VM's clock), and some more work behind it,
 * so that all VMs are busy while any of them measures. */
static void measure(u64 n)
{
	u64 from = parameter("from", 100), end = from + parameter("span", 1000);

	work_until(from * MS);
	rounds[n] = work_until(end * MS);
	work_until((end + parameter("after", 100)) * MS);
	__atomic_fetch_add(&nr_done, 1, __ATOMIC_RELEASE);
}

void work(void)
{
	unsigned n = hart_count();
	u64 sum = 0;

	for (unsigned i = 1; i < n; i++)
		hart_start(hart_nth(i), measure, i);
	measure(0);
	while (__atomic_load_n(&nr_done, __ATOMIC_ACQUIRE) < n)
		;
	for (unsigned i = 0; i < n; i++)
		sum += rounds[i];
	print("work: %lu rounds\n", sum);
}

static void sort(u64 *values, unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		u64 value = values[i];
		unsigned j = i;

		for (; j > 0 && values[j - 1] > value; j--)
			values[j] = values[j - 1];
		values[j] = value;
	}
}

/*
 * Sleeps `count` times until a timer wakes it, every 10 ms on average, at random so as to meet the
 * others at any point of their slices; works for `busy` us in between. `from`: ms until the first.
 */
void wake(void)
{
	static u64 late[SAMPLES_MAX];
	unsigned count = (unsigned)parameter("count", 500);
	u64 busy = parameter("busy", 0) * MS / 1000, when = parameter("from", 100) * MS;
	u64 random = 0x5eed;

	for (unsigned i = 0; i < count; i++) {
		sleep_until(when);
		late[i] = rdtime() - when;
		work_until(when + busy);
		when += 5 * MS + random_next(&random) % (10 * MS);
	}
	sort(late, count);
	print("wake: worst %lu ns, 99 of 100 within %lu ns, half within %lu ns\n",
	      late[count - 1] * 100, late[count * 99 / 100] * 100, late[count / 2] * 100);
}

static void on_tick(u64 code)
{
	(void)code;
	sbi_set_timer(NEVER);
}

/* Each hart sleeps and is woken by its timer, for `span` ms, as often as it can. */
static void wake_again(u64 n)
{
	u64 end = (parameter("from", 100) + parameter("span", 1000)) * MS;

	(void)n;
	hart_self()->on_interrupt = on_tick;
	csr_write(sie, SIP_STIP);
	interrupts_on();
	while (rdtime() < end) {
		sbi_set_timer(rdtime() + RESTLESS_TICKS);
		wfi();
	}
	__atomic_fetch_add(&nr_done, 1, __ATOMIC_RELEASE);
}

void restless(void)
{
	unsigned n = hart_count();

	for (unsigned i = 1; i < n; i++)
		hart_start(hart_nth(i), wake_again, i);
	wake_again(0);
	while (__atomic_load_n(&nr_done, __ATOMIC_ACQUIRE) < n)
		;
	print("restless: done\n");
}

/* Asleep for `span` ms. */
void idle(void)
{
	sleep_until(parameter("span", 1000) * MS);
	print("idle: awake\n");
}
