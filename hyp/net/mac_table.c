/* SPDX-License-Identifier: BSD-2-Clause */
/* The Ethernet addresses that a switch has learnt. */
#include "net/mac_table.h"

/* Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio. */
static unsigned place(u64 key)
{
	return (unsigned)(key * 0x9e3779b97f4a7c15UL >> 32) % MAC_TABLE_SIZE;
}

void mac_table_learn(struct mac_table *table, u64 key, u64 now)
{
	if (!key || mac_is_group(key))
		return;
	table->entries[place(key)].key = key;
	table->entries[place(key)].seen_at = now;
}

bool mac_table_knows(const struct mac_table *table, u64 key, u64 now)
{
	return key && table->entries[place(key)].key == key &&
	       now - table->entries[place(key)].seen_at <= table->max_age;
}

bool mac_table_next(const struct mac_table *table, unsigned *next, u64 now, u64 *key)
{
	while (*next < MAC_TABLE_SIZE) {
		*key = table->entries[(*next)++].key;
		if (mac_table_knows(table, *key, now))
			return true;
	}
	return false;
}
