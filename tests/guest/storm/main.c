/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest for tests/vms/lifecycle.t, which starts, pauses, resets and kills it at any moment. Its
 * count pass a token on by IPIs, each takes timer interrupts, and RAM keeps a pattern; the first
 * hart says that all is well, again and again, or what is not, once. bootargs "mark" and "look" are
 * for what a VM leaves behind in RAM.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"
#include "string.h"

#define MS	    10000UL /* ticks of the clock */
#define TICK	    MS
#define REPORT	    (50 * MS)
#define PATIENCE    (5000 * MS)
#define PATTERN	    0x9e3779b97f4a7c15UL
#define PATTERN_END (4UL << 20) /* bytes of RAM behind the program that the pattern takes */
#define SECRET	    0x5ec4e75ec4e75ec4UL

static volatile u64 token, beats[HART_MAX];

static void on_interrupt(u64 code)
{
	if (code == CAUSE_TIMER_INTERRUPT) {
		sbi_set_timer(rdtime() + TICK);
		beats[hart_self()->id]++;
	} else {
		csr_clear(sip, SIP_SSIP);
	}
}

static void start_interrupts(void)
{
	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, SIP_STIP | SIP_SSIP);
	sbi_set_timer(rdtime() + TICK);
	interrupts_on();
}

/* Who has the token adds one and wakes the next; the others sleep. */
static void pass_token(u64 me, u64 count)
{
	if (token % count == me) {
		token++;
		sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, 1UL << token % count, 0);
	} else {
		wfi();
	}
}

static void other(u64 count)
{
	start_interrupts();
	for (;;)
		pass_token(hart_self()->id, count);
}

static void fail(const char *what)
{
	print("storm BAD %s\n", what);
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}

static u64 *ram_end(void)
{
	u64 base, size;

	fdt_memory(boot_fdt, &base, &size);
	return (u64 *)(base + size - (64UL << 10)); /* where the device tree is */
}

extern char __image_end[];

static u64 *ram_start(void)
{
	return (u64 *)(((u64)__image_end + PAGE_SIZE) & ~(PAGE_SIZE - 1));
}

static void check_pattern(const u64 *from, const u64 *to)
{
	for (const u64 *word = from; word < to; word++) {
		if (*word != (u64)word * PATTERN)
			fail("memory has changed");
	}
}

/* Whether every hart got its ticks, and the token went round, since the last look. */
static bool has_progress(u64 count, u64 seen[HART_MAX + 1])
{
	bool progress = token != seen[HART_MAX];

	for (u64 i = 0; i < count; i++)
		progress &= beats[i] != seen[i];
	if (!progress)
		return false;
	for (u64 i = 0; i < count; i++)
		seen[i] = beats[i];
	seen[HART_MAX] = token;
	return true;
}

static void run(void)
{
	u64 count = hart_count(), seen[HART_MAX + 1] = { 0 }, since = rdtime(), reports = 0;
	u64 *from = ram_start(), *to = ram_start() + PATTERN_END / sizeof(u64);

	for (u64 *word = from; word < to; word++)
		*word = (u64)word * PATTERN;
	for (u64 i = 1; i < count; i++)
		hart_start(hart_nth((unsigned)i), other, count);
	start_interrupts();
	for (;;) {
		pass_token(hart_self()->id, count);
		if (rdtime() - since < REPORT)
			continue;
		if (has_progress(count, seen)) {
			since = rdtime();
			check_pattern(from, to);
			print("storm alive %lu\n", ++reports);
		} else if (rdtime() - since > PATIENCE) {
			fail("no progress");
		}
	}
}

/* All of RAM that the program itself does not use. */
static void mark(void)
{
	for (u64 *word = ram_start(); word < ram_end(); word++)
		*word = SECRET;
	print("marked\n");
}

static void look(void)
{
	u64 found = 0;

	for (const u64 *word = ram_start(); word < ram_end(); word++)
		found += *word != 0;
	print("words that are not 0: %lu\n", found);
}

void guest_main(void)
{
	struct fdt_property role;
	const char *name = "";

	if (fdt_find(boot_fdt, "/chosen", "bootargs", &role))
		name = (const char *)role.data;
	if (strcmp(name, "mark") == 0)
		mark();
	else if (strcmp(name, "look") == 0)
		look();
	else
		run();
	sbi_shutdown(SBI_SRST_NO_REASON);
}
