/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both stages of an address translation, shown step by step. vcpu/guest_walk.h does the same
 * without words.
 *
 *      guest virtual ──► table ──► table ──► page: guest physical ──► host physical
 *                          │         │                            ▲
 *                          └─────────┴─── each table's address is guest physical too:
 *                                         the G-stage translates it before it is read
 */
#ifndef DOPPEL_MONITOR_WALK_H
#define DOPPEL_MONITOR_WALK_H

#include "lib/format.h"
#include "lib/types.h"
#include "mem/guest_memory.h"
#include "stage2/stage2.h"

struct walk {
	const struct guest_memory *memory;
	const struct stage2 *s2;
	u64 vsatp;
	format_sink *sink; /* gets the text, or NULL */
	void *ctx;
	bool every_entry; /* of the G-stage, too, for each table of the guest */
};

/*
 * Walks the guest's own tables (privileged specification 10.3.2). Permissions are shown and not
 * checked: they depend on the access. False: there is no translation; the text says where and why.
 */
bool walk_guest(const struct walk *walk, gva_t gva, gpa_t *gpa);

/* Walks the G-stage's tables (section 19.5.1). False: no RAM is there. */
bool walk_host(const struct walk *walk, gpa_t gpa, hpa_t *hpa);

/* A page-table entry's bits in words, such as "V R W X U A D". */
#define WALK_WORDS_SIZE 48
const char *walk_words(u64 pte, char words[WALK_WORDS_SIZE]);

#endif
