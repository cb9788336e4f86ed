/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's network interface: a port of a switch. Numbers in parentheses are sections of virtio
 * 1.2.
 *
 *     driver ─► transmit queue ─ net_send() ─► switch_send() ─► net_deliver() of another, uplink
 *     driver ◄─ receive queue ◄─ net_deliver() ◄─ switch ◄─ net_send() of another, uplink
 *
 * Nothing is copied on the way out: the switch gets pieces of guest RAM, which stay pinned until it
 * is done with them. A receiver copies them into its own guest's RAM, on the hart of the sender; so
 * the receive queue has a lock of its own, and nobody ever holds the locks of two devices.
 *
 * There is one pair of queues (no VIRTIO_NET_F_MQ). A second would share the interrupt with the
 * first: virtio-mmio has one for the device, which one vCPU takes (4.2.2). And what is sent is
 * copied by the hart of each sender already.
 */
#include "virtio/net.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/page.h"
#include "virtio/net_device.h"

#define FEATURES                                                                         \
	(VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MTU | VIRTIO_NET_F_CSUM | \
	 VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_CSUM |     \
	 VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_MRG_RXBUF |    \
	 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC)

#define MTU 1500U

#define MAX_COMMANDS 64U /* before the vCPU looks at other things */

static struct net_device *of_device(struct virtio_device *device)
{
	return container_of(device, struct net_device, device);
}

/* 5.1.3.1 */
static bool accepts(struct virtio_device *device, u64 features)
{
	static const struct {
		u64 features, needed;
	} rules[] = {
		{ VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
		{ VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC, VIRTIO_NET_F_CTRL_VQ },
	};

	(void)device;
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		if (features & rules[i].features && !(features & rules[i].needed))
			return false;
	}
	return true;
}

static void set_flag(bool *flag, bool value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELAXED);
}

static void start(struct virtio_device *device)
{
	struct net_port *port = &of_device(device)->port;

	virtq_disable_notify(&device->queues[NET_RX]);
	set_flag(&port->takes_csum, virtio_has(device, VIRTIO_NET_F_GUEST_CSUM));
	set_flag(&port->takes_tso4, virtio_has(device, VIRTIO_NET_F_GUEST_TSO4));
	set_flag(&port->takes_tso6, virtio_has(device, VIRTIO_NET_F_GUEST_TSO6));
	__atomic_store_n(&port->is_up, true, __ATOMIC_RELEASE);
}

static void reset(struct virtio_device *device)
{
	struct net_device *net = of_device(device);

	set_flag(&net->port.is_up, false);
	set_flag(&net->port.is_promiscuous, false);
	timer_stop(&net->send_timer);
	timer_stop(&net->tell_timer);
	net->is_waiting = net->is_full = net->is_telling = net->must_look = false;
	net->nr_ready = 0;
	net->filter = (struct net_filter){ 0 };
}

static bool is_quiet(struct virtio_device *device)
{
	return of_device(device)->free == NET_ALL_FREE;
}

/* A command of the control queue (5.1.6.5). */
static bool execute(struct net_device *net)
{
	struct virtq *q = &net->device.queues[NET_CTRL];
	bool done;

	spin_lock(&net->receive_lock);
	done = net_filter_command(&net->filter, net->port.mac, q, &net->chain);
	set_flag(&net->port.is_promiscuous, net->filter.is_promiscuous);
	spin_unlock(&net->receive_lock);
	return done;
}

static void control(struct net_device *net)
{
	struct virtq *q = &net->device.queues[NET_CTRL];
	unsigned done = 0;

	for (; done < MAX_COMMANDS && net_pop(net, q); done++) {
		u8 ack = (u8)(execute(net) ? VIRTIO_NET_OK : VIRTIO_NET_ERR);

		virtq_push(q, net->chain.head, virtq_copy_to(q, &net->chain, 0, &ack, 1));
	}
	virtio_notify_used(&net->device, q);
	if (done == MAX_COMMANDS || virtq_enable_notify(q))
		virtio_ask_for_service(&net->device);
}

static void notify(struct virtio_device *device, unsigned queue)
{
	struct net_device *net = of_device(device);

	switch (queue) {
	case NET_RX: net_look_for_room(net); break;
	case NET_TX: net_send(net); break;
	case NET_CTRL: control(net); break;
	}
}

static void service(struct virtio_device *device)
{
	struct net_device *net = of_device(device);

	if (!virtio_is_live(device))
		return;
	if (unlikely(net->must_look))
		net_look_for_room(net);
	net->is_waiting = false;
	net_send(net);
	control(net);
}

static void kick(struct virtio_device *device)
{
	switch_flush(&of_device(device)->port);
}

static void read_config(struct virtio_device *device, u32 offset, u32 size, u64 *value)
{
	memcpy(value, (const u8 *)&of_device(device)->config + offset, size);
}

static void destroy(struct virtio_device *device)
{
	struct net_device *net = of_device(device);

	switch_detach(&net->port);
	timer_stop_and_wait(&net->send_timer);
	timer_stop_and_wait(&net->tell_timer);
	page_free(net, page_order(sizeof(*net)));
}

static u64 count_in_flight(const struct net_device *net)
{
	u64 count = 0;

	for (u64 used = ~net->free & NET_ALL_FREE; used; used &= used - 1)
		count++;
	return count;
}

static void show(struct virtio_device *device, void (*emit)(void *ctx, const char *name, u64 value),
		 void *ctx)
{
	const struct net_device *net = of_device(device);
	const struct net_port *port = &net->port;

	emit(ctx, "frames-sent", port->sent);
	emit(ctx, "bytes-sent", port->bytes_sent);
	emit(ctx, "in-flight", count_in_flight(net));
	emit(ctx, "refused", net->nr_refused);
	emit(ctx, "spoofed", port->dropped_spoofed);
	emit(ctx, "frames-received", net->nr_received);
	emit(ctx, "bytes-received", net->bytes_received);
	emit(ctx, "dropped-full", port->dropped_full);
	emit(ctx, "dropped-rate", net->nr_over_rate);
	emit(ctx, "dropped-other", port->dropped_other + net->nr_unwanted);
}

static const struct virtio_device_ops ops = {
	.id = VIRTIO_ID_NET,
	.type = "net",
	.size = sizeof(struct net_device),
	.accepts = accepts,
	.start = start,
	.reset = reset,
	.is_quiet = is_quiet,
	.notify = notify,
	.service = service,
	.kick = kick,
	.read_config = read_config,
	.config_size = sizeof(struct virtio_net_config),
	.destroy = destroy,
	.show = show,
};

static const struct net_port_ops port_ops = { net_deliver, net_flush, net_sent, net_writable };

static void init(struct net_device *net, const struct virtio_net_setup *setup)
{
	struct net_port *port = &net->port;

	virtio_device_init(&net->device, &ops, FEATURES, NET_QUEUES);
	net->device.receive_lock = &net->receive_lock;
	net->device.queues[NET_RX].absence = VIRTQ_MUST_WAIT;
	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->config.max_virtqueue_pairs = 1;
	net->config.mtu = MTU;
	memcpy(net->config.mac, setup->mac, sizeof(net->config.mac));
	net->free = NET_ALL_FREE;
	net->send_timer.expired = net_send_again;
	net->tell_timer.expired = net_tell;
	rate_limit_init(&net->send_limit, setup->rate_bytes, time_now());
	rate_limit_init(&net->receive_limit, setup->rate_bytes, time_now());

	port->ops = &port_ops;
	memcpy(port->mac, setup->mac, sizeof(port->mac));
	port->address = setup->address;
	port->prefix = setup->prefix;
	port->gateway = setup->gateway;
	port->dns = setup->dns;
	snprintf(port->host_name, sizeof(port->host_name), "%s", setup->host_name);
}

const char *virtio_net_create(const struct virtio_net_setup *setup, struct virtio_device **device)
{
	struct net_switch *net_switch = switch_get(setup->switch_name);
	struct net_device *net;

	if (!net_switch)
		return "there is no memory left for its switch; end another VM";
	net = page_alloc(page_order(sizeof(*net)));
	if (!net)
		return "there is no memory left for its network interface; end another VM";
	init(net, setup);
	switch_attach(net_switch, &net->port);
	*device = &net->device;
	return NULL;
}
