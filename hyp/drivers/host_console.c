/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte streams to the world outside: a driver for a virtio-console with several ports (virtio 1.2
 * section 5.3).
 *
 * The device calls its ports by numbers: a struct host_channel each, with a queue each way. Users
 * call them by names: a struct host_port each. Control messages bring the two together:
 *
 *     DEVICE_READY ──► ◄── DEVICE_ADD ... PORT_READY ──► ◄── PORT_NAME, PORT_OPEN
 *
 * Users, and what they do with ports: host_port.c.
 */
#include "core/log.h"
#include "core/timer.h"
#include "drivers/host_console.h"
#include "lib/string.h"
#include "mem/page.h"

#define CONTROL_IN    2 /* queues; those of data: queue_of() */
#define CONTROL_OUT   3
#define NR_CONTROL_IN 32
#define CONTROL_SIZE  (PAGE_SIZE / NR_CONTROL_IN) /* of a buffer: header, and a name */

#define NAMES_PATIENCE_NS 100000000

struct host_console host_console;

/* 5.3.2: port 0 has the first pair, behind which are the control queues. */
static u16 queue_of(unsigned id)
{
	return (u16)(id ? 2 * id + 2 : 0);
}

/* Gives a buffer to the device, to be filled. */
static void offer(struct virtqueue *q, u8 *buffer, u32 size)
{
	int slot = virtqueue_begin(q);

	virtqueue_add(q, slot, page_to_hpa(buffer), size, VIRTQ_DESC_WRITE);
	virtqueue_end(q, slot, buffer);
}

/* --- Control messages. Lock held. */

/*
 * The device answers into buffers that it has, or not at all: so few messages are on their way at a
 * time that they, with three answers each, leave most buffers to what comes unasked.
 */
static bool send_control(u32 id, u16 event, u16 value)
{
	int slot = virtqueue_begin(&host_console.control_out);
	struct virtio_console_control *message;

	if (slot < 0)
		return false;
	message = &host_console.messages[slot];
	*message = (struct virtio_console_control){ id, event, value };
	virtqueue_add(&host_console.control_out, slot, page_to_hpa(message), sizeof(*message), 0);
	virtqueue_end(&host_console.control_out, slot, message);
	return true;
}

/* Consoles always do (5.3.6.2.2); what nobody reads fills the buffers, and then waits outside. */
static bool takes_input(const struct host_channel *channel)
{
	return host_channel_has_user(channel) || channel->is_console;
}

void host_console_send_owed(void)
{
	for (u32 id = 0; !host_console.is_dead && id < host_console.nr_channels; id++) {
		struct host_channel *channel = &host_console.channels[id];

		if (channel->owes & HOST_OWES_READY &&
		    send_control(id, VIRTIO_CONSOLE_PORT_READY, channel->exists))
			channel->owes &= ~(u8)HOST_OWES_READY;
		if (channel->owes == HOST_OWES_OPEN &&
		    send_control(id, VIRTIO_CONSOLE_PORT_OPEN, takes_input(channel)))
			channel->owes = 0;
	}
	host_console_notify(&host_console.control_out);
}

static void set_open(struct host_channel *channel, bool is_open)
{
	if (channel->is_open != is_open)
		host_port_raise(channel->port, HOST_EVENT_OPENED);
	channel->is_open = is_open;
}

void host_channel_drop_first(struct host_channel *channel)
{
	struct host_received *first = channel->received;

	if (!host_console.is_dead)
		offer(&channel->in, first->buffer, HOST_BUFFER_SIZE);
	channel->nr_received--;
	channel->offset = 0;
	memmove(first, first + 1, channel->nr_received * sizeof(*first));
}

/* Memory that a channel keeps, even while the device lacks the port. */
static bool make_buffers(struct host_channel *channel)
{
	u8 *in = page_alloc(0), *out = page_alloc(0);

	if (!in || !out) {
		log_warn("there is no memory for one more of the machine's ports");
		page_free(in, 0);
		page_free(out, 0);
		return false;
	}
	for (unsigned i = 0; i < HOST_NR_BUFFERS; i++)
		offer(&channel->in, in + i * HOST_BUFFER_SIZE, HOST_BUFFER_SIZE);
	host_console_notify(&channel->in);
	channel->out_buffers = out;
	return true;
}

static void add_channel(struct host_channel *channel)
{
	channel->exists = channel->out_buffers || make_buffers(channel);
	channel->owes |= HOST_OWES_READY;
}

/* The token of what was copied is its place in the channel's own buffers. */
static bool is_own(const struct host_channel *channel, const void *token)
{
	return (u64)token - (u64)channel->out_buffers < PAGE_SIZE;
}

static void done_out(struct host_channel *channel, void *token)
{
	struct host_port *port = channel->port;

	if (!is_own(channel, token)) {
		struct host_port_buffer *buffer = token;

		__atomic_store_n(&buffer->is_done, true, __ATOMIC_RELEASE);
	} else if (port && port->wants_room) {
		port->wants_room = false;
		host_port_raise(port, HOST_EVENT_OUTPUT);
	}
}

void host_channel_collect_out(struct host_channel *channel)
{
	struct virtqueue *q = &channel->out;
	void *token;
	u32 size;

	do {
		while (virtqueue_collect(q, &token, &size) >= 0)
			done_out(channel, token);
	} while (!q->is_broken && !channel->is_polled && virtqueue_arm(q, 0));
}

/* Another port may come in its place: what was not read is not for that one's user. */
static void remove_channel(struct host_channel *channel)
{
	set_open(channel, false);
	if (channel->port)
		channel->port->channel = NULL;
	channel->port = NULL;
	channel->name[0] = '\0';
	channel->exists = channel->is_console = channel->is_polled = false;
	channel->owes = 0;
	host_channel_collect_out(channel); /* the next one's user is called again */
	while (channel->nr_received)
		host_channel_drop_first(channel);
	host_console_notify(&channel->in);
}

static void nominate_channel(struct host_channel *channel)
{
	channel->is_console = true;
	channel->owes |= HOST_OWES_OPEN;
}

static void name_channel(struct host_channel *channel, const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	if (channel->name[0] || length >= sizeof(channel->name))
		return;
	memcpy(channel->name, name, length);
	channel->name[length] = '\0';
	for (unsigned i = 0; length && i < host_console.nr_ports; i++) {
		struct host_port *port = &host_console.ports[i];

		if (!port->channel && strcmp(port->name, channel->name) == 0)
			host_port_connect(port, channel);
	}
}

static void handle_control(const u8 *message, u32 size)
{
	struct virtio_console_control control;
	struct host_channel *channel;

	if (size < sizeof(control))
		return;
	memcpy(&control, message, sizeof(control));
	if (control.id >= host_console.nr_channels)
		return;
	channel = &host_console.channels[control.id];
	if (control.event == VIRTIO_CONSOLE_DEVICE_ADD)
		add_channel(channel);
	else if (!channel->exists)
		return;
	else if (control.event == VIRTIO_CONSOLE_DEVICE_REMOVE)
		remove_channel(channel);
	else if (control.event == VIRTIO_CONSOLE_CONSOLE_PORT)
		nominate_channel(channel);
	else if (control.event == VIRTIO_CONSOLE_PORT_OPEN)
		set_open(channel, control.value);
	else if (control.event == VIRTIO_CONSOLE_PORT_NAME)
		name_channel(channel, (const char *)message + sizeof(control),
			     size - sizeof(control));
}

/* The answers to messages that are found to be sent have come: so these are looked at first. */
static void collect_control(void)
{
	void *token;
	u32 size;

	do {
		while (virtqueue_collect(&host_console.control_out, &token, &size) >= 0)
			;
	} while (!host_console.control_out.is_broken &&
		 virtqueue_arm(&host_console.control_out, 0));
	do {
		while (virtqueue_collect(&host_console.control_in, &token, &size) >= 0) {
			handle_control(token, MIN(size, (u32)CONTROL_SIZE));
			offer(&host_console.control_in, token, CONTROL_SIZE);
		}
	} while (!host_console.control_in.is_broken && virtqueue_arm(&host_console.control_in, 0));
	host_console_notify(&host_console.control_in);
}

/* --- What has come. Lock held. */

static void collect_in(struct host_channel *channel)
{
	struct virtqueue *q = &channel->in;
	void *token;
	u32 size;

	do {
		while (virtqueue_collect(q, &token, &size) >= 0) {
			channel->received[channel->nr_received++] =
				(struct host_received){ token, MIN(size, (u32)HOST_BUFFER_SIZE) };
			host_port_raise(channel->port, HOST_EVENT_INPUT);
		}
	} while (!q->is_broken && virtqueue_arm(q, 0));
}

/* --- The device */

/* Lock held. */
static void die(void)
{
	host_console.is_dead = true;
	transport_reset(host_console.transport);
	for (unsigned id = 0; id < host_console.nr_channels; id++)
		set_open(&host_console.channels[id], false);
	log_error("the machine's console has broken down; its ports are closed");
}

static bool is_any_queue_broken(void)
{
	bool is_broken = host_console.control_in.is_broken || host_console.control_out.is_broken;

	for (unsigned id = 0; id < host_console.nr_channels; id++)
		is_broken |= host_console.channels[id].in.is_broken |
			     host_console.channels[id].out.is_broken;
	return is_broken;
}

static void interrupt(void *device, u32 causes)
{
	(void)device;
	spin_lock(&host_console.lock);
	if (!host_console.is_dead) {
		collect_control();
		for (unsigned id = 0; id < host_console.nr_channels; id++) {
			collect_in(&host_console.channels[id]);
			host_channel_collect_out(&host_console.channels[id]);
		}
		host_console_send_owed();
		if (is_any_queue_broken() || (causes & VIRTIO_INTERRUPT_CONFIG &&
					      transport_is_broken(host_console.transport)))
			die();
	}
	spin_unlock(&host_console.lock);
	host_ports_call_users();
}

static const char *make_queues(const struct transport *transport)
{
	u8 *page = page_alloc(0);
	const char *problem =
		virtqueue_init(&host_console.control_in, transport, CONTROL_IN, NR_CONTROL_IN, 1);

	if (!problem)
		problem = virtqueue_init(&host_console.control_out, transport, CONTROL_OUT,
					 HOST_CONTROL_OUT, 1);
	for (unsigned id = 0; !problem && id < host_console.nr_channels; id++) {
		struct host_channel *channel = &host_console.channels[id];

		problem = virtqueue_init(&channel->in, transport, queue_of(id), HOST_NR_BUFFERS, 1);
		if (!problem)
			problem = virtqueue_init(&channel->out, transport, (u16)(queue_of(id) + 1),
						 HOST_NR_BUFFERS, 1);
	}
	if (!page)
		return "there is no memory for its messages";
	for (unsigned i = 0; !problem && i < NR_CONTROL_IN; i++)
		offer(&host_console.control_in, page + i * CONTROL_SIZE, CONTROL_SIZE);
	return problem;
}

/*
 * Boot: most names are known at the end of it, and the memory of their channels is taken. A device
 * that is slower goes on by interrupts.
 */
static void shake_hands(void)
{
	u64 patience = time_now() + time_from_ns(NAMES_PATIENCE_NS);

	host_console_notify(&host_console.control_in);
	send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	host_console_notify(&host_console.control_out);
	do {
		collect_control();
		host_console_send_owed();
	} while (host_console.control_out.nr_in_flight && time_now() < patience);
}

static const char *start(struct transport *transport)
{
	const char *problem;
	u32 max_ports;

	if (host_console.transport)
		return "one is enough";
	if (!transport_negotiate(transport, VIRTIO_CONSOLE_F_MULTIPORT, VIRTIO_F_EVENT_IDX))
		return "it has no ports with names";
	max_ports =
		transport_config32(transport, offsetof(struct virtio_console_config, max_nr_ports));
	host_console.nr_channels = MIN(max_ports, (u32)HOST_MAX_CHANNELS);
	problem = make_queues(transport);
	if (problem)
		return problem;
	host_console.transport = transport;
	transport->device = &host_console;
	transport_start(transport);
	shake_hands();
	return NULL;
}

const struct host_driver host_console_driver = {
	.id = VIRTIO_ID_CONSOLE,
	.name = "console",
	.start = start,
	.interrupt = interrupt,
};
