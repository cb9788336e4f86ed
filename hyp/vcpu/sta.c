/* SPDX-License-Identifier: BSD-2-Clause */
/* Steal time: how a guest learns for how long a vCPU would have run, but had no hart. */
#include "vcpu/sta.h"
#include "core/timer.h"
#include "vcpu/vcpu.h"

/* STA Shared Memory Structure (SBI 2.0 section 16.1). Flags and preempted, not here, stay 0. */
#define SEQUENCE 0U /* u32; odd while the other is being written */
#define STEAL	 8U /* u64, ns */

bool sta_start(struct vcpu *vcpu, gpa_t shmem)
{
	if (!guest_clear(vcpu->memory, shmem, STA_SIZE))
		return false;
	vcpu->sta = (struct sta){
		.is_on = true,
		.shmem = shmem,
		.since = vcpu->stats.stolen_ticks,
	};
	return true;
}

void sta_stop(struct vcpu *vcpu)
{
	vcpu->sta.is_on = false;
}

static void write_sequence(struct vcpu *vcpu)
{
	vcpu->sta.sequence++;
	guest_write(vcpu->memory, GPA(vcpu->sta.shmem.v + SEQUENCE), &vcpu->sta.sequence,
		    sizeof(vcpu->sta.sequence));
}

/*
 * Other harts of the guest may be reading: odd, then steal, then even. The two numbers are our own,
 * whatever the guest has written over them.
 */
static void tell(struct vcpu *vcpu)
{
	u64 ns = time_to_ns(vcpu->sta.told);

	write_sequence(vcpu);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	guest_write(vcpu->memory, GPA(vcpu->sta.shmem.v + STEAL), &ns, sizeof(ns));
	__atomic_thread_fence(__ATOMIC_RELEASE);
	write_sequence(vcpu);
}

void sta_update(struct vcpu *vcpu)
{
	u64 stolen = vcpu->stats.stolen_ticks - vcpu->sta.since;

	if (!vcpu->sta.is_on || stolen == vcpu->sta.told)
		return;
	vcpu->sta.told = stolen;
	tell(vcpu);
}
