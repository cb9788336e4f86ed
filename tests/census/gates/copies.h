/* SPDX-License-Identifier: BSD-2-Clause */
/* Supervisor CSRs that have a VS register in their place when V=1 (section 19.2). */
#ifndef CENSUS_COPIES_H
#define CENSUS_COPIES_H

#include "world.h"

/* Whether the CSR has a VS register, on this machine. */
bool copies_has(unsigned csr);

/*
 * Executes a read or a write of it in VS-mode, with different values in both registers before, and
 * tells which of the two was accessed: flag 'c' the VS register, 'r' the real one, '?' neither.
 */
struct outcome copies_try(const struct item *item, u32 word);

#endif
