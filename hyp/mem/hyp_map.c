/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own address space (Sv39, privileged specification section 10.4). */
#include "mem/hyp_map.h"
#include "core/panic.h"
#include "mem/page.h"
#include "riscv/csr.h"
#include "riscv/fence.h"

#define LEVELS 3

/* From linker.ld. */
extern char image_text_start[], image_text_end[], image_rodata_end[], image_end[];

static u64 *root;

static u64 level_size(unsigned level)
{
	return PAGE_SIZE << (9 * level);
}

static u64 *entry_of(u64 *table, u64 va, unsigned level)
{
	return &table[va >> (12 + 9 * level) & 511];
}

static u64 make_entry(hpa_t hpa, u64 flags)
{
	return hpa.v >> 12 << PTE_PPN_SHIFT | flags;
}

static u64 *next_table(u64 *entry)
{
	if (!(*entry & PTE_V)) {
		u64 *table = page_alloc(0);

		ASSERT(table);
		*entry = make_entry(page_to_hpa(table), PTE_V);
	}
	ASSERT(!(*entry & (PTE_R | PTE_W | PTE_X)));
	return page_from_hpa(HPA((*entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT << 12));
}

static void map_one(u64 va, hpa_t hpa, unsigned level, u64 flags)
{
	u64 *table = root;

	for (unsigned at = LEVELS - 1; at > level; at--)
		table = next_table(entry_of(table, va, at));
	/* A and D are set now: whether the hardware would set them depends on the hart. */
	*entry_of(table, va, level) = make_entry(hpa, flags | PTE_V | PTE_A | PTE_D | PTE_G);
}

void hyp_map(u64 va, hpa_t hpa, u64 size, u64 permissions)
{
	ASSERT(IS_ALIGNED(va | hpa.v | size, PAGE_SIZE));
	while (size) {
		unsigned level = LEVELS - 1;

		while (level &&
		       (!IS_ALIGNED(va | hpa.v, level_size(level)) || size < level_size(level)))
			level--;
		map_one(va, hpa, level, permissions);
		va += level_size(level);
		hpa.v += level_size(level);
		size -= level_size(level);
	}
	sfence_vma_all();
}

/* As hyp_map(), one to one and by 4 KiB pages, so that guard pages can be taken out. */
static void map_small(const void *start, const void *end, u64 permissions)
{
	for (u64 va = (u64)start; va < (u64)end; va += PAGE_SIZE)
		map_one(va, HPA(va), 0, permissions);
}

void hyp_unmap_page(u64 va)
{
	u64 *table = root;

	for (unsigned at = LEVELS - 1; at > 0; at--)
		table = next_table(entry_of(table, va, at));
	*entry_of(table, va, 0) = 0;
	sfence_vma_all();
}

void hyp_map_init(void *pool, u64 pool_size)
{
	root = page_alloc(0);
	ASSERT(root);
	map_small(image_text_start, image_text_end, MAP_RX);
	map_small(image_text_end, image_rodata_end, MAP_R);
	map_small(image_rodata_end, image_end, MAP_RW);
	map_small(pool, (u8 *)pool + pool_size, MAP_RW);
}

void hyp_map_enable(void)
{
	sfence_vma_all();
	csr_write(CSR_SATP, (u64)ATP_MODE_SV39 << ATP_MODE_SHIFT | page_to_hpa(root).v >> 12);
	sfence_vma_all();
}
