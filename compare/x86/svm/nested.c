// SPDX-License-Identifier: BSD-2-Clause
/*
 * Nested page tables: the guest's RAM, elsewhere. In the format of the monitor's own mode, so long
 * mode (AMD64 manual 2, section 15.25.3); every access is a user access there (section 15.25.5).
 */
#include "monitor.h"

#define ENTRY_RIGHTS 0x007ull
#define ENTRY_LARGE  0x080ull
#define LARGE_BYTES  0x200000ull

static u64 level_4[512] __attribute__((aligned(4096)));
static u64 level_3[512] __attribute__((aligned(4096)));
static u64 level_2[512] __attribute__((aligned(4096)));

u64 nested_make(void)
{
	level_4[0] = (u64)level_3 | ENTRY_RIGHTS;
	level_3[0] = (u64)level_2 | ENTRY_RIGHTS;
	for (u64 gpa = 0; gpa < GUEST_RAM_BYTES; gpa += LARGE_BYTES)
		level_2[gpa / LARGE_BYTES] = (GUEST_RAM_HOST + gpa) | ENTRY_RIGHTS | ENTRY_LARGE;
	return (u64)level_4;
}
