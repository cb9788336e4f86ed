/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile guest: what its attacks share. main.c says how they are chosen. */
#ifndef ATTACKER_H
#define ATTACKER_H

#include "access.h"
#include "console.h"
#include "hart.h"
#include "sbi.h"
#include "string.h"

#define MS	    10000UL /* ticks of the clock */
#define TIMER_NEVER (-1UL)

#define UART_BASE    0x10000000UL
#define RAM_AT	     0x80000000UL
#define STATE_OFFSET 0x100000UL /* into RAM, below the image: survives reboots */

/* What survives a reboot, so that a list of attacks goes on behind it. */
struct attack_state {
	u64 magic;
	u64 role;  /* place in the list */
	u64 boots; /* of the attack `reset` */
};

struct attack_ram {
	u64 start, end;
};

extern struct attack_ram attack_ram;
extern u64 attack_time;	 /* ticks that each attack takes */
extern u64 attack_until; /* ticks */
extern volatile u64 attack_operations[HART_MAX];

/* An attack runs on all harts at once; the one on hart 0 returns when it is over. */
typedef void attack_role(u64 hart);

attack_role attack_memory, attack_sbi, attack_ipi, attack_mmio, attack_console, attack_fill;
attack_role attack_faults, attack_timer, attack_spin, attack_harts, attack_reset, attack_idle;

struct attack_state *attack_state(void);
void attack_reboot(void) __attribute__((noreturn));

/* The time of this attack has passed. */
static inline bool attack_is_over(void)
{
	return rdtime() >= attack_until;
}

static inline void attack_count(u64 hart)
{
	attack_operations[hart]++;
}

/* The hypervisor let through what it must not: tells, and ends the VM with a system failure. */
void attack_finding(const char *format, u64 a, u64 b) __attribute__((noreturn));

/* A hart that will never come back says so first: nobody waits for it. */
void attack_hart_is_lost(void);

#endif
