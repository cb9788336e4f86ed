/* SPDX-License-Identifier: BSD-2-Clause */
/* The far end of a VM's serial port: the machine's console, which all VMs share. */
#ifndef DOPPEL_CONSOLE_H
#define DOPPEL_CONSOLE_H

#include "dev/ns16550.h"
#include "lib/spinlock.h"
#include "lib/types.h"

#define CONSOLE_INPUT_SIZE 1024 /* a power of two */
#define CONSOLE_LINE_SIZE  160

/*
 * The VM in focus gets the input, and its output appears at once. Output of the others appears by
 * lines, with the VM's name in front.
 */
struct console {
	const char *name;
	struct spinlock lock;
	u8 input[CONSOLE_INPUT_SIZE];
	u32 head, tail; /* bytes put in and taken out, in all */
	char line[CONSOLE_LINE_SIZE];
	unsigned line_length;
	void (*port_ready)(void *ctx); /* there is input, or room for output; no locks are held */
	void *ctx;
};

void console_init(struct console *console, const char *name, void (*port_ready)(void *), void *ctx);

/* Whose console the terminal is; NULL: nobody's, input is dropped. */
void console_set_focus(struct console *console);

/* Passes the terminal on, if it is from's: its VM has ended. */
void console_release_focus(const struct console *from, struct console *next);

/* The interrupt handler of the machine's serial port. */
void console_interrupt(void);

/*
 * Output and input of the VM. console_put() is false while the terminal does not take more:
 * port_ready will be called when it does. A struct ns16550_backend, and the SBI's debug console
 * uses it too.
 */
bool console_put(void *console, u8 byte);
bool console_get(void *console, u8 *byte);
extern const struct ns16550_backend console_backend;

/* Forgets input that nobody read and shows what is left of the last line: the VM has ended. */
void console_reset(struct console *console);

#endif
