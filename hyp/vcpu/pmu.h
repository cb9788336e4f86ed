/* SPDX-License-Identifier: BSD-2-Clause */
/* The counters of a vCPU, as the SBI's PMU extension and the cycle and instret CSRs show them. */
#ifndef DOPPEL_VCPU_PMU_H
#define DOPPEL_VCPU_PMU_H

#include "lib/types.h"

#define PMU_CYCLE	0
#define PMU_INSTRET	1
#define PMU_FIRST_FW	2 /* firmware counters follow */
#define PMU_FW_COUNTERS 16
#define PMU_COUNTERS	(PMU_FIRST_FW + PMU_FW_COUNTERS)

struct pmu_counter {
	bool is_configured;
	bool is_running;
	u32 fw_event; /* of a firmware counter */
	u64 value;    /* stopped: the value; running: the value less the source's */
};

struct pmu {
	struct pmu_counter counters[PMU_COUNTERS];
};

struct vcpu;

/* As at power-on: cycle and instret count, nothing is configured. */
void pmu_reset(struct vcpu *vcpu);

/* On the vCPU's own hart; index below PMU_COUNTERS. */
u64 pmu_read(const struct vcpu *vcpu, unsigned index);
void pmu_start(struct vcpu *vcpu, unsigned index);
void pmu_stop(struct vcpu *vcpu, unsigned index);
void pmu_set(struct vcpu *vcpu, unsigned index, u64 value);

#endif
