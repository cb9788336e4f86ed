/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the TLB of a hart honest when a vCPU comes to it: VMIDs, and fences that it missed. */
#ifndef DOPPEL_STAGE2_TLB_H
#define DOPPEL_STAGE2_TLB_H

#include "lib/types.h"
#include "platform/qemu-virt/machine.h"
#include "stage2/stage2.h"
#include "stage2/vmid.h"

/* A VM's translation with what its tags in the TLBs are. */
struct guest_mmu {
	struct stage2 s2;
	struct vmid vmid;
	u64 renewals; /* atomic */
	/* Which vCPU (any address that tells them apart) was the last of this VM on each hart. */
	const void *last_vcpu[MACHINE_MAX_HARTS];
};

/* Boot hart, once: finds VMIDLEN (section 19.2.10: write ones, read back). */
void tlb_probe(void);

/* The VM is gone: its VMID is nobody's. */
void tlb_forget(struct guest_mmu *mmu);

/*
 * The translation has lost something: vCPUs that load from now on get a VMID under which no hart
 * has ever seen it. Those on harts must leave them before what was lost can be used otherwise.
 */
void tlb_renew(struct guest_mmu *mmu);

/* VMs that have been given a VMID. */
unsigned tlb_vmids_held(void);

/*
 * Puts the VM's translation into hgatp of this hart, with a valid VMID, and drops what the TLB may
 * hold from others. stayed: the vCPU has not run on any other hart since it last ran on this one.
 */
void tlb_enter(struct guest_mmu *mmu, const void *vcpu, bool stayed);

#endif
