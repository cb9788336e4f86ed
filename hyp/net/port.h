/* SPDX-License-Identifier: BSD-2-Clause */
/* What the switch and the uplink do with a port, and with each other; for nobody else. */
#ifndef DOPPEL_NET_PORT_H
#define DOPPEL_NET_PORT_H

#include "net/mac_table.h"
#include "net/switch.h"

struct uplink;

struct net_switch {
	char name[SWITCH_NAME_SIZE];
	struct net_switch *next;
	struct spinlock lock;
	struct list ports; /* by their numbers */
	u32 next_number;
	u32 is_touched; /* some port is; atomic */
	struct uplink *uplink;
	struct mac_table outside;
	u64 max_patience; /* ticks */
};

/*
 * A function of the port is about to be called, without the lock under which it was found.
 * switch_detach() takes the port out under that lock, and then waits for the last release.
 */
static inline void port_hold(struct net_port *port)
{
	__atomic_fetch_add(&port->users, 1, __ATOMIC_ACQUIRE);
}

static inline void port_release(struct net_port *port)
{
	__atomic_fetch_sub(&port->users, 1, __ATOMIC_RELEASE);
}

/* Several harts may count at the same time. */
static inline void port_count(u64 *counter, u64 by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

static inline struct net_port *port_of(struct list *link)
{
	return container_of(link, struct net_port, link);
}

/* --- Waiting for room (room.c) */

#define NET_PATIENCE_NS 2000000UL /* in all, for a port that takes no frames */

/*
 * The port had no room for the sender's frame. True: the sender is told when it has, or when it is
 * not to be waited for any longer. `rooms` was read before: if it has changed, there is room.
 */
bool port_wait_for_room(struct net_port *sender, struct net_port *port, u32 rooms);

/* The port has taken a frame. */
void port_earn_patience(struct net_port *port);

/* Its timer: the port has had no room for too long. */
void port_lose_patience(struct timer *impatience);

/* All who wait for the port send again. As many as there are now: they may come back. */
void port_wake_waiters(struct net_switch *net, struct net_port *port);

#endif
