/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that looks after itself: its RAM keeps what was written, its timer ticks all arrive. */
#include "console.h"
#include "fdt.h"
#include "roles.h"
#include "sbi.h"

#define TICK		    (50 * MS)
#define UART_LSR	    0x10000005UL
#define UART_LSR_DATA_READY 1

#define STEP 8 /* words from one that is written to the next */

extern char __image_end[];

static u64 pattern(u64 name, u64 address)
{
	return (address ^ name << 40) * 0x9e3779b97f4a7c15UL;
}

/* The device tree lies at the end of RAM: what is before it and behind the image is free. */
static u64 *first_word(void)
{
	return (u64 *)(((u64)__image_end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
}

static u64 *last_word(void)
{
	return (u64 *)((u64)boot_fdt & ~(PAGE_SIZE - 1));
}

static void fill(u64 name)
{
	for (u64 *word = first_word(); word < last_word(); word += STEP)
		*word = pattern(name, (u64)word);
}

static u64 count_wrong(u64 name)
{
	u64 wrong = 0;

	for (u64 *word = first_word(); word < last_word(); word += STEP)
		wrong += *word != pattern(name, (u64)word);
	return wrong;
}

static bool has_input(void)
{
	return *(volatile u8 *)UART_LSR & UART_LSR_DATA_READY;
}

/* A tick every 50 ms until something is typed; returns how many were due, 0 if one came early. */
static u64 take_ticks(void)
{
	u64 when = rdtime(), n = 0;

	for (; !has_input(); n++) {
		when += TICK;
		sleep_until(when);
		if (rdtime() < when)
			return 0;
	}
	return n;
}

/* `name` (a number) is part of the pattern, which is left alone until something is typed. */
void self_check(void)
{
	u64 name = parameter("name", 0), before = *ticks_taken(), due, wrong;

	fill(name);
	print("check %lu: filled %lu KiB\n", name, ((u64)last_word() - (u64)first_word()) >> 10);
	due = take_ticks();
	wrong = count_wrong(name);
	print("check %lu: %lu words are wrong, %lu ticks of %lu came\n", name, wrong,
	      *ticks_taken() - before, due);
}
