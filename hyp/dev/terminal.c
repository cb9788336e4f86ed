/* SPDX-License-Identifier: BSD-2-Clause */
/* The user's terminal, which all consoles share: whose output is shown, who gets what is typed. */
#include "dev/terminal.h"
#include "core/hart.h"
#include "core/log.h"
#include "core/timer.h"
#include "dev/console.h"
#include "dev/escape.h"
#include "dev/terminal_input.h"
#include "lib/string.h"
#include "platform/qemu-virt/uart.h"
#include "riscv/io.h"
#include "vcpu/interrupts.h"

#define WRITER_BYTES 64	    /* that who writes sends for others */
#define SERVE_BYTES  16	    /* that the terminal's hart sends before it looks at the clock */
#define SERVE_NS     100000 /* so long it goes on; a byte takes an emulator some microseconds ... */
#define SERVE_PAUSE  1000000  /* ... and then does something else, so many ns */
#define BUSY_PAUSE   20000000 /* after so many ns a port that was busy is looked at in any case */
#define QUIET	     50000000 /* after so many ns an unfinished line is shown */
#define DRAIN_NS     20000000 /* how long a hart stays with what a VM that ends has left */
#define NAP	     10000000

static void pause_expired(struct timer *timer);
static void quiet_expired(struct timer *timer);

static struct {
	struct spinlock lock;
	bool show_all, has_escapes;
	bool is_closed;	      /* atomic: the machine ends */
	struct list consoles; /* all of them */
	struct list ready;    /* those that may have something to show, the longest waiting first */
	unsigned nr_vms;
	struct console *focus, *last_vm, *monitor;
	const struct terminal_monitor *ops;

	bool is_served_soon; /* the terminal's hart will have a timer or an interrupt */
	u32 owes_calls;	     /* some console's port_ready is to be called */
	struct timer pause;

	/* A line of the console in focus that is not finished, or was cut by other text. */
	struct timer quiet;
	bool quiet_is_running;
	u64 quiet_since; /* the position of the console's output */
} terminal;

void terminal_init(bool show_all, bool escapes)
{
	memset(&terminal, 0, sizeof(terminal));
	list_init(&terminal.consoles);
	list_init(&terminal.ready);
	terminal.show_all = show_all;
	terminal.has_escapes = escapes;
	terminal.pause.expired = pause_expired;
	terminal.quiet.expired = quiet_expired;
	terminal_input_init();
	escape_init();
}

struct console *terminal_focused(void)
{
	return __atomic_load_n(&terminal.focus, __ATOMIC_RELAXED);
}

struct console *terminal_last_vm(void)
{
	return __atomic_load_n(&terminal.last_vm, __ATOMIC_RELAXED);
}

bool terminal_shows_all(void)
{
	return __atomic_load_n(&terminal.show_all, __ATOMIC_RELAXED);
}

/* --- What is shown */

enum terminal_style terminal_style(const struct console *console)
{
	const struct console *focus = terminal_focused();

	if (console == terminal.monitor)
		return console == focus ? TERMINAL_RAW : TERMINAL_LINES;
	if (terminal_shows_all() &&
	    (focus == terminal.monitor || __atomic_load_n(&terminal.nr_vms, __ATOMIC_RELAXED) > 1))
		return TERMINAL_LINES;
	return console == focus ? TERMINAL_RAW : TERMINAL_HIDDEN;
}

static bool take_piece(struct console *console, struct console_piece *piece)
{
	enum terminal_style style = terminal_style(console);
	const char *name = console == terminal.monitor ? NULL : console->name;

	*piece = (struct console_piece){
		.continues = log_line_owner() == console,
		/* Who is in focus may edit its line. */
		.keeps_controls = console == terminal.focus || console == terminal.monitor,
	};
	if (style == TERMINAL_HIDDEN ||
	    (console->shown == console->written && !console->line_is_due))
		return false;
	if (!piece->continues)
		console_repeat_line(console);
	if (console_take_note(console, style == TERMINAL_LINES ? name : NULL, piece))
		return true;
	return style == TERMINAL_RAW ? console_take_raw(console, piece)
				     : console_take_line(console, name, piece);
}

/* A line of the monitor's is shown in pieces, and its end has been written. */
static bool is_amid_line(const struct console *console)
{
	return console == terminal.monitor && console->line_start != console->shown &&
	       console->shown != console->written;
}

/*
 * Who has shown a piece goes to the end of the queue, who has none leaves it. Others' lines do not
 * come into the monitor's: a program may read them.
 */
static void show_piece(struct console *console)
{
	struct console_piece piece;
	bool has_piece;

	spin_lock(&console->lock);
	has_piece = take_piece(console, &piece);
	/* If a message came first, the same is tried again after it. */
	if (has_piece && log_show(console, piece.continues, piece.text, piece.size))
		console_piece_is_shown(console, &piece);
	else if (!has_piece)
		console->line_is_due = false;
	spin_unlock(&console->lock);
	list_remove(&console->ready);
	if (has_piece)
		list_insert_before(is_amid_line(console) ? terminal.ready.next : &terminal.ready,
				   &console->ready);
}

/* Sends *budget bytes at most, as long as the port takes them. True: there is no more. */
static bool send(unsigned *budget)
{
	while (log_push(budget) && *budget > 0) {
		if (list_is_empty(&terminal.ready))
			return true;
		show_piece(container_of(terminal.ready.next, struct console, ready));
	}
	return false;
}

static void make_ready(struct console *console)
{
	if (list_is_empty(&console->ready))
		list_insert_before(&terminal.ready, &console->ready);
}

static void make_all_ready(void)
{
	list_for_each (link, &terminal.consoles)
		make_ready(container_of(link, struct console, link));
}

/* Interrupts the terminal's hart as soon as the port takes bytes, which mostly is at once. */
static void request_service(void)
{
	terminal.is_served_soon = true;
	uart_enable_output_interrupt(true);
}

/* Some console's port_ready is to be called. */
static void owe_calls(void)
{
	__atomic_store_n(&terminal.owes_calls, 1, __ATOMIC_RELEASE);
}

/* The console in focus has an unfinished line which is not the last on the screen. */
static bool has_hidden_line(struct console *console)
{
	bool found;

	if (!console || terminal_style(console) == TERMINAL_HIDDEN)
		return false;
	spin_lock(&console->lock);
	found = console->shown != console->written ||
		(console->line_start != console->shown && log_line_owner() != console);
	spin_unlock(&console->lock);
	return found;
}

void terminal_look(struct console *console)
{
	unsigned budget = WRITER_BYTES;
	bool is_done;

	spin_lock(&terminal.lock);
	make_ready(console);
	is_done = send(&budget);
	if (console->was_refused)
		owe_calls();
	if (!terminal.is_served_soon &&
	    (!is_done || terminal.owes_calls ||
	     (!terminal.quiet_is_running && has_hidden_line(terminal.focus))))
		request_service();
	spin_unlock(&terminal.lock);
}

bool terminal_has_more(struct console *console)
{
	bool has_more;

	spin_lock(&terminal.lock);
	has_more = !list_is_empty(&console->ready);
	spin_unlock(&terminal.lock);
	return has_more;
}

/* --- Service: on the terminal's hart */

static void quiet_expired(struct timer *timer)
{
	struct console *focus;

	(void)timer;
	spin_lock(&terminal.lock);
	terminal.quiet_is_running = false;
	focus = terminal.focus;
	if (has_hidden_line(focus) && terminal.quiet_since == focus->written) {
		focus->line_is_due = true;
		make_ready(focus);
	}
	request_service(); /* it starts the timer anew where the line has grown */
	spin_unlock(&terminal.lock);
}

/* Watches the unfinished line of the console in focus. */
static void watch_line(void)
{
	if (terminal.quiet_is_running || !has_hidden_line(terminal.focus))
		return;
	terminal.quiet_is_running = true;
	terminal.quiet_since = terminal.focus->written;
	timer_start(&terminal.quiet, time_now() + time_from_ns(QUIET));
}

/* Consoles whose owner waits for room or for input. What they do is theirs: no lock is held. */
static void call_port_ready(void)
{
	bool owes_calls = false;

	if (!__atomic_exchange_n(&terminal.owes_calls, 0, __ATOMIC_ACQUIRE))
		return;
	/* Only this hart changes the list. */
	list_for_each (link, &terminal.consoles) {
		struct console *console = container_of(link, struct console, link);
		bool has_room, must_call;

		spin_lock(&console->lock);
		has_room = console->written - console->shown < CONSOLE_RING_SIZE ||
			   terminal_style(console) == TERMINAL_HIDDEN;
		must_call = console->has_news || (console->was_refused && has_room);
		owes_calls = owes_calls || (console->was_refused && !has_room);
		if (must_call)
			console->has_news = console->was_refused = false;
		spin_unlock(&console->lock);
		if (must_call && console->port_ready)
			console->port_ready(console->ctx);
	}
	if (owes_calls)
		owe_calls();
}

/*
 * The time that this takes is lost to whoever runs on this hart, perhaps not the one whose output
 * it is: it takes a tenth at most, unless nobody runs. True: there is no more.
 */
static bool send_for_a_while(bool *port_is_busy)
{
	bool is_free = !this_hart()->running;
	u64 end = time_now() + time_from_ns(is_free ? SERVE_PAUSE : SERVE_NS);
	bool is_done, has_sent = false;
	unsigned budget;

	do {
		budget = SERVE_BYTES;
		is_done = send(&budget);
		has_sent |= budget < SERVE_BYTES;
	} while (!is_done && budget == 0 && time_now() < end);
	*port_is_busy = !has_sent;
	return is_done;
}

static void serve(void)
{
	bool port_is_busy;

	spin_lock(&terminal.lock);
	uart_enable_output_interrupt(false);
	timer_stop(&terminal.pause);
	terminal.is_served_soon = false;
	if (!send_for_a_while(&port_is_busy)) {
		terminal.is_served_soon = true;
		/* The timer is for a port whose interrupt does not come. */
		if (port_is_busy)
			uart_enable_output_interrupt(true);
		timer_start(&terminal.pause,
			    time_now() + time_from_ns(port_is_busy ? BUSY_PAUSE : SERVE_PAUSE));
	}
	watch_line();
	spin_unlock(&terminal.lock);
	call_port_ready();
}

static void pause_expired(struct timer *timer)
{
	(void)timer;
	serve();
}

/* --- Input */

/* Lock held. */
static bool refill(struct console *console)
{
	bool has_some = terminal_input_move(console);

	if (has_some)
		owe_calls();
	return has_some;
}

bool terminal_refill(struct console *console)
{
	bool has_some = false;

	if (terminal_input_is_empty())
		return false;
	spin_lock(&terminal.lock);
	if (console == terminal.focus)
		has_some = refill(console);
	spin_unlock(&terminal.lock);
	return has_some;
}

void terminal_accept(u8 byte)
{
	bool is_monitors;

	spin_lock(&terminal.lock);
	is_monitors = terminal.focus && terminal.focus == terminal.monitor;
	if (terminal.focus && !is_monitors) {
		terminal_input_add(byte);
		refill(terminal.focus);
	}
	spin_unlock(&terminal.lock);
	if (is_monitors)
		terminal.ops->input(byte);
}

void terminal_interrupt(unsigned source)
{
	(void)source;
	terminal_input_read_port(terminal.has_escapes ? escape_typed : terminal_accept);
	serve();
}

static u64 type_directly(struct console *console, const char *text, u64 size)
{
	u64 typed = 0;

	spin_lock(&console->lock);
	while (typed < size && console_add_input(console, (u8)text[typed]))
		typed++;
	console->has_news = true;
	spin_unlock(&console->lock);
	return typed;
}

u64 terminal_type(struct console *console, const char *text, u64 size)
{
	u64 typed = 0;

	spin_lock(&terminal.lock);
	if (console == terminal.focus) {
		while (typed < size && terminal_input_has_room())
			terminal_input_add((u8)text[typed++]);
		refill(console);
	} else {
		typed = type_directly(console, text, size);
	}
	owe_calls();
	request_service();
	spin_unlock(&terminal.lock);
	return typed;
}

/* --- Whose terminal it is. Lock held where nothing is said. */

/* What was typed for one VM is not for another. */
static void drop_input(void)
{
	u32 dropped = terminal_input_drop();

	if (dropped)
		log_notice("%u typed bytes that %s did not read are dropped", dropped,
			   terminal.focus->name);
}

/* Everything may have to be shown differently, and who waited may have to wait no more. */
static void look_at_all(void)
{
	make_all_ready();
	owe_calls();
	request_service();
}

static void set_focus(struct console *console)
{
	if (console != terminal.focus)
		drop_input();
	__atomic_store_n(&terminal.focus, console, __ATOMIC_RELAXED);
	if (console) {
		spin_lock(&console->lock);
		console->line_is_due = true;
		spin_unlock(&console->lock);
	}
	if (console && console != terminal.monitor)
		__atomic_store_n(&terminal.last_vm, console, __ATOMIC_RELAXED);
	look_at_all();
}

/* At the start there is nothing that the user would have to be told. */
static void announce(const struct console *before)
{
	if (terminal.focus && before)
		log_notice("console of %s%s", terminal.focus->name,
			   terminal.has_escapes ? " (Ctrl-] m: monitor, Ctrl-] q: leave)" : "");
}

static void turn_to(struct console *console)
{
	struct console *before = terminal.focus;

	set_focus(console);
	announce(before);
}

void terminal_focus(struct console *console)
{
	spin_lock(&terminal.lock);
	turn_to(console);
	spin_unlock(&terminal.lock);
}

void terminal_release(struct console *from, struct console *next)
{
	spin_lock(&terminal.lock);
	if (terminal.focus == from)
		turn_to(next);
	else if (terminal.last_vm == from)
		__atomic_store_n(&terminal.last_vm, next, __ATOMIC_RELAXED);
	spin_unlock(&terminal.lock);
}

void terminal_focus_named(const char *word)
{
	struct console *console = terminal.ops ? terminal.ops->find(word) : NULL;

	if (console)
		terminal_focus(console);
	else
		log_notice("there is no VM %s; type Ctrl-] m, then vms, for those that there are",
			   word);
}

void terminal_open_monitor(void)
{
	if (!terminal.monitor) {
		log_notice("there is no monitor");
		return;
	}
	spin_lock(&terminal.lock);
	set_focus(terminal.monitor);
	spin_unlock(&terminal.lock);
	terminal.ops->opened();
}

void terminal_set_show_all(bool show_all)
{
	spin_lock(&terminal.lock);
	__atomic_store_n(&terminal.show_all, show_all, __ATOMIC_RELAXED);
	log_notice(show_all ? "the output of all VMs is shown"
			    : "the output of the VM in focus is shown");
	look_at_all();
	spin_unlock(&terminal.lock);
}

/* The monitor is none of the VMs. */
static void count_vms(void)
{
	unsigned count = 0;

	list_for_each (link, &terminal.consoles)
		count += container_of(link, struct console, link) != terminal.monitor;
	__atomic_store_n(&terminal.nr_vms, count, __ATOMIC_RELAXED);
	look_at_all();
}

void terminal_set_monitor(struct console *monitor, const struct terminal_monitor *ops)
{
	spin_lock(&terminal.lock);
	terminal.monitor = monitor;
	terminal.ops = ops;
	count_vms();
	spin_unlock(&terminal.lock);
}

void terminal_add(struct console *console)
{
	spin_lock(&terminal.lock);
	list_init(&console->ready);
	list_insert_before(&terminal.consoles, &console->link);
	count_vms();
	spin_unlock(&terminal.lock);
}

void terminal_remove(struct console *console)
{
	spin_lock(&terminal.lock);
	if (terminal.focus == console)
		set_focus(NULL);
	if (terminal.last_vm == console)
		terminal.last_vm = NULL;
	if (terminal.monitor == console)
		terminal.monitor = NULL;
	list_remove(&console->link);
	list_remove(&console->ready);
	count_vms();
	log_forget(console);
	spin_unlock(&terminal.lock);
}

/* --- Ends */

/* Sends some bytes for whoever waits; true: the port took some. */
static bool send_some(bool *is_done)
{
	unsigned budget = SERVE_BYTES;

	spin_lock(&terminal.lock);
	*is_done = send(&budget);
	if (!*is_done && !terminal.is_served_soon)
		request_service();
	spin_unlock(&terminal.lock);
	return budget < SERVE_BYTES;
}

void terminal_drain(struct console *console)
{
	u64 end = time_now() + time_from_ns(DRAIN_NS);
	bool is_done;

	terminal_look(console);
	while (terminal_has_more(console) && time_now() < end) {
		send_some(&is_done);
		interrupts_handle_pending();
	}
}

static void nap_is_over(struct timer *timer)
{
	(void)timer;
}

/* The port interrupts the terminal's hart only: any other looks again by itself. */
static void nap(void)
{
	struct timer timer = { .expired = nap_is_over };

	timer_start(&timer, time_now() + time_from_ns(NAP));
	wait_for_interrupt();
	interrupts_handle_pending();
	timer_stop(&timer);
}

bool terminal_is_closed(void)
{
	return __atomic_load_n(&terminal.is_closed, __ATOMIC_RELAXED);
}

void terminal_flush(void)
{
	bool is_done = false;

	/* VMs that still run would go on writing. */
	__atomic_store_n(&terminal.is_closed, true, __ATOMIC_RELAXED);
	while (!is_done) {
		if (!send_some(&is_done) && !is_done)
			nap();
	}
}
