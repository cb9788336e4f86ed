/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticket spinlocks. Interrupts stay disabled in the hypervisor, so a holder is never preempted. */
#ifndef DOPPEL_SPINLOCK_H
#define DOPPEL_SPINLOCK_H

#include "lib/types.h"

/* Who comes takes a ticket, and enters when it is his turn: one atomic instruction if all is free.
 */
struct spinlock {
	union {
		u64 both;
		struct {
			u32 owner; /* the ticket that may enter */
			u32 next;  /* the ticket that the next comer takes */
		};
	};
};

#define SPINLOCK_NEXT (1UL << 32)

static inline void spin_lock(struct spinlock *lock)
{
	/* Acquire: what the last owner wrote is seen after this. */
	u64 seen = __atomic_fetch_add(&lock->both, SPINLOCK_NEXT, __ATOMIC_ACQUIRE);
	u32 ticket = (u32)(seen >> 32);

	if (likely((u32)seen == ticket))
		return;
	while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
		;
}

/* Does not wait: false if somebody has it. */
static inline bool spin_trylock(struct spinlock *lock)
{
	u64 seen = __atomic_load_n(&lock->both, __ATOMIC_RELAXED);

	return (u32)seen == (u32)(seen >> 32) &&
	       __atomic_compare_exchange_n(&lock->both, &seen, seen + SPINLOCK_NEXT, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void spin_unlock(struct spinlock *lock)
{
	/* Release: what we wrote is seen by the next owner. Only the owner writes this field. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELAXED);
}

#endif
