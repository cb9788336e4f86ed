/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own pages: a bitmap, first fit. Few and rare allocations need no more. */
#include "mem/page.h"
#include "lib/spinlock.h"
#include "lib/string.h"

static struct spinlock lock;
static u8 *pool;
static u64 nr_pages, nr_used;
static u64 used[PAGE_POOL_MAX / PAGE_SIZE / 64];

void page_pool_init(void *start, u64 size)
{
	pool = start;
	nr_pages = MIN(size, PAGE_POOL_MAX) / PAGE_SIZE;
	nr_used = 0;
	memset(used, 0, sizeof(used));
}

unsigned page_order(u64 size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

static bool is_used(u64 page)
{
	return used[page / 64] >> (page % 64) & 1;
}

static void mark(u64 first, u64 count, bool in_use)
{
	for (u64 page = first; page < first + count; page++) {
		if (in_use)
			used[page / 64] |= BIT(page % 64);
		else
			used[page / 64] &= ~BIT(page % 64);
	}
}

static bool is_free_run(u64 first, u64 count)
{
	for (u64 page = first; page < first + count; page++) {
		if (is_used(page))
			return false;
	}
	return true;
}

/* The first page whose address is aligned to count pages; the pool itself need not be. */
static u64 first_aligned(u64 count)
{
	u64 address = (u64)pool;

	return (ALIGN_UP(address, count * PAGE_SIZE) - address) / PAGE_SIZE;
}

void *page_alloc(unsigned order)
{
	u64 count = BIT(order);
	void *pages = NULL;

	spin_lock(&lock);
	for (u64 first = first_aligned(count); first + count <= nr_pages; first += count) {
		if (is_free_run(first, count)) {
			mark(first, count, true);
			nr_used += count;
			pages = pool + first * PAGE_SIZE;
			break;
		}
	}
	spin_unlock(&lock);
	if (pages)
		memset(pages, 0, count * PAGE_SIZE);
	return pages;
}

void page_free(void *pages, unsigned order)
{
	u64 first = (u64)((u8 *)pages - pool) / PAGE_SIZE;

	if (!pages)
		return;
	spin_lock(&lock);
	mark(first, BIT(order), false);
	nr_used -= BIT(order);
	spin_unlock(&lock);
}

u64 page_used(void)
{
	return __atomic_load_n(&nr_used, __ATOMIC_RELAXED);
}

u64 page_total(void)
{
	return nr_pages;
}
