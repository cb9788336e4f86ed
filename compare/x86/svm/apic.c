// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's local APIC: the monitor owns the real one. Registers are kept, the count starts this
 * machine's timer, and its interrupt becomes a virtual one, which the processor delivers to the
 * guest as soon as the guest takes interrupts (AMD64 manual 2, section 15.21.4).
 */
#include "monitor.h"

#define EOI	     0x0b0
#define LVT_TIMER    0x320
#define INITIAL	     0x380
#define LVT_MASKED   0x10000u
#define LVT_PERIODIC 0x20000u

static u32 registers[PAGE / 4];
static int pending, in_service;

static u32 timer_vector(void)
{
	return registers[LVT_TIMER / 4] & 0xff;
}

static void write(u32 offset, u32 value)
{
	registers[offset / 4] = value;
	if (offset == EOI)
		in_service = 0;
	if (offset == INITIAL)
		machine_timer(value, registers[LVT_TIMER / 4] & LVT_PERIODIC);
}

void apic_access(u64 gpa)
{
	struct instruction insn = instruction_decode();
	u32 offset = (u32)(gpa - APIC_GPA) & (PAGE - 4);

	switch (insn.opcode) {
	case 0x89: write(offset, (u32)reg_read(insn.reg)); break;
	case 0xa3: write(offset, (u32)reg_read(RAX)); break;
	case 0xc7: write(offset, (u32)insn.immediate); break;
	case 0x8b: reg_write(insn.reg, registers[offset / 4]); break;
	case 0xa1: reg_write(RAX, registers[offset / 4]); break;
	default: panic("an access to the APIC by an unknown instruction");
	}
	guest.vmcb->rip += insn.length;
}

void apic_timer_fired(void)
{
	if (!(registers[LVT_TIMER / 4] & LVT_MASKED))
		pending = 1;
}

int apic_pending(void)
{
	return pending && !in_service;
}

void apic_before_entry(void)
{
	u32 priority = timer_vector() >> 4;

	guest.vmcb->v_intr &= ~V_IRQ;
	if (!apic_pending())
		return;
	guest.vmcb->v_intr |= V_IRQ | priority << V_PRIORITY_SHIFT;
	guest.vmcb->v_vector = timer_vector();
}

/* V_IRQ is gone when the guest has taken the interrupt. */
void apic_after_exit(void)
{
	if (!apic_pending() || guest.vmcb->v_intr & V_IRQ)
		return;
	pending = 0;
	in_service = 1;
}
