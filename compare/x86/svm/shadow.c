// SPDX-License-Identifier: BSD-2-Clause
/*
 * Shadow page tables, the simple kind: a page appears in them when the guest first touches it. A
 * write to CR3 forgets all of them, invlpg one page, as both do with a TLB; so they are a TLB in
 * memory, and the guest's page tables need no write protection. A clean page is mapped read-only
 * until it is written to, so that the guest's dirty bits are right.
 */
#include "monitor.h"

#define TABLES	      64
#define ENTRY_PRESENT 0x001ull
#define ENTRY_WRITE   0x002ull
#define ENTRY_USER    0x004ull
#define TABLE_RIGHTS  0x007ull
#define LEAF_MARKS    0x060ull
#define ADDRESS_MASK  0x000ffffffffff000ull

static u64 tables[TABLES][512] __attribute__((aligned(4096)));
static u32 used;

static u64 *table_new(void)
{
	if (used == TABLES)
		panic("no shadow page table left");
	u64 *table = tables[used++];
	clear(table, sizeof(tables[0]));
	return table;
}

void shadow_restart(void)
{
	used = 0;
	guest.vmcb->cr3 = (u64)table_new();
	guest.vmcb->tlb_control = TLB_FLUSH_ALL;
}

/* The leaf entry of an address; without `make`, 0 when there are no tables down to it. */
static u64 *leaf(u64 address, int make)
{
	int top = guest.vmcb->efer & EFER_LMA ? 3 : 2;
	u64 *table = (u64 *)guest.vmcb->cr3;

	for (int level = top; level > 0; level--) {
		u64 *entry = &table[address >> (12 + 9 * level) & 511];
		if (!*entry && !make)
			return 0;
		/* The four entries of PAE have no rights. */
		if (!*entry)
			*entry = (u64)table_new() |
				 (top == 2 && level == 2 ? ENTRY_PRESENT : TABLE_RIGHTS);
		table = (u64 *)(*entry & ADDRESS_MASK);
	}
	return &table[address >> 12 & 511];
}

void shadow_forget(u64 address)
{
	u64 *entry = leaf(address, 0);

	if (entry)
		*entry = 0;
	guest.vmcb->tlb_control = TLB_FLUSH_ALL;
}

int shadow_fault(u64 address, u32 *error, u64 *gpa)
{
	struct walk walk = guest_walk(address, *error & (PF_WRITE | PF_USER), 1);

	if (!walk.mapped) {
		*error = walk.error;
		return -1;
	}
	*gpa = walk.gpa;
	u64 host = (u64)guest_ram(walk.gpa & ~(PAGE - 1), PAGE);
	if (!host)
		return 0;
	if (used + 3 > TABLES)
		shadow_restart();
	*leaf(address, 1) = host | ENTRY_PRESENT | LEAF_MARKS | (walk.user ? ENTRY_USER : 0) |
			    (walk.writable && walk.dirty ? ENTRY_WRITE : 0);
	return 1;
}
