/* SPDX-License-Identifier: BSD-2-Clause */
/* The second stage of address translation: Sv39x4 tables (privileged specification 19.5.1). */
#include "stage2/stage2.h"
#include "lib/string.h"
#include "mem/page.h"
#include "riscv/csr.h"

#define ROOT_ORDER 2 /* 16 KiB */
#define ENTRIES	   512

static u64 level_size(unsigned level)
{
	return PAGE_SIZE << (9 * level);
}

static bool is_leaf(u64 entry)
{
	return entry & (PTE_R | PTE_W | PTE_X);
}

static hpa_t entry_hpa(u64 entry)
{
	return HPA((entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT << 12);
}

/*
 * A leaf: U=1, as all G-stage accesses count as user accesses; A and D set, or the hardware would
 * fault or update them; G clear, it is reserved for future use (section 19.5.1).
 */
static u64 make_leaf(hpa_t hpa, u64 permissions)
{
	return hpa.v >> 12 << PTE_PPN_SHIFT | permissions | PTE_V | PTE_U | PTE_A | PTE_D;
}

static u64 make_table(const u64 *table)
{
	return page_to_hpa(table).v >> 12 << PTE_PPN_SHIFT | PTE_V;
}

/* The root is indexed by 11 bits, the other tables by 9: the limit on addresses does it. */
static unsigned index_of(u64 gpa, unsigned level)
{
	u64 index = gpa >> (12 + 9 * level);

	return (unsigned)(level == STAGE2_LEVELS - 1 ? index : index % ENTRIES);
}

static bool is_bad_range(u64 gpa, u64 size)
{
	return !size || !IS_ALIGNED(gpa | size, PAGE_SIZE) || gpa >= STAGE2_GPA_LIMIT ||
	       size > STAGE2_GPA_LIMIT - gpa;
}

bool stage2_init(struct stage2 *s2)
{
	s2->root = page_alloc(ROOT_ORDER);
	s2->nr_tables = 0;
	return s2->root != NULL;
}

static void free_table(struct stage2 *s2, u64 *table, unsigned level)
{
	for (unsigned i = 0; level && i < ENTRIES; i++) {
		if ((table[i] & PTE_V) && !is_leaf(table[i]))
			free_table(s2, page_from_hpa(entry_hpa(table[i])), level - 1);
	}
	page_free(table, 0);
	s2->nr_tables--;
}

void stage2_destroy(struct stage2 *s2)
{
	for (unsigned i = 0; s2->root && i < 4 * ENTRIES; i++) {
		if ((s2->root[i] & PTE_V) && !is_leaf(s2->root[i]))
			free_table(s2, page_from_hpa(entry_hpa(s2->root[i])), STAGE2_LEVELS - 2);
	}
	page_free(s2->root, ROOT_ORDER);
	s2->root = NULL;
}

static u64 *new_table(struct stage2 *s2)
{
	u64 *table = page_alloc(0);

	if (table)
		s2->nr_tables++;
	return table;
}

/* A hart may walk the table at the same time: an entry changes in one store, after its contents. */
static void set_entry(u64 *entry, u64 value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* Finds the entry that translates gpa: a leaf at any level, or the invalid entry that ends the
 * walk. */
static u64 *find_entry(const struct stage2 *s2, u64 gpa, unsigned *level)
{
	u64 *table = s2->root;

	for (*level = STAGE2_LEVELS - 1;; (*level)--) {
		u64 *entry = &table[index_of(gpa, *level)];

		if (!(*entry & PTE_V) || is_leaf(*entry) || *level == 0)
			return entry;
		table = page_from_hpa(entry_hpa(*entry));
	}
}

/* Makes sure that the tables down to a level exist. NULL: no memory. */
static u64 *make_entry_at(struct stage2 *s2, u64 gpa, unsigned level)
{
	unsigned at;
	u64 *entry = find_entry(s2, gpa, &at);

	while (at > level) {
		u64 *table = new_table(s2);

		if (!table)
			return NULL;
		set_entry(entry, make_table(table));
		entry = find_entry(s2, gpa, &at);
	}
	return entry;
}

/* The next address after the entry that translates gpa, as far as end. */
static u64 step(u64 gpa, unsigned level, u64 end)
{
	return MIN(ALIGN_DOWN(gpa, level_size(level)) + level_size(level), end);
}

static bool is_range_empty(const struct stage2 *s2, u64 gpa, u64 end)
{
	unsigned level;

	for (; gpa < end; gpa = step(gpa, level, end)) {
		if (*find_entry(s2, gpa, &level) & PTE_V)
			return false;
	}
	return true;
}

/* An empty table may stand where a large page would fit; the page then becomes smaller ones. */
static unsigned largest_level(const struct stage2 *s2, u64 gpa, u64 hpa, u64 left)
{
	unsigned level = STAGE2_LEVELS - 1, at;

	while (level && (!IS_ALIGNED(gpa | hpa, level_size(level)) || left < level_size(level)))
		level--;
	find_entry(s2, gpa, &at);
	return MIN(level, at);
}

int stage2_map(struct stage2 *s2, gpa_t gpa, hpa_t hpa, u64 size, u64 permissions)
{
	u64 at = gpa.v, end = gpa.v + size;

	if (is_bad_range(gpa.v, size) || !IS_ALIGNED(hpa.v, PAGE_SIZE) || !permissions)
		return STAGE2_ERR_RANGE;
	if (!is_range_empty(s2, at, end))
		return STAGE2_ERR_EXISTS;
	while (at < end) {
		unsigned level = largest_level(s2, at, hpa.v, end - at);
		u64 *entry = make_entry_at(s2, at, level);

		if (!entry) {
			stage2_unmap(s2, gpa, ALIGN_UP(at - gpa.v, PAGE_SIZE));
			return STAGE2_ERR_NO_MEMORY;
		}
		set_entry(entry, make_leaf(hpa, permissions));
		at += level_size(level);
		hpa.v += level_size(level);
	}
	return STAGE2_OK;
}

/* Replaces a large leaf by a table of smaller ones that translate the same. */
static bool split(struct stage2 *s2, u64 *entry, unsigned level)
{
	u64 *table = new_table(s2);

	if (!table)
		return false;
	for (u64 i = 0; i < ENTRIES; i++)
		table[i] = *entry + (i * level_size(level - 1) >> 12 << PTE_PPN_SHIFT);
	set_entry(entry, make_table(table));
	return true;
}

/* Changes all leaves of a range; permissions 0 removes them. */
static int change(struct stage2 *s2, u64 gpa, u64 end, u64 permissions)
{
	unsigned level;

	while (gpa < end) {
		u64 *entry = find_entry(s2, gpa, &level);
		u64 page = level_size(level);

		if ((*entry & PTE_V) && (!IS_ALIGNED(gpa, page) || end - gpa < page)) {
			if (!split(s2, entry, level))
				return STAGE2_ERR_NO_MEMORY;
			continue;
		}
		if (*entry & PTE_V)
			set_entry(entry,
				  permissions ? make_leaf(entry_hpa(*entry), permissions) : 0);
		gpa = step(gpa, level, end);
	}
	return STAGE2_OK;
}

int stage2_unmap(struct stage2 *s2, gpa_t gpa, u64 size)
{
	if (!size)
		return STAGE2_OK;
	return is_bad_range(gpa.v, size) ? STAGE2_ERR_RANGE : change(s2, gpa.v, gpa.v + size, 0);
}

int stage2_protect(struct stage2 *s2, gpa_t gpa, u64 size, u64 permissions)
{
	if (is_bad_range(gpa.v, size) || !permissions)
		return STAGE2_ERR_RANGE;
	return change(s2, gpa.v, gpa.v + size, permissions);
}

u64 *stage2_entry(const struct stage2 *s2, gpa_t gpa)
{
	unsigned level;
	u64 *entry = gpa.v < STAGE2_GPA_LIMIT ? find_entry(s2, gpa.v, &level) : NULL;

	return entry && level == 0 && *entry & PTE_V ? entry : NULL;
}

void stage2_set_visible(u64 *entry, bool is_visible)
{
	set_entry(entry, is_visible ? *entry | PTE_V : *entry & ~PTE_V);
}

bool stage2_walk(const struct stage2 *s2, gpa_t gpa, struct stage2_leaf *leaf)
{
	unsigned level;
	u64 entry;

	if (gpa.v >= STAGE2_GPA_LIMIT)
		return false;
	entry = *find_entry(s2, gpa.v, &level);
	if (!(entry & PTE_V))
		return false;
	leaf->size = level_size(level);
	leaf->hpa = HPA(entry_hpa(entry).v + gpa.v % leaf->size);
	leaf->permissions = entry & STAGE2_RWX;
	return true;
}

unsigned stage2_path(const struct stage2 *s2, gpa_t gpa, struct stage2_step steps[STAGE2_LEVELS])
{
	hpa_t table = page_to_hpa(s2->root);
	unsigned count = 0;

	while (gpa.v < STAGE2_GPA_LIMIT && count < STAGE2_LEVELS) {
		unsigned index = index_of(gpa.v, STAGE2_LEVELS - 1 - count);
		u64 entry = ((const u64 *)page_from_hpa(table))[index];

		steps[count++] = (struct stage2_step){ table, index, entry };
		if (!(entry & PTE_V) || is_leaf(entry))
			break;
		table = entry_hpa(entry);
	}
	return count;
}

u64 stage2_hgatp(const struct stage2 *s2, u64 vmid)
{
	return (u64)ATP_MODE_SV39 << ATP_MODE_SHIFT | vmid << HGATP_VMID_SHIFT |
	       page_to_hpa(s2->root).v >> 12;
}
