// SPDX-License-Identifier: BSD-2-Clause
#include "kernel.h"

int monitored;

void monitor_detect(void)
{
	u32 a, b, c, d;

	cpuid(LEAF_MONITOR, &a, &b, &c, &d);
	monitored = b == MONITOR_NAME_B && c == MONITOR_NAME_C;
}

u32 monitor_call(u32 number, uptr argument)
{
	if (monitored)
		__asm__ volatile("vmmcall" : "+a"(number) : "c"(argument) : "memory");
	return number;
}
