/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that a device under test lives in: RAM, of which guests have some, and may give it
 * back; the hypervisor's pages; time. Each is watched: what nobody has taken is not to be touched,
 * and what was taken comes back.
 */
#ifndef DOPPEL_FUZZ_MACHINE_H
#define DOPPEL_FUZZ_MACHINE_H

#include "mem/guest_memory.h"

/* The guest's; its size is FUZZ_RAM_SIZE. */
extern struct guest_memory machine_ram;

/* A new guest's RAM, cleared; has_holes: parts of it can leave. */
void machine_begin(bool has_holes);

/* When all devices have ended: nothing is pinned, no timer runs, all RAM is given back. */
void machine_end(void);

/* Writes to guest RAM; what does not fit is not written. */
void machine_poke(u64 gpa, const void *bytes, u64 size);

/* Whether the machine's memory [hpa, hpa + size) is guest RAM, in one piece, and pinned. */
bool machine_is_pinned(hpa_t hpa, u64 size);

/* Granules that were leaving are gone; each that has a bit in `which` leaves, if it can. */
void machine_leave(unsigned which);

/* From here on the machine has no RAM to give; it has some again. */
void machine_take_all(void);
void machine_give_all_back(void);

/* Goes on by so many ticks; timers fire. */
void machine_pass_time(u64 ticks);

/* The hypervisor's allocations. */
unsigned machine_pages(void);

#endif
