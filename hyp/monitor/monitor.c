/* SPDX-License-Identifier: BSD-2-Clause */
/* The operator's console: who types, what is waited for, and when the machine ends. */
#include "monitor/monitor.h"
#include "core/log.h"
#include "core/panic.h"
#include "dev/terminal.h"
#include "lib/string.h"
#include "monitor/commands.h"
#include "monitor/control.h"
#include "monitor/line_edit.h"
#include "run/run.h"

#define PROMPT	    "doppel> "
#define BANNER	    "This is the monitor of Doppel. help lists the commands, Ctrl-D leaves.\n"
#define TYPED_SIZE  16384 /* a power of two; more than anybody pastes at once */
#define CTRL_C	    3
#define DRAIN_MS    10
#define NS_PER_MS   1000000
#define OUTPUT_SIZE 160

static struct console console;
static struct line_edit line;

/* Bytes from the terminal, in all, put in by the interrupt and taken out by the work. */
static u8 typed[TYPED_SIZE];
static u32 nr_typed, nr_taken;

static bool was_opened, knows_banner;

/* The script; at NULL: none, or it is over. */
static const char *script, *script_end;

/*
 * The line that is to be run when everything before it is on the screen: what it makes others say
 * comes behind it.
 */
static char pending[LINE_SIZE];
static bool has_pending, pending_is_cut;

static struct timer timer;

static bool is_ending;
static u16 exit_code;

/* --- Output: collected into pieces, for each takes locks */

static char output[OUTPUT_SIZE];
static unsigned output_length;

static void flush_output(void)
{
	if (output_length)
		console_print(&console, "%.*s", (int)output_length, output);
	output_length = 0;
}

static void put(char c)
{
	output[output_length++] = c;
	if (output_length == OUTPUT_SIZE)
		flush_output();
}

static struct command_session session = { .put = put, .is_typed = true, .number = 0 };

static void show(void *ctx, const char *bytes, size_t count)
{
	(void)ctx;
	for (size_t i = 0; i < count; i++)
		put(bytes[i]);
}

/* --- The terminal's side */

static bool is_open(void)
{
	return terminal_focused() == &console;
}

static void input(u8 byte)
{
	if (nr_typed - nr_taken < TYPED_SIZE)
		typed[nr_typed++ % TYPED_SIZE] = byte;
	run_request_work();
}

static void opened(void)
{
	was_opened = true;
	run_request_work();
}

/*
 * What was typed behind Ctrl-]: a VM's number as vms shows it, or its name. The user turns to it:
 * if no VM is alive, nothing holds the machine then.
 */
static struct console *find_console(const char *word)
{
	bool is_number = word[0] >= '1' && word[0] <= '9' && !word[1];
	struct vm *vm = is_number ? vms[word[0] - '1'] : vm_find(word);

	run_request_work();
	return vm ? &vm->console : NULL;
}

/* --- Waiting */

static void expired(struct timer *unused)
{
	(void)unused;
	run_request_work();
}

static void look_again_in(u64 ms)
{
	timer_start(&timer, time_now() + time_from_ns(ms * NS_PER_MS));
}

bool command_key_was_pressed(void)
{
	bool was_pressed = command_session->is_typed && nr_taken != nr_typed;

	if (was_pressed)
		nr_taken = nr_typed;
	return was_pressed;
}

bool command_is_in_script(void)
{
	return script || !command_session->is_typed;
}

/* Whether the terminal is still busy with what the last command printed. */
static bool is_busy(void)
{
	flush_output();
	if (console_is_drained(&console))
		return false;
	look_again_in(DRAIN_MS);
	return true;
}

/* --- The end */

void monitor_end(u16 code)
{
	is_ending = true;
	exit_code = code;
}

/* Whether anybody is left whom the machine is there for. */
static void end_if_over(void)
{
	if (!is_ending && !vms_alive() && !is_open() && !script)
		monitor_end(vms_exit_code());
}

void monitor_vms_over(void)
{
	run_request_work();
}

/* The VM whose console was seen last, if it is alive; else any that is. */
static struct console *way_out(void)
{
	struct console *last = terminal_last_vm(), *alive = NULL;

	for_each_vm (vm) {
		if (vm_state_is_alive(vm->state) && (!alive || &vm->console == last))
			alive = &vm->console;
	}
	return alive ? alive : last;
}

void monitor_leave(struct console *to)
{
	terminal_focus(to ? to : way_out());
}

/* --- Commands */

/* A command has been run, or looked at again. */
static void after_command(enum command_result result)
{
	if (result == COMMAND_WAITS) {
		look_again_in(session.poll_interval);
		return;
	}
	session.poll = NULL;
	if (script && result == COMMAND_FAILED) {
		command_print("the script ends here\n");
		script = NULL;
		monitor_end(EXIT_SCRIPT);
	}
	if (!script && is_open() && !is_ending)
		line_show(&line);
}

static bool is_comment(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r')
		text++;
	return *text == '#' || !*text;
}

static void end_script(void)
{
	script = NULL;
	nr_taken = nr_typed;
	monitor_leave(NULL);
}

/* The next line of the script is pending, unless it is a comment. */
static void next_script_line(void)
{
	size_t length = 0, left = (size_t)(script_end - script), shown;

	if (!left) {
		end_script();
		return;
	}
	while (length < left && script[length] != '\n')
		length++;
	shown = length && script[length - 1] == '\r' ? length - 1 : length;
	snprintf(pending, sizeof(pending), "%.*s", (int)MIN(shown, sizeof(pending)), script);
	pending_is_cut = shown >= sizeof(pending);
	script += MIN(length + 1, left);
	has_pending = !is_comment(pending);
	if (has_pending)
		command_print(PROMPT "%s\n", pending);
}

static void run_pending(void)
{
	bool is_cut = pending_is_cut;

	has_pending = pending_is_cut = false;
	session.wants_json = machine_option("json") != NULL;
	after_command(is_cut ? command_fail("the line is longer than %d bytes", LINE_SIZE - 1)
			     : command_run(pending));
}

static void feed(u8 byte)
{
	switch (line_feed(&line, byte)) {
	case LINE_GOES_ON: break;
	case LINE_IS_COMPLETE:
		memcpy(pending, line.text, sizeof(pending));
		has_pending = true;
		break;
	case LINE_IS_CANCELLED: line_show(&line); break;
	case LINE_IS_END: monitor_leave(NULL); break;
	}
}

/* Ctrl-C ends what waits; lines that were typed ahead do not, and are run afterwards. */
static bool is_interrupted(void)
{
	for (u32 at = nr_taken; at != nr_typed; at++) {
		if (typed[at % TYPED_SIZE] == CTRL_C) {
			nr_taken = at + 1;
			return true;
		}
	}
	return false;
}

static void poll_command(void)
{
	enum command_result result = session.poll();

	if (result == COMMAND_WAITS && is_interrupted())
		result = command_fail("stopped by Ctrl-C");
	after_command(result);
}

void monitor_notice(const char *fmt, ...)
{
	static char text[OUTPUT_SIZE];
	bool has_prompt;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!is_open()) {
		log_warn("%s", text);
		return;
	}
	has_prompt = !session.poll && !script && !has_pending;
	if (has_prompt)
		line_hide(&line);
	command_print("%s\n", text);
	if (has_prompt)
		line_show(&line);
}

static void greet(void)
{
	was_opened = false;
	if (script || session.poll)
		return;
	if (!knows_banner)
		command_print(BANNER);
	knows_banner = true;
	line_show(&line);
}

/* --- The work */

static bool has_next(void)
{
	return !is_ending && !session.poll && (has_pending || script || nr_taken != nr_typed);
}

void monitor_work(void)
{
	command_session = &session;
	command_check_stops();
	if (was_opened)
		greet();
	if (session.poll)
		poll_command();
	while (has_next() && !is_busy()) {
		if (has_pending)
			run_pending();
		else if (script)
			next_script_line();
		else
			feed(typed[nr_taken++ % TYPED_SIZE]);
	}
	flush_output();
	control_work();
	end_if_over();
	if (is_ending)
		run_exit(exit_code);
}

void monitor_set_script(const char *text, size_t length)
{
	script = text;
	script_end = text + length;
	terminal_open_monitor();
	run_request_work();
}

void monitor_init(void)
{
	static const struct terminal_monitor ops = { input, opened, find_console };

	line_init(&line, PROMPT);
	line.show = show;
	line.complete = command_complete;
	timer.expired = expired;
	if (!console_create(&console, "monitor", NULL, NULL))
		panic("no memory for the monitor's console");
	terminal_set_monitor(&console, &ops);
	command_session = &session;
	run_set_worker(monitor_work);
	control_init(); /* which asks for work if somebody waits already */
}
