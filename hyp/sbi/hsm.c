/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI Hart State Management extension (SBI 2.0 chapter 9). */
#include "sbi/sbi.h"

static exit_action_t hart_start(struct vcpu *vcpu)
{
	u64 hart = vcpu->gpr[REG_A0], pc = vcpu->gpr[REG_A1], opaque = vcpu->gpr[REG_A2];

	if (hart >= vcpu->vm->nr_vcpus)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	/* Not memory that a hart can execute; within RAM, the hart itself will find out. */
	if (!guest_memory_contains(vcpu->memory, GPA(pc), 2))
		return sbi_error(vcpu, SBI_ERR_INVALID_ADDRESS);
	return sbi_error(vcpu, vm_start_vcpu(vcpu->vm, (unsigned)hart, pc, opaque));
}

static exit_action_t hart_get_status(struct vcpu *vcpu)
{
	u64 hart = vcpu->gpr[REG_A0];

	if (hart >= vcpu->vm->nr_vcpus)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	return sbi_return(vcpu, SBI_SUCCESS,
			  __atomic_load_n(&vcpu->vm->vcpus[hart]->hsm_state, __ATOMIC_RELAXED));
}

/* The type has 32 bits (SBI 2.0 chapter 3); of the platform-specific ones there are none. */
static exit_action_t hart_suspend(struct vcpu *vcpu)
{
	u32 type = (u32)vcpu->gpr[REG_A0];
	u64 pc = vcpu->gpr[REG_A1];

	if (type != SBI_HSM_SUSPEND_RETENTIVE && type != SBI_HSM_SUSPEND_NON_RETENTIVE)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (type == SBI_HSM_SUSPEND_NON_RETENTIVE) {
		if (!guest_memory_contains(vcpu->memory, GPA(pc), 2))
			return sbi_error(vcpu, SBI_ERR_INVALID_ADDRESS);
		vcpu->resume_at_address = true;
		vcpu->resume_pc = pc;
		vcpu->resume_opaque = vcpu->gpr[REG_A2];
	}
	__atomic_store_n(&vcpu->hsm_state, SBI_HSM_SUSPENDED, __ATOMIC_RELAXED);
	sbi_error(vcpu, SBI_SUCCESS);
	return EXIT_BLOCK;
}

exit_action_t sbi_hsm(struct vcpu *vcpu, u64 function)
{
	switch (function) {
	case SBI_HSM_HART_START: return hart_start(vcpu);
	case SBI_HSM_HART_STOP: return EXIT_LEAVE;
	case SBI_HSM_HART_GET_STATUS: return hart_get_status(vcpu);
	case SBI_HSM_HART_SUSPEND: return hart_suspend(vcpu);
	default: return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	}
}
