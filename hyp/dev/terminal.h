/* SPDX-License-Identifier: BSD-2-Clause */
/* The user's terminal, which all consoles share: whose output is shown, who gets what is typed. */
#ifndef DOPPEL_TERMINAL_H
#define DOPPEL_TERMINAL_H

#include "lib/types.h"

struct console;

/*
 * Two modes. Focus: the output of the console in focus is shown as it is, that of others is kept.
 * All: whole lines of every VM, each with the VM's name in front, of those that are not in focus
 * the text only: their control characters are left out; as long as there is only one VM, this is
 * the same as focus. The monitor's text is shown in both, and nothing else while it is in focus in
 * focus mode.
 *
 * One hart, the one that takes the serial port's interrupt, serves the terminal: it fires the
 * timers, calls port_ready, and creates and destroys consoles. While it runs a vCPU, output takes a
 * tenth of its time at most. Any hart may write.
 */

/* What the monitor does for the terminal; called on the terminal's hart without locks held. */
struct terminal_monitor {
	void (*input)(u8 byte);
	void (*opened)(void);
	struct console *(*find)(const char *word); /* "1" to "9", or a name; NULL: none */
};

/* escapes: Ctrl-] and what follows it are commands to the terminal (dev/escape.h). */
void terminal_init(bool show_all, bool escapes);

/* Who the monitor is; until then, or with NULL, there is none. */
void terminal_set_monitor(struct console *monitor, const struct terminal_monitor *ops);

/* The interrupt handler of the machine's serial port. */
void terminal_interrupt(unsigned source);

/* Turns to a VM's console: says so, and shows what was not shown yet. NULL: to nobody's. */
void terminal_focus(struct console *console);

/* Turns to the monitor's. */
void terminal_open_monitor(void);

/* Who gets what is typed; NULL: nobody. */
struct console *terminal_focused(void);

/* The VM's console that is or was in focus last; NULL: there is none. */
struct console *terminal_last_vm(void);

/* The VM of from has ended: passes the terminal on, if it was from's. Any hart. */
void terminal_release(struct console *from, struct console *next);

/* Between the modes. Says so. */
void terminal_set_show_all(bool show_all);
bool terminal_shows_all(void);

/*
 * Before the machine goes off: waits until everything that can be shown has been, however long the
 * user does not look. Any hart, no locks held.
 */
void terminal_flush(void);

/* What VMs write from now on is dropped. */
bool terminal_is_closed(void);

/*
 * The rest is for the consoles (console.c). Their locks are taken under that of the terminal.
 */
enum terminal_style { TERMINAL_HIDDEN, TERMINAL_RAW, TERMINAL_LINES };

/* How a console is shown at the moment. */
enum terminal_style terminal_style(const struct console *console);

void terminal_add(struct console *console);
void terminal_remove(struct console *console);

/* A console has something to show, or was refused: sends a few bytes, and makes sure of the rest.
 */
void terminal_look(struct console *console);

/* There is output that waits for the port. */
bool terminal_has_more(struct console *console);

/* Shows what a console has while the port takes it. */
void terminal_drain(struct console *console);

/* Moves typed bytes into the console's input, if they are for it. False: there are none. */
bool terminal_refill(struct console *console);

/* The same for bytes of the hypervisor's; returns how many had room. */
u64 terminal_type(struct console *console, const char *text, u64 size);

/*
 * And this for the escapes (escape.c), without locks held.
 */

/* A byte for whoever is in focus. */
void terminal_accept(u8 byte);

/* Turns to the console that the word names, or says that there is none. */
void terminal_focus_named(const char *word);

#endif
