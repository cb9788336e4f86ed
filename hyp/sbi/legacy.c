/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI legacy extensions (SBI 2.0 chapter 5): the extension is the function, only a0 is changed. */
#include "sbi/sbi.h"
#include "vcpu/guest_access.h"
#include "vcpu/inject.h"

#define GETCHAR_NONE (-1)

static exit_action_t legacy_return(struct vcpu *vcpu, long value)
{
	vcpu->gpr[REG_A0] = (u64)value;
	return EXIT_NEXT_4;
}

static exit_action_t getchar(struct vcpu *vcpu)
{
	u8 byte;

	if (!console_get(&vcpu->vm->console, &byte))
		return legacy_return(vcpu, GETCHAR_NONE);
	return legacy_return(vcpu, byte);
}

/*
 * The hart mask is in memory, at a guest virtual address; the null pointer means all harts. Bits of
 * harts that do not exist are left alone: there is no error to tell of them. False: reading it
 * faulted, and the guest has taken that fault at its ecall, as chapter 5 demands.
 */
static bool read_mask(struct vcpu *vcpu, u64 *targets)
{
	u64 all = BIT(vcpu->vm->nr_vcpus) - 1, address = vcpu->gpr[REG_A0], mask = all;
	enum guest_access_result result = ACCESS_OK;

	if (address)
		result = guest_load_u64(GVA(address), &mask);
	if (result != ACCESS_OK) {
		inject_exception(vcpu,
				 result == ACCESS_GUEST_FAULT ? CAUSE_LOAD_PAGE_FAULT
							      : CAUSE_LOAD_ACCESS,
				 address);
		return false;
	}
	*targets = mask & all;
	return true;
}

/* 1 if an IPI was pending, else 0 (section 5.4). */
static exit_action_t clear_ipi(struct vcpu *vcpu)
{
	bool was_pending = csr_read(CSR_HVIP) & HVIP_VSSIP;

	csr_clear(CSR_HVIP, HVIP_VSSIP);
	return legacy_return(vcpu, was_pending);
}

static exit_action_t send_ipi(struct vcpu *vcpu)
{
	u64 targets;

	if (!read_mask(vcpu, &targets))
		return EXIT_RESUME;
	sbi_send_ipi(vcpu, targets);
	return legacy_return(vcpu, SBI_SUCCESS);
}

static exit_action_t remote_fence(struct vcpu *vcpu, enum fence_kind kind)
{
	struct fence fence = { .kind = kind,
			       .start = vcpu->gpr[REG_A1],
			       .size = vcpu->gpr[REG_A2],
			       .asid = vcpu->gpr[REG_A3] };
	u64 targets;

	if (!read_mask(vcpu, &targets))
		return EXIT_RESUME;
	if (fence.start + fence.size < fence.start)
		fence.size = FENCE_ALL;
	sbi_remote_fence(vcpu, targets, &fence);
	return legacy_return(vcpu, SBI_SUCCESS);
}

exit_action_t sbi_legacy(struct vcpu *vcpu, u64 function)
{
	(void)function;
	switch (vcpu->gpr[REG_A7]) {
	case SBI_LEGACY_SET_TIMER:
		vcpu->stats.fw_events[FW_SET_TIMER]++;
		vcpu_set_timer(vcpu, vcpu->gpr[REG_A0]);
		return legacy_return(vcpu, SBI_SUCCESS);
	case SBI_LEGACY_CONSOLE_PUTCHAR:
		if (!console_put(&vcpu->vm->console, (u8)vcpu->gpr[REG_A0]))
			return EXIT_RESUME; /* the guest waits: it calls again */
		return legacy_return(vcpu, SBI_SUCCESS);
	case SBI_LEGACY_CONSOLE_GETCHAR: return getchar(vcpu);
	case SBI_LEGACY_CLEAR_IPI: return clear_ipi(vcpu);
	case SBI_LEGACY_SEND_IPI: return send_ipi(vcpu);
	case SBI_LEGACY_REMOTE_FENCE_I: return remote_fence(vcpu, FENCE_I);
	case SBI_LEGACY_REMOTE_SFENCE_VMA: return remote_fence(vcpu, FENCE_VMA);
	case SBI_LEGACY_REMOTE_SFENCE_VMA_ASID: return remote_fence(vcpu, FENCE_VMA_ASID);
	default: /* SBI_LEGACY_SHUTDOWN: the table lets no other through */
		vm_request_end(vcpu->vm, VM_POWEROFF);
		return EXIT_LEAVE;
	}
}
