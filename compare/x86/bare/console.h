/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial port, polled, and the end of the machine; for the bare kernel and for the monitor. */
#pragma once

#include "../types.h"

void console_init(void);
void put_text(const char *text);
void put_hex(u64 value);
void put_number(u32 value);
void machine_exit(u8 status) __attribute__((noreturn));

static inline void out8(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline u8 in8(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
