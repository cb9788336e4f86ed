/* SPDX-License-Identifier: BSD-2-Clause */
/* A small Sv39 page table: RAM and devices where they are, and whatever a test adds. */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include "csr.h"
#include "types.h"

#define PTE_KERNEL (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define PTE_USER   (PTE_KERNEL | PTE_U)

/* A root that maps [0, 1 GiB) and all RAM up to 3 GiB to itself, for S-mode. Dies when out of
 * pages. */
u64 *paging_new(void);

/* Maps one page (level 0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB), replacing what was there. No fence. */
void paging_map(u64 *root, u64 va, u64 pa, u64 flags, unsigned level);

/* The entry for va at that level; tables on the way are made when they are missing. */
u64 *paging_entry(u64 *root, u64 va, unsigned level);

/* What satp holds for a root. */
u64 paging_satp(const u64 *root);

/* Writes satp, with the fence that the specification asks for. 0 = Bare. */
void paging_use(u64 satp);

/* A zeroed page. */
void *page_new(void);

#endif
