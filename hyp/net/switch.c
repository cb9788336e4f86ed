/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks inside the machine: who gets which frame.
 *
 * A frame to a port's address goes there and nowhere else. What is left is somebody's outside: the
 * uplink has it, and, until it has been heard of, ports that are promiscuous have it as well. VMs'
 * ports are not learnt but known: what they send from another address is dropped.
 */
#include "net/switch.h"
#include "core/log.h"
#include "lib/string.h"
#include "mem/page.h"
#include "net/dhcp.h"
#include "net/mac_table.h"
#include "net/offload.h"
#include "net/port.h"
#include "net/uplink.h"

#define CHUNK 16U /* ports that are held at a time */

static struct spinlock switches_lock; /* taken before a switch's own */
static struct net_switch *switches;

static struct net_switch *new_switch(const char *name)
{
	struct net_switch *net = page_alloc(page_order(sizeof(*net)));

	if (!net)
		return NULL;
	memcpy(net->name, name, strnlen(name, sizeof(net->name) - 1));
	list_init(&net->ports);
	net->max_patience = time_from_ns(NET_PATIENCE_NS);
	net->outside.max_age = time_from_ns(MAC_MAX_AGE_NS);
	net->next = switches;
	switches = net;
	return net;
}

/* One that was made stays: there are no more than the description has names. */
struct net_switch *switch_get(const char *name)
{
	struct net_switch *net;

	spin_lock(&switches_lock);
	for (net = switches; net; net = net->next) {
		if (strncmp(net->name, name, sizeof(net->name) - 1) == 0)
			break;
	}
	if (!net)
		net = new_switch(name);
	spin_unlock(&switches_lock);
	return net;
}

/* Lock held. */
static struct net_port *find(struct net_switch *net, u64 key)
{
	list_for_each (link, &net->ports) {
		if (port_of(link)->key == key)
			return port_of(link);
	}
	return NULL;
}

void switch_attach(struct net_switch *net, struct net_port *port)
{
	list_init(&port->waiters);
	list_init(&port->waits);
	list_init(&port->waits_uplink);
	port->key = mac_key(port->mac);
	port->patience = net->max_patience;
	port->impatience.expired = port_lose_patience;
	spin_lock(&net->lock);
	port->net = net;
	port->number = ++net->next_number;
	if (find(net, port->key))
		log_warn("switch %s: two interfaces have one address", net->name);
	list_insert_before(&net->ports, &port->link);
	spin_unlock(&net->lock);
}

/* --- To a port */

static void touch(struct net_port *port)
{
	__atomic_store_n(&port->is_touched, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&port->net->is_touched, 1, __ATOMIC_RELEASE);
}

/* The sender waits for room, or (NULL) the frame is dropped. The port is held. */
static enum net_result give(struct net_port *sender, struct net_port *port,
			    const struct net_frame *frame)
{
	u32 rooms = __atomic_load_n(&port->rooms, __ATOMIC_ACQUIRE);

	if (!__atomic_load_n(&port->is_up, __ATOMIC_RELAXED))
		return NET_DONE;
	if (port->ops->deliver(port, frame)) {
		port_count(&port->received, 1);
		port_count(&port->bytes_received, frame->size);
		touch(port);
		port_earn_patience(port);
		return NET_DONE;
	}
	if (sender && port_wait_for_room(sender, port, rooms))
		return NET_NO_ROOM;
	port_count(&port->dropped_full, 1);
	return NET_DONE;
}

/* Once a part of a packet is delivered, the rest of it is dropped rather than waited for. */
static enum net_result give_in_parts(struct net_port *sender, struct net_port *port,
				     const struct net_packet *packet, const struct offload *offload)
{
	struct net_frame frame;
	u8 head[NET_HEAD];

	for (unsigned i = 0; i < offload->nr_frames; i++) {
		if (!offload_build(packet, offload, i, head, HPA(0), &frame)) {
			port_count(&port->dropped_other, 1);
			return NET_DONE;
		}
		if (give(i ? NULL : sender, port, &frame) == NET_NO_ROOM)
			return NET_NO_ROOM;
	}
	return NET_DONE;
}

static enum net_result give_whole(struct net_port *sender, struct net_port *port,
				  const struct net_packet *packet)
{
	struct net_frame frame;

	if (!net_packet_compose(packet, packet->head, HPA(0), &frame)) {
		port_count(&port->dropped_other, 1);
		return NET_DONE;
	}
	return give(sender, port, &frame);
}

static struct offload_takes takes(const struct net_port *port)
{
	return (struct offload_takes){ port->takes_csum, port->takes_tso4, port->takes_tso6 };
}

/* Whatever a packet leaves to its receiver that this one cannot do is done before. */
static enum net_result give_packet(struct net_port *sender, struct net_port *port,
				   const struct net_packet *packet)
{
	struct offload offload;

	if (!offload_plan(packet, takes(port), &offload)) {
		port_count(sender ? &sender->dropped_other : &port->dropped_other, 1);
		return NET_DONE;
	}
	if (offload_is_needed(&offload))
		return give_in_parts(sender, port, packet, &offload);
	return give_whole(sender, port, packet);
}

/* --- To many */

/*
 * Holds up to CHUNK ports whose number is higher than *number, which becomes that of the last: each
 * port is met once, however the list changes meanwhile.
 */
static unsigned hold_chunk(struct net_switch *net, u32 *number,
			   bool (*is_wanted)(struct net_port *port), struct net_port *chunk[CHUNK])
{
	unsigned nr = 0;

	spin_lock(&net->lock);
	list_for_each (link, &net->ports) {
		struct net_port *port = port_of(link);

		if (nr == CHUNK)
			break;
		if (port->number > *number && is_wanted(port)) {
			*number = port->number;
			port_hold(port);
			chunk[nr++] = port;
		}
	}
	spin_unlock(&net->lock);
	return nr;
}

static bool is_up(struct net_port *port)
{
	return __atomic_load_n(&port->is_up, __ATOMIC_RELAXED);
}

static bool is_promiscuous(struct net_port *port)
{
	return is_up(port) && __atomic_load_n(&port->is_promiscuous, __ATOMIC_RELAXED);
}

static bool untouch(struct net_port *port)
{
	return __atomic_exchange_n(&port->is_touched, 0, __ATOMIC_RELAXED);
}

/* Nobody is waited for. */
static void flood(struct net_switch *net, const struct net_port *sender,
		  const struct net_packet *packet, bool (*is_wanted)(struct net_port *port))
{
	struct net_port *chunk[CHUNK];
	unsigned nr;
	u32 number = 0;

	do {
		nr = hold_chunk(net, &number, is_wanted, chunk);
		for (unsigned i = 0; i < nr; i++) {
			if (chunk[i] != sender)
				give_packet(NULL, chunk[i], packet);
			port_release(chunk[i]);
		}
	} while (nr == CHUNK);
}

static void flush(struct net_switch *net)
{
	struct net_port *chunk[CHUNK];
	unsigned nr;
	u32 number = 0;

	if (!__atomic_exchange_n(&net->is_touched, 0, __ATOMIC_ACQUIRE))
		return;
	do {
		nr = hold_chunk(net, &number, untouch, chunk);
		for (unsigned i = 0; i < nr; i++) {
			chunk[i]->ops->flush(chunk[i]);
			port_release(chunk[i]);
		}
	} while (nr == CHUNK);
}

/* --- From a port */

/* The whole request is read anew: what makes it one is in the head, and that is the copy. */
static void answer_dhcp(struct net_port *port, const struct net_packet *packet)
{
	u8 request[DHCP_MAX_REQUEST], reply[DHCP_MAX_REPLY];
	u32 size = net_frame_read(packet->frame, 0, request, sizeof(request));
	struct net_frame frame;

	memcpy(request, packet->head, packet->head_size);
	memset(&frame.header, 0, sizeof(frame.header));
	frame.nr_pieces = 0;
	frame.size = 0;
	size = dhcp_answer(port, request, size, reply);
	net_frame_add(&frame, reply, HPA(0), size);
	if (size)
		give(NULL, port, &frame);
}

static enum net_result send_to_group(struct net_port *port, const struct net_packet *packet,
				     u64 cookie)
{
	struct net_switch *net = port->net;

	if (packet->frame->header.gso_type != VIRTIO_NET_GSO_NONE) {
		port_count(&port->dropped_other, 1);
		return NET_DONE;
	}
	flood(net, port, packet, is_up);
	return net->uplink ? uplink_send(net->uplink, port, packet, cookie, false) : NET_DONE;
}

/* To an address that no port has. */
static enum net_result send_outside(struct net_port *port, const struct net_packet *packet,
				    u64 cookie, bool is_known)
{
	struct net_switch *net = port->net;
	enum net_result result = NET_DONE;

	if (net->uplink)
		result = uplink_send(net->uplink, port, packet, cookie, true);
	else if (!is_known)
		port_count(&port->dropped_other, 1);
	if (!is_known && result != NET_NO_ROOM)
		flood(net, port, packet, is_promiscuous);
	return result;
}

static enum net_result send_to(struct net_port *port, const struct net_packet *packet, u64 target,
			       u64 cookie)
{
	struct net_switch *net = port->net;
	enum net_result result;
	struct net_port *to;
	bool is_known = false;

	spin_lock(&net->lock);
	to = find(net, target);
	if (to)
		port_hold(to);
	else
		is_known = mac_table_knows(&net->outside, target, time_now());
	spin_unlock(&net->lock);
	if (!to)
		return send_outside(port, packet, cookie, is_known);
	result = to == port ? NET_DONE : give_packet(port, to, packet);
	port_release(to);
	return result;
}

enum net_result switch_send(struct net_port *port, const struct net_frame *frame, u64 cookie)
{
	u8 head[NET_HEAD];
	struct net_packet packet = { frame, head, net_frame_read(frame, 0, head, NET_HEAD) };
	enum net_result result = NET_DONE;

	if (packet.head_size < ETH_HEADER || frame->size > NET_MAX_FRAME) {
		port_count(&port->dropped_other, 1);
		return NET_DONE;
	}
	if (mac_key(head + ETH_SOURCE) != port->key) {
		port_count(&port->dropped_spoofed, 1);
		return NET_DONE;
	}
	if (port->address && dhcp_is_request(head, packet.head_size))
		answer_dhcp(port, &packet);
	else if (mac_is_group(mac_key(head)))
		result = send_to_group(port, &packet, cookie);
	else
		result = send_to(port, &packet, mac_key(head), cookie);
	if (result != NET_NO_ROOM) {
		port_count(&port->sent, 1);
		port_count(&port->bytes_sent, frame->size);
	}
	return result;
}

void switch_flush(struct net_port *port)
{
	flush(port->net);
	if (port->net->uplink)
		uplink_kick(port->net->uplink);
}

/* --- From outside */

/* A source that is a port's is a loop outside, or a lie. */
static void receive(struct net_switch *net, const struct net_packet *packet)
{
	u64 source = mac_key(packet->head + ETH_SOURCE), target = mac_key(packet->head);
	struct net_port *to = NULL;
	bool is_ours;

	spin_lock(&net->lock);
	is_ours = find(net, source) != NULL;
	if (!is_ours) {
		mac_table_learn(&net->outside, source, time_now());
		to = find(net, target);
		if (to)
			port_hold(to);
	}
	spin_unlock(&net->lock);
	if (to) {
		give_packet(NULL, to, packet);
		port_release(to);
	} else if (!is_ours) {
		flood(net, NULL, packet, mac_is_group(target) ? is_up : is_promiscuous);
	}
}

static struct offload_takes receiver_takes(struct net_switch *net, const u8 *frame)
{
	struct offload_takes what = { false, false, false };
	struct net_port *to;

	spin_lock(&net->lock);
	to = find(net, mac_key(frame));
	if (to)
		what = takes(to);
	spin_unlock(&net->lock);
	return what;
}

static const struct uplink_user uplink_user = { receive, receiver_takes, flush };

void switch_set_uplink(struct net_switch *net, unsigned host_net_index)
{
	struct uplink *uplink = uplink_create(host_net_index, &uplink_user, net);

	if (!uplink) {
		log_warn("switch %s: the machine's network interface %u cannot be used", net->name,
			 host_net_index);
		return;
	}
	net->uplink = uplink;
	uplink_start(uplink);
}

/* --- */

void switch_detach(struct net_port *port)
{
	struct net_switch *net = port->net;

	if (!net)
		return;
	spin_lock(&net->lock);
	/* From here on it is not found, and nobody begins to wait for it. */
	list_remove(&port->link);
	list_remove(&port->waits);
	spin_unlock(&net->lock);
	timer_stop_and_wait(&port->impatience);
	port_wake_waiters(net, port);
	if (net->uplink)
		uplink_forget(net->uplink, port);
	while (__atomic_load_n(&port->users, __ATOMIC_ACQUIRE))
		;
	port->net = NULL;
}

/* --- For those who look */

struct net_switch *switch_next(const struct net_switch *net)
{
	struct net_switch *next;

	spin_lock(&switches_lock);
	next = net ? net->next : switches;
	spin_unlock(&switches_lock);
	return next;
}

const char *switch_name(const struct net_switch *net)
{
	return net->name;
}

static void describe(const struct net_port *port, struct switch_port_info *info)
{
	memcpy(info->name, port->host_name, sizeof(info->name));
	memcpy(info->mac, port->mac, sizeof(info->mac));
	info->address = port->address;
	info->is_up = port->is_up;
	info->sent = port->sent;
	info->received = port->received;
	info->bytes_sent = port->bytes_sent;
	info->bytes_received = port->bytes_received;
	info->dropped = port->dropped_spoofed + port->dropped_full + port->dropped_other;
}

/* The uplink has the number 0, and no other port has. Lock held. */
static const struct net_port *find_from(struct net_switch *net, u32 number)
{
	if (net->uplink && number == 0)
		return uplink_port(net->uplink);
	list_for_each (link, &net->ports) {
		if (port_of(link)->number >= number)
			return port_of(link);
	}
	return NULL;
}

bool switch_next_port(struct net_switch *net, u32 *next, struct switch_port_info *info)
{
	const struct net_port *port;

	spin_lock(&net->lock);
	port = find_from(net, *next);
	if (port) {
		describe(port, info);
		info->is_uplink = port->number == 0;
		*next = port->number + 1;
	}
	spin_unlock(&net->lock);
	return port != NULL;
}

bool switch_next_outside(struct net_switch *net, unsigned *next, u64 *key)
{
	bool found;

	spin_lock(&net->lock);
	found = mac_table_next(&net->outside, next, time_now(), key);
	spin_unlock(&net->lock);
	return found;
}
