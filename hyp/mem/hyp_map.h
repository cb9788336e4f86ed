/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space (Sv39).
 *
 *     0x00_0000_0000  devices, one to one                  RW
 *     0x00_8020_0000  image: text RX, rodata R, data RW    one to one
 *                     page pool, one to one                RW, without the guard pages of stacks
 *                     device tree and VM payloads          R, one to one
 *     0x3f_ffff_ffff  ── end of the lower half ──
 *     0xffff_ffc0_0000_0000 + hpa: guest RAM (the window)  RW, never X, largest pages
 */
#ifndef DOPPEL_HYP_MAP_H
#define DOPPEL_HYP_MAP_H

#include "lib/types.h"

/* The virtual address of the window onto guest RAM. Only mem/guest_memory.c and mem/canary.c use
 * it. */
#ifndef WINDOW_BASE
#define WINDOW_BASE 0xffffffc000000000UL
#endif
#define WINDOW_SIZE GIB(256) /* host physical addresses below this can be guest RAM */

#define MAP_R  0x2
#define MAP_RW 0x6
#define MAP_RX 0xa

/* Maps [va, va + size) to hpa with the largest pages that fit; all of it 4 KiB aligned. Boot only.
 */
void hyp_map(u64 va, hpa_t hpa, u64 size, u64 permissions);

/* Takes one 4 KiB page out, to catch what runs into it. It must be mapped by a 4 KiB entry. */
void hyp_unmap_page(u64 va);

/* Maps image and page pool. Boot hart only, once; then hyp_map() adds the rest. */
void hyp_map_init(void *pool, u64 pool_size);

/* Turns the map on, on this hart. */
void hyp_map_enable(void);

#endif
