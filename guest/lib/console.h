/* SPDX-License-Identifier: BSD-2-Clause */
/* Output of a guest program: whole lines, one hart at a time, and the verdicts of checks. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include "hart.h"
#include "types.h"

/* %c %s %d %u %x, with l, a width and a leading 0. At most 255 characters a call. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For the last words of a hart that may have died with the lock held. */
void console_break_lock(void);

/* The marks between which the runner compares. scenario_end() powers off. */
void scenario_begin(const char *name);
void scenario_end(void) __attribute__((noreturn));

/* Prints `ok WHAT` or `BAD WHAT`; returns whether it was good. */
bool check(bool good, const char *what);

/* Prints `ok WHAT` or `BAD WHAT: got X, want Y`. */
bool check_equal(const char *what, u64 got, u64 want);

/* The trap's cause and stval are as given. NO_TRAP for a piece of code that must not trap. */
bool check_trap(const char *what, const struct trap *trap, u64 cause, u64 tval);

/* A trap from S-mode or U-mode left SPP, SPIE and SIE of sstatus as the specification says. */
bool check_trap_status(const char *what, const struct trap *trap, bool from_user, bool enabled);

/*
 * Prints `skip WHAT`, which the runner takes for `ok WHAT`: for what this machine does not have, or
 * where the firmware under a native run is known not to follow the specification.
 */
void skip(const char *what);

/* check(), but what does not hold natively is skipped: the firmware there does not follow the rule.
 */
bool check_but_native(bool good, const char *what);

/* Runs under OpenSBI itself, not under a hypervisor. */
bool is_native(void);

#endif
