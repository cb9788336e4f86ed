/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticket spinlocks. Interrupts stay disabled in the hypervisor, so a holder is never preempted. */
#ifndef DOPPEL_SPINLOCK_H
#define DOPPEL_SPINLOCK_H

#include "lib/types.h"

struct spinlock {
	u32 next; /* the ticket that the next comer takes */
	u32 owner; /* the ticket that may enter */
};

static inline void spin_lock(struct spinlock *lock)
{
	u32 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	/* Acquire: what the last owner wrote is seen after this. */
	while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
		;
}

static inline void spin_unlock(struct spinlock *lock)
{
	/* Release: what we wrote is seen by the next owner. Only the owner writes this field. */
	__atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
}

#endif
