/* SPDX-License-Identifier: BSD-2-Clause */
/* The counters of a vCPU: each is a source that always runs, and an offset or a stopped value. */
#include "vcpu/pmu.h"
#include "lib/string.h"
#include "vcpu/vcpu.h"

void pmu_reset(struct vcpu *vcpu)
{
	memset(&vcpu->pmu, 0, sizeof(vcpu->pmu));
	vcpu->pmu.counters[PMU_CYCLE].is_running = true;
	vcpu->pmu.counters[PMU_INSTRET].is_running = true;
}

static u64 source(const struct vcpu *vcpu, unsigned index)
{
	if (index == PMU_CYCLE)
		return vcpu_read_cycle(vcpu);
	if (index == PMU_INSTRET)
		return vcpu_read_instret(vcpu);
	return vcpu->stats.fw_events[vcpu->pmu.counters[index].fw_event];
}

u64 pmu_read(const struct vcpu *vcpu, unsigned index)
{
	const struct pmu_counter *counter = &vcpu->pmu.counters[index];

	return counter->value + (counter->is_running ? source(vcpu, index) : 0);
}

void pmu_start(struct vcpu *vcpu, unsigned index)
{
	struct pmu_counter *counter = &vcpu->pmu.counters[index];

	if (!counter->is_running)
		counter->value -= source(vcpu, index);
	counter->is_running = true;
}

void pmu_stop(struct vcpu *vcpu, unsigned index)
{
	struct pmu_counter *counter = &vcpu->pmu.counters[index];

	counter->value = pmu_read(vcpu, index);
	counter->is_running = false;
}

void pmu_set(struct vcpu *vcpu, unsigned index, u64 value)
{
	struct pmu_counter *counter = &vcpu->pmu.counters[index];

	counter->value = value - (counter->is_running ? source(vcpu, index) : 0);
}
