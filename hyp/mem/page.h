/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own pages: tables, stacks, structs. Never guest RAM. */
#ifndef DOPPEL_PAGE_H
#define DOPPEL_PAGE_H

#include "lib/types.h"

#define PAGE_SIZE     4096UL
#define PAGE_POOL_MAX MIB(64)

/* Gives the allocator its memory, once: page-aligned, mapped where virtual = physical. */
void page_pool_init(void *start, u64 size);

/*
 * Allocates 2^order pages, aligned to their size and cleared. NULL when the pool has none left.
 * Any hart may call; the pool has a lock of its own, under which no other is taken.
 */
void *page_alloc(unsigned order);
void page_free(void *pages, unsigned order);

/* The smallest order that holds size bytes. */
unsigned page_order(u64 size);

/* Pages in use, and in the pool. */
u64 page_used(void);
u64 page_total(void);

/* The pool's memory is mapped one to one. */
static inline hpa_t page_to_hpa(const void *page)
{
	return HPA((u64)page);
}

static inline void *page_from_hpa(hpa_t hpa)
{
	return (void *)hpa.v;
}

#endif
