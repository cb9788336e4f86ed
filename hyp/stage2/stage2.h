/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second stage of address translation: guest physical to host physical. The specification says
 * G-stage (privileged specification section 19.5); the format is Sv39x4.
 *
 *      guest physical address (41 bits)
 *      40        30 29      21 20      12 11        0
 *     ┌────────────┬──────────┬──────────┬───────────┐
 *     │ 11 bits    │ 9 bits   │ 9 bits   │ offset    │
 *     └─────┬──────┴────┬─────┴────┬─────┴───────────┘
 *           ▼           ▼          ▼
 *      root: 2048    table: 512  table: 512
 *      entries,      entries,    entries,
 *      16 KiB        4 KiB       4 KiB
 *      leaf: 1 GiB   leaf: 2 MiB leaf: 4 KiB
 */
#ifndef DOPPEL_STAGE2_H
#define DOPPEL_STAGE2_H

#include "lib/types.h"

#define STAGE2_LEVELS	 3
#define STAGE2_GPA_BITS	 41
#define STAGE2_GPA_LIMIT BIT(STAGE2_GPA_BITS)

#define STAGE2_ROOT_PAGES 4UL

#define STAGE2_R   0x2
#define STAGE2_W   0x4
#define STAGE2_X   0x8
#define STAGE2_RWX (STAGE2_R | STAGE2_W | STAGE2_X)

struct stage2 {
	u64 *root;     /* 16 KiB, aligned to that */
	u64 nr_tables; /* pages below the root */
};

/* Where a walk ended. */
struct stage2_leaf {
	hpa_t hpa;	 /* of the address that was asked for */
	u64 size;	 /* of the page: 4 KiB, 2 MiB or 1 GiB */
	u64 permissions; /* STAGE2_R, W, X */
};

/* What can go wrong; each leaves what was mapped before as it was, except where told. */
enum stage2_error {
	STAGE2_OK = 0,
	STAGE2_ERR_RANGE = -1,	   /* misaligned, empty, beyond 2^41, or without permissions */
	STAGE2_ERR_EXISTS = -2,	   /* part of the range is mapped already */
	STAGE2_ERR_NO_MEMORY = -3, /* no page for a table */
};

/* An empty translation. False: no memory. */
bool stage2_init(struct stage2 *s2);

/* Gives all tables back. No hart may use it any more. */
void stage2_destroy(struct stage2 *s2);

/*
 * Maps [gpa, gpa + size) to hpa with the largest pages that alignment allows, all 4 KiB aligned.
 * Nothing is mapped after an error. New translations need no fence: an invalid entry is not cached
 * in a way that matters, the next fault walks again (section 10.2.1).
 */
int stage2_map(struct stage2 *s2, gpa_t gpa, hpa_t hpa, u64 size, u64 permissions);

/*
 * Removes what is mapped in the range; holes are fine. Pages that reach out of it are split. The
 * caller fences (HFENCE.GVMA on every hart that ran the VM) before it gives the memory away.
 * STAGE2_ERR_NO_MEMORY: a page could not be split; the range may be partly unmapped.
 */
int stage2_unmap(struct stage2 *s2, gpa_t gpa, u64 size);

/* Changes the permissions of what is mapped in the range; as stage2_unmap() otherwise. */
int stage2_protect(struct stage2 *s2, gpa_t gpa, u64 size, u64 permissions);

/*
 * The entry of a 4 KiB page that is mapped, so that it can be hidden and shown again in one store,
 * at any time; NULL: there is no such page. Unmapping what it maps ends that.
 */
u64 *stage2_entry(const struct stage2 *s2, gpa_t gpa);

/* Whether it translates. The caller fences after hiding; showing needs none, as in stage2_map(). */
void stage2_set_visible(u64 *entry, bool is_visible);

/* Looks one address up; false when it is not mapped. */
bool stage2_walk(const struct stage2 *s2, gpa_t gpa, struct stage2_leaf *leaf);

/* One entry of a walk, as the hardware reads it. */
struct stage2_step {
	hpa_t table;
	unsigned index;
	u64 entry;
};

/*
 * The entries on the way to an address, from the root, down to the leaf or to the one that is not
 * valid. Returns their number, 0 for an address beyond the root; the last is of level
 * STAGE2_LEVELS - number.
 */
unsigned stage2_path(const struct stage2 *s2, gpa_t gpa, struct stage2_step steps[STAGE2_LEVELS]);

/* The value for hgatp with this translation and VMID (section 19.2.10). */
u64 stage2_hgatp(const struct stage2 *s2, u64 vmid);

#endif
