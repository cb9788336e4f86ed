/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator of mem/page.h on the host's heap: counts, and runs dry when it is told to. */
#ifndef DOPPEL_FAKE_PAGES_H
#define DOPPEL_FAKE_PAGES_H

#include "mem/page.h"

#define FAKE_PAGES_ENDLESS UINT64_MAX

struct fake_pages {
	u64 in_use;	 /* pages */
	u64 allocations; /* that succeeded, in all */
	u64 left;	 /* so many more will succeed */
};

extern struct fake_pages fake_pages;

#endif
