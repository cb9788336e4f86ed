/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI RFENCE extension (SBI 2.0 chapter 8). */
#include "sbi/sbi.h"

void sbi_remote_fence(struct vcpu *vcpu, u64 targets, const struct fence *fence)
{
	struct vm *vm = vcpu->vm;
	u64 tickets[VM_MAX_VCPUS];
	u64 others = targets & ~BIT(vcpu->index);

	vcpu->stats.fw_events[fence_event(fence->kind)]++;
	for (unsigned i = 0; others >> i; i++) {
		if (others >> i & 1)
			tickets[i] = mailbox_post(vm->vcpus[i], fence);
	}
	if (targets >> vcpu->index & 1) {
		fence_execute(fence);
		vcpu->stats.fw_events[fence_event(fence->kind) + 1]++;
	}
	for (unsigned i = 0; others >> i; i++) {
		if (others >> i & 1)
			mailbox_wait(vcpu, vm->vcpus[i], tickets[i]);
	}
}

/* start + size may reach the end of the address space, but not go beyond it. */
static bool is_bad_range(u64 start, u64 size)
{
	return size != FENCE_ALL && size != 0 && start + (size - 1) < start;
}

exit_action_t sbi_rfence(struct vcpu *vcpu, u64 function)
{
	const u64 *gpr = vcpu->gpr;
	struct fence fence = { .start = gpr[REG_A2], .size = gpr[REG_A3] };
	u64 targets;

	switch (function) {
	case SBI_RFENCE_FENCE_I: fence = (struct fence){ .kind = FENCE_I }; break;
	case SBI_RFENCE_SFENCE_VMA: fence.kind = FENCE_VMA; break;
	case SBI_RFENCE_SFENCE_VMA_ASID:
		fence.kind = FENCE_VMA_ASID;
		fence.asid = gpr[REG_A4];
		break;
	default:
		/* The four hfence functions too: a guest's harts have no H extension. */
		return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	}
	if (!sbi_hart_mask(vcpu, gpr[REG_A0], gpr[REG_A1], &targets))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (is_bad_range(fence.start, fence.size))
		return sbi_error(vcpu, SBI_ERR_INVALID_ADDRESS);
	sbi_remote_fence(vcpu, targets, &fence);
	return sbi_error(vcpu, SBI_SUCCESS);
}
