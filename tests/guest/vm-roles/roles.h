/* SPDX-License-Identifier: BSD-2-Clause */
/* What the roles of this program share. */
#ifndef ROLES_H
#define ROLES_H

#include "types.h"

#define MS    10000UL /* ticks of the clock */
#define NEVER (-1UL)

/* The number behind ` NAME=` in the VM's bootargs, or else what is given. */
u64 parameter(const char *name, u64 otherwise);

/* Timer interrupts that this hart has taken; each one stops the timer. */
volatile u64 *ticks_taken(void);

/* Sleeps until a timer interrupt at that time. */
void sleep_until(u64 when);

/* work.c */
void work(void);
void wake(void);
void idle(void);
void restless(void);

/* self_check.c */
void self_check(void);

/* echo.c */
void echo(void);

#endif
