/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the hypervisor on the machine's console. */
#ifndef DOPPEL_LOG_H
#define DOPPEL_LOG_H

#include "lib/types.h"

enum log_level {
	LOG_ERROR, /* ours: something is wrong with Doppel or with what the user asked for */
	LOG_WARN,  /* something is odd, and Doppel goes on */
	LOG_INFO,
	LOG_DEBUG,
};

extern enum log_level log_level;

/* Sets the level by its name ("error", "warn", "info", "debug"); false: there is none like it. */
bool log_set_level(const char *name);

/*
 * One line: "doppel: text". The end of line is added. Lines of several harts do not mix, nor do
 * they mix with a guest's: an unfinished line of a guest is ended first.
 */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Text as it is, without prefix or end of line. */
void log_raw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A byte of a guest's console; false: the port does not take it now. */
bool log_guest_byte(u8 byte);

/* From a panic: nobody waits for the lock any more. */
void log_break_lock(void);

#endif
