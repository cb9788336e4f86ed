/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI IPI extension (SBI 2.0 chapter 7). */
#include "sbi/sbi.h"

void sbi_send_ipi(struct vcpu *vcpu, u64 targets)
{
	struct vm *vm = vcpu->vm;

	vcpu->stats.fw_events[FW_IPI_SENT]++;
	if (targets >> vcpu->index & 1)
		vcpu_do_requests(vcpu, REQUEST_SSIP);
	targets &= ~BIT(vcpu->index);
	for (unsigned i = 0; targets >> i; i++) {
		if (targets >> i & 1)
			vcpu_request(vm->vcpus[i], REQUEST_SSIP);
	}
}

exit_action_t sbi_ipi(struct vcpu *vcpu, u64 function)
{
	u64 targets;

	if (function != SBI_IPI_SEND_IPI)
		return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	if (!sbi_hart_mask(vcpu, vcpu->gpr[REG_A0], vcpu->gpr[REG_A1], &targets))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	sbi_send_ipi(vcpu, targets);
	return sbi_error(vcpu, SBI_SUCCESS);
}
