/* SPDX-License-Identifier: BSD-2-Clause */
/* One hart of the guest: its trap frame, expected faults, user-mode snippets, and the other harts.
 */
#ifndef GUEST_HART_H
#define GUEST_HART_H

/* What start.S uses of struct hart; hart.c asserts that the offsets are right. */
#define HART_MAX	8
#define HART_FRAME	0
#define HART_SAVE	256
#define HART_STACK_TOP	384
#define HART_TRAP_STACK 392
#define HART_CATCHING	400
#define HART_STACK_SIZE 16384
#define TRAP_STACK_SIZE 8192

#ifndef __ASSEMBLER__

#include "csr.h"
#include "types.h"

#define NO_TRAP	   (~0UL)
#define EXEC_WORDS 1023

/* How a piece of code ended: with a trap, or with NO_TRAP as its cause and its a0 in `value`. */
struct trap {
	u64 cause;
	u64 tval;
	u64 epc;
	u64 status;   /* sstatus as the handler found it */
	u64 value;    /* a0 */
	u64 regs[32]; /* x1 to x31 as the trap found them; not filled in after NO_TRAP */
};

typedef void interrupt_handler(u64 code);

struct hart {
	u64 frame[32]; /* [0] = sepc, [n] = xn */
	u64 save[16];  /* what trap_try() and user_try() need to come back */
	u64 stack_top;
	u64 trap_stack_top;
	u64 catching; /* the next exception is expected: record it and go back */
	u64 id;
	void (*main)(u64 arg);
	u64 arg;
	interrupt_handler *on_interrupt;
	u64 skip_on_interrupt; /* bytes to advance sepc by: for a snippet that waits for one */
	volatile u64 interrupts[16]; /* taken, by interrupt code */
	u64 boot_status;	     /* sstatus and satp at the very start of this hart */
	u64 boot_satp;
	u64 boot_a0;
	u64 boot_a1;
	struct trap last;
};

extern struct hart harts[HART_MAX];
extern u64 boot_hart_id;
extern const void *boot_fdt;

/* The program, on the hart that the firmware started. */
void guest_main(void);

static inline struct hart *hart_self(void)
{
	struct hart *self;

	asm("mv %0, tp" : "=r"(self));
	return self;
}

/* Calls a function (or jumps to any address) with up to eight arguments, and reports how it ended.
 */
struct trap trap_try(u64 pc, const u64 args[8]);

/* Jumps to a0 = the first argument: what jump, load and store probes have in common. */
struct trap trap_call(void *fn, u64 a0, u64 a1, u64 a2);

/* The same in U-mode: the snippet cannot return, it ends with an ecall (cause 8) or another trap.
 */
struct trap user_try(u64 pc, const u64 args[8]);

/* Writes instruction words and a return (S) or an ecall (U) to this hart's page; its address. */
u64 exec_prepare(const u32 *words, unsigned count, bool user);

/* Runs up to EXEC_WORDS instruction words there, in S-mode or in U-mode; a0 comes in and out. */
struct trap exec_words(const u32 *words, unsigned count, u64 a0, bool user);
struct trap exec_insn(u32 word, u64 a0, bool user);

/* How many harts this machine has (ids 0 to n - 1, as virt numbers them). */
unsigned hart_count(void);

/* The n-th hart counted from the boot hart, which is number 0. */
u64 hart_nth(unsigned n);

/* Starts a hart at fn(arg) with its own stack; it stops itself when fn returns. SBI error. */
long hart_start(u64 id, void (*fn)(u64 arg), u64 arg);

long hart_status(u64 id);

/* Waits for a hart to stop, at most 5 seconds. False: it did not. */
bool hart_wait_stopped(u64 id);

/* Waits until *word == value, at most 5 seconds. */
bool wait_word(volatile u64 *word, u64 value);

void interrupts_on(void);
void interrupts_off(void);

struct spinlock {
	volatile u32 held;
};

void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

#endif
#endif
