/* SPDX-License-Identifier: BSD-2-Clause */
/* The end after a bug of our own. Guest input must never lead here. */
#ifndef DOPPEL_PANIC_H
#define DOPPEL_PANIC_H

#include "lib/types.h"

/* Says why, shows registers of a trap if there was one, and the last exits; stops all harts. */
void panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Stops this hart for ever if another one has panicked; called when an IPI arrives. */
void panic_stop_if_requested(void);

#define ASSERT(condition)                                                                     \
	do {                                                                                  \
		if (unlikely(!(condition)))                                                   \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
	} while (0)

#endif
