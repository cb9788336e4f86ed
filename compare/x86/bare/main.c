// SPDX-License-Identifier: BSD-2-Clause
#include "kernel.h"

void kernel_main(void);

/* State that probes look at: XCR0 can be read, and FSGSBASE used, where the processor has them. */
static void enable_features(void)
{
	u32 a, b, c, d;

	cpuid(1, &a, &b, &c, &d);
	if (c >> 26 & 1)
		write_cr4(read_cr4() | CR4_OSXSAVE);
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
