/* SPDX-License-Identifier: BSD-2-Clause */
/* Accesses of 1 << width bytes that may trap. */
#ifndef GUEST_ACCESS_H
#define GUEST_ACCESS_H

#include "hart.h"

/* Without a trap, its value is what was loaded. */
struct trap access_load(unsigned width, u64 address);
struct trap access_store(unsigned width, u64 address, u64 value);

#endif
