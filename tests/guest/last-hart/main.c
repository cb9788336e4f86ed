/* SPDX-License-Identifier: BSD-2-Clause */
/* The last hart stops: such a machine can never do anything again, and its VM is killed. */
#include "console.h"
#include "sbi.h"

void guest_main(void)
{
	scenario_begin("last-hart");
	print("== end last-hart\n");
	sbi_call0(SBI_EXT_HSM, SBI_HSM_STOP);
}
