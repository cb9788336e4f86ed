/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a port that has no room: NET_PATIENCE_NS in all, and that is earned anew by taking
 * frames. So who takes none, or one now and then, holds up nobody for long.
 */
#include "net/port.h"

#define PATIENCE_FRAMES 16U /* that earn all of it */

static bool is_attached(const struct net_port *port)
{
	return !list_is_empty(&port->link);
}

void port_wake_waiters(struct net_switch *net, struct net_port *port)
{
	unsigned nr = 0;

	spin_lock(&net->lock);
	list_for_each (link, &port->waiters)
		nr++;
	while (nr-- && !list_is_empty(&port->waiters)) {
		struct net_port *waiter = container_of(port->waiters.next, struct net_port, waits);

		list_remove(&waiter->waits);
		port_hold(waiter);
		spin_unlock(&net->lock);
		waiter->ops->writable(waiter);
		port_release(waiter);
		spin_lock(&net->lock);
	}
	spin_unlock(&net->lock);
}

void port_lose_patience(struct timer *timer)
{
	struct net_port *port = container_of(timer, struct net_port, impatience);

	port_wake_waiters(port->net, port);
}

/* The port had no room, and has some again. */
static void end_wait(struct net_port *port)
{
	struct net_switch *net = port->net;
	u64 waited;

	spin_lock(&net->lock);
	if (port->full_since) {
		waited = MIN(time_now() - port->full_since, port->patience);
		__atomic_store_n(&port->patience, port->patience - waited, __ATOMIC_RELAXED);
		__atomic_store_n(&port->full_since, 0, __ATOMIC_RELAXED);
		timer_stop(&port->impatience);
	}
	spin_unlock(&net->lock);
	port_wake_waiters(net, port);
}

void switch_has_room(struct net_port *port)
{
	__atomic_fetch_add(&port->rooms, 1, __ATOMIC_RELEASE);
	if (port->net)
		end_wait(port);
}

bool port_wait_for_room(struct net_port *sender, struct net_port *port, u32 rooms)
{
	struct net_switch *net = port->net;
	u64 now = time_now();
	bool waits = false, is_late = false;

	spin_lock(&net->lock);
	if (__atomic_load_n(&port->rooms, __ATOMIC_ACQUIRE) != rooms) {
		waits = is_late = true;
	} else if (is_attached(port)) {
		u64 patience = __atomic_load_n(&port->patience, __ATOMIC_RELAXED);

		if (!port->full_since)
			__atomic_store_n(&port->full_since, now, __ATOMIC_RELAXED);
		waits = now - port->full_since < patience;
		/* Each time: somebody may have earned patience since, and the timer is over. */
		if (waits && list_is_empty(&sender->waits)) {
			list_insert_before(&port->waiters, &sender->waits);
			timer_start(&port->impatience, port->full_since + patience);
		}
	}
	spin_unlock(&net->lock);
	if (is_late)
		sender->ops->writable(sender);
	return waits;
}

void port_earn_patience(struct net_port *port)
{
	u64 patience, max = port->net->max_patience;

	if (unlikely(__atomic_load_n(&port->full_since, __ATOMIC_RELAXED)))
		end_wait(port);
	patience = __atomic_load_n(&port->patience, __ATOMIC_RELAXED);
	if (patience < max)
		__atomic_store_n(&port->patience, MIN(max, patience + max / PATIENCE_FRAMES),
				 __ATOMIC_RELAXED);
}
