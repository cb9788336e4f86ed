/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the terminal with its consoles, escapes and messages, over a port of the test's own. */
#include "unit.h"
#include "core/hart.h"
#include "core/log.h"
#include "core/timer.h"
#include "dev/console.h"
#include "dev/terminal.h"
#include "lib/format.h"
#include "mem/page.h"
#include "platform/qemu-virt/uart.h"
#include "riscv/io.h"
#include "vcpu/interrupts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS	 1000000UL
#define PLENTY	 (1UL << 40)
#define ESCAPE	 "\x1d"
#define MAX_TIME 100000 /* rounds of settle() after which something hangs */

/* --- The machine */

static struct hart hart;
struct hart *hart_in_tp = &hart;

static struct {
	char screen[1 << 20];
	u64 shown;   /* bytes on the screen */
	u64 room;    /* that the port takes now */
	u64 trickle; /* so much more room when the terminal's hart waits or is interrupted */
	u64 now;     /* ns */
	u64 byte_ns; /* how long the port takes for a byte */
	bool input_interrupt, output_interrupt;
	const char *typed;
	u64 nr_typed;
	struct timer *timers[4];
} host;

bool uart_try_put(u8 byte)
{
	if (host.room == 0)
		return false;
	host.room--;
	host.now += host.byte_ns;
	assert_true(host.shown < sizeof(host.screen) - 1);
	host.screen[host.shown++] = (char)byte;
	host.screen[host.shown] = '\0';
	return true;
}

bool uart_put(u8 byte)
{
	return uart_try_put(byte);
}

void uart_make_last_effort(void)
{
}

bool uart_get(u8 *byte)
{
	if (host.nr_typed == 0)
		return false;
	host.nr_typed--;
	*byte = (u8)*host.typed++;
	return true;
}

void uart_enable_input_interrupt(bool enable)
{
	host.input_interrupt = enable;
}

void uart_enable_output_interrupt(bool enable)
{
	host.output_interrupt = enable;
}

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_TIME);
	return host.now;
}

void fake_csr_write(unsigned csr, u64 value)
{
	(void)csr;
	(void)value;
	fail();
}

u64 time_from_ns(u64 ns)
{
	return ns;
}

void timer_stop(struct timer *timer)
{
	for (unsigned i = 0; i < ARRAY_SIZE(host.timers); i++) {
		if (host.timers[i] == timer)
			host.timers[i] = NULL;
	}
}

void timer_start(struct timer *timer, u64 deadline)
{
	unsigned i = 0;

	timer_stop(timer);
	while (host.timers[i])
		assert_true(++i < ARRAY_SIZE(host.timers));
	timer->deadline = deadline;
	host.timers[i] = timer;
}

void *page_alloc(unsigned order)
{
	return calloc(1, 4096UL << order);
}

void page_free(void *pages, unsigned order)
{
	(void)order;
	free(pages);
}

unsigned page_order(u64 size)
{
	unsigned order = 0;

	while (4096UL << order < size)
		order++;
	return order;
}

void format(format_sink *sink, void *ctx, const char *fmt, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	for (const char *c = text; *c; c++)
		sink(ctx, *c);
}

/* One interrupt, if one is due. */
static bool interrupt(void)
{
	if ((host.output_interrupt && host.room > 0) || (host.input_interrupt && host.nr_typed)) {
		terminal_interrupt(10);
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(host.timers); i++) {
		struct timer *timer = host.timers[i];

		if (timer && timer->deadline <= host.now) {
			host.timers[i] = NULL;
			timer->expired(timer);
			return true;
		}
	}
	return false;
}

void interrupts_handle_pending(void)
{
	host.room += host.trickle;
	host.now += MS / 10;
	interrupt();
}

void wait_for_interrupt(void)
{
	host.now += MS;
}

/* Lets time pass, with all interrupts that come. */
static void settle(u64 ms)
{
	u64 end = host.now + ms * MS;
	unsigned n = 0;

	do {
		while (interrupt())
			assert_true(++n < MAX_TIME);
		host.room += host.trickle;
		host.now += MS / 10;
	} while (host.now <= end);
}

/* --- The VMs */

struct guest {
	struct console console;
	unsigned calls; /* of port_ready */
};

static struct guest vms[3];
static struct console monitor;
static const char *const names[] = { "a", "bob", "mary" };
static char monitor_input[64];
static unsigned nr_monitor_input, nr_opened;

static void port_ready(void *ctx)
{
	struct guest *guest = ctx;

	guest->calls++;
}

static void input(u8 byte)
{
	monitor_input[nr_monitor_input++ % sizeof(monitor_input)] = (char)byte;
}

static void opened(void)
{
	nr_opened++;
}

static struct console *find(const char *word)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vms); i++) {
		if (vms[i].console.ring &&
		    (strcmp(word, names[i]) == 0 || (word[0] == (char)('1' + i) && !word[1])))
			return &vms[i].console;
	}
	return NULL;
}

static const struct terminal_monitor ops = { input, opened, find };

/* A terminal with n VMs and the first in focus. */
static void start(bool show_all, bool escapes, unsigned n)
{
	memset(&host, 0, sizeof(host));
	host.room = PLENTY;
	host.input_interrupt = true;
	memset(monitor_input, 0, sizeof(monitor_input));
	nr_monitor_input = nr_opened = 0;
	terminal_init(show_all, escapes);
	assert_true(console_create(&monitor, "monitor", NULL, NULL));
	terminal_set_monitor(&monitor, &ops);
	for (unsigned i = 0; i < n; i++) {
		vms[i].calls = 0;
		assert_true(console_create(&vms[i].console, names[i], port_ready, &vms[i]));
	}
	terminal_focus(&vms[0].console);
	settle(1);
}

static int stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(vms); i++) {
		if (vms[i].console.ring)
			console_destroy(&vms[i].console);
	}
	console_destroy(&monitor);
	assert_null(terminal_focused());
	assert_null(terminal_last_vm());
	host.room = PLENTY;
	log_notice("the next test begins with an empty queue and a new line");
	return 0;
}

static void say(unsigned vm, const char *text)
{
	while (*text)
		assert_true(console_put(&vms[vm].console, (u8)*text++));
}

static void type_bytes(const char *text, u64 size)
{
	host.typed = text;
	host.nr_typed = size;
	settle(1);
}

static void type(const char *text)
{
	type_bytes(text, strlen(text));
}

/* What the screen shows since the last call. */
static void shows(const char *text)
{
	assert_string_equal(host.screen, text);
	host.shown = 0;
	host.screen[0] = '\0';
}

static void reads(unsigned vm, const char *text)
{
	u8 byte;

	while (*text) {
		assert_true(console_get(&vms[vm].console, &byte));
		assert_int_equal(byte, *text++);
	}
	assert_false(console_get(&vms[vm].console, &byte));
}

#define CONSOLE_OF(name) "doppel: console of " name "\r\n"

/* --- Output */

static void focus_shows_one_as_it_is(void **state)
{
	(void)state;
	start(false, false, 2);
	shows("");
	say(1, "hidden\r\n");
	say(0, "\x1b[1mraw\r\n$ ");
	shows("\x1b[1mraw\r\n$ ");
	settle(200);
	shows("");
}

static void switching_replays(void **state)
{
	(void)state;
	start(false, false, 2);
	say(0, "$ ");
	say(1, "one\r\ntwo\r\nlogin: ");
	terminal_focus(&vms[1].console);
	settle(1);
	shows("$ \r\n" CONSOLE_OF("bob") "one\r\ntwo\r\nlogin: ");
	say(0, "ls");
	terminal_focus(&vms[0].console);
	settle(1);
	shows("\r\n" CONSOLE_OF("a") "$ ls");
	terminal_focus(&vms[1].console); /* nothing new, but the prompt */
	settle(1);
	shows("\r\n" CONSOLE_OF("bob") "login: ");
}

static void replay_tells_what_was_dropped(void **state)
{
	char *want = malloc(CONSOLE_RING_SIZE + 100);
	u64 length = (u64)sprintf(want, CONSOLE_OF("bob") "[1000 bytes were dropped]\r\n");

	(void)state;
	start(false, false, 2);
	for (u64 i = 0; i < CONSOLE_RING_SIZE + 1000; i++)
		assert_true(console_put(&vms[1].console, (u8)('a' + i % 26)));
	shows("");
	terminal_focus(&vms[1].console);
	settle(2000);
	for (u64 i = 1000; i < CONSOLE_RING_SIZE + 1000; i++)
		want[length++] = (char)('a' + i % 26);
	want[length] = '\0';
	shows(want);
	free(want);
}

static void a_full_ring_waits(void **state)
{
	u64 written = 0;

	(void)state;
	start(false, false, 1);
	host.room = 0;
	while (console_put(&vms[0].console, (u8)('a' + written % 26)))
		written++;
	assert_in_range(written, CONSOLE_RING_SIZE, CONSOLE_RING_SIZE + 64);
	settle(100);
	assert_int_equal(vms[0].calls, 0);

	host.trickle = 16; /* now the user reads */
	for (u64 n = 0; n < 200000; n++) {
		if (console_put(&vms[0].console, (u8)('a' + written % 26)))
			written++;
		else
			settle(1);
	}
	assert_true(vms[0].calls > 100);
	host.trickle = PLENTY / 1024;
	settle(2000);
	assert_int_equal(host.shown, written);
	for (u64 i = 0; i < written; i++)
		assert_int_equal(host.screen[i], 'a' + i % 26);
}

/* The port and the SBI's calls write to one console: where one finds room, the other still waits.
 */
static void who_waits_is_called_although_another_writes(void **state)
{
	(void)state;
	start(false, false, 1);
	host.room = 0;
	while (console_put(&vms[0].console, 'x'))
		;
	host.room = 1000;
	assert_true(console_put(&vms[0].console, 'y'));
	settle(1);
	assert_int_equal(vms[0].calls, 1);
}

/* Who waits for a terminal that turns away must not wait for ever. */
static void turning_away_frees_who_waits(void **state)
{
	(void)state;
	start(false, false, 2);
	host.room = 0;
	while (console_put(&vms[0].console, 'x'))
		;
	terminal_focus(&vms[1].console);
	vms[0].calls = 0;
	host.room = 1000;
	settle(1);
	assert_int_equal(vms[0].calls, 1);
	assert_true(console_put(&vms[0].console, 'x'));
}

static void one_vm_does_not_take_the_hart(void **state)
{
	struct vcpu *const some_vcpu = (struct vcpu *)(void *)&host;
	u64 before;

	(void)state;
	start(false, false, 1);
	host.room = 0;
	while (console_put(&vms[0].console, 'x'))
		;
	host.room = PLENTY;
	host.byte_ns = MS / 1000;
	hart.running = some_vcpu;
	terminal_interrupt(10);
	assert_in_range(host.shown, 100, 116); /* a tenth of a millisecond */
	assert_false(host.output_interrupt);   /* a pause follows, of a millisecond */
	assert_true(console_put(&vms[0].console, 'x'));
	before = host.shown;
	assert_true(console_put(&vms[0].console, 'x'));
	assert_in_range(host.shown - before, 60, 65); /* who writes sends some more */
	before = host.shown;
	host.now += MS - 200000;
	assert_false(interrupt());
	host.now += 200000;
	assert_true(interrupt());
	assert_in_range(host.shown - before, 100, 116);
	before = host.shown;
	hart.running = NULL; /* nobody minds */
	host.now += MS;
	assert_true(interrupt());
	assert_in_range(host.shown - before, 1000, 1016);
}

static void one_vm_in_all_mode_is_raw(void **state)
{
	(void)state;
	start(true, false, 1);
	say(0, "$ ls\r\n$ ");
	shows("$ ls\r\n$ ");
}

static void all_mode_shows_lines(void **state)
{
	(void)state;
	start(true, false, 2);
	say(1, "half ");
	say(0, "whole\r\n");
	say(1, "a line\r\n");
	shows("[a] whole\r\n[bob] half a line\r\n");
}

static void unfinished_lines_of_the_focus_are_shown(void **state)
{
	(void)state;
	start(true, false, 2);
	settle(100);
	say(0, "$ ");
	say(1, "> ");
	settle(40);
	shows("");
	settle(70); /* looked at after 50 ms and, as it had grown, after 100 */
	shows("[a] $ ");
	say(0, "l");
	shows("l");
	say(1, "done\r\n");
	shows("\r\n[bob] > done\r\n");
	settle(110);
	shows("[a] $ l"); /* again, for the user types at it */
	say(0, "s\r\n");
	shows("s\r\n");
}

static void messages_are_lines(void **state)
{
	(void)state;
	start(true, false, 2);
	say(0, "one line\r\n");
	host.room = 6;
	host.shown = 0;
	say(0, "another line\r\n");
	assert_string_equal(host.screen, "[a] an");
	log_info("a message of %s", "Doppel");
	say(1, "bob's line\r\n");
	host.room = PLENTY;
	settle(5);
	shows("[a] another line\r\ndoppel: a message of Doppel\r\n[bob] bob's line\r\n");
}

static void a_message_cuts_a_raw_line(void **state)
{
	(void)state;
	start(false, false, 1);
	say(0, "$ l");
	log_info("hello");
	shows("$ l\r\ndoppel: hello\r\n");
	settle(110);
	shows("$ l"); /* again, for the user types at it */
}

static void messages_wait_and_are_counted(void **state)
{
	unsigned n = 0;
	char *lost;

	(void)state;
	start(false, false, 1);
	host.room = 0;
	while (n < 200)
		log_info("message number %03u of two hundred", n++);
	host.room = PLENTY;
	settle(100);
	for (n = 0; n < 200; n++) {
		char line[64];

		sprintf(line, "doppel: message number %03u of two hundred\r\n", n);
		if (memcmp(host.screen + n * strlen(line), line, strlen(line)) != 0)
			break;
	}
	assert_in_range(n, 90, 150);
	host.shown = 0;
	log_info("the next");
	lost = host.screen + strlen("doppel: ");
	assert_int_equal(atoi(lost), 200 - n);
	assert_non_null(strstr(lost, " messages were lost\r\ndoppel: the next\r\n"));
}

/* The queue to the port, as another hart might meet it. */
static void shown_text_is_not_divided(void **state)
{
	static const char owner;
	unsigned budget = 100;

	(void)state;
	start(false, false, 1);
	assert_true(log_show(&owner, false, (const u8 *)"one", 3));
	assert_true(log_push(&budget));
	assert_int_equal(budget, 97);
	assert_true(log_show(&owner, true, (const u8 *)" two", 4));
	log_info("message");
	assert_null(log_line_owner());
	assert_false(log_show(&owner, true, (const u8 *)"three", 5)); /* its line has ended */
	host.room = 2;
	assert_true(log_show(&owner, false, (const u8 *)"four\n", 5));
	assert_false(log_push(&budget));
	assert_false(log_show(&owner, false, (const u8 *)"five\n", 5)); /* while that goes out */
	host.room = PLENTY;
	assert_true(log_push(&budget));
	shows("one two\r\ndoppel: message\r\nfour\n");
}

/* Many lines of three VMs and the hypervisor, through a port that takes a few bytes now and then.
 */
static void lines_never_mix(void **state)
{
	enum { LINES = 1000, NR = ARRAY_SIZE(vms) + 1 };
	struct prng prng = { 0x5eed0031 };
	unsigned line[NR] = { 0 }, column[NR] = { 0 }, seen[NR] = { 0 };
	char text[80], *rest;

	(void)state;
	start(true, false, 3);
	for (unsigned busy = NR; busy > 0;) {
		unsigned who = prng_below(&prng, NR);

		if (prng_below(&prng, 64) == 0)
			host.room = prng_below(&prng, 200) + 1000 * (line[0] > 500);
		if (prng_below(&prng, 16) == 0)
			interrupt();
		host.now += 1000;
		if (line[who] == LINES)
			continue;
		if (who == NR - 1) {
			if (host.room > 4000 || prng_below(&prng, 1000) == 0)
				log_info("w%u line %u of it", who, line[who]), line[who]++;
		} else {
			sprintf(text, "w%u line %u of it\r\n", who, line[who]);
			if (console_put(&vms[who].console, (u8)text[column[who]]))
				column[who]++;
			if (!text[column[who]])
				column[who] = 0, line[who]++;
		}
		if (who == NR - 1 && line[0] + line[1] + line[2] == 3 * LINES)
			line[who] = LINES;
		busy = 0;
		for (unsigned i = 0; i < NR; i++)
			busy += line[i] < LINES;
	}
	host.room = PLENTY;
	settle(2000);
	for (char *at = strtok_r(host.screen, "\n", &rest); at; at = strtok_r(NULL, "\n", &rest)) {
		char *w = strchr(at, 'w');
		unsigned who = (unsigned)(w[1] - '0'), length;
		char want[80];

		assert_true(who < NR);
		length = (unsigned)sprintf(want, who == NR - 1 ? "doppel: " : "[%s] ",
					   names[who % 3]);
		length += (unsigned)sprintf(want + length, "w%u line %u of it\r", who, seen[who]);
		/* An unfinished line may have been shown early, and whole again after a cut. */
		if (strcmp(at, want) == 0)
			seen[who]++;
		else if (who != 0 || strncmp(at, want, strlen(at) - 1) != 0)
			assert_string_equal(at, want);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(vms); i++)
		assert_int_equal(seen[i], LINES);
}

static void changing_the_mode(void **state)
{
	(void)state;
	start(false, true, 2);
	say(1, "kept\r\n");
	type(ESCAPE "a");
	shows("doppel: the output of all VMs is shown\r\n[bob] kept\r\n");
	say(0, "x\n");
	shows("[a] x\r\n");
	type(ESCAPE "a");
	shows("doppel: the output of the VM in focus is shown\r\n");
	say(1, "kept\r\n");
	shows("");
}

/* --- The monitor */

static void the_monitor_is_seen_and_typed_at(void **state)
{
	(void)state;
	start(false, true, 2);
	say(0, "$ ");
	shows("$ ");
	console_print(&monitor, "news\nand half");
	settle(1);
	shows("\r\nnews\r\n");
	type(ESCAPE "m"
		    "vms\r");
	shows("and half");
	assert_int_equal(nr_opened, 1);
	assert_string_equal(monitor_input, "vms\r");
	assert_ptr_equal(terminal_focused(), &monitor);
	assert_ptr_equal(terminal_last_vm(), &vms[0].console);
	say(0, "kept\r\n");
	console_print(&monitor, "> ");
	assert_true(console_is_drained(&monitor));
	shows("> ");
	type(ESCAPE "1");
	shows("\r\ndoppel: console of a (Ctrl-] m: monitor, Ctrl-] q: leave)\r\n$ kept\r\n");
	reads(0, "");
}

static void the_monitor_can_wait(void **state)
{
	char line[101];

	(void)state;
	start(true, false, 2);
	memset(line, 'x', 100);
	line[100] = '\0';
	host.room = 0;
	for (u64 n = 0; n < CONSOLE_RING_SIZE; n += 101)
		console_print(&monitor, "%s\n", line);
	assert_false(console_is_drained(&monitor));
	host.trickle = 100;
	settle(1000);
	assert_true(console_is_drained(&monitor));
	assert_non_null(strstr(host.screen, " bytes were dropped]\r\n"));
}

/* --- Input */

static void escapes_off_pass_everything(void **state)
{
	char all[257];

	(void)state;
	start(true, false, 2);
	for (int i = 0; i < 256; i++)
		all[i] = (char)(i + 1);
	all[255] = '\x1d';
	all[256] = '\0';
	for (unsigned n = 0; n < 256; n++) {
		u8 byte;

		type_bytes(all + n, 1);
		assert_true(console_get(&vms[0].console, &byte));
		assert_int_equal(byte, (u8)all[n]);
	}
	reads(0, "");
	reads(1, "");
}

static void escapes_switch(void **state)
{
	(void)state;
	start(false, true, 3);
	type("x" ESCAPE "2y" ESCAPE "3z" ESCAPE "1" ESCAPE ESCAPE "\r");
	reads(0, "x\x1d\r");
	reads(1, "y");
	reads(2, "z");
	host.shown = 0;
	type(ESCAPE "bo\x7f\bxxx\b\b\bbob\rb");
	assert_ptr_equal(terminal_focused(), &vms[1].console);
	reads(1, "b");
	type(ESCAPE " mary\ra");
	assert_ptr_equal(terminal_focused(), &vms[2].console);
	reads(2, "a");
	type(ESCAPE "bob\x1b"
		    "c"); /* Esc gives up */
	reads(2, "c");
	assert_ptr_equal(terminal_focused(), &vms[2].console);
	host.shown = 0;
	type(ESCAPE "nobody\r");
	shows("doppel: console of nobody\r\n"
	      "doppel: there is no VM nobody; type Ctrl-] m, then vms, for those that there "
	      "are\r\n");
	type(ESCAPE "9");
	assert_non_null(strstr(host.screen, "there is no VM 9"));
	host.shown = 0;
	type(ESCAPE "?");
	assert_memory_equal(host.screen, "doppel: after Ctrl-]: ", 22);
	reads(2, "");
	reads(0, "");
}

static void a_paste_waits_for_its_reader(void **state)
{
	enum { SIZE = 40000 };
	char *text = malloc(SIZE);

	(void)state;
	start(true, false, 2);
	for (unsigned i = 0; i < SIZE; i++)
		text[i] = (char)('a' + i % 23);
	type_bytes(text, SIZE);
	assert_int_equal(host.nr_typed, SIZE - KIB(16) - CONSOLE_INPUT_SIZE);
	assert_false(host.input_interrupt); /* the rest waits in the port */
	for (unsigned i = 0; i < SIZE; i++) {
		u8 byte;

		if (i % 100 == 0)
			settle(1);
		assert_true(console_get(&vms[0].console, &byte));
		assert_int_equal(byte, text[i]);
	}
	assert_true(host.input_interrupt);
	assert_true(vms[0].calls > 1);
	reads(0, "");
	free(text);
}

/* The user can turn away from a guest that does not read, and nobody else gets what was its. */
static void escapes_overtake_a_paste(void **state)
{
	enum { SIZE = 10240 };
	char *text = malloc(SIZE);

	(void)state;
	start(true, true, 2);
	memset(text, 'x', SIZE);
	type_bytes(text, SIZE);
	type(ESCAPE "2y");
	reads(1, "y");
	assert_memory_equal(host.screen,
			    "doppel: 9216 typed bytes that a did not read are dropped\r\n", 58);
	free(text);
}

static void typing_for_another(void **state)
{
	char text[CONSOLE_INPUT_SIZE + 10];

	(void)state;
	start(false, false, 2);
	vms[1].calls = 0;
	assert_int_equal(console_type(&vms[1].console, "ls\r", 3), 3);
	assert_int_equal(console_type(&vms[0].console, "id\r", 3), 3);
	settle(1);
	assert_int_equal(vms[1].calls, 1);
	reads(1, "ls\r");
	reads(0, "id\r");
	memset(text, 'x', sizeof(text));
	assert_int_equal(console_type(&vms[1].console, text, sizeof(text)), CONSOLE_INPUT_SIZE);
	assert_int_equal(console_type(&vms[0].console, text, sizeof(text)), sizeof(text));
}

/* --- Ends */

static void the_end_of_a_vm(void **state)
{
	(void)state;
	start(true, false, 2);
	say(0, "bye");
	say(1, "half");
	console_drain(&vms[0].console);
	log_info("vm a: powered off");
	terminal_release(&vms[0].console, &vms[1].console);
	shows("[a] bye\r\ndoppel: vm a: powered off\r\ndoppel: console of bob\r\n");
	assert_ptr_equal(terminal_focused(), &vms[1].console);
	terminal_release(&vms[0].console, NULL); /* it is not its any more */
	assert_ptr_equal(terminal_focused(), &vms[1].console);
	settle(1);
	shows("[bob] half");
}

static void draining_has_an_end(void **state)
{
	u64 before;

	(void)state;
	start(true, false, 2);
	host.room = 0;
	for (unsigned i = 0; i < 1000; i++)
		say(0, "line\n");
	before = host.now;
	console_drain(&vms[0].console);
	assert_in_range(host.now - before, 20 * MS, 25 * MS);
	host.trickle = 1000;
	console_drain(&vms[0].console);
	assert_true(console_is_drained(&vms[0].console));
	assert_int_equal(host.shown, 1000 * strlen("[a] line\r\n"));
}

static void flushing_waits_for_the_user(void **state)
{
	(void)state;
	start(true, false, 2);
	host.room = 0;
	host.trickle = 1;
	for (unsigned i = 0; i < 1000; i++)
		say(i % 2, "line\n");
	log_info("the end");
	terminal_flush();
	assert_int_equal(host.shown, 500 * strlen("[a] line\r\n[bob] line\r\n") +
					     strlen("doppel: the end\r\n"));
	/* A VM that writes without end does not keep the machine from its own. */
	say(0, "line\n");
	terminal_flush();
	assert_int_equal(host.shown, 500 * strlen("[a] line\r\n[bob] line\r\n") +
					     strlen("doppel: the end\r\n"));
}

/* With its line open on the screen, in the queue, in focus, watched. */
static void nothing_points_to_a_destroyed_console(void **state)
{
	(void)state;
	start(false, false, 2);
	host.room = 0;
	say(0, "$ ");
	host.room = 2;
	settle(1);
	say(0, "more");
	type("x");
	console_destroy(&vms[0].console);
	memset(&vms[0], 0xa5, sizeof(vms[0]));
	vms[0].console.ring = NULL;
	host.room = PLENTY;
	settle(200);
	assert_null(terminal_focused());
	terminal_focus(&vms[1].console);
	say(1, "hello\r\n");
	settle(1);
	assert_non_null(strstr(host.screen, "\r\nhello\r\n"));
	assert_null(find("1"));
}

/* A new console that happens to lie in the same place does not continue the line of the old one. */
static void a_new_console_begins_a_new_line(void **state)
{
	(void)state;
	start(false, false, 1);
	say(0, "old");
	console_destroy(&vms[0].console);
	assert_true(console_create(&vms[0].console, names[0], port_ready, &vms[0]));
	terminal_focus(&vms[0].console);
	say(0, "new\r\n");
	settle(1);
	shows("old\r\nnew\r\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(focus_shows_one_as_it_is),
		TEST(switching_replays),
		TEST(replay_tells_what_was_dropped),
		TEST(a_full_ring_waits),
		TEST(who_waits_is_called_although_another_writes),
		TEST(turning_away_frees_who_waits),
		TEST(one_vm_does_not_take_the_hart),
		TEST(one_vm_in_all_mode_is_raw),
		TEST(all_mode_shows_lines),
		TEST(unfinished_lines_of_the_focus_are_shown),
		TEST(messages_are_lines),
		TEST(a_message_cuts_a_raw_line),
		TEST(messages_wait_and_are_counted),
		TEST(shown_text_is_not_divided),
		TEST(lines_never_mix),
		TEST(changing_the_mode),
		TEST(the_monitor_is_seen_and_typed_at),
		TEST(the_monitor_can_wait),
		TEST(escapes_off_pass_everything),
		TEST(escapes_switch),
		TEST(a_paste_waits_for_its_reader),
		TEST(escapes_overtake_a_paste),
		TEST(typing_for_another),
		TEST(the_end_of_a_vm),
		TEST(draining_has_an_end),
		TEST(flushing_waits_for_the_user),
		TEST(nothing_points_to_a_destroyed_console),
		TEST(a_new_console_begins_a_new_line),
	};

	return RUN_TESTS(tests);
}
