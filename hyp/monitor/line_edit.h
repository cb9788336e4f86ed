/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits one line on a terminal that understands the usual escape sequences (ECMA-48). Bytes go in
 * one by one, what the terminal is to show comes out.
 *
 *     Ctrl-A Home   start of the line          Ctrl-K   delete to the end
 *     Ctrl-E End    its end                    Ctrl-U   delete to the start
 *     Ctrl-B ←      back                       Ctrl-W   delete the word before
 *     Ctrl-F →      forward                    Ctrl-L   clear the screen
 *     Ctrl-P ↑      the line before            Tab      complete the word
 *     Ctrl-N ↓      the line after             Ctrl-C   forget the line
 *     Backspace, Delete, Ctrl-D                Enter    the line is complete
 */
#ifndef DOPPEL_LINE_EDIT_H
#define DOPPEL_LINE_EDIT_H

#include "lib/types.h"

#define LINE_SIZE     256 /* with the terminating 0 */
#define LINE_HISTORY  16
#define LINE_COLUMNS  79 /* of the screen; a longer line is scrolled sideways */
#define LINE_MAX_WORD 40 /* of what is completed, with the terminating 0 */

enum line_event {
	LINE_GOES_ON,
	LINE_IS_COMPLETE, /* in text[], until the next call */
	LINE_IS_CANCELLED,
	LINE_IS_END, /* Ctrl-D on an empty line */
};

struct line_edit {
	const char *prompt;
	/* Shows bytes. */
	void (*show)(void *ctx, const char *bytes, size_t count);
	/*
	 * The word number n that line[0..length) could end with, behind whatever words stand before
	 * it. False: there are not so many.
	 */
	bool (*complete)(void *ctx, const char *line, size_t length, unsigned n,
			 char word[LINE_MAX_WORD]);
	void *ctx;

	char text[LINE_SIZE]; /* terminated */
	size_t length, cursor;
	bool is_done; /* the text was handed out: what follows begins another line */

	/* An escape sequence: its bytes so far, behind ESC. */
	enum { ESC_NONE, ESC_STARTED, ESC_CSI, ESC_SS3 } escape;
	unsigned parameter;

	char history[LINE_HISTORY][LINE_SIZE];
	unsigned nr_history;   /* lines ever put in; the last LINE_HISTORY are there */
	unsigned browsing;     /* how many lines back text[] comes from; 0: it is new */
	char draft[LINE_SIZE]; /* the new line, while another is shown */
	u8 last;	       /* the byte before: the second Tab lists */
};

void line_init(struct line_edit *edit, const char *prompt);

enum line_event line_feed(struct line_edit *edit, u8 byte);

/* Shows prompt and line again, on a line that is empty or to be overwritten. */
void line_show(struct line_edit *edit);

/* Takes prompt and line off the screen, so that something else can be printed in their place. */
void line_hide(struct line_edit *edit);

#endif
