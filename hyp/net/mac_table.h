/* SPDX-License-Identifier: BSD-2-Clause */
/* The Ethernet addresses that a switch has learnt: those outside the machine. Not locked. */
#ifndef DOPPEL_MAC_TABLE_H
#define DOPPEL_MAC_TABLE_H

#include "lib/types.h"

#define MAC_TABLE_SIZE 128U
#define MAC_MAX_AGE_NS 300000000000UL /* IEEE 802.1D section 7.9.2 */

/* An address is in the entry that it hashes to, or nowhere: who comes later takes the place. */
struct mac_table {
	struct {
		u64 key;     /* 0: none */
		u64 seen_at; /* ticks */
	} entries[MAC_TABLE_SIZE];
	u64 max_age; /* ticks */
};

/* Six bytes as a number. */
static inline u64 mac_key(const u8 *mac)
{
	u64 key = 0;

	for (unsigned i = 0; i < 6; i++)
		key = key << 8 | mac[i];
	return key;
}

/* Multicast, or broadcast. */
static inline bool mac_is_group(u64 key)
{
	return key >> 40 & 1;
}

/* A frame has come from that address; a group's is ignored. now: ticks. */
void mac_table_learn(struct mac_table *table, u64 key, u64 now);

/* Whether one has come, at most max_age before now, and none that took its place. */
bool mac_table_knows(const struct mac_table *table, u64 key, u64 now);

/* Goes through those that it knows: *next begins with 0. False: there are no more. */
bool mac_table_next(const struct mac_table *table, unsigned *next, u64 now, u64 *key);

#endif
