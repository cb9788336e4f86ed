/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual machine identifiers, which tag translations in the TLB (privileged specification
 * 19.2.10). There may be fewer than VMs, or none (VMIDLEN 0): they are given out in generations.
 * A hart that meets a newer generation than it has seen drops all guests' translations once.
 */
#ifndef DOPPEL_VMID_H
#define DOPPEL_VMID_H

#include "lib/types.h"

struct vmid {
	u64 generation; /* 0: none yet */
	u64 id;
};

struct vmid_pool {
	unsigned bits;	/* VMIDLEN, 0 to 14 */
	u64 generation; /* from 1 */
	u64 next;	/* the next identifier of this generation */
};

/* bits: VMIDLEN as the hart was probed. */
void vmid_pool_init(struct vmid_pool *pool, unsigned bits);

/*
 * Makes sure that vmid is of the current generation, which may begin a new one. Returns that
 * generation. The caller holds the lock of the pool and then compares with what the hart has seen.
 */
u64 vmid_refresh(struct vmid_pool *pool, struct vmid *vmid);

#endif
