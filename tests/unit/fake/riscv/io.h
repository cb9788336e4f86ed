/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for an interrupt, and what accesses device registers, calls a function of the test. */
#ifndef DOPPEL_FAKE_IO_H
#define DOPPEL_FAKE_IO_H

#include "lib/types.h"

void wait_for_interrupt(void);

u64 fake_io_read(u64 address, unsigned size);
void fake_io_write(u64 address, unsigned size, u64 value);

static inline u8 io_read8(u64 address)
{
	return (u8)fake_io_read(address, 1);
}

static inline u16 io_read16(u64 address)
{
	return (u16)fake_io_read(address, 2);
}

static inline u32 io_read32(u64 address)
{
	return (u32)fake_io_read(address, 4);
}

static inline void io_write32(u64 address, u32 value)
{
	fake_io_write(address, 4, value);
}

static inline void fence_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void fence_io(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
