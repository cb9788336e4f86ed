/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks of the only thread there is: to wait for one would be for ever, and is a mistake. */
#ifndef DOPPEL_SPINLOCK_H
#define DOPPEL_SPINLOCK_H

#include "lib/types.h"

struct spinlock {
	bool is_locked;
};

void fuzz_check(bool holds, const char *what);

static inline void spin_lock(struct spinlock *lock)
{
	fuzz_check(!lock->is_locked, "a lock is free when it is taken");
	lock->is_locked = true;
}

static inline bool spin_trylock(struct spinlock *lock)
{
	if (lock->is_locked)
		return false;
	lock->is_locked = true;
	return true;
}

static inline void spin_unlock(struct spinlock *lock)
{
	fuzz_check(lock->is_locked, "a lock is held when it is released");
	lock->is_locked = false;
}

#endif
