/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RAM of one guest, as the hypervisor sees it. Every access to it goes through here, with a
 * guest physical address and a length that are checked against the pieces the guest has.
 */
#ifndef DOPPEL_GUEST_MEMORY_H
#define DOPPEL_GUEST_MEMORY_H

#include "lib/types.h"
#include "mem/guest_frames.h"

struct guest_memory {
	gpa_t start;				 /* of guest RAM; it is contiguous for the guest */
	u64 size;				 /* bytes */
	struct ram_piece pieces[RAM_MAX_PIECES]; /* in the order of guest physical addresses */
	unsigned nr_pieces;
	struct guest_frames *frames; /* when RAM can leave and come back; NULL: all of it stays */
};

/*
 * Takes RAM for a guest out of the pool. False: there is not so much. It must be cleared before the
 * guest runs, if ram_pool_is_recycled(): it may have been anybody's before. Otherwise it holds what
 * the machine's reset left there, as on the machine itself.
 */
bool guest_memory_take(struct guest_memory *memory, gpa_t start, u64 size);
void guest_memory_give_back(struct guest_memory *memory);

/* From now on parts of it can leave and come back (mem/guest_frames.h). False: no memory. */
bool guest_memory_allow_holes(struct guest_memory *memory);

/* Bytes of RAM that the guest has now. */
u64 guest_memory_present(const struct guest_memory *memory);

/* True when [gpa, gpa + size) is all guest RAM. Any values may be passed, overflowing ones too. */
bool guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size);

/*
 * What follows is for the VM's own time: RAM that has left comes back, which means that 2 MiB are
 * cleared. If the machine has none left, it is as if there were no RAM.
 */

/* Copies; false, and nothing done, unless all of it is guest RAM. */
bool guest_read(const struct guest_memory *memory, gpa_t gpa, void *buf, u64 size);
bool guest_write(const struct guest_memory *memory, gpa_t gpa, const void *buf, u64 size);

/* Reads a page-table entry in one access, as the hardware would. gpa is a multiple of 8. */
bool guest_read_pte(const struct guest_memory *memory, gpa_t gpa, u64 *pte);

/* Overwrites a range with zeroes; false, and nothing done, unless all of it is guest RAM. */
bool guest_clear(const struct guest_memory *memory, gpa_t gpa, u64 size);

/*
 * Brings back what has left of a range. It takes about a millisecond for each granule: no lock is
 * held that others wait for, and the caller bounds the size. False: the machine has no RAM left.
 */
bool guest_bring_back(const struct guest_memory *memory, gpa_t gpa, u64 size);

/*
 * For devices, which reach guest RAM while its vCPUs run, in anybody's time. guest_pin() tells
 * where gpa is in the machine, and how many bytes, at most size, follow it there; 0: it is no RAM,
 * or that has left. Until guest_unpin() of the same range that memory stays the guest's. For the
 * hypervisor's own accesses, guest_window() gives the address of what is pinned.
 */
u64 guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa);
void guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size);
void *guest_window(hpa_t hpa);

#endif
