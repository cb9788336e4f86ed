/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every page of the VM's own RAM, and whatever else a physical address can name. Outside RAM and
 * devices each access must fault; RAM must hold what was written to it, and nobody else's data.
 */
#include "attacker.h"
#include "paging.h"

/* The victim (tests/isolation/selfcheck.c) writes this to the beginning of each of its pages. */
#define VICTIM_TAG 0x56696374696d2121UL

#define DOUBLEWORD    3		   /* the width of all accesses here */
#define LAST_PAGES    16	   /* of RAM: the device tree lies there */
#define WINDOW	      0x40000000UL /* virtual; the rest of its GiB is not used */
#define PHYSICAL_BITS 56	   /* of Sv39 */
#define STAGE2_BITS   41	   /* of Sv39x4: the space that a guest can have */
#define MANY_PAGES    (1UL << 19)  /* those below RAM */
#define STRIDE	      0x6487dUL	   /* odd, so that it meets each of them */

extern char __image_start[], __image_end[];

static const struct {
	u64 start, size;
} devices[] = {
	{ 0x00100000, 0x3000 },
	{ 0x00101000, 0x1000 },
	{ 0x0c000000, 0x600000 },
	{ 0x10000000, 0x100 },
};

static bool is_device(u64 address)
{
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		if (address - devices[i].start < devices[i].size)
			return true;
	}
	return false;
}

static bool is_ram(u64 address)
{
	return address >= attack_ram.start && address < attack_ram.end;
}

static void look_for_victim(u64 address, u64 value)
{
	if (value == VICTIM_TAG)
		attack_finding("the victim's memory at %lx", address, 0);
}

/* An access by an address that means this physical one. */
static void probe(u64 hart, u64 address, u64 physical)
{
	struct trap trap = access_load(DOUBLEWORD, address);

	attack_count(hart);
	if (trap.cause == NO_TRAP)
		look_for_victim(physical, trap.value);
	if (is_ram(physical) || is_device(physical))
		return;
	if (trap.cause == NO_TRAP)
		attack_finding("a load from %lx gave %lx", physical, trap.value);
	if (access_store(DOUBLEWORD, address, ~physical).cause == NO_TRAP)
		attack_finding("a store to %lx was done", physical, 0);
}

/* By the physical address itself: satp is Bare. */
static void probe_bare(u64 hart, u64 address)
{
	probe(hart, address & ~7UL, address & ~7UL);
}

static void probe_borders(u64 hart)
{
	static const u64 steps[] = { 0, 8, 0x1000, 0x200000, 0x40000000 };

	for (unsigned bit = 3; bit < 64; bit++) {
		for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
			probe_bare(hart, BIT(bit) + steps[i]);
			probe_bare(hart, BIT(bit) - 8 - steps[i]);
			probe_bare(hart, attack_ram.end + steps[i]);
			probe_bare(hart, attack_ram.start - 8 - steps[i]);
			/* as RAM would look, if upper bits were dropped */
			if (BIT(bit) > attack_ram.end)
				probe_bare(hart, attack_ram.start + BIT(bit) + steps[i]);
		}
	}
	for (u64 at = attack_ram.end; at < attack_ram.end + 0x1000000; at += PAGE_SIZE)
		probe_bare(hart, at);
}

/* Pages that can be overwritten: not the program, its state and the device tree. */
static bool is_spare(u64 page)
{
	return (page < (u64)__image_start || page >= (u64)__image_end) &&
	       page != (u64)attack_state() && page < attack_ram.end - LAST_PAGES * PAGE_SIZE;
}

static u64 mark_of(u64 address)
{
	return address * 0x9e3779b97f4a7c15UL;
}

/* Each hart has the pages of its own number, modulo HART_MAX; hart 0 has the rest too. */
static bool is_mine(u64 hart, u64 page)
{
	u64 owner = page / PAGE_SIZE % HART_MAX;

	return owner == hart || (hart == 0 && owner >= hart_count());
}

static void sweep_ram(u64 hart, bool write)
{
	for (u64 page = attack_ram.start; page < attack_ram.end; page += PAGE_SIZE) {
		volatile u64 *word = (volatile u64 *)page;

		if (!is_mine(hart, page) || !is_spare(page))
			continue;
		attack_count(hart);
		look_for_victim(page, word[0]);
		if (write)
			word[0] = word[511] = mark_of(page);
		else if (word[0] != mark_of(page) || word[511] != mark_of(page))
			attack_finding("RAM at %lx holds %lx", page, word[0]);
	}
}

/* A page-table entry can name what lies beyond the reach of Bare. */
static void probe_by_page_table(u64 hart, u64 *root, u64 physical)
{
	physical &= BIT(PHYSICAL_BITS) - 8;
	paging_map(root, WINDOW, physical & ~(PAGE_SIZE - 1), PTE_KERNEL, 0);
	paging_use(paging_satp(root));
	probe(hart, WINDOW + (physical & (PAGE_SIZE - 1)), physical);
	paging_use(0);
}

void attack_memory(u64 hart)
{
	u64 random = hart, *root = paging_new();

	sweep_ram(hart, true);
	sweep_ram(hart, false);
	probe_borders(hart);
	for (u64 i = hart; !attack_is_over(); i++) {
		u64 any = random_next(&random);

		probe_bare(hart, i * STRIDE % MANY_PAGES * PAGE_SIZE);
		probe_bare(hart, any & (BIT(STAGE2_BITS) - 1));
		if (i % 16 == 0)
			probe_by_page_table(hart, root, any);
	}
	sweep_ram(hart, false);
}
