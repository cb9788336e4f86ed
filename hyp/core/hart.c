/* SPDX-License-Identifier: BSD-2-Clause */
/* What belongs to one hart of the machine. */
#include "core/hart.h"
#include "riscv/firmware.h"

struct hart harts[MACHINE_MAX_HARTS];
unsigned nr_harts;

void hart_kick(struct hart *hart)
{
	struct hart *self = this_hart();

	self->kicked = hart;
	if (self->kick_locks)
		self->due_kicks |= (u32)BIT(hart->index);
	else
		firmware_send_ipi(hart->id);
}

void hart_send_due_kicks(void)
{
	struct hart *self = this_hart();
	u32 due = self->due_kicks;

	self->due_kicks = 0;
	for (const struct hart *hart = harts; due; hart++, due >>= 1) {
		if (due & 1)
			firmware_send_ipi(hart->id);
	}
}
