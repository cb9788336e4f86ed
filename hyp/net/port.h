/* SPDX-License-Identifier: BSD-2-Clause */
/* What the switch and the uplink do with a port; for nobody else. */
#ifndef DOPPEL_NET_PORT_H
#define DOPPEL_NET_PORT_H

#include "net/switch.h"

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

#endif
