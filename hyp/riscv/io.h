/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of the machine's device registers, and the fences that order them. */
#ifndef DOPPEL_IO_H
#define DOPPEL_IO_H

#include "lib/types.h"

static inline u8 io_read8(u64 address)
{
	return *(volatile u8 *)address;
}

static inline void io_write8(u64 address, u8 value)
{
	*(volatile u8 *)address = value;
}

static inline u16 io_read16(u64 address)
{
	return *(volatile u16 *)address;
}

static inline u32 io_read32(u64 address)
{
	return *(volatile u32 *)address;
}

static inline void io_write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

/* Orders every earlier memory access before every later one (unprivileged spec, section 2.7). */
static inline void fence_full(void)
{
	__asm__ volatile("fence rw, rw" ::: "memory");
}

/* The same for accesses to devices, and to CSRs, which count as such (privileged spec 2.1). */
static inline void fence_io(void)
{
	__asm__ volatile("fence iorw, iorw" ::: "memory");
}

/* Stops the hart until an interrupt is pending that is enabled in sie. */
static inline void wait_for_interrupt(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

#endif
