/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow page tables, as a TLB that the monitor fills: an entry is made when the guest's own tables
 * say so, and forgotten when the guest writes satp or fences, as the architecture allows a TLB to.
 */
#include "guest.h"
#include "paging.h"
#include "sbi.h"
#include "string.h"

#define TABLES	 96
#define FILLS	 4096
#define ENTRIES	 512
#define LEVELS	 3
#define PPN(pte) ((pte) >> 10 & ((1UL << 44) - 1))

#define PTE_RESERVED (0x3ffUL << 54)
#define PAGE_2M	     (2UL << 20)

static u64 tables[TABLES][ENTRIES] __attribute__((aligned(4096)));
static unsigned used;
static u64 *roots[2];	  /* of the guest's supervisor, and of its user */
static u64 *fills[FILLS]; /* the leaves that flushing clears */
static unsigned filled;
static u64 own_tables[2]; /* the entries for the last pages, which are the monitor's */

static u64 pte_of(u64 address, u64 flags)
{
	return address >> 12 << 10 | flags;
}

static unsigned index_of(u64 va, unsigned level)
{
	return va >> (12 + 9 * level) & (ENTRIES - 1);
}

static u64 *table_of(u64 pte)
{
	return (u64 *)(PPN(pte) << 12);
}

static bool is_leaf(u64 pte)
{
	return pte & (PTE_R | PTE_W | PTE_X);
}

static void start_over(void)
{
	memset(tables, 0, used * sizeof(tables[0]));
	used = 2;
	filled = 0;
	for (unsigned i = 0; i < 2; i++) {
		roots[i] = tables[i];
		roots[i][ENTRIES - 1] = own_tables[i];
	}
}

void shadow_init(u64 monitor_satp)
{
	u64 *root = (u64 *)(monitor_satp << 12);

	used = TABLES;
	own_tables[0] = own_tables[1] = root[ENTRIES - 1];
	start_over();
}

u64 shadow_satp(void)
{
	return paging_satp(roots[guest.user]);
}

void shadow_flush(void)
{
	while (filled)
		*fills[--filled] = 0;
}

void shadow_flush_page(u64 va)
{
	for (unsigned i = 0; i < 2; i++) {
		u64 *table = roots[i];

		for (unsigned level = LEVELS; level-- > 0;) {
			u64 *pte = &table[index_of(va, level)];

			if (!*pte)
				break;
			if (is_leaf(*pte)) {
				*pte = 0;
				break;
			}
			table = table_of(*pte);
		}
	}
}

void *guest_memory(u64 gpa, u64 size)
{
	if (gpa < RAM_START || gpa - RAM_START > GUEST_SIZE - size)
		return NULL;
	return (void *)(gpa - RAM_START + GUEST_BASE);
}

/* What the guest's tables say of an address. */
struct translation {
	u64 gpa;
	u64 flags;
	unsigned level;
};

static u64 page_fault(enum access access)
{
	return access == FETCH	? CAUSE_FETCH_PAGE_FAULT
	       : access == LOAD ? CAUSE_LOAD_PAGE_FAULT
				: CAUSE_STORE_PAGE_FAULT;
}

static u64 access_fault(enum access access)
{
	return access == FETCH	? CAUSE_FETCH_ACCESS
	       : access == LOAD ? CAUSE_LOAD_ACCESS
				: CAUSE_STORE_ACCESS;
}

/* Steps 5 to 7 of section 10.3.2: what the leaf permits to the mode that the guest is in. */
static bool is_permitted(u64 pte, enum access access)
{
	if (guest.user && !(pte & PTE_U))
		return false;
	if (!guest.user && (pte & PTE_U) && (access == FETCH || !(guest.sstatus & SSTATUS_SUM)))
		return false;
	if (access == FETCH)
		return pte & PTE_X;
	if (access == STORE)
		return (pte & PTE_R) && (pte & PTE_W);
	return pte & (guest.sstatus & SSTATUS_MXR ? PTE_R | PTE_X : PTE_R);
}

/* Walks the guest's Sv39 tables. ~0: translated; else the cause of the guest's fault. */
static u64 walk(u64 va, enum access access, struct translation *found)
{
	u64 table = PPN(guest.satp << 10) << 12;

	if ((u64)((s64)(va << 25) >> 25) != va)
		return page_fault(access);
	for (unsigned level = LEVELS; level-- > 0;) {
		u64 *pte = guest_memory(table + index_of(va, level) * 8, 8);
		u64 size = 1UL << (12 + 9 * level);

		if (!pte)
			return access_fault(access);
		if (!(*pte & PTE_V) || (*pte & PTE_RESERVED) || (!(*pte & PTE_R) && (*pte & PTE_W)))
			return page_fault(access);
		if (!is_leaf(*pte)) {
			table = PPN(*pte) << 12;
			continue;
		}
		if (!is_permitted(*pte, access) || (PPN(*pte) << 12 & (size - 1)))
			return page_fault(access);
		*pte |= PTE_A | (access == STORE ? PTE_D : 0);
		*found = (struct translation){ (PPN(*pte) << 12) + (va & (size - 1)), *pte, level };
		return ~0UL;
	}
	return page_fault(access);
}

static u64 translate(u64 va, enum access access, struct translation *found)
{
	if (guest.satp)
		return walk(va, access, found);
	*found = (struct translation){ va, PTE_KERNEL, LEVELS - 1 };
	return ~0UL;
}

/* The shadow's leaf has the rights of the guest's; writing only once the guest's is dirty. */
static u64 shadow_flags(const struct translation *t)
{
	u64 flags = PTE_V | PTE_U | PTE_A | PTE_D | (t->flags & (PTE_R | PTE_X));

	if (guest.sstatus & SSTATUS_MXR && t->flags & PTE_X)
		flags |= PTE_R;
	if (t->flags & PTE_D)
		flags |= t->flags & PTE_W;
	if (!guest.user && guest.satp && t->flags & PTE_U)
		flags &= ~PTE_X;
	return flags;
}

/* The entry for va at that level; a larger leaf in its way is forgotten. */
static u64 *entry(u64 va, unsigned level)
{
	u64 *table = roots[guest.user];

	for (unsigned l = LEVELS - 1; l > level; l--) {
		u64 *pte = &table[index_of(va, l)];

		if (!*pte || is_leaf(*pte))
			*pte = pte_of((u64)tables[used++], PTE_V);
		table = table_of(*pte);
	}
	return &table[index_of(va, level)];
}

static void add(u64 va, const struct translation *t)
{
	unsigned level = t->level > 0 && guest_memory(t->gpa & -PAGE_2M, PAGE_2M) ? 1 : 0;
	u64 size = 1UL << (12 + 9 * level);
	u64 *pte;

	if (used + LEVELS > TABLES || filled == FILLS)
		start_over();
	pte = entry(va, level);
	if (level == 1 && *pte && !is_leaf(*pte)) {
		pte = entry(va, 0);
		size = 4096;
	}
	*pte = pte_of((u64)guest_memory(t->gpa & -size, size), shadow_flags(t));
	fills[filled++] = pte;
}

bool shadow_fill(u64 va, enum access access, u64 *cause, u64 *gpa)
{
	struct translation t;

	*cause = translate(va, access, &t);
	if (*cause != ~0UL)
		return false;
	if (!guest_memory(t.gpa, 1)) {
		*gpa = t.gpa;
		return false;
	}
	add(va, &t);
	return true;
}

static bool fetch_half(u64 va, u16 *half)
{
	struct translation t;
	u16 *at;

	if (translate(va, FETCH, &t) != ~0UL)
		return false;
	at = guest_memory(t.gpa, 2);
	if (!at)
		return false;
	*half = *at;
	return true;
}

bool shadow_fetch(u64 va, u32 *insn)
{
	u16 low, high = 0;

	if (!fetch_half(va, &low) || ((low & 3) == 3 && !fetch_half(va + 2, &high)))
		return false;
	*insn = low | (u32)high << 16;
	return true;
}
