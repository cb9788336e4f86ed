/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubly linked circular lists; the links live inside the listed structs. */
#ifndef DOPPEL_LIST_H
#define DOPPEL_LIST_H

#include "lib/types.h"

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *head)
{
	head->prev = head->next = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/* Inserts item before position; with position = the head: at the end. */
static inline void list_insert_before(struct list *position, struct list *item)
{
	item->next = position;
	item->prev = position->prev;
	position->prev->next = item;
	position->prev = item;
}

/* Takes item out; it then is an empty list of its own, so that a second removal is harmless. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* All items of `from`, which is empty then, come to `to`, which is made. */
static inline void list_take_all(struct list *to, struct list *from)
{
	list_insert_before(from, to); /* as one of them: the other head leaves */
	list_remove(from);
}

#define list_for_each(item, head) \
	for (struct list *item = (head)->next; item != (head); item = item->next)

#endif
