/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI Performance Monitoring Unit extension (SBI 2.0 chapter 11). */
#include "lib/bits.h"
#include "sbi/sbi.h"

/* Event identifiers: type in bits 19:16, code in 15:0 (sections 11.1 to 11.4). */
#define EVENT_TYPE(index)     ((index) >> 16 & 0xf)
#define EVENT_CODE(index)     ((index)&0xffff)
#define EVENT_TYPE_HARDWARE   0
#define EVENT_TYPE_FIRMWARE   15
#define EVENT_HW_CPU_CYCLES   1
#define EVENT_HW_INSTRUCTIONS 2

#define CONFIG_SKIP_MATCH  BIT(0)
#define CONFIG_CLEAR_VALUE BIT(1)
#define CONFIG_AUTO_START  BIT(2)
#define CONFIG_FLAGS	   0xffUL
#define START_SET_VALUE	   BIT(0)
#define STOP_RESET	   BIT(0)

/* counter_info (section 11.6): CSR number, width - 1, and the type in the top bit. */
#define INFO_HARDWARE(csr) ((csr) | 63UL << 12)
#define INFO_FIRMWARE	   BIT(63)

static exit_action_t get_info(struct vcpu *vcpu)
{
	switch (vcpu->gpr[REG_A0]) {
	case PMU_CYCLE: return sbi_return(vcpu, SBI_SUCCESS, INFO_HARDWARE(CSR_CYCLE));
	case PMU_INSTRET: return sbi_return(vcpu, SBI_SUCCESS, INFO_HARDWARE(CSR_INSTRET));
	}
	if (vcpu->gpr[REG_A0] >= PMU_COUNTERS)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	return sbi_return(vcpu, SBI_SUCCESS, INFO_FIRMWARE);
}

/* The counters that base and mask mean; false when one does not exist, or none is meant. */
static bool counter_set(u64 base, u64 mask, u64 *counters)
{
	u64 all = BIT(PMU_COUNTERS) - 1;

	if (base >= PMU_COUNTERS || mask == 0 || (mask & ~(all >> base)))
		return false;
	*counters = mask << base;
	return true;
}

/* The lowest of the counters that can count the event and has not been started; -1: none. */
static int find_counter(const struct pmu *pmu, u64 counters, u64 event)
{
	u64 fitting = 0;

	if (EVENT_TYPE(event) == EVENT_TYPE_HARDWARE && EVENT_CODE(event) == EVENT_HW_CPU_CYCLES)
		fitting = BIT(PMU_CYCLE);
	if (EVENT_TYPE(event) == EVENT_TYPE_HARDWARE && EVENT_CODE(event) == EVENT_HW_INSTRUCTIONS)
		fitting = BIT(PMU_INSTRET);
	if (EVENT_TYPE(event) == EVENT_TYPE_FIRMWARE && EVENT_CODE(event) < FW_EVENT_COUNT)
		fitting = (BIT(PMU_COUNTERS) - 1) & ~(BIT(PMU_FIRST_FW) - 1);
	fitting &= counters;
	for (int i = 0; i < PMU_COUNTERS; i++) {
		const struct pmu_counter *counter = &pmu->counters[i];

		if ((fitting >> i & 1) && !(counter->is_configured && counter->is_running))
			return i;
	}
	return -1;
}

static int lowest_configured(const struct pmu *pmu, u64 counters)
{
	unsigned lowest = bits_lowest(counters);

	return pmu->counters[lowest].is_configured ? (int)lowest : -1;
}

static exit_action_t config_matching(struct vcpu *vcpu)
{
	const u64 *gpr = vcpu->gpr;
	u64 flags = gpr[REG_A2], event = gpr[REG_A3], counters;
	int index;

	if (!counter_set(gpr[REG_A0], gpr[REG_A1], &counters) || (flags & ~CONFIG_FLAGS))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (flags & CONFIG_SKIP_MATCH) {
		index = lowest_configured(&vcpu->pmu, counters);
		if (index < 0)
			return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	} else {
		index = find_counter(&vcpu->pmu, counters, event);
		if (index < 0)
			return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
		pmu_stop(vcpu, (unsigned)index);
		vcpu->pmu.counters[index].is_configured = true;
		if (index >= PMU_FIRST_FW)
			vcpu->pmu.counters[index].fw_event = (u32)EVENT_CODE(event);
	}
	if (flags & CONFIG_CLEAR_VALUE)
		pmu_set(vcpu, (unsigned)index, 0);
	if (flags & CONFIG_AUTO_START)
		pmu_start(vcpu, (unsigned)index);
	return sbi_return(vcpu, SBI_SUCCESS, (u64)index);
}

/* Whether cycle and instret count does not depend on their being configured. */
static bool can_run(const struct vcpu *vcpu, unsigned index)
{
	return index < PMU_FIRST_FW || vcpu->pmu.counters[index].is_configured;
}

static exit_action_t start(struct vcpu *vcpu)
{
	const u64 *gpr = vcpu->gpr;
	long error = SBI_SUCCESS;
	u64 counters;

	if (!counter_set(gpr[REG_A0], gpr[REG_A1], &counters))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (gpr[REG_A2] & ~START_SET_VALUE) /* no snapshot: there is no shared memory */
		return sbi_error(vcpu,
				 (gpr[REG_A2] & BIT(1)) ? SBI_ERR_NO_SHMEM : SBI_ERR_INVALID_PARAM);
	for (unsigned i = 0; i < PMU_COUNTERS; i++) {
		if (!(counters >> i & 1))
			continue;
		if (!can_run(vcpu, i)) {
			error = SBI_ERR_INVALID_PARAM;
			continue;
		}
		if (vcpu->pmu.counters[i].is_running) {
			error = SBI_ERR_ALREADY_STARTED;
			continue;
		}
		if (gpr[REG_A2] & START_SET_VALUE)
			pmu_set(vcpu, i, gpr[REG_A3]);
		pmu_start(vcpu, i);
	}
	return sbi_error(vcpu, error);
}

static exit_action_t stop(struct vcpu *vcpu)
{
	const u64 *gpr = vcpu->gpr;
	long error = SBI_SUCCESS;
	u64 counters;

	if (!counter_set(gpr[REG_A0], gpr[REG_A1], &counters))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	if (gpr[REG_A2] & ~STOP_RESET)
		return sbi_error(vcpu,
				 (gpr[REG_A2] & BIT(1)) ? SBI_ERR_NO_SHMEM : SBI_ERR_INVALID_PARAM);
	for (unsigned i = 0; i < PMU_COUNTERS; i++) {
		if (!(counters >> i & 1))
			continue;
		if (!vcpu->pmu.counters[i].is_running)
			error = SBI_ERR_ALREADY_STOPPED;
		pmu_stop(vcpu, i);
		if (gpr[REG_A2] & STOP_RESET)
			vcpu->pmu.counters[i].is_configured = false;
	}
	return sbi_error(vcpu, error);
}

static exit_action_t fw_read(struct vcpu *vcpu, bool high)
{
	u64 index = vcpu->gpr[REG_A0];

	if (index < PMU_FIRST_FW || index >= PMU_COUNTERS)
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	/* On RV64 the low half is all of it (section 11.11). */
	return sbi_return(vcpu, SBI_SUCCESS, high ? 0 : pmu_read(vcpu, (unsigned)index));
}

exit_action_t sbi_pmu(struct vcpu *vcpu, u64 function)
{
	switch (function) {
	case SBI_PMU_NUM_COUNTERS: return sbi_return(vcpu, SBI_SUCCESS, PMU_COUNTERS);
	case SBI_PMU_COUNTER_GET_INFO: return get_info(vcpu);
	case SBI_PMU_COUNTER_CONFIG_MATCHING: return config_matching(vcpu);
	case SBI_PMU_COUNTER_START: return start(vcpu);
	case SBI_PMU_COUNTER_STOP: return stop(vcpu);
	case SBI_PMU_COUNTER_FW_READ: return fw_read(vcpu, false);
	case SBI_PMU_COUNTER_FW_READ_HI: return fw_read(vcpu, true);
	default: return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	}
}
