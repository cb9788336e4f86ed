/* SPDX-License-Identifier: BSD-2-Clause */
/* Sv39 page tables out of a fixed pool. */
#include "paging.h"

#include "console.h"
#include "sbi.h"

#define POOL_PAGES   64
#define PTES_IN_PAGE 512
#define PPN_SHIFT    10

static u64 pool[POOL_PAGES][PTES_IN_PAGE] __attribute__((aligned(4096)));
static unsigned used;

void *page_new(void)
{
	unsigned page = __atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);

	if (page >= POOL_PAGES) {
		print("BAD out of pages\n");
		sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
	}
	return pool[page];
}

static u64 pte_of(u64 pa, u64 flags)
{
	return (pa >> 12) << PPN_SHIFT | flags;
}

u64 *paging_new(void)
{
	u64 *root = page_new();

	root[0] = pte_of(0, PTE_KERNEL);
	root[2] = pte_of(0x80000000UL, PTE_KERNEL);
	return root;
}

u64 *paging_entry(u64 *root, u64 va, unsigned level)
{
	u64 *table = root;

	for (unsigned l = 2; l > level; l--) {
		u64 *pte = &table[va >> (12 + 9 * l) & 511];

		if (!(*pte & PTE_V))
			*pte = pte_of((u64)page_new(), PTE_V);
		table = (u64 *)(*pte >> PPN_SHIFT << 12);
	}
	return &table[va >> (12 + 9 * level) & 511];
}

void paging_map(u64 *root, u64 va, u64 pa, u64 flags, unsigned level)
{
	*paging_entry(root, va, level) = pte_of(pa, flags);
}

u64 paging_satp(const u64 *root)
{
	return SATP_MODE_SV39 << SATP_MODE_SHIFT | (u64)root >> 12;
}

void paging_use(u64 satp)
{
	sfence_vma();
	csr_write(satp, satp);
	sfence_vma();
}
