// SPDX-License-Identifier: BSD-2-Clause
#include "kernel.h"

void kernel_main(void);

/* State that probes look at, where the processor has it. XCR0 is not what it was at reset. */
static void enable_features(void)
{
	u32 a, b, c, d;

	cpuid(1, &a, &b, &c, &d);
	if (c >> 26 & 1) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		__asm__ volatile("xsetbv" ::"a"(XCR0_X87_SSE), "d"(0), "c"(0));
	}
	cpuid(7, &a, &b, &c, &d);
	if (sizeof(uptr) == 8 && b & 1)
		write_cr4(read_cr4() | CR4_FSGSBASE);
#ifndef __x86_64__
	write_msr(MSR_SYSENTER_CS, KERNEL_CS);
#endif
}

void kernel_main(void)
{
	console_init();
	put_text("begin " BITS "\n");
	monitor_detect();
	machine_init();
	enable_features();
	operations_init();
	census_run();
	operations_run();
	put_text("end " BITS "\n");
	machine_exit(0);
}
