/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator of mem/page.h on the host's heap, where the sanitizer watches each page. */
#include "pages.h"
#include "../unit.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct fake_pages fake_pages = { .left = FAKE_PAGES_ENDLESS };

void *page_alloc(unsigned order)
{
	size_t size = PAGE_SIZE << order;
	void *pages;

	if (!fake_pages.left)
		return NULL;
	if (fake_pages.left != FAKE_PAGES_ENDLESS)
		fake_pages.left--;
	pages = aligned_alloc(size, size);
	assert_non_null(pages);
	memset(pages, 0, size);
	fake_pages.in_use += BIT(order);
	fake_pages.allocations++;
	return pages;
}

void page_free(void *pages, unsigned order)
{
	if (!pages)
		return;
	assert_int_equal(malloc_usable_size(pages), PAGE_SIZE << order);
	fake_pages.in_use -= BIT(order);
	free(pages);
}

unsigned page_order(u64 size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}
