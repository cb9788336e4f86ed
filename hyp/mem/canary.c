/* SPDX-License-Identifier: BSD-2-Clause */
/* A pattern in all RAM that is nobody's, and whether it is still there. */
#include "mem/canary.h"
#include "core/log.h"
#include "mem/hyp_map.h"
#include "mem/page.h"
#include "mem/ram_pool.h"

#define WORDS	 (PAGE_SIZE / sizeof(u64))
#define MULTIPLE 0x9e3779b97f4a7c15UL /* odd, with bits everywhere */

static const u64 *constant_start;
static u64 constant_words;
static u64 constant_sum;

static u64 *page_at(hpa_t hpa)
{
	return (u64 *)(WINDOW_BASE + hpa.v);
}

/* No two words of the machine's RAM hold the same. */
static u64 pattern(hpa_t page, u64 word)
{
	return ~(page.v + word * sizeof(u64)) * MULTIPLE;
}

static void plant_page(hpa_t page)
{
	for (u64 i = 0; i < WORDS; i++)
		page_at(page)[i] = pattern(page, i);
}

/* The first word of a page that is not as planted; WORDS: all are. */
static u64 find_change(hpa_t page)
{
	u64 i = 0;

	while (i < WORDS && page_at(page)[i] == pattern(page, i))
		i++;
	return i;
}

static u64 sum_of_constant(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < constant_words; i++)
		sum = (sum ^ constant_start[i]) * MULTIPLE;
	return sum;
}

void canary_plant(const void *constant, u64 size)
{
	struct ram_piece range;

	for (unsigned i = 0; ram_pool_untouched(i, &range); i++) {
		for (u64 at = 0; at < range.size; at += PAGE_SIZE)
			plant_page(HPA(range.start.v + at));
	}
	constant_start = constant;
	constant_words = size / sizeof(u64);
	constant_sum = sum_of_constant();
}

static u64 count_changed(const struct ram_piece *range, bool tell)
{
	u64 bad = 0;

	for (u64 at = 0; at < range->size; at += PAGE_SIZE) {
		hpa_t page = HPA(range->start.v + at);
		u64 word = find_change(page);

		if (word == WORDS)
			continue;
		if (tell && bad == 0)
			log_error("canary: %lx, which is nobody's memory, has changed to %lx",
				  page.v + word * sizeof(u64), page_at(page)[word]);
		bad++;
	}
	return bad;
}

bool canary_check(void)
{
	struct ram_piece range;
	u64 pages = 0, bad = 0;

	if (!constant_start)
		return true;
	for (unsigned i = 0; ram_pool_untouched(i, &range); i++) {
		pages += range.size / PAGE_SIZE;
		bad += count_changed(&range, bad == 0);
	}
	if (sum_of_constant() != constant_sum) {
		log_error("canary: the hypervisor's text or constants have changed");
		bad++;
	}
	log_raw("stat doppel canary.pages %lu\nstat doppel canary.bad %lu\n", pages, bad);
	return bad == 0;
}
