/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the hypervisor, and the queue to the machine's serial port that all output takes. */
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
 * they mix with a guest's: an unfinished line of a guest is ended first. Any hart, with any lock
 * held. While nobody reads the port, lines wait in a queue; those that do not fit are counted.
 */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same, at every level: an answer to what the user typed. */
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Text as it is, without prefix or end of line. */
void log_raw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From a panic: nobody waits for the lock any more. */
void log_break_lock(void);

/*
 * The rest is for the terminal (dev/terminal.h). An owner is a pointer that tells consoles apart.
 */

/* Whose unfinished line is the last on the screen; NULL: it is finished. */
const void *log_line_owner(void);

/*
 * Takes size bytes (1 to 4096), which nothing will divide. They continue owner's unfinished line,
 * or begin a new one. False: older text has not gone out, or the line to be continued has ended.
 */
bool log_show(const void *owner, bool continues, const u8 *text, unsigned size);

/*
 * Sends what the port takes now, *budget bytes at most, and subtracts them. True: all has gone out.
 */
bool log_push(unsigned *budget);

/* The owner is no more. */
void log_forget(const void *owner);

#endif
