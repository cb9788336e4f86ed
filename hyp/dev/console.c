/* SPDX-License-Identifier: BSD-2-Clause */
/* The far end of a VM's serial port: what was written and not yet shown, what was typed. */
#include "dev/console.h"
#include "dev/terminal.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/page.h"

#define RAW_PIECE     64
#define RETURNS	      8	  /* so many may be in a line that is not too long without them */
#define REPEAT_SIZE   512 /* of an unfinished line that is longer, the first part is not repeated */
#define SEQUENCE_SIZE 32
#define ESC	      0x1b
#define DELETE	      0x7f

const struct ns16550_backend console_backend = { console_put, console_get };

bool console_create(struct console *console, const char *name, void (*port_ready)(void *),
		    void *ctx)
{
	*console = (struct console){ .name = name, .port_ready = port_ready, .ctx = ctx };
	console->ring = page_alloc(page_order(CONSOLE_RING_SIZE));
	if (!console->ring)
		return false;
	terminal_add(console);
	return true;
}

void console_destroy(struct console *console)
{
	if (!console->ring)
		return;
	terminal_remove(console);
	page_free(console->ring, page_order(CONSOLE_RING_SIZE));
	console->ring = NULL;
}

/* --- Output */

static bool is_full(const struct console *console)
{
	return console->written - console->shown == CONSOLE_RING_SIZE;
}

static void drop_oldest(struct console *console)
{
	console->shown++;
	console->dropped++;
	console->line_start = console->shown;
}

static void write_byte(struct console *console, u8 byte)
{
	if (is_full(console))
		drop_oldest(console);
	console->ring[console->written++ % CONSOLE_RING_SIZE] = byte;
}

static bool try_put(struct console *console, u8 byte, bool may_drop)
{
	bool fits;

	spin_lock(&console->lock);
	fits = may_drop || !is_full(console);
	if (fits)
		write_byte(console, byte);
	if (!fits)
		console->was_refused = true; /* until the call, whoever writes meanwhile */
	spin_unlock(&console->lock);
	return fits;
}

/* Where lines are shown, nobody need look at the middle of one. */
static bool needs_look(const struct console *console, enum terminal_style style, u8 byte)
{
	if (style == TERMINAL_LINES)
		return byte == '\n' || console == terminal_focused() ||
		       console->written - console->shown > CONSOLE_LINE_SIZE;
	return style == TERMINAL_RAW;
}

/* Whoever writes also sends: a VM pays for its own output. */
bool console_put(void *ctx, u8 byte)
{
	struct console *console = ctx;
	enum terminal_style style = terminal_style(console);
	bool may_drop = style == TERMINAL_HIDDEN, fits;

	if (terminal_is_closed())
		return true;
	fits = try_put(console, byte, may_drop);
	if (!fits || needs_look(console, style, byte))
		terminal_look(console);
	return fits || try_put(console, byte, may_drop);
}

static void print_byte(void *ctx, char c)
{
	if (c == '\n')
		write_byte(ctx, '\r');
	write_byte(ctx, (u8)c);
}

void console_print(struct console *console, const char *fmt, ...)
{
	va_list args;

	spin_lock(&console->lock);
	va_start(args, fmt);
	format(print_byte, console, fmt, args);
	va_end(args);
	spin_unlock(&console->lock);
	terminal_look(console);
}

static u8 byte_at(const struct console *console, u64 position)
{
	return console->ring[position % CONSOLE_RING_SIZE];
}

bool console_take_raw(const struct console *console, struct console_piece *piece)
{
	piece->size = 0;
	piece->end = console->shown;
	piece->line_start = console->line_start;
	while (piece->end < console->written && piece->size < RAW_PIECE) {
		u8 byte = byte_at(console, piece->end++);

		piece->text[piece->size++] = byte;
		if (byte == '\n')
			piece->line_start = piece->end;
	}
	return piece->size > 0;
}

static void begin_piece(struct console_piece *piece, const char *name)
{
	piece->size = 0;
	if (name && !piece->continues)
		piece->size = (unsigned)snprintf((char *)piece->text, sizeof(piece->text),
						 "[%.32s] ", name);
}

static void end_line(struct console_piece *piece)
{
	piece->text[piece->size++] = '\r';
	piece->text[piece->size++] = '\n';
	piece->line_start = piece->end;
}

/* A control sequence, as ESC [ 1 m, has bytes of 0x20 to 0x3f and then one of 0x40 to 0x7e. */
static u64 sequence_length(const struct console *console, u64 position)
{
	u64 at = position + 2, end = MIN(console->written, position + SEQUENCE_SIZE);

	while (at < end && byte_at(console, at) >= 0x20 && byte_at(console, at) < 0x40)
		at++;
	if (at < end && byte_at(console, at) >= 0x40 && byte_at(console, at) < DELETE)
		at++;
	return at - position;
}

/*
 * How many bytes there are not text, but would steer the terminal (ECMA-48), which others use: they
 * would forge its lines, or have it answer as if the user typed.
 */
static u64 control_length(const struct console *console, u64 position)
{
	u8 byte = byte_at(console, position);

	if (byte == ESC && position + 1 < console->written && byte_at(console, position + 1) == '[')
		return sequence_length(console, position);
	/* U+0080 to U+009F are controls, too. */
	if (byte >= 0x80 && byte < 0xa0 && position > 0 && byte_at(console, position - 1) == 0xc2)
		return 1;
	return (byte < ' ' && byte != '\t') || byte == DELETE;
}

/* Copies what is visible up to the end of the line; true: the piece ends there. */
static bool copy_line(const struct console *console, struct console_piece *piece)
{
	u64 limit = console->line_start + CONSOLE_LINE_SIZE, most = limit + RETURNS, length;

	for (piece->end = console->shown; piece->end < console->written; piece->end += length) {
		u8 byte = byte_at(console, piece->end);

		if (byte == '\n') {
			piece->end++;
			return true;
		}
		if (byte == '\r')
			limit = MIN(limit + 1, most);
		if (piece->end >= limit)
			return true;
		length = piece->keeps_controls ? byte == '\r' : control_length(console, piece->end);
		if (!length) {
			piece->text[piece->size++] = byte;
			length = 1;
		}
	}
	return console->written == console->ended;
}

bool console_take_line(const struct console *console, const char *name, struct console_piece *piece)
{
	if (console->shown == console->written)
		return false;
	begin_piece(piece, name);
	piece->line_start = console->line_start;
	if (copy_line(console, piece))
		end_line(piece);
	else if (!piece->continues && !console->line_is_due)
		return false;
	return piece->size > 0;
}

bool console_take_note(const struct console *console, const char *name, struct console_piece *piece)
{
	if (!console->dropped)
		return false;
	piece->continues = false;
	piece->is_note = true;
	begin_piece(piece, name);
	piece->size += (unsigned)snprintf((char *)piece->text + piece->size,
					  sizeof(piece->text) - piece->size,
					  "[%lu bytes were dropped]\r\n", console->dropped);
	piece->end = piece->line_start = console->shown;
	return true;
}

void console_piece_is_shown(struct console *console, const struct console_piece *piece)
{
	if (piece->is_note)
		console->dropped = 0;
	console->shown = piece->end;
	console->line_start = piece->line_start;
	if (console->shown == console->written)
		console->line_is_due = false;
}

void console_repeat_line(struct console *console)
{
	u64 kept = console->written - MIN(console->written, CONSOLE_RING_SIZE);

	if (console->line_start < kept || console->shown - console->line_start > REPEAT_SIZE)
		console->line_start = console->shown;
	console->shown = console->line_start;
}

bool console_is_drained(struct console *console)
{
	return !terminal_has_more(console);
}

void console_drain(struct console *console)
{
	spin_lock(&console->lock);
	console->ended = console->written;
	console->tail = console->head;
	spin_unlock(&console->lock);
	terminal_drain(console);
	spin_lock(&console->lock);
	if (console->shown == console->written)
		console->line_start = console->shown;
	spin_unlock(&console->lock);
}

static bool is_at(const struct console *console, u64 position, const char *text)
{
	for (; *text; text++) {
		if (console->ring[position++ % CONSOLE_RING_SIZE] != (u8)*text)
			return false;
	}
	return true;
}

bool console_search(struct console *console, const char *text, u64 *from)
{
	u64 length = strlen(text);
	bool found = false;

	spin_lock(&console->lock);
	if (console->written - *from > CONSOLE_RING_SIZE)
		*from = console->written - MIN(console->written, CONSOLE_RING_SIZE);
	while (!found && *from + length <= console->written) {
		found = is_at(console, *from, text);
		*from += found ? length : 1;
	}
	spin_unlock(&console->lock);
	return found;
}

/* --- Input */

static u32 input_count(const struct console *console)
{
	return console->head - console->tail;
}

bool console_add_input(struct console *console, u8 byte)
{
	if (input_count(console) == CONSOLE_INPUT_SIZE)
		return false;
	console->input[console->head++ % CONSOLE_INPUT_SIZE] = byte;
	return true;
}

static bool try_get(struct console *console, u8 *byte)
{
	bool had_some;

	spin_lock(&console->lock);
	had_some = input_count(console) > 0;
	if (had_some)
		*byte = console->input[console->tail++ % CONSOLE_INPUT_SIZE];
	spin_unlock(&console->lock);
	return had_some;
}

bool console_get(void *ctx, u8 *byte)
{
	return try_get(ctx, byte) || (terminal_refill(ctx) && try_get(ctx, byte));
}

u64 console_type(struct console *console, const char *text, u64 size)
{
	return terminal_type(console, text, size);
}
