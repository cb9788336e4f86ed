/* SPDX-License-Identifier: BSD-2-Clause */
/* What belongs to one hart of the machine. */
#include "core/hart.h"
#include "riscv/firmware.h"

struct hart harts[MACHINE_MAX_HARTS];
unsigned nr_harts;

void hart_kick(struct hart *hart)
{
	this_hart()->kicked = hart;
	firmware_send_ipi(hart->id);
}
