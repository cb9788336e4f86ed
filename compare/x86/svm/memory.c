// SPDX-License-Identifier: BSD-2-Clause
/* The guest's memory as the guest sees it: its RAM, and a walk of its page tables in software. */
#include "monitor.h"

#define ENTRY_PRESENT  0x001ull
#define ENTRY_WRITE    0x002ull
#define ENTRY_USER     0x004ull
#define ENTRY_ACCESSED 0x020ull
#define ENTRY_DIRTY    0x040ull
#define ENTRY_LARGE    0x080ull
#define ADDRESS_MASK   0x000ffffffffff000ull
#define LEVELS_LONG    4
#define LEVELS_PAE     3

void *guest_ram(u64 gpa, u64 bytes)
{
	if (gpa >= GUEST_RAM_BYTES || bytes > GUEST_RAM_BYTES - gpa)
		return 0;
	return (void *)(GUEST_RAM_HOST + gpa);
}

static int paging(void)
{
	return !!((guest.shadow ? guest.cr0 : guest.vmcb->cr0) & CR0_PG);
}

static int levels(void)
{
	return guest.vmcb->efer & EFER_LMA ? LEVELS_LONG : LEVELS_PAE;
}

static u64 root(void)
{
	u64 cr3 = guest.shadow ? guest.cr3 : guest.vmcb->cr3;

	return levels() == LEVELS_PAE ? cr3 & 0xffffffe0 : cr3 & ADDRESS_MASK;
}

static struct walk not_mapped(u32 access, int present)
{
	return (struct walk){ .error = access | (present ? PF_PRESENT : 0) };
}

static struct walk mapped(u64 entry, u64 address, int level, u64 rights)
{
	u64 within = (1ull << (12 + 9 * level)) - 1;

	return (struct walk){ .mapped = 1,
			      .gpa = (entry & ADDRESS_MASK & ~within) | (address & within),
			      .writable = !!(rights & ENTRY_WRITE),
			      .user = !!(rights & ENTRY_USER),
			      .dirty = !!(entry & ENTRY_DIRTY) };
}

/* AMD64 manual 2, section 5.3: four levels, or the three of PAE, whose first has no rights. */
struct walk guest_walk(u64 address, u32 access, int mark)
{
	u64 table = root(), rights = ENTRY_WRITE | ENTRY_USER;

	if (!paging())
		return (struct walk){ 1, 0, address & 0xffffffff, 1, 1, 1 };
	for (int level = levels() - 1;; level--) {
		u64 *entry = guest_ram(table + (address >> (12 + 9 * level) & 511) * 8, 8);
		if (!entry || !(*entry & ENTRY_PRESENT))
			return not_mapped(access, 0);
		if (levels() == LEVELS_PAE && level == 2) {
			table = *entry & ADDRESS_MASK;
			continue;
		}
		rights &= *entry;
		int leaf = level == 0 || *entry & ENTRY_LARGE;
		if (leaf && ((access & PF_USER && !(rights & ENTRY_USER)) ||
			     (access & PF_WRITE && !(rights & ENTRY_WRITE))))
			return not_mapped(access, 1);
		if (mark)
			*entry |= ENTRY_ACCESSED | (leaf && access & PF_WRITE ? ENTRY_DIRTY : 0);
		if (leaf)
			return mapped(*entry, address, level, rights);
		table = *entry & ADDRESS_MASK;
	}
}

const u8 *guest_code(u32 offset)
{
	u64 at = guest.vmcb->cs.base + guest.vmcb->rip + offset;
	struct walk walk = guest_walk(at, 0, 0);

	return walk.mapped ? guest_ram(walk.gpa, 1) : 0;
}
