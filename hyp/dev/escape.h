/* SPDX-License-Identifier: BSD-2-Clause */
/* Ctrl-] and what follows it: what the user says to the terminal and not to a guest. */
#ifndef DOPPEL_ESCAPE_H
#define DOPPEL_ESCAPE_H

#include "lib/types.h"

/*
 * After Ctrl-] (0x1d):
 *
 *     1 to 9          the console of that VM
 *     NAME, Enter     the console of the VM with this name; a space may stand in front of it, and
 *                     must where the name begins with a, m, q or a digit. Esc gives up.
 *     m               the monitor
 *     a               the other mode: the VM in focus, or all
 *     Ctrl-]          Ctrl-] itself, for whoever is in focus
 *     ?               a line of help
 *
 * Ctrl-] q leaves; ./doppel itself takes care of that.
 *
 * One typed byte, on the terminal's hart, without locks held. What is no escape goes to
 * terminal_accept().
 */
void escape_typed(u8 byte);

/* Nothing has been typed. */
void escape_init(void);

#endif
