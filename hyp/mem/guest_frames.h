/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest RAM with holes: for a guest that gives RAM back which it does not need. Granules of 2 MiB
 * come and go; each has the frame of the machine's RAM that is behind it, or none.
 *
 *               frames_take_out()              frames_let_go()
 *     PRESENT ────────────────────► LEAVING ────────────────────► ABSENT
 *        ▲ ▲                           │                             │
 *        │ └───────────────────────────┘                             │
 *        └───────────────────────── frames_populate() ◄──────────────┘
 *
 * One that is leaving is in no translation table any more, but may still be in a TLB.
 */
#ifndef DOPPEL_GUEST_FRAMES_H
#define DOPPEL_GUEST_FRAMES_H

#include "lib/spinlock.h"
#include "lib/types.h"
#include "mem/ram_pool.h"

#define FRAMES_PAGES_PER_GRANULE (RAM_GRANULE / 4096)

struct ram_granule {
	u32 frame; /* host physical address / 2 MiB; 0: it is absent */
	u16 pins;  /* it must not leave while devices use it */
	bool is_leaving;
	u16 nr_given; /* pages of 4 KiB that the guest has given back, one by one */
	u64 given[(FRAMES_PAGES_PER_GRANULE + 63) / 64]; /* which they are */
};

struct guest_frames {
	struct spinlock lock; /* a leaf, but for those of ram_pool and page */
	u64 nr, nr_present;   /* granules; those that are leaving are not present */
	u64 nr_left, nr_came; /* in all */
	unsigned order;	      /* of this struct's memory */
	struct ram_granule granules[];
};

/* A table for RAM that is all there, in those pieces. NULL: no memory. */
struct guest_frames *frames_create(const struct ram_piece *pieces, unsigned count, u64 size);

/* Gives all RAM back, and the table. */
void frames_destroy(struct guest_frames *frames);

/* All of these: offset is into guest RAM, and below its size. */

/*
 * Makes sure that there is RAM, cleared if it is new, and tells where. That takes long: it is done
 * in the VM's own time, and with no lock that others wait for. False: the machine has none left.
 */
bool frames_populate(struct guest_frames *frames, u64 offset, hpa_t *granule);

/* Whether there is RAM, which is not about to leave. Without a lock: it may change at any time. */
static inline bool frames_is_present(const struct guest_frames *frames, u64 offset)
{
	const struct ram_granule *granule = &frames->granules[offset / RAM_GRANULE];

	/* One that goes is leaving until its frame is 0: this order sees one or the other. */
	return !__atomic_load_n(&granule->is_leaving, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&granule->frame, __ATOMIC_RELAXED);
}

/* As guest_pin() (mem/guest_memory.h), for the piece that begins at offset. 0: it is absent. */
u64 frames_pin(struct guest_frames *frames, u64 offset, u64 size, hpa_t *hpa);
void frames_unpin(struct guest_frames *frames, u64 offset, u64 size);

/*
 * The guest gives a page back, or wants it again. True: now it has given back all of the granule.
 */
bool frames_give_page(struct guest_frames *frames, u64 offset);
void frames_want_page(struct guest_frames *frames, u64 offset);

/* The guest's balloon has begun anew: it wants all pages. */
void frames_want_all(struct guest_frames *frames);

/* PRESENT to LEAVING. False: it is not present, or pinned. */
bool frames_take_out(struct guest_frames *frames, u64 offset);

/* LEAVING to ABSENT: its RAM goes to the pool. Nothing if it came back meanwhile. */
void frames_let_go(struct guest_frames *frames, u64 offset);

#endif
