/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The victim of the tests of isolation: a Linux program that checks its machine while another VM
 * attacks. Freestanding (guest/lib/linux_call.h).
 *
 *   - most of the free memory holds a pattern of address and round, verified and rewritten again
 *     and again;
 *   - sleeps are not too short, the clock of the kernel keeps to the counter, ticks arrive;
 *   - it prints a numbered line for each slice of time, in which the test finds gaps and changes.
 *
 * It ends when something is typed. Words on the kernel's command line, in ms since boot:
 * selfcheck.start=MS, when to begin (default: at once); selfcheck.end=MS, when to end at the
 * latest; selfcheck.slice=MS, the time between two lines (default 250).
 *
 *     selfcheck: begin pages=N
 *     selfcheck: line N at MS work W ticks T late US HASH
 *     selfcheck: ok ... or selfcheck: FAILED: what is wrong
 *
 * A line tells how many pages were verified in its slice, the timer's interrupts so far, and how
 * late a sleep ended.
 */
#include "linux_call.h"

#include <stdbool.h>

#define TCGETS	 0x5401
#define TCSETS	 0x5402
#define FIONREAD 0x541b

#define PAGE	      4096UL
#define WORDS	      (PAGE / 8)
#define NS_PER_MS     1000000UL
#define NS_PER_TICK   100UL /* of rdtime: virt's 10 MHz */
#define NAP_NS	      (2 * NS_PER_MS)
#define NEVER_MS      (UINT64_MAX / NS_PER_MS)
#define PAGES_A_LOOK  64	      /* between two looks at the clock */
#define SHARE_OF_FREE 70	      /* per cent of the free memory */
#define DRIFT_PER_10K 20	      /* the clocks may differ by 0.2 %, */
#define DRIFT_NS      (5 * NS_PER_MS) /* and by the time between reading them */
#define FILE_SIZE     8192

/* The attacker looks for this at the beginning of pages (tests/guest/attacker/memory.c). */
#define VICTIM_TAG 0x56696374696d2121UL

void _start(void);

/* --- Output: whole lines, so that what others print cannot stand within one */

static char line[256];
static size_t length;

static void text(const char *s)
{
	while (*s && length < sizeof(line))
		line[length++] = *s++;
}

static void number(uint64_t value, unsigned base)
{
	char digits[24];
	char *c = digits + sizeof(digits) - 1;

	*c = '\0';
	do {
		*--c = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	text(c);
}

static void named(const char *name, uint64_t value)
{
	text(name);
	number(value, 10);
}

static void say(void)
{
	text("\n");
	call4(SYS_write, 1, (long)line, (long)length, 0);
	length = 0;
}

static void __attribute__((noreturn)) end(int status)
{
	for (;;)
		call4(SYS_exit_group, status, 0, 0, 0);
}

static void __attribute__((noreturn)) fail(const char *what, uint64_t got, uint64_t want)
{
	length = 0;
	text("selfcheck: FAILED: ");
	text(what);
	text(": got 0x");
	number(got, 16);
	text(", want 0x");
	number(want, 16);
	say();
	end(1);
}

/* --- What the kernel tells */

struct timespec {
	int64_t seconds, nanoseconds;
};

static uint64_t now(void)
{
	struct timespec time;

	call4(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0, 0);
	return (uint64_t)time.seconds * 1000000000 + (uint64_t)time.nanoseconds;
}

/* No echo and no bell: the terminal shows nothing but what is printed here. */
static void make_terminal_quiet(void)
{
	struct {
		uint32_t input, output, control, local;
		uint8_t line, characters[19];
	} termios;

	if (call4(SYS_ioctl, 0, TCGETS, (long)&termios, 0) < 0)
		return;
	termios.input = termios.local = 0;
	call4(SYS_ioctl, 0, TCSETS, (long)&termios, 0);
}

static bool is_anything_typed(void)
{
	int count = 0;

	return call4(SYS_ioctl, 0, FIONREAD, (long)&count, 0) == 0 && count > 0;
}

static void nap(uint64_t ns)
{
	struct timespec time = { (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000) };

	call4(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&time, 0);
}

static uint64_t counter(void)
{
	uint64_t value;

	__asm__ volatile("rdtime %0" : "=r"(value)::"memory");
	return value;
}

static const char *read_file(const char *path)
{
	static char content[FILE_SIZE];
	long file = call4(SYS_openat, AT_FDCWD, (long)path, 0, 0), done;
	size_t size = 0;

	do {
		done = call4(SYS_read, file, (long)content + (long)size,
			     (long)(FILE_SIZE - 1 - size), 0);
		size += done > 0 ? (size_t)done : 0;
	} while (done > 0);
	call4(SYS_close, file, 0, 0, 0);
	content[size] = '\0';
	return content;
}

static const char *find(const char *in, const char *what)
{
	for (; *in; in++) {
		size_t i = 0;

		while (what[i] && in[i] == what[i])
			i++;
		if (!what[i])
			return in;
	}
	return NULL;
}

static uint64_t digits(const char *s)
{
	uint64_t value = 0;

	while (*s >= '0' && *s <= '9')
		value = value * 10 + (uint64_t)(*s++ - '0');
	return value;
}

static uint64_t option(const char *name, uint64_t otherwise)
{
	const char *found = find(read_file("/proc/cmdline"), name);

	while (found && *found != '=')
		found++;
	return found ? digits(found + 1) : otherwise;
}

/* The interrupts of the timer, on all CPUs: the columns of numbers before its name. */
static uint64_t timer_interrupts(void)
{
	const char *at = read_file("/proc/interrupts"), *start = at,
		   *name = find(at, "riscv-timer");
	uint64_t sum = 0;

	if (!name)
		fail("no timer in /proc/interrupts", 0, 1);
	for (; at < name; at++) {
		if (*at == '\n')
			start = at + 1;
	}
	at = find(start, ":") + 1;
	for (;;) {
		while (*at == ' ')
			at++;
		if (*at < '0' || *at > '9')
			return sum;
		sum += digits(at);
		while (*at >= '0' && *at <= '9')
			at++;
	}
}

/* --- Memory */

static uint64_t *memory;
static uint64_t nr_pages;

static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 31) * 0x9e3779b97f4a7c15UL;
	return value ^ value >> 29;
}

static void write_page(uint64_t page, uint64_t round)
{
	uint64_t *words = memory + page * WORDS, key = mix(page << 20 ^ round);

	words[0] = VICTIM_TAG;
	for (uint64_t i = 1; i < WORDS; i++)
		words[i] = key += VICTIM_TAG;
}

static void check_page(uint64_t page, uint64_t round)
{
	const volatile uint64_t *words = memory + page * WORDS;
	uint64_t key = mix(page << 20 ^ round);

	if (words[0] != VICTIM_TAG)
		fail("the first word of a page has changed", words[0], VICTIM_TAG);
	for (uint64_t i = 1; i < WORDS; i++) {
		key += VICTIM_TAG;
		if (words[i] != key)
			fail("memory has changed", words[i], key);
	}
}

static void take_memory(void)
{
	struct {
		long uptime;
		unsigned long loads[3], total, free, rest[12];
	} info;

	call4(SYS_sysinfo, (long)&info, 0, 0, 0);
	nr_pages = info.free / 100 * SHARE_OF_FREE / PAGE;
	memory = (void *)call(SYS_mmap, 0, (long)(nr_pages * PAGE), PROT_READ_WRITE, MAP_ANONYMOUS,
			      -1, 0);
	for (uint64_t page = 0; page < nr_pages; page++)
		write_page(page, 0);
}

/* --- A slice of time */

static uint64_t next_page, round_number; /* pages before next_page are of the next round */

static uint64_t work_until(uint64_t when)
{
	uint64_t work = 0;

	while (now() < when) {
		for (unsigned i = 0; i < PAGES_A_LOOK; i++, work++) {
			check_page(next_page, round_number);
			write_page(next_page, round_number + 1);
			if (++next_page == nr_pages) {
				next_page = 0;
				round_number++;
			}
		}
	}
	return work;
}

/* How late a short sleep ended. */
static uint64_t check_sleep(void)
{
	uint64_t start = now(), took;

	nap(NAP_NS);
	took = now() - start;
	if (took < NAP_NS)
		fail("a sleep was too short (ns)", took, NAP_NS);
	return took - NAP_NS;
}

static bool drifts(uint64_t by_clock, uint64_t by_counter)
{
	uint64_t low = by_clock < by_counter ? by_clock : by_counter;
	uint64_t high = by_clock < by_counter ? by_counter : by_clock;

	return high - low > DRIFT_NS + low / 10000 * DRIFT_PER_10K;
}

/* Looks again a few times: between the two readings the hart may have been somebody else's. */
static void check_drift(uint64_t clock_start, uint64_t counter_start)
{
	uint64_t by_clock, by_counter;
	unsigned tries = 5;

	do {
		by_clock = now() - clock_start;
		by_counter = (counter() - counter_start) * NS_PER_TICK;
		if (!drifts(by_clock, by_counter))
			return;
	} while (--tries);
	fail("the clock drifts (ns)", by_clock, by_counter);
}

/* A line whose every character the test can compute. */
static void say_line(uint64_t n, uint64_t at, uint64_t work, uint64_t ticks, uint64_t late)
{
	named("selfcheck: line ", n);
	named(" at ", at / NS_PER_MS);
	named(" work ", work);
	named(" ticks ", ticks);
	named(" late ", late / 1000);
	text(" ");
	number(mix(n), 16);
	say();
}

void _start(void)
{
	uint64_t start = option("selfcheck.start", 0) * NS_PER_MS;
	uint64_t last = option("selfcheck.end", NEVER_MS) * NS_PER_MS;
	uint64_t slice = option("selfcheck.slice", 250) * NS_PER_MS;
	uint64_t counter_start, lines = 0, ticks;

	make_terminal_quiet();
	take_memory();
	named("selfcheck: begin pages=", nr_pages);
	say();
	if (now() < start)
		nap(start - now());
	start = now();
	counter_start = counter();
	ticks = timer_interrupts();
	for (uint64_t at = start; at < last && !is_anything_typed(); lines++) {
		uint64_t late = check_sleep();
		uint64_t work = work_until(at + slice);
		uint64_t seen = timer_interrupts();

		if (seen == ticks)
			fail("no tick came since the last line", seen, ticks + 1);
		ticks = seen;
		check_drift(start, counter_start);
		say_line(lines, at, work, ticks, late);
		at = now();
	}
	for (uint64_t page = 0; page < nr_pages; page++)
		check_page(page, page < next_page ? round_number + 1 : round_number);
	named("selfcheck: ok rounds=", round_number);
	named(" lines=", lines);
	say();
	end(0);
}
