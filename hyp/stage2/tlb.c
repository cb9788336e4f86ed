/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the TLB of a hart honest when a vCPU comes to it: VMIDs, and fences that it missed. */
#include "stage2/tlb.h"
#include "core/hart.h"
#include "lib/bits.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "riscv/csr.h"
#include "riscv/fence.h"

static struct spinlock lock;
static struct vmid_pool pool;
static unsigned nr_held;

void tlb_probe(void)
{
	u64 ones = (BIT(HGATP_VMID_BITS) - 1) << HGATP_VMID_SHIFT;
	u64 stuck;

	csr_write(CSR_HGATP, ones);
	stuck = csr_read(CSR_HGATP) >> HGATP_VMID_SHIFT & (BIT(HGATP_VMID_BITS) - 1);
	csr_write(CSR_HGATP, 0);
	hfence_gvma_all();
	/* The implemented bits are the low ones. */
	vmid_pool_init(&pool, bits_width(stuck));
}

void tlb_forget(struct guest_mmu *mmu)
{
	spin_lock(&lock);
	nr_held -= mmu->vmid.generation != 0;
	mmu->vmid.generation = 0;
	spin_unlock(&lock);
}

void tlb_renew(struct guest_mmu *mmu)
{
	tlb_forget(mmu);
	__atomic_fetch_add(&mmu->renewals, 1, __ATOMIC_SEQ_CST);
}

unsigned tlb_vmids_held(void)
{
	return __atomic_load_n(&nr_held, __ATOMIC_RELAXED);
}

void tlb_enter(struct guest_mmu *mmu, const void *vcpu, bool stayed)
{
	struct hart *hart = this_hart();
	u64 generation, old, id;
	const void *last;

	spin_lock(&lock);
	old = mmu->vmid.generation;
	generation = vmid_refresh(&pool, &mmu->vmid);
	id = mmu->vmid.id;
	nr_held += old == 0;
	/* No hart has used this identifier for this VM. */
	if (generation != old)
		memset(mmu->last_vcpu, 0, sizeof(mmu->last_vcpu));
	last = mmu->last_vcpu[hart->index];
	mmu->last_vcpu[hart->index] = vcpu;
	csr_write(CSR_HGATP, stage2_hgatp(&mmu->s2, id));
	spin_unlock(&lock);

	/*
	 * VMIDs of an older generation may mean somebody else by now: the hart begins the new one
	 * with a fence of all. And where a VM has a VMID for the first time, its tables may have
	 * changed since they were last used there: HFENCE.GVMA orders that (section 19.2.10).
	 */
	if (hart->vmid_generation != generation) {
		hfence_gvma_all();
		last = NULL;
		hart->vmid_generation = generation;
	} else if (!last) {
		hfence_gvma_vmid(id);
	}
	/*
	 * A guest's SFENCE.VMA acts on the hart that executes it. This vCPU may have fenced
	 * elsewhere, and another vCPU of the VM may have filled the TLB for its own tables.
	 */
	if (last != vcpu || !stayed)
		hfence_vvma_all();
}
