/* SPDX-License-Identifier: BSD-2-Clause */
/* The real machine's interface as a port of a switch: there is no driver for it yet. */
#include "net/uplink.h"

struct uplink *uplink_create(unsigned index, const struct uplink_user *user, struct net_switch *net)
{
	(void)index;
	(void)user;
	(void)net;
	return NULL;
}

void uplink_start(struct uplink *uplink)
{
	(void)uplink;
}

enum net_result uplink_send(struct uplink *uplink, struct net_port *port,
			    const struct net_packet *packet, u64 cookie, bool may_wait)
{
	(void)uplink;
	(void)port;
	(void)packet;
	(void)cookie;
	(void)may_wait;
	return NET_DONE;
}

void uplink_kick(struct uplink *uplink)
{
	(void)uplink;
}

void uplink_forget(struct uplink *uplink, struct net_port *port)
{
	(void)uplink;
	(void)port;
}

const struct net_port *uplink_port(const struct uplink *uplink)
{
	(void)uplink;
	return NULL;
}
