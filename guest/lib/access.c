/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of each width, with their traps caught. */
#include "access.h"

static u64 load1(u64 address)
{
	return *(volatile u8 *)address;
}

static u64 load2(u64 address)
{
	return *(volatile u16 *)address;
}

static u64 load4(u64 address)
{
	return *(volatile u32 *)address;
}

static u64 load8(u64 address)
{
	return *(volatile u64 *)address;
}

static void store1(u64 address, u64 value)
{
	*(volatile u8 *)address = (u8)value;
}

static void store2(u64 address, u64 value)
{
	*(volatile u16 *)address = (u16)value;
}

static void store4(u64 address, u64 value)
{
	*(volatile u32 *)address = (u32)value;
}

static void store8(u64 address, u64 value)
{
	*(volatile u64 *)address = value;
}

struct trap access_load(unsigned width, u64 address)
{
	static u64 (*const loads[])(u64) = { load1, load2, load4, load8 };

	return trap_call((void *)loads[width & 3], address, 0, 0);
}

struct trap access_store(unsigned width, u64 address, u64 value)
{
	static void (*const stores[])(u64, u64) = { store1, store2, store4, store8 };

	return trap_call((void *)stores[width & 3], address, value, 0);
}
