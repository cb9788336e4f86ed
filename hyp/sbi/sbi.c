/* SPDX-License-Identifier: BSD-2-Clause */
/* The Supervisor Binary Interface towards guests: dispatch. */
#include "sbi/sbi.h"

static exit_action_t unknown(struct vcpu *vcpu, u64 function)
{
	(void)function;
	return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
}

/* Two extensions in one slot would not compile: an initialiser may not override another. */
const struct sbi_slot sbi_slots[SBI_SLOTS] = {
	[SBI_SLOT(SBI_EXT_BASE)] = { SBI_EXT_BASE, sbi_base, "base" },
	[SBI_SLOT(SBI_EXT_TIME)] = { SBI_EXT_TIME, sbi_time, "time" },
	[SBI_SLOT(SBI_EXT_IPI)] = { SBI_EXT_IPI, sbi_ipi, "ipi" },
	[SBI_SLOT(SBI_EXT_RFENCE)] = { SBI_EXT_RFENCE, sbi_rfence, "rfence" },
	[SBI_SLOT(SBI_EXT_HSM)] = { SBI_EXT_HSM, sbi_hsm, "hsm" },
	[SBI_SLOT(SBI_EXT_SRST)] = { SBI_EXT_SRST, sbi_srst, "srst" },
	[SBI_SLOT(SBI_EXT_PMU)] = { SBI_EXT_PMU, sbi_pmu, "pmu" },
	[SBI_SLOT(SBI_EXT_DBCN)] = { SBI_EXT_DBCN, sbi_dbcn, "dbcn" },
	[SBI_SLOT(SBI_EXT_STA)] = { SBI_EXT_STA, sbi_sta, "sta" },
	[SBI_SLOT_LEGACY] = { SBI_LEGACY_SET_TIMER, sbi_legacy, "legacy" },
	[SBI_SLOT_UNKNOWN] = { 0, unknown, "unknown" },
};

static u64 find_slot(u64 extension)
{
	u64 slot = SBI_SLOT(extension);

	if (likely(sbi_slots[slot].extension == extension && extension > SBI_LEGACY_SHUTDOWN))
		return slot;
	return extension <= SBI_LEGACY_SHUTDOWN ? SBI_SLOT_LEGACY : SBI_SLOT_UNKNOWN;
}

bool sbi_is_implemented(u64 extension)
{
	return find_slot(extension) != SBI_SLOT_UNKNOWN;
}

exit_action_t sbi_handle(struct vcpu *vcpu)
{
	u64 slot = find_slot(vcpu->gpr[REG_A7]);

	vcpu->stats.sbi[slot]++;
	return sbi_slots[slot].handler(vcpu, vcpu->gpr[REG_A6]);
}

bool sbi_hart_mask(const struct vcpu *vcpu, u64 mask, u64 base, u64 *targets)
{
	u64 all = BIT(vcpu->vm->nr_vcpus) - 1;

	if (base == UINT64_MAX) {
		*targets = all;
		return true;
	}
	if (base >= vcpu->vm->nr_vcpus) {
		*targets = 0;
		return mask == 0; /* the base itself need not be a hart */
	}
	*targets = mask << base & all;
	return (mask & ~(all >> base)) == 0;
}
