/* SPDX-License-Identifier: BSD-2-Clause */
/* The Supervisor Binary Interface towards guests: dispatch. */
#include "sbi/sbi.h"

/* Those called most come first: the table is searched from its beginning. */
const struct sbi_extension sbi_extensions[SBI_ROW_UNKNOWN] = {
	[SBI_ROW_TIME] = { SBI_EXT_TIME, SBI_EXT_TIME, sbi_time, "time" },
	[SBI_ROW_IPI] = { SBI_EXT_IPI, SBI_EXT_IPI, sbi_ipi, "ipi" },
	[SBI_ROW_RFENCE] = { SBI_EXT_RFENCE, SBI_EXT_RFENCE, sbi_rfence, "rfence" },
	[SBI_ROW_BASE] = { SBI_EXT_BASE, SBI_EXT_BASE, sbi_base, "base" },
	[SBI_ROW_HSM] = { SBI_EXT_HSM, SBI_EXT_HSM, sbi_hsm, "hsm" },
	[SBI_ROW_DBCN] = { SBI_EXT_DBCN, SBI_EXT_DBCN, sbi_dbcn, "dbcn" },
	[SBI_ROW_PMU] = { SBI_EXT_PMU, SBI_EXT_PMU, sbi_pmu, "pmu" },
	[SBI_ROW_SRST] = { SBI_EXT_SRST, SBI_EXT_SRST, sbi_srst, "srst" },
	[SBI_ROW_LEGACY] = { SBI_LEGACY_SET_TIMER, SBI_LEGACY_SHUTDOWN, sbi_legacy, "legacy" },
};

static unsigned find_row(u64 extension)
{
	unsigned row = 0;

	while (row < SBI_ROW_UNKNOWN && (extension < sbi_extensions[row].first ||
					 extension > sbi_extensions[row].last))
		row++;
	return row;
}

bool sbi_is_implemented(u64 extension)
{
	return find_row(extension) != SBI_ROW_UNKNOWN;
}

enum exit_action sbi_handle(struct vcpu *vcpu)
{
	unsigned row = find_row(vcpu->gpr[REG_A7]);

	vcpu->stats.sbi[row]++;
	if (unlikely(row == SBI_ROW_UNKNOWN))
		return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	return sbi_extensions[row].handler(vcpu, vcpu->gpr[REG_A6]);
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
		return mask == 0;
	}
	*targets = mask << base & all;
	return (mask & ~(all >> base)) == 0;
}
