/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real machine's interface as a port of a switch. What is sent is not copied, but for headers:
 * the real device reads the sender's memory. What arrives is copied once, into guests; segments of
 * a TCP stream that arrive together are given to them as one.
 *
 * Its lock is a leaf, but for the driver's (hyp/drivers/host_net.h). Functions of ports are called
 * without it.
 */
#ifndef DOPPEL_UPLINK_H
#define DOPPEL_UPLINK_H

#include "net/offload.h"

struct uplink;

/* What the switch does with frames that arrive: without locks, on the hart of the interrupt. */
struct uplink_user {
	void (*receive)(struct net_switch *net, const struct net_packet *packet);
	/* What the port at which a frame will arrive takes; nothing, if it is not one port. */
	struct offload_takes (*takes)(struct net_switch *net, const u8 *frame);
	void (*flush)(struct net_switch *net);
};

/*
 * Of the machine's interface number index; NULL: there is none, or no memory. Frames arrive once it
 * is started.
 */
struct uplink *uplink_create(unsigned index, const struct uplink_user *user,
			     struct net_switch *net);
void uplink_start(struct uplink *uplink);

/*
 * Sends. Frames that do not fit are dropped, unless may_wait: NET_NO_ROOM, then. The real interface
 * is waited for as long as it takes.
 */
enum net_result uplink_send(struct uplink *uplink, struct net_port *port,
			    const struct net_packet *packet, u64 cookie, bool may_wait);

/* After a batch of uplink_send(): the real device is told. */
void uplink_kick(struct uplink *uplink);

/* The port is no more: none of its functions will be looked up. */
void uplink_forget(struct uplink *uplink, struct net_port *port);

/* What there is to show: counters and address. */
const struct net_port *uplink_port(const struct uplink *uplink);

#endif
