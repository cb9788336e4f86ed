/* SPDX-License-Identifier: BSD-2-Clause */
/* The legacy shutdown call powers off, whatever the other harts do. */
#include "console.h"
#include "sbi.h"

void guest_main(void)
{
	scenario_begin("legacy-shutdown");
	print("== end legacy-shutdown\n");
	sbi_call0(SBI_LEGACY_SHUTDOWN, 0);
	print("BAD legacy shutdown returned\n");
}
