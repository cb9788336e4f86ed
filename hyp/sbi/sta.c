/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI Steal-time Accounting extension (SBI 2.0 chapter 16). */
#include "sbi/sbi.h"

/* The address is two registers; nothing lives beyond 2^64, and all ones in both turns it off. */
static exit_action_t set_shmem(struct vcpu *vcpu)
{
	u64 low = vcpu->gpr[REG_A0], high = vcpu->gpr[REG_A1], flags = vcpu->gpr[REG_A2];

	if (flags != 0)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (low == UINT64_MAX && high == UINT64_MAX) {
		sta_stop(vcpu);
		return sbi_error(vcpu, SBI_SUCCESS);
	}
	if (!IS_ALIGNED(low, STA_SIZE))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (high != 0 || !sta_start(vcpu, GPA(low)))
		return sbi_error(vcpu, SBI_ERR_INVALID_ADDRESS);
	return sbi_error(vcpu, SBI_SUCCESS);
}

exit_action_t sbi_sta(struct vcpu *vcpu, u64 function)
{
	if (function != SBI_STA_SET_SHMEM)
		return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	return set_shmem(vcpu);
}
