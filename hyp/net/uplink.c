/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real machine's interface as a port of a switch.
 *
 * A packet takes one slot for each frame that it is cut into. The slot holds the frame's headers;
 * the sender's memory is its own again when the last of them is done (sent()).
 *
 *     free ─uplink_send()─► pending ─host_net_send()─► in the device ─done()─► free
 */
#include "net/uplink.h"
#include "drivers/host_net.h"
#include "lib/string.h"
#include "mem/page.h"
#include "net/coalesce.h"
#include "net/port.h"

#define NR_SLOTS 256U
/* What one port may have of them; a packet that needs more is sent when it has none. */
#define QUOTA (NR_SLOTS / 2)
/* Who has to wait is woken for so many slots at least: not for each that becomes free. */
#define WAKE_FOR  (QUOTA / 4)
#define MAX_WOKEN 8U

_Static_assert(OFFLOAD_MAX_FRAMES <= QUOTA, "each packet can be sent");
_Static_assert(NET_MAX_PIECES <= HOST_NET_MAX_SEGMENTS, "each frame fits");

struct slot {
	struct host_net_frame frame;
	u8 head[NET_HEAD];
	struct uplink *uplink;
	struct slot *next;
	struct slot *first; /* of the same packet */
	/* Of a packet's first slot: */
	struct net_port *port; /* NULL: it is no more */
	u64 cookie;
	unsigned left;	       /* frames that are not done */
	bool refers_to_sender; /* sent() is due */
};

struct uplink {
	struct spinlock lock;
	struct host_net *device;
	struct net_switch *net;
	const struct uplink_user *user;
	struct offload_takes takes;
	struct slot *free;
	unsigned nr_free;
	struct slot *pending, **pending_end; /* the device has no room for them yet */
	u32 needs_kick;			     /* atomic */
	struct list waiters;
	struct net_port port;	    /* as others see it */
	struct coalescer coalescer; /* without the lock: frames arrive one at a time */
	struct slot slots[NR_SLOTS];
};

static struct slot *take_slot(struct uplink *uplink)
{
	struct slot *slot = uplink->free;

	uplink->free = slot->next;
	uplink->nr_free--;
	slot->next = NULL;
	return slot;
}

static void free_slot(struct uplink *uplink, struct slot *slot)
{
	slot->next = uplink->free;
	uplink->free = slot;
	uplink->nr_free++;
}

static void push_pending(struct uplink *uplink)
{
	struct slot *slot;

	while ((slot = uplink->pending) != NULL) {
		struct slot *next = slot->next; /* when it is sent, it may be done at once */

		if (!host_net_send(uplink->device, &slot->frame))
			return;
		uplink->pending = next;
		if (!next)
			uplink->pending_end = &uplink->pending;
		__atomic_store_n(&uplink->needs_kick, 1, __ATOMIC_RELAXED);
	}
}

static bool is_within_quota(const struct net_port *port, unsigned nr)
{
	return !port->in_uplink || port->in_uplink + nr <= QUOTA;
}

/* Who waits for slots, and not for its own quota, goes before who comes; not before who waited. */
static bool is_somebody_before(const struct uplink *uplink, const struct net_port *port)
{
	if (port->has_waited)
		return false;
	list_for_each (link, &uplink->waiters) {
		const struct net_port *waiter = container_of(link, struct net_port, waits_uplink);

		if (waiter == port)
			return false;
		if (is_within_quota(waiter, waiter->needs))
			return true;
	}
	return false;
}

/* Takes the slots of a packet, linked by next; NULL: the port has to wait. Lock held. */
static struct slot *reserve(struct uplink *uplink, struct net_port *port, unsigned nr,
			    bool may_wait)
{
	struct slot *first;

	if (nr > uplink->nr_free || !is_within_quota(port, nr) ||
	    is_somebody_before(uplink, port)) {
		if (may_wait && list_is_empty(&port->waits_uplink)) {
			port->needs = MAX(nr, WAKE_FOR);
			list_insert_before(&uplink->waiters, &port->waits_uplink);
		}
		return NULL;
	}
	port->in_uplink += nr;
	port->has_waited = false;
	first = take_slot(uplink);
	first->port = port;
	first->left = nr;
	for (struct slot *slot = first; --nr; slot = slot->next)
		slot->next = take_slot(uplink);
	return first;
}

static bool refers_to_sender(const struct net_packet *packet)
{
	return packet->frame->size > packet->head_size;
}

/* Fills one slot. */
static bool build(const struct net_packet *packet, const struct offload *offload, unsigned index,
		  struct slot *slot)
{
	struct net_frame frame;

	if (!offload_build(packet, offload, index, slot->head, page_to_hpa(slot->head), &frame))
		return false;
	slot->frame.header = frame.header;
	slot->frame.nr_segments = frame.nr_pieces;
	for (unsigned i = 0; i < frame.nr_pieces; i++) {
		slot->frame.segments[i].start = frame.pieces[i].hpa;
		slot->frame.segments[i].size = frame.pieces[i].size;
	}
	return true;
}

/*
 * Ports that need not wait any more are taken off the list, and held; as many as there are slots
 * for. Those that are woken may send nothing. So if nothing is out that would wake the others when
 * it comes back, all are woken. Lock held.
 */
static unsigned collect_woken(struct uplink *uplink, struct net_port *woken[MAX_WOKEN])
{
	unsigned nr_free = uplink->nr_free, nr = 0;
	struct list *link = uplink->waiters.next;

	while (link != &uplink->waiters && nr < MAX_WOKEN) {
		struct net_port *port = container_of(link, struct net_port, waits_uplink);

		link = link->next;
		if (!is_within_quota(port, port->needs))
			continue;
		if (port->needs > nr_free && uplink->nr_free < NR_SLOTS)
			break;
		nr_free -= MIN(port->needs, nr_free);
		list_remove(&port->waits_uplink);
		port->has_waited = true;
		port_hold(port);
		woken[nr++] = port;
	}
	return nr;
}

static void wake(struct uplink *uplink)
{
	struct net_port *woken[MAX_WOKEN];
	unsigned nr;

	do {
		spin_lock(&uplink->lock);
		nr = collect_woken(uplink, woken);
		spin_unlock(&uplink->lock);
		for (unsigned i = 0; i < nr; i++) {
			woken[i]->ops->writable(woken[i]);
			port_release(woken[i]);
		}
	} while (nr == MAX_WOKEN);
}

/* One frame of a packet is done. Returns the port whose sent() is due, held. Lock held. */
static struct net_port *finish(struct uplink *uplink, struct slot *slot, u64 *cookie)
{
	struct slot *first = slot->first;
	struct net_port *port = first->port;

	if (port)
		port->in_uplink--;
	if (slot != first)
		free_slot(uplink, slot);
	if (--first->left)
		return NULL;
	*cookie = first->cookie;
	free_slot(uplink, first);
	if (!port || !first->refers_to_sender)
		return NULL;
	port_hold(port);
	return port;
}

static void done(struct host_net_frame *frame)
{
	struct slot *slot = container_of(frame, struct slot, frame);
	struct uplink *uplink = slot->uplink;
	struct net_port *sender;
	u64 cookie = 0;

	spin_lock(&uplink->lock);
	sender = finish(uplink, slot, &cookie);
	push_pending(uplink);
	spin_unlock(&uplink->lock);
	uplink_kick(uplink);
	if (sender) {
		sender->ops->sent(sender, cookie);
		port_release(sender);
	}
	wake(uplink);
}

/* Gives reserved slots back: their packet is malformed. */
static void cancel(struct uplink *uplink, struct net_port *port, struct slot *slot)
{
	spin_lock(&uplink->lock);
	while (slot) {
		struct slot *next = slot->next;

		port->in_uplink--;
		free_slot(uplink, slot);
		slot = next;
	}
	spin_unlock(&uplink->lock);
	wake(uplink);
}

enum net_result uplink_send(struct uplink *uplink, struct net_port *port,
			    const struct net_packet *packet, u64 cookie, bool may_wait)
{
	struct slot *first, *last = NULL;
	struct offload offload;
	unsigned index = 0;

	if (!offload_plan(packet, uplink->takes, &offload)) {
		port_count(&port->dropped_other, 1);
		return NET_DONE;
	}
	spin_lock(&uplink->lock);
	first = reserve(uplink, port, offload.nr_frames, may_wait);
	spin_unlock(&uplink->lock);
	if (!first) {
		if (may_wait)
			return NET_NO_ROOM;
		port_count(&uplink->port.dropped_full, 1);
		return NET_DONE;
	}
	first->cookie = cookie;
	first->refers_to_sender = refers_to_sender(packet);
	for (struct slot *slot = first; slot; slot = slot->next) {
		slot->first = first;
		if (!build(packet, &offload, index++, slot)) {
			cancel(uplink, port, first);
			port_count(&port->dropped_other, 1);
			return NET_DONE;
		}
		last = slot;
	}
	port_count(&uplink->port.received, 1);
	port_count(&uplink->port.bytes_received, packet->frame->size);
	spin_lock(&uplink->lock);
	*uplink->pending_end = first;
	uplink->pending_end = &last->next;
	push_pending(uplink);
	spin_unlock(&uplink->lock);
	return refers_to_sender(packet) ? NET_TAKEN : NET_DONE;
}

void uplink_kick(struct uplink *uplink)
{
	if (__atomic_exchange_n(&uplink->needs_kick, 0, __ATOMIC_RELAXED))
		host_net_kick(uplink->device);
}

void uplink_forget(struct uplink *uplink, struct net_port *port)
{
	spin_lock(&uplink->lock);
	list_remove(&port->waits_uplink);
	for (struct slot *slot = uplink->slots; slot < uplink->slots + NR_SLOTS; slot++) {
		if (slot->port == port)
			slot->port = NULL;
	}
	spin_unlock(&uplink->lock);
}

const struct net_port *uplink_port(const struct uplink *uplink)
{
	return &uplink->port;
}

static void receive(void *ctx, const struct virtio_net_header *header, const void *data, u32 size)
{
	struct uplink *uplink = ctx;
	struct net_frame frame;
	struct net_packet packet = { &frame, data, MIN(size, NET_HEAD) };

	if (size < ETH_HEADER) {
		port_count(&uplink->port.dropped_other, 1);
		return;
	}
	port_count(&uplink->port.sent, 1);
	port_count(&uplink->port.bytes_sent, size);
	if (!header->flags && !header->gso_type && coalesce(&uplink->coalescer, data, size))
		return;
	coalesce_flush(&uplink->coalescer);
	frame.header = *header;
	frame.pieces[0] = (struct net_piece){ data, HPA(0), size };
	frame.nr_pieces = 1;
	frame.size = size;
	uplink->user->receive(uplink->net, &packet);
}

static void deliver(void *ctx, const struct net_packet *packet)
{
	struct uplink *uplink = ctx;

	uplink->user->receive(uplink->net, packet);
}

static bool is_wanted(void *ctx, const u8 *frame, unsigned version)
{
	struct uplink *uplink = ctx;
	struct offload_takes takes = uplink->user->takes(uplink->net, frame);

	return takes.csum && (version == 4 ? takes.tso4 : takes.tso6);
}

static void flush(void *ctx)
{
	struct uplink *uplink = ctx;

	coalesce_flush(&uplink->coalescer);
	uplink->user->flush(uplink->net);
}

struct uplink *uplink_create(unsigned index, const struct uplink_user *user, struct net_switch *net)
{
	struct host_net *device = host_net_get(index);
	struct uplink *uplink = device ? page_alloc(page_order(sizeof(*uplink))) : NULL;
	struct host_net_info info;

	if (!uplink)
		return NULL;
	host_net_info(device, &info);
	uplink->device = device;
	uplink->user = user;
	uplink->net = net;
	uplink->takes = (struct offload_takes){ info.has_csum, info.has_tso4, info.has_tso6 };
	uplink->pending_end = &uplink->pending;
	uplink->coalescer.deliver = deliver;
	uplink->coalescer.is_wanted = is_wanted;
	uplink->coalescer.ctx = uplink;
	list_init(&uplink->waiters);
	for (unsigned i = 0; i < NR_SLOTS; i++) {
		uplink->slots[i].uplink = uplink;
		uplink->slots[i].frame.done = done;
		free_slot(uplink, &uplink->slots[i]);
	}
	memcpy(uplink->port.mac, info.mac, sizeof(info.mac));
	memcpy(uplink->port.host_name, "uplink", sizeof("uplink"));
	uplink->port.is_up = true;
	return uplink;
}

void uplink_start(struct uplink *uplink)
{
	host_net_set_flush(uplink->device, flush, uplink);
	host_net_set_receiver(uplink->device, receive, uplink);
}
