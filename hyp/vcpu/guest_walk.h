/* SPDX-License-Identifier: BSD-2-Clause */
/* The first stage of address translation, done in software: the guest's own page tables. */
#ifndef DOPPEL_GUEST_WALK_H
#define DOPPEL_GUEST_WALK_H

#include "lib/types.h"
#include "mem/guest_memory.h"

/*
 * Translates a guest virtual address with a value of vsatp (privileged specification 10.3.2), in
 * any of Bare, Sv39, Sv48, Sv57. Permissions are not checked: the hardware has done that.
 * False: an entry is invalid or reserved, or is not in guest RAM.
 */
bool guest_walk(const struct guest_memory *memory, u64 vsatp, gva_t gva, gpa_t *gpa);

#endif
