/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a vCPU's time goes. */
#ifndef DOPPEL_ACCOUNT_H
#define DOPPEL_ACCOUNT_H

#include "vcpu/vcpu.h"

/* Ticks since the VM was created. They need not sum up to all of it: paused and off are neither. */
struct vcpu_times {
	u64 guest;	/* executing guest code */
	u64 hypervisor; /* from an exit to the next entry */
	u64 stolen;	/* it would have run, but had no hart */
	u64 idle;	/* waiting for an interrupt */
};

/* Any hart, any time: the state that the vCPU is in counts up to now. */
void vcpu_times(const struct vcpu *vcpu, struct vcpu_times *times);

/* How long a hart has had nothing to do, up to now. Any hart. */
u64 hart_idle_ticks(const struct hart *hart);

/*
 * A WFI that does not trap cannot be timed. The heartbeat of a hart (vcpu/vcpu.c) samples instead,
 * and so does a vCPU that leaves: this is called with the ticks since the last sample, and gives
 * them to the idle time if the guest was asleep.
 */
void vcpu_sample_doze(struct vcpu *vcpu, u64 ticks);

#endif
