/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is typed, on its way to the console in focus: for the terminal. What the console has no room
 * for stays here, and in the end the serial port's input waits.
 *
 * The terminal's lock is held, and the console's taken inside it, except where something else is
 * said.
 */
#ifndef DOPPEL_TERMINAL_INPUT_H
#define DOPPEL_TERMINAL_INPUT_H

#include "lib/types.h"

struct console;

void terminal_input_init(void);

/* Both without locks, too: it may be different soon. */
bool terminal_input_is_empty(void);
bool terminal_input_has_room(void);

/*
 * Takes bytes from the serial port, as long as there is room for one: each is given to accept().
 * No lock held; the terminal's hart.
 */
void terminal_input_read_port(void (*accept)(u8 byte));

/* A byte; there is room. */
void terminal_input_add(u8 byte);

/*
 * Moves as much as has room into the console, which then has news. True: something was moved. The
 * serial port interrupts again if it may.
 */
bool terminal_input_move(struct console *console);

/* Nobody will read it: forgets all, and returns how many bytes that were. */
u32 terminal_input_drop(void);

#endif
