// SPDX-License-Identifier: BSD-2-Clause
#include "kernel.h"

#define TABLES	     64
#define ENTRIES	     512
#define TABLE_ENTRY  (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define PDPTE_FLAGS  PTE_PRESENT /* of PAE's four: the other bits are reserved */
#define ADDRESS_MASK 0x000ffffffffff000ull

#ifdef __x86_64__
#define LEVELS 4
#else
#define LEVELS 3
#endif

struct space space_a, space_b;

extern char user_start[], user_end[];

static u64 tables[TABLES][ENTRIES] __attribute__((aligned(4096)));
static int tables_used;

static u64 *table_new(void)
{
	if (tables_used == TABLES) {
		put_text("error: no page table left\n");
		machine_exit(1);
	}
	return tables[tables_used++];
}

static u64 *entry_at(u64 *table, int level, uptr address)
{
	u64 index = (u64)address >> (12 + 9 * level) & (ENTRIES - 1);

	return &table[index];
}

u64 *space_leaf(struct space *space, uptr address)
{
	u64 *table = space->root;

	for (int level = LEVELS - 1; level > 0; level--) {
		u64 *entry = entry_at(table, level, address);
		if (!*entry)
			*entry = (uptr)table_new() |
				 (LEVELS == 3 && level == 2 ? PDPTE_FLAGS : TABLE_ENTRY);
		table = (u64 *)(uptr)(*entry & ADDRESS_MASK);
	}
	return entry_at(table, 0, address);
}

static void map_identity(struct space *space, uptr address, u64 flags)
{
	*space_leaf(space, address) = address | PTE_PRESENT | flags;
}

static void space_make(struct space *space)
{
	space->root = table_new();
	for (uptr address = 0; address < RAM_BYTES; address += PAGE) {
		int user = address >= (uptr)user_start && address < (uptr)user_end;
		map_identity(space, address, PTE_WRITE | (user ? PTE_USER : 0));
	}
	map_identity(space, APIC_BASE, PTE_WRITE | PTE_UNCACHED);
}

void space_enter(struct space *space)
{
	write_cr3((uptr)space->root);
}

void paging_init(void)
{
	space_make(&space_a);
	space_make(&space_b);
#ifndef __x86_64__
	write_cr4(read_cr4() | CR4_PAE);
#endif
	space_enter(&space_a);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}
