/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver of a network interface wants to receive. */
#include "virtio/net_filter.h"
#include "lib/string.h"

#define MAC_SIZE sizeof(((struct net_filter *)0)->multicast[0])

/* A command is its class, its number, and data. */
#define CLASS_RX  0U
#define PROMISC	  0U
#define ALLMULTI  1U
#define CLASS_MAC 1U
#define TABLE_SET 0U
#define ADDR_SET  1U

#define DATA 2U /* its offset */

struct command {
	struct virtq *q;
	const struct virtq_chain *chain;
};

bool net_filter_wants(const struct net_filter *filter, const u8 *mac)
{
	static const u8 broadcast[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!(mac[0] & 1) || !filter->has_table || filter->is_promiscuous ||
	    filter->has_all_multicast || memcmp(mac, broadcast, MAC_SIZE) == 0)
		return true;
	for (u32 i = 0; i < filter->nr_multicast; i++) {
		if (memcmp(mac, filter->multicast[i], MAC_SIZE) == 0)
			return true;
	}
	return false;
}

/* Bytes of the command; false: it has not so many. */
static bool read(const struct command *command, u64 offset, void *buf, u32 size)
{
	return offset + size <= command->chain->readable &&
	       virtq_copy_from(command->q, command->chain, (u32)offset, buf, size) == size;
}

static bool set_mode(const struct command *command, bool *mode)
{
	u8 on;

	if (!read(command, DATA, &on, 1) || on > 1)
		return false;
	*mode = on;
	return true;
}

/*
 * Two tables, each behind its length: addresses of its own besides that of the interface, and
 * multicast. The first changes nothing, for there is no frame to another address.
 */
static bool set_table(const struct command *command, struct net_filter *filter)
{
	u64 offset = DATA;
	u32 unicast, multicast;

	if (!read(command, offset, &unicast, 4))
		return false;
	offset += 4 + unicast * MAC_SIZE;
	if (!read(command, offset, &multicast, 4))
		return false;
	offset += 4;
	if (offset + multicast * MAC_SIZE > command->chain->readable)
		return false;
	filter->has_table = multicast <= NET_FILTER_MAX;
	filter->nr_multicast = filter->has_table ? multicast : 0;
	return read(command, offset, filter->multicast, filter->nr_multicast * (u32)MAC_SIZE);
}

/* Frames with another source would be dropped: better that the driver hears of it. */
static bool set_address(const struct command *command, const u8 *own)
{
	u8 mac[MAC_SIZE];

	return read(command, DATA, mac, MAC_SIZE) && memcmp(mac, own, MAC_SIZE) == 0;
}

bool net_filter_command(struct net_filter *filter, const u8 *mac, struct virtq *q,
			const struct virtq_chain *chain)
{
	struct command command = { q, chain };
	u8 what[DATA];

	if (!read(&command, 0, what, DATA))
		return false;
	switch (what[0] << 8 | what[1]) {
	case CLASS_RX << 8 | PROMISC: return set_mode(&command, &filter->is_promiscuous);
	case CLASS_RX << 8 | ALLMULTI: return set_mode(&command, &filter->has_all_multicast);
	case CLASS_MAC << 8 | TABLE_SET: return set_table(&command, filter);
	case CLASS_MAC << 8 | ADDR_SET: return set_address(&command, mac);
	default: return false;
	}
}
