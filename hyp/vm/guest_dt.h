/* SPDX-License-Identifier: BSD-2-Clause */
/* The device tree that a guest gets: exactly what it has (docs/guest-machine.md). */
#ifndef DOPPEL_GUEST_DT_H
#define DOPPEL_GUEST_DT_H

#include "lib/types.h"
#include "vm/load.h"

/*
 * Writes the tree of a VM into buf, with fresh seeds. Returns its size in bytes, or a negative
 * enum fdt_error when it does not fit.
 */
int guest_dt_write(const struct vm_description *d, gpa_t ram, const struct loaded *loaded,
		   const char *isa, void *buf, size_t size);

/* Keys the seeds' generator; boot hart, once. */
void guest_dt_seed(const void *seed, size_t size);

#endif
