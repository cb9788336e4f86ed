/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a vCPU's time goes. */
#include "vcpu/account.h"
#include "riscv/insn.h"
#include "vcpu/guest_access.h"

void vcpu_times(const struct vcpu *vcpu, struct vcpu_times *times)
{
	const struct vcpu_stats *stats = &vcpu->stats;
	u64 now = time_now(), since = __atomic_load_n(&vcpu->state_since, __ATOMIC_RELAXED);
	u64 current = now > since ? now - since : 0, run = stats->run_ticks;

	*times = (struct vcpu_times){ .hypervisor = stats->hypervisor_ticks,
				      .stolen = stats->stolen_ticks,
				      .idle = stats->idle_ticks + stats->dozed_ticks };
	switch (vcpu->state) {
	case VCPU_RUNNING: run += current; break;
	case VCPU_RUNNABLE: times->stolen += current; break;
	case VCPU_BLOCKED: times->idle += current; break;
	default: break;
	}
	run -= MIN(run, times->hypervisor + stats->dozed_ticks);
	times->guest = run;
}

u64 hart_idle_ticks(const struct hart *hart)
{
	u64 now = time_now(), since = __atomic_load_n(&hart->idle_since, __ATOMIC_RELAXED);

	return hart->idle_ticks + (since && now > since ? now - since : 0);
}

/* An interrupt that ends a WFI leaves the pc behind it. */
void vcpu_sample_doze(struct vcpu *vcpu, u64 ticks)
{
	u32 insn;

	if (!(csr_read(CSR_HSTATUS) & HSTATUS_VTW) && !vcpu_was_in_user_mode() &&
	    guest_fetch(GVA(vcpu->pc - 4), &insn) == ACCESS_OK && insn == INSN_WFI)
		vcpu->stats.dozed_ticks += ticks;
}
