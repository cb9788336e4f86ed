/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI System Reset extension (SBI 2.0 chapter 10). */
#include "sbi/sbi.h"

exit_action_t sbi_srst(struct vcpu *vcpu, u64 function)
{
	/* Both have 32 bits (SBI 2.0 chapter 3). */
	u32 type = (u32)vcpu->gpr[REG_A0], reason = (u32)vcpu->gpr[REG_A1];
	bool failed = reason == SBI_SRST_REASON_SYSTEM_FAILURE;

	if (function != SBI_SRST_RESET)
		return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	if (type > SBI_SRST_WARM_REBOOT || reason > SBI_SRST_REASON_SYSTEM_FAILURE)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (type == SBI_SRST_SHUTDOWN)
		vm_request_end(vcpu->vm, failed ? VM_SYSTEM_FAILURE : VM_POWEROFF);
	else
		vm_request_end(vcpu->vm, VM_REBOOT);
	return EXIT_LEAVE;
}
