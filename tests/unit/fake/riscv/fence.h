/* SPDX-License-Identifier: BSD-2-Clause */
/* Fences go to a function of the test. */
#ifndef DOPPEL_FAKE_FENCE_H
#define DOPPEL_FAKE_FENCE_H

#include "lib/types.h"

enum fake_fence {
	GVMA_ALL,
	GVMA_VMID,
	VVMA_ALL,
	VVMA_GVA,
	VVMA_ASID,
	VVMA_GVA_ASID,
	INSTRUCTION,
	SFENCE_ALL,
};

/* id: a VMID or an address space, where the kind has one. */
void fake_fence(enum fake_fence kind, u64 gva, u64 id);

static inline void hfence_gvma_all(void)
{
	fake_fence(GVMA_ALL, 0, 0);
}

static inline void hfence_gvma_vmid(u64 vmid)
{
	fake_fence(GVMA_VMID, 0, vmid);
}

static inline void hfence_vvma_all(void)
{
	fake_fence(VVMA_ALL, 0, 0);
}

static inline void hfence_vvma_gva(gva_t gva)
{
	fake_fence(VVMA_GVA, gva.v, 0);
}

static inline void hfence_vvma_asid(u64 asid)
{
	fake_fence(VVMA_ASID, 0, asid);
}

static inline void hfence_vvma_gva_asid(gva_t gva, u64 asid)
{
	fake_fence(VVMA_GVA_ASID, gva.v, asid);
}

static inline void fence_i(void)
{
	fake_fence(INSTRUCTION, 0, 0);
}

static inline void sfence_vma_all(void)
{
	fake_fence(SFENCE_ALL, 0, 0);
}

#endif
