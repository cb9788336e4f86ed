/* SPDX-License-Identifier: BSD-2-Clause */
/* A shutdown for the reason "system failure": the launcher's exit status tells. */
#include "console.h"
#include "sbi.h"

void guest_main(void)
{
	scenario_begin("sbi-failure");
	print("== end sbi-failure\n");
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}
