/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of lists, against an array. */
#include "unit.h"
#include "lib/list.h"

#include <string.h>

#define NR_ITEMS 12

struct item {
	unsigned number;
	struct list link;
};

static void check(const struct list *head, const unsigned *expected, unsigned count)
{
	const struct list *previous = head;
	unsigned n = 0;

	assert_int_equal(list_is_empty(head), count == 0);
	list_for_each (link, head) {
		assert_true(n < count);
		assert_int_equal(container_of(link, struct item, link)->number, expected[n++]);
		assert_ptr_equal(link->prev, previous);
		previous = link;
	}
	assert_int_equal(n, count);
	assert_ptr_equal(head->prev, previous);
}

static void random_changes_match_an_array(void **state)
{
	struct prng prng = { 0x5eed0090 };
	struct item items[NR_ITEMS];
	unsigned order[NR_ITEMS] = { 0 }, count = 0;
	struct list head;

	(void)state;
	list_init(&head);
	check(&head, order, 0);
	for (unsigned i = 0; i < NR_ITEMS; i++) {
		items[i].number = i;
		list_init(&items[i].link);
	}
	for (unsigned round = 0; round < 20000; round++) {
		unsigned number = prng_below(&prng, NR_ITEMS), at = 0;

		while (at < count && order[at] != number)
			at++;
		if (at < count) {
			list_remove(&items[number].link);
			memmove(&order[at], &order[at + 1], (--count - at) * sizeof(order[0]));
		} else {
			at = prng_below(&prng, count + 1); /* before which one; count: at the end */
			list_insert_before(at == count ? &head : &items[order[at]].link,
					   &items[number].link);
			memmove(&order[at + 1], &order[at], (count++ - at) * sizeof(order[0]));
			order[at] = number;
		}
		check(&head, order, count);
	}
}

static void a_second_removal_is_harmless(void **state)
{
	struct item items[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	static const unsigned left[] = { 0, 2 };
	struct list head;

	(void)state;
	list_init(&head);
	for (unsigned i = 0; i < 3; i++)
		list_insert_before(&head, &items[i].link);
	list_remove(&items[1].link);
	assert_true(list_is_empty(&items[1].link));
	list_remove(&items[1].link);
	check(&head, left, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_match_an_array),
		cmocka_unit_test(a_second_removal_is_harmless),
	};

	return RUN_TESTS(tests);
}
