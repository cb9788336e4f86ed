/* SPDX-License-Identifier: BSD-2-Clause */
/* The far end of a VM's serial port: what was written and not yet shown, what was typed. */
#ifndef DOPPEL_CONSOLE_H
#define DOPPEL_CONSOLE_H

#include "dev/ns16550.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

#define CONSOLE_RING_SIZE  KIB(64)
#define CONSOLE_INPUT_SIZE 1024 /* a power of two */
#define CONSOLE_LINE_SIZE  160	/* what is longer is shown in pieces where lines are shown */

struct console {
	const char *name;
	void (*port_ready)(void *ctx);
	void *ctx;

	/* Under lock, as far as the input. Positions count bytes since the beginning. */
	struct spinlock lock;
	u8 *ring; /* the last CONSOLE_RING_SIZE bytes that were written */
	u64 written, shown;
	u64 line_start;	  /* of the line whose first part has been shown; no such line: shown */
	u64 ended;	  /* the line ends here although no end of line was written */
	u64 dropped;	  /* bytes that were not shown and made room; not reported yet */
	bool line_is_due; /* an unfinished line is to be shown, or again */
	bool was_refused; /* a byte: port_ready is to be called when there is room */
	bool has_news;	  /* input: port_ready is to be called */
	u8 input[CONSOLE_INPUT_SIZE];
	u32 head, tail; /* bytes put in and taken out, in all */

	/* The terminal's (terminal.c). */
	struct list link, ready;
};

/*
 * name must live as long as the console. port_ready may be NULL; it is called on the hart that
 * serves the terminal, without locks held, when there is input or room for output. False: no memory
 * is left. Creation and destruction happen on that hart too.
 */
bool console_create(struct console *console, const char *name, void (*port_ready)(void *),
		    void *ctx);

/*
 * Nobody uses the console any more; the terminal forgets it. What was not shown is lost. Harmless
 * for a console whose creation failed.
 */
void console_destroy(struct console *console);

/*
 * Output and input of the VM. console_put() is false while the ring is full of what the terminal is
 * about to show: port_ready will be called. The ring of a console that is not shown drops its
 * oldest byte. A struct ns16550_backend, and the SBI's consoles use it too.
 */
bool console_put(void *console, u8 byte);
bool console_get(void *console, u8 *byte);
extern const struct ns16550_backend console_backend;

/*
 * Text of the hypervisor itself, as a whole: text of others does not mix with its lines. Never
 * waits: who writes more than the ring holds looks at console_is_drained() now and then.
 */
void console_print(struct console *console, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* All that can be shown has gone to the port. */
bool console_is_drained(struct console *console);

/*
 * Whether a text was written at or behind the position *from, which becomes that behind the text;
 * without one, of where a later search has to begin. What the ring has dropped is not found.
 */
bool console_search(struct console *console, const char *text, u64 *from);

/* As if the user typed it; returns how many bytes there was room for. The terminal's hart. */
u64 console_type(struct console *console, const char *text, u64 size);

/*
 * The VM has ended: shows what can be shown, an unfinished last line too, and
 * forgets input that nobody read. Waits for the port a little; what is left then is shown later.
 * Any hart, no locks held.
 */
void console_drain(struct console *console);

/*
 * The rest is for the terminal. The lock is held.
 */

/* A piece of output on its way. */
struct console_piece {
	u8 text[CONSOLE_LINE_SIZE + 64]; /* name, brackets and end of line */
	unsigned size;
	u64 end; /* shown and line_start, once the piece is shown */
	u64 line_start;
	bool keeps_controls; /* where lines are shown: characters that are no text are left in */
	bool continues;	     /* the unfinished line that the screen ends with */
	bool is_note;	     /* about dropped bytes */
};

/* The next piece of what was written, as it is. False: there is none. */
bool console_take_raw(const struct console *console, struct console_piece *piece);

/* The next line, or a part that is due, with the name in front of it unless that is NULL. */
bool console_take_line(const struct console *console, const char *name,
		       struct console_piece *piece);

/* A line that tells what was dropped. False: nothing was. */
bool console_take_note(const struct console *console, const char *name,
		       struct console_piece *piece);

/* The piece is shown. */
void console_piece_is_shown(struct console *console, const struct console_piece *piece);

/* The first part of the unfinished line must be shown again, for something else came behind it. */
void console_repeat_line(struct console *console);

/* False: there is no room for more input. */
bool console_add_input(struct console *console, u8 byte);

#endif
