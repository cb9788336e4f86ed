/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own serial port (NS16550A), which Doppel owns and all consoles share. */
#ifndef DOPPEL_PLATFORM_UART_H
#define DOPPEL_PLATFORM_UART_H

#include "lib/types.h"

/* Takes the port over: 8 data bits, FIFOs on, no interrupts yet. Output before this is dropped. */
void uart_init(hpa_t base);

/* Sends one byte if the port takes it now. */
bool uart_try_put(u8 byte);

/*
 * Sends one byte; waits while the port is busy, but not for ever. False: the other end does not
 * read. From then on the port is not waited for until it takes a byte again.
 */
bool uart_put(u8 byte);

/* The machine ends: from now on the port is waited for much longer. */
void uart_make_last_effort(void);

/* True and the byte when one has been received. */
bool uart_get(u8 *byte);

/*
 * Lets the port interrupt when it has input, or not: then input waits in the port (back-pressure);
 * and when it takes output again.
 */
void uart_enable_input_interrupt(bool enable);
void uart_enable_output_interrupt(bool enable);

#endif
