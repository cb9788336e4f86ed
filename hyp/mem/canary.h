/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The canary: what belongs to no VM must not change. For tests of isolation: a store that went
 * astray, by a guest or by the hypervisor, is found at the end of the run.
 */
#ifndef DOPPEL_CANARY_H
#define DOPPEL_CANARY_H

#include "lib/types.h"

/*
 * Fills all RAM that nobody has had since boot with a pattern, and notes the sum of what is never
 * written to: text and constants of the hypervisor. Once, while no VM runs.
 */
void canary_plant(const void *constant, u64 size);

/*
 * Checks it, without what VMs have been given meanwhile, and tells what it found. True: nothing has
 * changed, or nothing was planted. No VM may be created at the same time.
 */
bool canary_check(void);

#endif
