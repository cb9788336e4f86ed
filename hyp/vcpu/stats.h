/* SPDX-License-Identifier: BSD-2-Clause */
/* What a vCPU counts. Where nothing else is said, only the hart that runs it writes: no atomics. */
#ifndef DOPPEL_VCPU_STATS_H
#define DOPPEL_VCPU_STATS_H

#include "lib/types.h"
#include "riscv/csr.h"

/* Firmware events of the SBI PMU (SBI 2.0 section 11.4, table 37), by their codes. */
enum fw_event {
	FW_MISALIGNED_LOAD,
	FW_MISALIGNED_STORE,
	FW_ACCESS_LOAD,
	FW_ACCESS_STORE,
	FW_ILLEGAL_INSN,
	FW_SET_TIMER,
	FW_IPI_SENT,
	FW_IPI_RECEIVED,
	FW_FENCE_I_SENT,
	FW_FENCE_I_RECEIVED,
	FW_SFENCE_VMA_SENT,
	FW_SFENCE_VMA_RECEIVED,
	FW_SFENCE_VMA_ASID_SENT,
	FW_SFENCE_VMA_ASID_RECEIVED,
	FW_HFENCE_GVMA_SENT,
	FW_HFENCE_GVMA_RECEIVED,
	FW_HFENCE_GVMA_VMID_SENT,
	FW_HFENCE_GVMA_VMID_RECEIVED,
	FW_HFENCE_VVMA_SENT,
	FW_HFENCE_VVMA_RECEIVED,
	FW_HFENCE_VVMA_ASID_SENT,
	FW_HFENCE_VVMA_ASID_RECEIVED,
	FW_EVENT_COUNT,
};

#define STATS_SBI_SLOTS	 32
#define STATS_INTERRUPTS 16

struct vcpu_stats {
	u64 exceptions[CAUSE_COUNT];	  /* exits by exception cause */
	u64 interrupts[STATS_INTERRUPTS]; /* exits by interrupt cause */
	u64 sbi[STATS_SBI_SLOTS];	  /* by slot of the table in sbi/sbi.c */
	u64 injected_faults;		  /* exceptions raised in the guest by the hypervisor */
	u64 injected_interrupts;	  /* changes of hvip from 0 to 1 */
	u64 csr_emulated;
	u64 fp_loads; /* lazy switches of floating-point or vector state */
	u64 wfi_blocks;
	u64 loads; /* times it came to a hart */
	/* Ticks, without those of the state that it is in now (vcpu/account.h adds them). */
	u64 run_ticks;	      /* on a hart, exits included; under the scheduler's lock */
	u64 stolen_ticks;     /* it would have run, but had no hart; under that lock */
	u64 idle_ticks;	      /* blocked until an interrupt; under that lock */
	u64 hypervisor_ticks; /* of run_ticks: from an exit to the next entry */
	u64 dozed_ticks;      /* of run_ticks: asleep in a WFI that does not trap; estimated */
	u64 fw_events[FW_EVENT_COUNT];
};

#endif
