/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells assembly where fields are: compiled to assembly, the markers become build/asm_offsets.h. */
#include "core/hart.h"
#include "vcpu/vcpu.h"

#define OFFSET(name, type, field) \
	__asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"(offsetof(type, field)))

#define SIZE(name, type) __asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"(sizeof(type)))

void asm_offsets(void);

void asm_offsets(void)
{
	OFFSET(VCPU_GPR, struct vcpu, gpr);
	OFFSET(VCPU_PC, struct vcpu, pc);
	OFFSET(VCPU_HOST_SP, struct vcpu, host_sp);
	OFFSET(VCPU_HART, struct vcpu, hart);
	OFFSET(VCPU_SAVED_REG_WRITTEN, struct vcpu, saved_reg_written);
	OFFSET(HART_CURRENT, struct hart, current);
	OFFSET(HART_TRAP_GPR, struct hart, trap_gpr);
	OFFSET(HART_TRAP_PC, struct hart, trap_pc);
	OFFSET(HART_STACK, struct hart, stack);
	OFFSET(HART_ID, struct hart, id);
	SIZE(HART_SIZE, struct hart);
	OFFSET(HART_EMERGENCY_STACK, struct hart, emergency_stack);
}
