/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI Timer extension (SBI 2.0 chapter 6). */
#include "sbi/sbi.h"

exit_action_t sbi_time(struct vcpu *vcpu, u64 function)
{
	if (function != SBI_TIME_SET_TIMER)
		return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	vcpu->stats.fw_events[FW_SET_TIMER]++;
	vcpu_set_timer(vcpu, vcpu->gpr[REG_A0]);
	return sbi_error(vcpu, SBI_SUCCESS);
}
