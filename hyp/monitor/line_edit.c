/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits one line on a terminal that understands the usual escape sequences (ECMA-48). */
#include "monitor/line_edit.h"
#include "lib/format.h"
#include "lib/string.h"

#define CTRL(letter) ((letter)&0x1f)
#define ESC	     0x1b
#define BACKSPACE    0x7f

#define ERASE_TO_END "\033[K"

void line_init(struct line_edit *edit, const char *prompt)
{
	memset(edit, 0, sizeof(*edit));
	edit->prompt = prompt;
}

/* --- What the terminal shows */

static void show(struct line_edit *edit, const char *text)
{
	edit->show(edit->ctx, text, strlen(text));
}

/* The first character that is visible: the cursor is always among those that are. */
static size_t first_visible(const struct line_edit *edit)
{
	size_t room = LINE_COLUMNS - strlen(edit->prompt);

	return edit->cursor > room ? edit->cursor - room : 0;
}

void line_hide(struct line_edit *edit)
{
	show(edit, "\r" ERASE_TO_END);
}

static void draw(struct line_edit *edit)
{
	size_t column = strlen(edit->prompt), first = first_visible(edit);
	size_t visible = MIN(edit->length - first, LINE_COLUMNS - column);
	char move[16];

	show(edit, "\r");
	show(edit, edit->prompt);
	edit->show(edit->ctx, edit->text + first, visible);
	show(edit, ERASE_TO_END);
	if (edit->cursor - first == visible)
		return;
	snprintf(move, sizeof(move), "\r\033[%zuC", column + edit->cursor - first);
	show(edit, move);
}

/* --- Changes of the text */

static void set_text(struct line_edit *edit, const char *text)
{
	edit->length = edit->cursor = strnlen(text, LINE_SIZE - 1);
	memmove(edit->text, text, edit->length);
	edit->text[edit->length] = '\0';
}

static void delete (struct line_edit *edit, size_t from, size_t to)
{
	memmove(edit->text + from, edit->text + to, edit->length - to + 1);
	edit->length -= to - from;
	edit->cursor = from;
}

/* Text that does not fit is left out. */
static bool insert(struct line_edit *edit, const char *text, size_t count)
{
	if (count > LINE_SIZE - 1 - edit->length)
		return false;
	memmove(edit->text + edit->cursor + count, edit->text + edit->cursor,
		edit->length - edit->cursor + 1);
	memcpy(edit->text + edit->cursor, text, count);
	edit->length += count;
	edit->cursor += count;
	return true;
}

/* The usual case, a character at the end of a line that fits, is shown as what it is. */
static void type(struct line_edit *edit, char c)
{
	if (!insert(edit, &c, 1))
		show(edit, "\a");
	else if (edit->cursor == edit->length &&
		 strlen(edit->prompt) + edit->length <= LINE_COLUMNS)
		edit->show(edit->ctx, &c, 1);
	else
		draw(edit);
}

static size_t start_of_word(const struct line_edit *edit)
{
	size_t at = edit->cursor;

	while (at && edit->text[at - 1] == ' ')
		at--;
	while (at && edit->text[at - 1] != ' ')
		at--;
	return at;
}

/* --- History */

static char *history_line(struct line_edit *edit, unsigned back)
{
	return edit->history[(edit->nr_history - back) % LINE_HISTORY];
}

static void remember(struct line_edit *edit)
{
	if (!edit->length)
		return;
	if (edit->nr_history && strcmp(history_line(edit, 1), edit->text) == 0)
		return;
	memcpy(edit->history[edit->nr_history++ % LINE_HISTORY], edit->text, edit->length + 1);
}

static void browse(struct line_edit *edit, int direction)
{
	unsigned limit = MIN(edit->nr_history, (unsigned)LINE_HISTORY);

	if (direction > 0 ? edit->browsing == limit : edit->browsing == 0)
		return;
	if (edit->browsing == 0)
		memcpy(edit->draft, edit->text, edit->length + 1);
	edit->browsing += (unsigned)direction;
	set_text(edit, edit->browsing ? history_line(edit, edit->browsing) : edit->draft);
}

/* --- Completion */

/* How much of the word before the cursor is there. */
static size_t word_length(const struct line_edit *edit)
{
	size_t length = 0;

	while (length < edit->cursor && edit->text[edit->cursor - 1 - length] != ' ')
		length++;
	return length;
}

static bool candidate(struct line_edit *edit, unsigned n, char word[LINE_MAX_WORD])
{
	return edit->complete && edit->complete(edit->ctx, edit->text, edit->cursor, n, word);
}

/* What all candidates begin with; returns how many there are. */
static unsigned common_start(struct line_edit *edit, char common[LINE_MAX_WORD])
{
	char word[LINE_MAX_WORD];
	unsigned n = 0;

	for (; candidate(edit, n, word); n++) {
		size_t same = 0;

		if (n == 0)
			memcpy(common, word, sizeof(word));
		while (common[same] && common[same] == word[same])
			same++;
		common[same] = '\0';
	}
	return n;
}

static void list_candidates(struct line_edit *edit)
{
	char word[LINE_MAX_WORD];
	size_t column = 0;

	show(edit, "\n");
	for (unsigned n = 0; candidate(edit, n, word); n++) {
		if (column + strlen(word) + 2 > LINE_COLUMNS) {
			show(edit, "\n");
			column = 0;
		}
		show(edit, word);
		show(edit, "  ");
		column += strlen(word) + 2;
	}
	show(edit, "\n");
}

static void complete(struct line_edit *edit)
{
	char common[LINE_MAX_WORD];
	unsigned count = common_start(edit, common);
	size_t have = word_length(edit), length = count ? strlen(common) : 0;

	if (count == 0) {
		show(edit, "\a");
		return;
	}
	if (count > 1 && length <= have) {
		if (edit->last == '\t')
			list_candidates(edit);
		else
			show(edit, "\a");
	}
	if (length > have)
		insert(edit, common + have, length - have);
	if (count == 1)
		insert(edit, " ", 1);
	draw(edit);
}

/* --- Keys */

static enum line_event hand_out(struct line_edit *edit, enum line_event event)
{
	edit->is_done = true;
	edit->browsing = 0;
	show(edit, "\n");
	return event;
}

static enum line_event enter(struct line_edit *edit)
{
	/* The whole line is to stay on the screen as it is, with the cursor at its end. */
	if (edit->cursor != edit->length) {
		edit->cursor = edit->length;
		draw(edit);
	}
	remember(edit);
	return hand_out(edit, LINE_IS_COMPLETE);
}

/* Keys that move or change something; the line is shown anew after them. */
static void edit_key(struct line_edit *edit, u8 key)
{
	switch (key) {
	case CTRL('A'): edit->cursor = 0; break;
	case CTRL('E'): edit->cursor = edit->length; break;
	case CTRL('B'): edit->cursor -= edit->cursor > 0; break;
	case CTRL('F'): edit->cursor += edit->cursor < edit->length; break;
	case CTRL('D'):
		if (edit->cursor < edit->length)
			delete (edit, edit->cursor, edit->cursor + 1);
		break;
	case CTRL('H'):
	case BACKSPACE:
		if (edit->cursor)
			delete (edit, edit->cursor - 1, edit->cursor);
		break;
	case CTRL('K'): delete (edit, edit->cursor, edit->length); break;
	case CTRL('U'): delete (edit, 0, edit->cursor); break;
	case CTRL('W'): delete (edit, start_of_word(edit), edit->cursor); break;
	case CTRL('P'): browse(edit, 1); break;
	case CTRL('N'): browse(edit, -1); break;
	case CTRL('L'): show(edit, "\033[H\033[2J"); break;
	default: return; /* not a key that we know */
	}
	draw(edit);
}

/* The last byte of an escape sequence, as the control character that does the same. */
static u8 key_of(u8 last, unsigned parameter)
{
	switch (last) {
	case 'A': return CTRL('P');
	case 'B': return CTRL('N');
	case 'C': return CTRL('F');
	case 'D': return CTRL('B');
	case 'H': return CTRL('A');
	case 'F': return CTRL('E');
	case '~': break;
	default: return 0;
	}
	switch (parameter) {
	case 1:
	case 7: return CTRL('A');
	case 4:
	case 8: return CTRL('E');
	case 3: return CTRL('D');
	default: return 0;
	}
}

/* ESC [ parameters final, or ESC O final; whatever we do not know is swallowed as a whole. */
static void feed_escape(struct line_edit *edit, u8 byte)
{
	if (edit->escape == ESC_STARTED) {
		edit->parameter = 0;
		edit->escape = byte == '[' ? ESC_CSI : byte == 'O' ? ESC_SS3 : ESC_NONE;
		return;
	}
	if (edit->escape == ESC_CSI && byte >= '0' && byte <= '9') {
		edit->parameter = (edit->parameter * 10 + byte - '0') % 1000;
		return;
	}
	if (edit->escape == ESC_CSI && byte < 0x40)
		return;
	edit->escape = ESC_NONE;
	edit_key(edit, key_of(byte, edit->parameter));
}

static enum line_event feed_key(struct line_edit *edit, u8 byte)
{
	switch (byte) {
	case '\r':
	case '\n': return enter(edit);
	case CTRL('C'): show(edit, "^C"); return hand_out(edit, LINE_IS_CANCELLED);
	case '\t': complete(edit); return LINE_GOES_ON;
	case ESC: edit->escape = ESC_STARTED; return LINE_GOES_ON;
	case CTRL('D'):
		if (edit->length == 0)
			return hand_out(edit, LINE_IS_END);
		break;
	}
	if (byte >= ' ' && byte < BACKSPACE)
		type(edit, (char)byte);
	else
		edit_key(edit, byte);
	return LINE_GOES_ON;
}

/* The text that was handed out is not needed any more. */
static void begin_line(struct line_edit *edit)
{
	if (edit->is_done)
		set_text(edit, "");
	edit->is_done = false;
}

void line_show(struct line_edit *edit)
{
	begin_line(edit);
	draw(edit);
}

enum line_event line_feed(struct line_edit *edit, u8 byte)
{
	enum line_event event = LINE_GOES_ON;

	begin_line(edit);
	if (edit->escape != ESC_NONE)
		feed_escape(edit, byte);
	else
		event = feed_key(edit, byte);
	edit->last = byte;
	return event;
}
