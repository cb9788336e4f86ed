/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual machine identifiers, given out in generations. */
#include "stage2/vmid.h"

void vmid_pool_init(struct vmid_pool *pool, unsigned bits)
{
	pool->bits = bits;
	pool->generation = 1;
	pool->next = 0;
}

u64 vmid_refresh(struct vmid_pool *pool, struct vmid *vmid)
{
	if (vmid->generation == pool->generation)
		return pool->generation;
	if (pool->next == BIT(pool->bits)) {
		pool->generation++;
		pool->next = 0;
	}
	vmid->id = pool->next++;
	vmid->generation = pool->generation;
	return pool->generation;
}
