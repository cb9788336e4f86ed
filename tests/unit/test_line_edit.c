/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the line editor: keys go in, and a terminal of our own shows what a user would see. It
 * understands just the sequences that the editor uses, and fails at any other.
 */
#include "unit.h"
#include "monitor/line_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMPT "> "

/* The line of the terminal that the cursor is on; those above it are forgotten. */
static struct {
	char screen[81];
	size_t column;
	unsigned lines, bells, clears;
	char above[400]; /* the line that was left last */
} terminal;

static void new_line(void)
{
	strcpy(terminal.above, terminal.screen);
	memset(terminal.screen, 0, sizeof(terminal.screen));
	terminal.column = 0;
	terminal.lines++;
}

/* Returns how many bytes the sequence has. */
static size_t escape_sequence(const char *bytes, size_t count)
{
	char *end;
	unsigned long number;

	assert_true(count >= 3 && bytes[1] == '[');
	number = strtoul(bytes + 2, &end, 10);
	switch (*end) {
	case 'K':
		memset(terminal.screen + terminal.column, 0,
		       sizeof(terminal.screen) - terminal.column);
		break;
	case 'C':
		terminal.column += number;
		assert_true(number > 0 && terminal.column < 80);
		break;
	case 'H': terminal.column = 0; break;
	case 'J':
		assert_int_equal(number, 2);
		memset(terminal.screen, 0, sizeof(terminal.screen));
		terminal.clears++;
		break;
	default: fail_msg("unknown sequence ending in %c", *end);
	}
	return (size_t)(end - bytes) + 1;
}

static void show(void *ctx, const char *bytes, size_t count)
{
	(void)ctx;
	for (size_t i = 0; i < count; i++) {
		switch (bytes[i]) {
		case '\r': terminal.column = 0; break;
		case '\n': new_line(); break;
		case '\a': terminal.bells++; break;
		case '\033': i += escape_sequence(bytes + i, count - i) - 1; break;
		default:
			assert_in_range(bytes[i], ' ', '~');
			assert_true(terminal.column < 80); /* else the line would wrap */
			terminal.screen[terminal.column++] = bytes[i];
		}
	}
}

static bool complete(void *ctx, const char *line, size_t length, unsigned n,
		     char word[LINE_MAX_WORD])
{
	static const char *const words[] = { "pause", "pin", "vm-alpha", "vm-alpha-two",
					     "version" };
	size_t start = length;

	(void)ctx;
	while (start && line[start - 1] != ' ')
		start--;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strncmp(words[i], line + start, length - start) == 0 && n-- == 0) {
			strcpy(word, words[i]);
			return true;
		}
	}
	return false;
}

static struct line_edit edit;

static int setup(void **state)
{
	(void)state;
	memset(&terminal, 0, sizeof(terminal));
	line_init(&edit, PROMPT);
	edit.show = show;
	edit.complete = complete;
	line_show(&edit);
	return 0;
}

/* Types a text that completes no line. */
static void type(const char *keys)
{
	for (; *keys; keys++)
		assert_int_equal(line_feed(&edit, (u8)*keys), LINE_GOES_ON);
}

static void enter(const char *keys, const char *want)
{
	type(keys);
	assert_int_equal(line_feed(&edit, '\r'), LINE_IS_COMPLETE);
	assert_string_equal(edit.text, want);
}

/* What is on the screen, with the cursor as a bar. */
static void expect(const char *want)
{
	char got[100];

	snprintf(got, sizeof(got), "%.*s|%s", (int)terminal.column, terminal.screen,
		 terminal.screen + terminal.column);
	assert_string_equal(got, want);
}

#define LEFT  "\033[D"
#define RIGHT "\033[C"
#define UP    "\033[A"
#define DOWN  "\033[B"

static void typing(void **state)
{
	(void)state;
	expect("> |");
	type("vms");
	expect("> vms|");
	enter("", "vms");
	assert_string_equal(terminal.above, "> vms");
	line_show(&edit);
	expect("> |");
	enter("a", "a");
	enter("", "");
}

static void moving(void **state)
{
	(void)state;
	type("hello" LEFT LEFT);
	expect("> hel|lo");
	type("\x01");
	expect("> |hello");
	type(LEFT "\x02");
	expect("> |hello");
	type("\x06" RIGHT);
	expect("> he|llo");
	type("\x05");
	expect("> hello|");
	type(RIGHT "\x06");
	expect("> hello|");
	type("\x02");
	expect("> hell|o");
	type("\033[H>\033[F<"); /* Home, End, as most terminals send them */
	expect("> >hello<|");
	type("\033[1~1\033[4~4\033[7~7\033[8~8\033OH[\033OF]"); /* and as others do */
	expect("> [71>hello<48]|");
	type(LEFT LEFT "x");
	expect("> [71>hello<4x|8]");
	enter("", "[71>hello<4x8]"); /* from the middle: the whole line counts, and stays */
	assert_string_equal(terminal.above, "> [71>hello<4x8]");
}

static void deleting(void **state)
{
	(void)state;
	type("one two  three");
	type("\x7f");
	expect("> one two  thre|");
	type("\b");
	expect("> one two  thr|");
	type("\x17");
	expect("> one two  |");
	type("\x17");
	expect("> one |");
	type("\x17\x17\x7f");
	expect("> |");
	type("abcdef" LEFT LEFT LEFT "\x0b");
	expect("> abc|");
	type(LEFT "\x15");
	expect("> |c");
	type("\033[3~"); /* Delete */
	expect("> |");
	type("\033[3~");
	type("xyz\x01\x04");
	expect("> |yz");
	enter("", "yz");
}

static void ends(void **state)
{
	(void)state;
	type("abc");
	assert_int_equal(line_feed(&edit, 3), LINE_IS_CANCELLED);
	assert_string_equal(terminal.above, "> abc^C");
	assert_int_equal(line_feed(&edit, 4), LINE_IS_END);
	assert_int_equal(line_feed(&edit, 4), LINE_IS_END);
	type("a");
	type("\x04"); /* there is something: it deletes, here nothing */
	enter("", "a");
}

static void history(void **state)
{
	(void)state;
	type(UP "\x10");
	expect("> |");
	enter("first", "first");
	line_show(&edit);
	enter("second", "second");
	enter("second", "second"); /* is remembered once */
	enter("", "");		   /* not at all */
	type("dra");
	type(UP);
	line_show(&edit);
	expect("> second|");
	type("\x10");
	expect("> first|");
	type(UP);
	expect("> first|");
	type(DOWN);
	expect("> second|");
	type("\x0e");
	expect("> dra|");
	type(DOWN "ft");
	expect("> draft|");
	type(UP UP);
	enter("!", "first!"); /* a line from the history may be changed */
	type(UP UP UP);
	expect("> first|"); /* and is still what it was */
	for (unsigned i = 0; i < 40; i++) {
		char line[20];

		snprintf(line, sizeof(line), "line %u", i);
		type("\x15");
		enter(line, line);
	}
	for (unsigned i = 0; i < 40; i++)
		type(UP);
	expect("> line 24|"); /* the oldest of 16 */
}

static void completion(void **state)
{
	(void)state;
	type("ve\t");
	expect("> version |");
	type("\x15pa\t");
	expect("> pause |");
	type("v\t");
	expect("> pause v|");
	assert_int_equal(terminal.bells, 1);
	type("m\t");
	expect("> pause vm-alpha|");
	type("\t"); /* two are left: the second Tab lists them */
	expect("> pause vm-alpha|");
	assert_int_equal(terminal.lines, 2);
	assert_string_equal(terminal.above, "vm-alpha  vm-alpha-two  ");
	type("-\t");
	expect("> pause vm-alpha-two |");
	type("none\t");
	expect("> pause vm-alpha-two none|");
	assert_int_equal(terminal.bells, 2);
	type("\x15p x" LEFT LEFT "i\t"); /* in the middle of the line */
	expect("> pin | x");
}

static void one_tab_does_not_list(void **state)
{
	(void)state;
	type("p\t");
	expect("> p|");
	assert_int_equal(terminal.lines, 0);
	type("\t");
	assert_int_equal(terminal.lines, 2);
	assert_string_equal(terminal.above, "pause  pin  ");
}

static void long_lines_scroll(void **state)
{
	char line[LINE_SIZE], want[LINE_SIZE + 4];

	(void)state;
	for (size_t i = 0; i < 200; i++)
		line[i] = (char)('a' + i % 26);
	line[200] = '\0';
	type(line);
	snprintf(want, sizeof(want), "> %s|", line + 200 - 77);
	expect(want);
	type("\x01");
	snprintf(want, sizeof(want), "> |%.77s", line);
	expect(want);
	enter("", line);
}

static void lines_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		type("x");
	assert_int_equal(edit.length, LINE_SIZE - 1);
	assert_int_equal(terminal.bells, 1000 - (LINE_SIZE - 1));
	type("\x01yp\t"); /* nor does completion make them longer */
	assert_int_equal(edit.length, LINE_SIZE - 1);
	assert_int_equal(strlen(edit.text), LINE_SIZE - 1);
}

static void other_keys_do_nothing(void **state)
{
	(void)state;
	type("ab");
	type("\033[5~\033[15~\033[200~\033[Z\033x\x1c\x80\xff\xc3\xa4\033[?25h");
	expect("> ab|");
	type("\033[1;5D"); /* Ctrl-Left is a Left */
	expect("> a|b");
	type("\033[99999999999999999999999~");
	expect("> a|b");
	line_hide(&edit);
	expect("|");
	line_show(&edit);
	expect("> a|b");
	type("\x0c");
	assert_int_equal(terminal.clears, 1);
	expect("> a|b");
}

/* Whatever comes: the text is terminated, the cursor in it, and the screen shows it. */
static void random_keys(void **state)
{
	static const char *const keys[] = { "a",    "b",       " ",    "\x01", "\x02", "\x05",
					    "\x06", "\x08",    "\x0b", "\x15", "\x17", "\x10",
					    "\x0e", "\t",      "\r",   UP,     DOWN,   LEFT,
					    RIGHT,  "\033[3~", "p",    "vm-",  "word " };
	struct prng prng = { 0x5eed0301 };
	unsigned complete_lines = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		const char *key = keys[prng_below(&prng, ARRAY_SIZE(keys))];

		for (; *key; key++) {
			enum line_event event = line_feed(&edit, (u8)*key);

			complete_lines += event == LINE_IS_COMPLETE;
			if (event == LINE_IS_COMPLETE)
				show(NULL, PROMPT, strlen(PROMPT));
		}
		assert_true(edit.length < LINE_SIZE && edit.cursor <= edit.length);
		assert_int_equal(strlen(edit.text), edit.length);
		if (edit.length <= 77 && !edit.is_done)
			assert_string_equal(terminal.screen + strlen(PROMPT), edit.text);
	}
	assert_true(complete_lines > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(typing, setup),
		cmocka_unit_test_setup(moving, setup),
		cmocka_unit_test_setup(deleting, setup),
		cmocka_unit_test_setup(ends, setup),
		cmocka_unit_test_setup(history, setup),
		cmocka_unit_test_setup(completion, setup),
		cmocka_unit_test_setup(one_tab_does_not_list, setup),
		cmocka_unit_test_setup(long_lines_scroll, setup),
		cmocka_unit_test_setup(lines_are_bounded, setup),
		cmocka_unit_test_setup(other_keys_do_nothing, setup),
		cmocka_unit_test_setup(random_keys, setup),
	};
	return RUN_TESTS(tests);
}
