/* SPDX-License-Identifier: BSD-2-Clause */
/* printf-style formatting into a sink. */
#ifndef DOPPEL_FORMAT_H
#define DOPPEL_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Receives the formatted text, byte by byte. */
typedef void format_sink(void *ctx, char c);

/*
 * Understands %c %s %d %u %x with the modifiers l, z, a width, '-' and '0'; %.*s and %.Ns; %%.
 * There is no floating point and no %n.
 */
void format(format_sink *sink, void *ctx, const char *fmt, va_list args);

/* As C's snprintf: always terminated when size > 0; returns the length the text wanted. */
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
