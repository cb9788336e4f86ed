/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver of a network interface wants to receive (virtio 1.2 sections 5.1.6.5.1, 2). */
#ifndef DOPPEL_NET_FILTER_H
#define DOPPEL_NET_FILTER_H

#include "virtio/virtq.h"

#define NET_FILTER_MAX 32U /* multicast addresses; a driver that listens to more gets all */

/* After reset, all zeroes: the driver has told nothing yet, and gets all there is. */
struct net_filter {
	bool has_table;
	bool is_promiscuous, has_all_multicast;
	u32 nr_multicast;
	u8 multicast[NET_FILTER_MAX][6];
};

/* Whether the driver wants a frame to this address. Unicast is the switch's affair. */
bool net_filter_wants(const struct net_filter *filter, const u8 *mac);

/*
 * Executes the command in a chain of the control queue. False: it is none, or is refused. The
 * address of the interface is `mac`, and stays that.
 */
bool net_filter_command(struct net_filter *filter, const u8 *mac, struct virtq *q,
			const struct virtq_chain *chain);

#endif
