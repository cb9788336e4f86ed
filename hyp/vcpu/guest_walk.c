/* SPDX-License-Identifier: BSD-2-Clause */
/* The first stage of address translation, done in software: the guest's own page tables. */
#include "vcpu/guest_walk.h"
#include "riscv/csr.h"

#define PAGE_SHIFT  12
#define INDEX_BITS  9
#define NAPOT_SHIFT 16 /* of the one size that Svnapot has: 64 KiB */

static unsigned levels_of(u64 vsatp)
{
	switch (vsatp >> ATP_MODE_SHIFT) {
	case ATP_MODE_SV39: return 3;
	case ATP_MODE_SV48: return 4;
	case ATP_MODE_SV57: return 5;
	default: return 0;
	}
}

bool guest_walk(const struct guest_memory *memory, u64 vsatp, gva_t gva, gpa_t *gpa)
{
	u64 table = (vsatp & ATP_PPN_MASK) << PAGE_SHIFT;
	unsigned level = levels_of(vsatp);

	if (level == 0) {
		*gpa = GPA(gva.v);
		return vsatp >> ATP_MODE_SHIFT == ATP_MODE_BARE;
	}
	while (level-- > 0) {
		unsigned shift = PAGE_SHIFT + INDEX_BITS * level;
		u64 index = gva.v >> shift & (BIT(INDEX_BITS) - 1), pte, base;

		if (!guest_read_pte(memory, GPA(table + index * sizeof(pte)), &pte) ||
		    !(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W)
			return false;
		base = (pte & PTE_PPN_MASK) >> PTE_PPN_SHIFT << PAGE_SHIFT;
		if (pte & (PTE_R | PTE_X)) {
			u64 offsets = BIT(pte & PTE_N ? NAPOT_SHIFT : shift) - 1;

			if (base & (BIT(shift) - 1)) /* a misaligned superpage */
				return false;
			*gpa = GPA((base & ~offsets) | (gva.v & offsets));
			return true;
		}
		table = base;
	}
	return false;
}
