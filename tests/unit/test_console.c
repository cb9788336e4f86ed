/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of a console's ring and of the pieces that are taken from it; of the terminal, nothing. */
#include "unit.h"
#include "dev/console.h"
#include "dev/terminal.h"
#include "lib/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum terminal_style style;
static unsigned looks; /* how often the terminal was told to look */
static u64 room_made;  /* bytes that such a look shows */
static struct console *focus;
static const char *typed; /* what the terminal has for the console */

void *page_alloc(unsigned order)
{
	assert_int_equal(order, 4);
	return calloc(1, CONSOLE_RING_SIZE);
}

void page_free(void *pages, unsigned order)
{
	assert_int_equal(order, 4);
	free(pages);
}

unsigned page_order(u64 size)
{
	assert_int_equal(size, CONSOLE_RING_SIZE);
	return 4;
}

void format(format_sink *sink, void *ctx, const char *fmt, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	for (const char *c = text; *c; c++)
		sink(ctx, *c);
}

bool terminal_is_closed(void)
{
	return false;
}

enum terminal_style terminal_style(const struct console *console)
{
	(void)console;
	return style;
}

struct console *terminal_focused(void)
{
	return focus;
}

void terminal_add(struct console *console)
{
	(void)console;
}

void terminal_remove(struct console *console)
{
	(void)console;
}

void terminal_look(struct console *console)
{
	looks++;
	console->shown += room_made;
	console->line_start = console->shown;
}

bool terminal_has_more(struct console *console)
{
	return console->shown != console->written;
}

void terminal_drain(struct console *console)
{
	console->shown = console->written;
}

bool terminal_refill(struct console *console)
{
	bool has_some = typed && *typed;

	while (typed && *typed && console_add_input(console, (u8)*typed))
		typed++;
	return has_some;
}

u64 terminal_type(struct console *console, const char *text, u64 size)
{
	(void)console;
	(void)text;
	return size;
}

static struct console console;

static int create(void **state)
{
	(void)state;
	style = TERMINAL_HIDDEN;
	looks = 0;
	room_made = 0;
	focus = NULL;
	typed = NULL;
	return console_create(&console, "vm", NULL, NULL) ? 0 : -1;
}

static int destroy(void **state)
{
	(void)state;
	console_destroy(&console);
	return 0;
}

static void put(const char *text)
{
	while (*text)
		assert_true(console_put(&console, (u8)*text++));
}

/* Takes a piece by one of the three functions, compares it, and shows it. */
static void shows(bool found, struct console_piece *piece, const char *text)
{
	assert_true(found);
	assert_int_equal(piece->size, strlen(text));
	assert_memory_equal(piece->text, text, piece->size);
	console_piece_is_shown(&console, piece);
}

static void shows_raw(const char *text)
{
	struct console_piece piece = { 0 };
	bool found = console_take_raw(&console, &piece);

	shows(found, &piece, text);
}

static void shows_line(bool continues, const char *text)
{
	struct console_piece piece = { .continues = continues };
	bool found = console_take_line(&console, "vm", &piece);

	shows(found, &piece, text);
}

static void shows_no_line(void)
{
	struct console_piece piece = { 0 };

	assert_false(console_take_line(&console, "vm", &piece));
}

static void raw_is_as_it_was_written(void **state)
{
	static const char bytes[] = "a\rb\x1b[1m\xff\n\n~ # ";
	struct console_piece piece = { 0 };

	(void)state;
	put(bytes);
	shows_raw(bytes);
	assert_false(console_take_raw(&console, &piece));
}

static void raw_comes_in_pieces(void **state)
{
	char text[101] = { 0 };

	(void)state;
	memset(text, 'x', 100);
	put(text);
	shows_raw(text + 36);
	shows_raw(text + 64);
}

static void lines_are_whole(void **state)
{
	(void)state;
	put("one\r\ntwo\nthr");
	shows_line(false, "[vm] one\r\n");
	shows_line(false, "[vm] two\r\n");
	shows_no_line();
	put("ee\n");
	shows_line(false, "[vm] three\r\n");
	shows_no_line();
}

static void long_lines_come_in_pieces(void **state)
{
	char text[2 * CONSOLE_LINE_SIZE + 1] = { 0 }, want[CONSOLE_LINE_SIZE + 8];

	(void)state;
	memset(text, 'x', 2 * CONSOLE_LINE_SIZE);
	put(text);
	snprintf(want, sizeof(want), "[vm] %.*s\r\n", CONSOLE_LINE_SIZE, text);
	shows_line(false, want);
	shows_no_line(); /* the end of line may come */
	put("\r\n");
	shows_line(false, want);
	shows_no_line();
}

/* None of it reaches the terminal, and no byte of text is lost. */
static void lines_of_others_are_text(void **state)
{
	struct console_piece piece = { .keeps_controls = true };

	(void)state;
	put("a\x1b[1;31mb\x1b[6nc\x1b]0;d\a\bt\te\x7f\x1b[\n");
	shows_line(false, "[vm] abc]0;dt\te\r\n");
	put("\x1b[?\x9b\xc2\x9b"
	    "1m\xe2\x80\x93\n");
	shows_line(false, "[vm] \x9b\xc2"
			  "1m\xe2\x80\x93\r\n");
	put("\x1b[K~ # \b\rx\n");
	assert_true(console_take_line(&console, "vm", &piece));
	shows(true, &piece, "[vm] \x1b[K~ # \bx\r\n");
}

/* Else each byte that is written would have all of them looked at again. */
static void a_line_without_text_ends_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * CONSOLE_LINE_SIZE; i++)
		put("\r");
	shows_line(false, "[vm] \r\n");
	assert_in_range(console.written - console.shown, 1, CONSOLE_LINE_SIZE);
}

static void a_line_may_be_due(void **state)
{
	(void)state;
	put("~ # ");
	shows_no_line();
	console.line_is_due = true;
	shows_line(false, "[vm] ~ # ");
	put("l");
	shows_line(true, "l");
	put("s\r\nfile");
	shows_line(true, "s\r\n");
	shows_no_line();
}

static void a_cut_line_is_repeated(void **state)
{
	char text[1001] = { 0 };

	(void)state;
	put("$ ");
	shows_raw("$ ");
	console_repeat_line(&console);
	put("ls");
	shows_raw("$ ls");
	put("\n");
	shows_raw("\n");
	console_repeat_line(&console);
	assert_int_equal(console.shown, console.written);

	memset(text, 'x', 1000); /* no line any more, but something else */
	put(text);
	console.shown = console.written;
	console_repeat_line(&console);
	assert_int_equal(console.shown, console.written);
}

static void hidden_output_is_kept(void **state)
{
	(void)state;
	for (u64 i = 0; i < CONSOLE_RING_SIZE; i++)
		assert_true(console_put(&console, (u8)('a' + i % 26)));
	assert_int_equal(console.shown, 0);
	assert_int_equal(console.dropped, 0);
	assert_int_equal(looks, 0); /* a VM that is not shown does not touch the terminal */
	shows_raw("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl");
}

static void the_oldest_is_dropped_and_counted(void **state)
{
	struct console_piece piece = { .continues = true };
	bool found;

	(void)state;
	assert_false(console_take_note(&console, NULL, &piece));
	for (u64 i = 0; i < CONSOLE_RING_SIZE + 1000; i++)
		assert_true(console_put(&console, (u8)(i % 251)));
	assert_int_equal(console.shown, 1000);
	found = console_take_note(&console, NULL, &piece);
	shows(found, &piece, "[1000 bytes were dropped]\r\n");
	assert_false(piece.continues);
	assert_false(console_take_note(&console, NULL, &piece));
	for (u64 i = 1000; i < CONSOLE_RING_SIZE + 1000;) {
		piece = (struct console_piece){ 0 };
		assert_true(console_take_raw(&console, &piece));
		for (unsigned n = 0; n < piece.size; n++, i++)
			assert_int_equal(piece.text[n], i % 251);
		console_piece_is_shown(&console, &piece);
	}
	assert_int_equal(console.shown, console.written);
}

static void shown_output_waits(void **state)
{
	(void)state;
	style = TERMINAL_RAW;
	for (u64 i = 0; i < CONSOLE_RING_SIZE; i++)
		assert_true(console_put(&console, (u8)i));
	assert_int_equal(looks, CONSOLE_RING_SIZE);
	assert_false(console_put(&console, 'x'));
	assert_true(console.was_refused);
	assert_int_equal(console.dropped, 0);
	room_made = 10; /* now the port takes some */
	assert_true(console_put(&console, 'x'));
	assert_true(console.was_refused); /* the call is still owed */
	assert_int_equal(console.written, CONSOLE_RING_SIZE + 1);
}

static void where_lines_are_shown_only_ends_count(void **state)
{
	(void)state;
	style = TERMINAL_LINES;
	put("not yet");
	assert_int_equal(looks, 0);
	put("\n");
	assert_int_equal(looks, 1);
	focus = &console;
	put("x");
	assert_int_equal(looks, 2);
}

static void the_end_ends_the_line(void **state)
{
	u8 byte;

	(void)state;
	style = TERMINAL_LINES;
	put("last words");
	assert_true(console_add_input(&console, 'x'));
	shows_no_line();
	console.ended = console.written;
	shows_line(false, "[vm] last words\r\n");
	put("more");
	shows_no_line();
	console_drain(&console);
	assert_int_equal(console.ended, console.written);
	console_repeat_line(&console); /* of what has ended, nothing is repeated */
	assert_int_equal(console.shown, console.written);
	assert_false(console_get(&console, &byte));
}

static void input_waits_behind_the_console(void **state)
{
	char text[3 * CONSOLE_INPUT_SIZE + 1] = { 0 };
	u8 byte;

	(void)state;
	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 23);
	typed = text;
	for (unsigned i = 0; i < sizeof(text) - 1; i++) {
		assert_true(console_get(&console, &byte));
		assert_int_equal(byte, text[i]);
	}
	assert_false(console_get(&console, &byte));
}

static void printed_text_has_carriage_returns(void **state)
{
	(void)state;
	console_print(&console, "%s %u\n> ", "vms", 3);
	assert_int_equal(looks, 1);
	shows_raw("vms 3\r\n> ");
}

static void text_is_searched_once(void **state)
{
	u64 from = 0;

	(void)state;
	assert_false(console_search(&console, "login", &from));
	put("welcome\r\nlog");
	assert_false(console_search(&console, "login", &from));
	put("in: login");
	assert_true(console_search(&console, "login", &from)); /* although it came in two parts */
	assert_int_equal(from, 14);
	assert_true(console_search(&console, "login", &from));
	assert_false(console_search(&console, "login", &from));
	from = 0;
	assert_true(console_search(&console, "welcome\r\n", &from));
}

static void what_the_ring_dropped_is_not_found(void **state)
{
	u64 from = 0;

	(void)state;
	style = TERMINAL_HIDDEN;
	put("first ");
	for (unsigned i = 0; i < CONSOLE_RING_SIZE - 6; i++)
		console_put(&console, '.');
	assert_true(console_search(&console, "first", &from));
	console_put(&console, '.');
	from = 0;
	assert_false(console_search(&console, "first", &from));
	put("last");
	assert_true(console_search(&console, "..last", &from));
	assert_int_equal(from, console.written);
	from = UINT64_MAX; /* of a console that was another's */
	assert_true(console_search(&console, "last", &from));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(raw_is_as_it_was_written),
		TEST(raw_comes_in_pieces),
		TEST(lines_are_whole),
		TEST(long_lines_come_in_pieces),
		TEST(lines_of_others_are_text),
		TEST(a_line_without_text_ends_too),
		TEST(a_line_may_be_due),
		TEST(a_cut_line_is_repeated),
		TEST(hidden_output_is_kept),
		TEST(the_oldest_is_dropped_and_counted),
		TEST(shown_output_waits),
		TEST(where_lines_are_shown_only_ends_count),
		TEST(the_end_ends_the_line),
		TEST(input_waits_behind_the_console),
		TEST(printed_text_has_carriage_returns),
		TEST(text_is_searched_once),
		TEST(what_the_ring_dropped_is_not_found),
	};

	return RUN_TESTS(tests);
}
