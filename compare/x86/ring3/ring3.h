/* SPDX-License-Identifier: BSD-2-Clause */
/* The program for Linux: it runs the list of probes as an ordinary process and prints what came of
 * it. */
#pragma once

#include "../probes.h"

#ifdef __x86_64__
#define BITS "64"
#else
#define BITS "32"
#endif

/* --- entry.S */

int attempt_run(void (*run)(void), void *results);
void attempt_escape(void);
void signal_return(void);

/* --- linux.c: system calls and signals, without a C library */

struct caught {
	int signal, code;
	uptr address, ip;
	u32 vector, error; /* as the kernel tells them; both 0 if it does not */
};

extern struct caught caught;
extern uptr stepped_ip; /* where the first trap of a step came; 0: none */

void put_text(const char *text);
void put_hex(u64 value);
long own_pid(void);
void exit_program(int status) __attribute__((noreturn));
void signals_init(void);
