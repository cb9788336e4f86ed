/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte streams to the world outside: a driver for a virtio-console with several ports (virtio 1.2
 * section 5.3).
 *
 * The device calls its ports by numbers: a struct channel each, with a queue each way. Users call
 * them by names: a struct host_port each. Control messages bring the two together:
 *
 *     DEVICE_READY ──► ◄── DEVICE_ADD ... PORT_READY ──► ◄── PORT_NAME, PORT_OPEN
 *
 * One lock, a leaf, for all of it. Users are called without it (call_users()).
 */
#include "drivers/host_console.h"
#include "core/log.h"
#include "core/timer.h"
#include "drivers/virtqueue.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/page.h"

#define MAX_CHANNELS   32
#define MAX_PORTS      32
#define CONTROL_IN     2 /* queues; those of data: queue_of() */
#define CONTROL_OUT    3
#define NR_BUFFERS     4 /* of a channel, each way */
#define BUFFER_SIZE    (PAGE_SIZE / NR_BUFFERS)
#define NR_CONTROL_IN  32
#define CONTROL_SIZE   (PAGE_SIZE / NR_CONTROL_IN) /* of a buffer: header, and a name */
#define NR_CONTROL_OUT 4

#define NAMES_PATIENCE_NS 100000000

/* Control messages that are due. */
#define OWES_READY BIT(0)
#define OWES_OPEN  BIT(1)

/* Calls of the user that are due. */
#define EVENT_INPUT  BIT(0)
#define EVENT_OUTPUT BIT(1)
#define EVENT_OPENED BIT(2)

struct received {
	u8 *buffer;
	u32 size;
};

struct channel {
	bool exists;
	bool is_console; /* the device has nominated it to be one */
	bool is_open;	 /* somebody outside is connected */
	u8 owes;
	char name[HOST_PORT_NAME_SIZE]; /* "": not told */
	struct host_port *port;		/* NULL: nobody has asked for the name */
	struct virtqueue in, out;
	u8 *out_buffers; /* one for each slot; NULL: it has never existed */
	bool is_polled;	 /* somebody gives buffers, and looks for their end himself */
	/* What has come, and is not read: the first of it from offset on. */
	struct received received[NR_BUFFERS];
	unsigned nr_received;
	u32 offset;
	u64 bytes_read, bytes_written;
};

struct host_port {
	char name[HOST_PORT_NAME_SIZE]; /* "": nobody has taken it */
	struct channel *channel;	/* NULL: the device has none of that name */
	const struct host_port_user *user;
	void *ctx;
	u8 events;
	bool is_calling; /* a hart is in the user's functions; atomic */
	bool wants_room;
};

static struct {
	struct spinlock lock;
	struct transport *transport; /* NULL: the machine has no such device */
	struct virtqueue control_in, control_out;
	struct virtio_console_control messages[NR_CONTROL_OUT]; /* one for each slot */
	struct channel channels[MAX_CHANNELS];
	unsigned nr_channels;
	struct host_port ports[MAX_PORTS];
	unsigned nr_ports; /* that have ever been taken; atomic */
	bool is_dead;
} console;

/* 5.3.2: port 0 has the first pair, behind which are the control queues. */
static u16 queue_of(unsigned id)
{
	return (u16)(id ? 2 * id + 2 : 0);
}

static void notify(struct virtqueue *q)
{
	if (!console.is_dead && virtqueue_must_notify(q))
		virtqueue_notify(q);
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
	int slot = virtqueue_begin(&console.control_out);
	struct virtio_console_control *message;

	if (slot < 0)
		return false;
	message = &console.messages[slot];
	*message = (struct virtio_console_control){ id, event, value };
	virtqueue_add(&console.control_out, slot, page_to_hpa(message), sizeof(*message), 0);
	virtqueue_end(&console.control_out, slot, message);
	return true;
}

static bool has_user(const struct channel *channel)
{
	return channel->port && channel->port->user;
}

/* Consoles always do (5.3.6.2.2); what nobody reads fills the buffers, and then waits outside. */
static bool takes_input(const struct channel *channel)
{
	return has_user(channel) || channel->is_console;
}

static void send_owed(void)
{
	for (u32 id = 0; !console.is_dead && id < console.nr_channels; id++) {
		struct channel *channel = &console.channels[id];

		if (channel->owes & OWES_READY &&
		    send_control(id, VIRTIO_CONSOLE_PORT_READY, channel->exists))
			channel->owes &= ~(u8)OWES_READY;
		if (channel->owes == OWES_OPEN &&
		    send_control(id, VIRTIO_CONSOLE_PORT_OPEN, takes_input(channel)))
			channel->owes = 0;
	}
	notify(&console.control_out);
}

static void raise(struct host_port *port, u8 events)
{
	if (port && port->user)
		port->events |= events;
}

static void set_open(struct channel *channel, bool is_open)
{
	if (channel->is_open != is_open)
		raise(channel->port, EVENT_OPENED);
	channel->is_open = is_open;
}

static void connect(struct host_port *port, struct channel *channel)
{
	port->channel = channel;
	channel->port = port;
	if (!port->user)
		return;
	channel->owes |= OWES_OPEN;
	raise(port, EVENT_INPUT | EVENT_OUTPUT | (channel->is_open ? EVENT_OPENED : 0));
}

/* The first buffer of received has been read. */
static void drop_first(struct channel *channel)
{
	struct received *first = channel->received;

	if (!console.is_dead)
		offer(&channel->in, first->buffer, BUFFER_SIZE);
	channel->nr_received--;
	channel->offset = 0;
	memmove(first, first + 1, channel->nr_received * sizeof(*first));
}

/* Memory that a channel keeps, even while the device lacks the port. */
static bool make_buffers(struct channel *channel)
{
	u8 *in = page_alloc(0), *out = page_alloc(0);

	if (!in || !out) {
		log_warn("there is no memory for one more of the machine's ports");
		page_free(in, 0);
		page_free(out, 0);
		return false;
	}
	for (unsigned i = 0; i < NR_BUFFERS; i++)
		offer(&channel->in, in + i * BUFFER_SIZE, BUFFER_SIZE);
	notify(&channel->in);
	channel->out_buffers = out;
	return true;
}

static void add_channel(struct channel *channel)
{
	channel->exists = channel->out_buffers || make_buffers(channel);
	channel->owes |= OWES_READY;
}

/* The token of what was copied is its place in the channel's own buffers. */
static bool is_own(const struct channel *channel, const void *token)
{
	return (u64)token - (u64)channel->out_buffers < PAGE_SIZE;
}

static void done_out(struct channel *channel, void *token)
{
	struct host_port *port = channel->port;

	if (!is_own(channel, token)) {
		struct host_port_buffer *buffer = token;

		__atomic_store_n(&buffer->is_done, true, __ATOMIC_RELEASE);
	} else if (port && port->wants_room) {
		port->wants_room = false;
		raise(port, EVENT_OUTPUT);
	}
}

static void collect_out(struct channel *channel)
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
static void remove_channel(struct channel *channel)
{
	set_open(channel, false);
	if (channel->port)
		channel->port->channel = NULL;
	channel->port = NULL;
	channel->name[0] = '\0';
	channel->exists = channel->is_console = channel->is_polled = false;
	channel->owes = 0;
	collect_out(channel); /* the next one's user is called again */
	while (channel->nr_received)
		drop_first(channel);
	notify(&channel->in);
}

static void nominate_channel(struct channel *channel)
{
	channel->is_console = true;
	channel->owes |= OWES_OPEN;
}

static void name_channel(struct channel *channel, const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	if (channel->name[0] || length >= sizeof(channel->name))
		return;
	memcpy(channel->name, name, length);
	channel->name[length] = '\0';
	for (unsigned i = 0; length && i < console.nr_ports; i++) {
		struct host_port *port = &console.ports[i];

		if (!port->channel && strcmp(port->name, channel->name) == 0)
			connect(port, channel);
	}
}

static void handle_control(const u8 *message, u32 size)
{
	struct virtio_console_control control;
	struct channel *channel;

	if (size < sizeof(control))
		return;
	memcpy(&control, message, sizeof(control));
	if (control.id >= console.nr_channels)
		return;
	channel = &console.channels[control.id];
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
		while (virtqueue_collect(&console.control_out, &token, &size) >= 0)
			;
	} while (!console.control_out.is_broken && virtqueue_arm(&console.control_out, 0));
	do {
		while (virtqueue_collect(&console.control_in, &token, &size) >= 0) {
			handle_control(token, MIN(size, (u32)CONTROL_SIZE));
			offer(&console.control_in, token, CONTROL_SIZE);
		}
	} while (!console.control_in.is_broken && virtqueue_arm(&console.control_in, 0));
	notify(&console.control_in);
}

/* --- Data. Lock held. */

static void collect_in(struct channel *channel)
{
	struct virtqueue *q = &channel->in;
	void *token;
	u32 size;

	do {
		while (virtqueue_collect(q, &token, &size) >= 0) {
			channel->received[channel->nr_received++] =
				(struct received){ token, MIN(size, (u32)BUFFER_SIZE) };
			raise(channel->port, EVENT_INPUT);
		}
	} while (!q->is_broken && virtqueue_arm(q, 0));
}

u32 host_port_read(struct host_port *port, void *buf, u32 size)
{
	struct channel *channel;
	u32 done = 0;

	spin_lock(&console.lock);
	channel = port->channel;
	while (channel && channel->nr_received && done < size) {
		const struct received *first = channel->received;
		u32 part = MIN(first->size - channel->offset, size - done);

		memcpy((u8 *)buf + done, first->buffer + channel->offset, part);
		done += part;
		channel->offset += part;
		if (channel->offset == first->size)
			drop_first(channel);
	}
	if (channel) {
		channel->bytes_read += done;
		notify(&channel->in);
	}
	spin_unlock(&console.lock);
	return done;
}

u32 host_port_write(struct host_port *port, const void *buf, u32 size)
{
	struct channel *channel;
	u32 done = 0;

	spin_lock(&console.lock);
	channel = port->channel;
	while (channel && !console.is_dead && done < size) {
		u32 part = MIN((u32)BUFFER_SIZE, size - done);
		int slot = virtqueue_begin(&channel->out);
		u8 *buffer;

		if (slot < 0)
			break;
		buffer = channel->out_buffers + (u32)slot * BUFFER_SIZE;
		memcpy(buffer, (const u8 *)buf + done, part);
		virtqueue_add(&channel->out, slot, page_to_hpa(buffer), part, 0);
		virtqueue_end(&channel->out, slot, buffer);
		done += part;
	}
	port->wants_room = done < size;
	if (channel) {
		channel->bytes_written += done;
		notify(&channel->out);
	}
	spin_unlock(&console.lock);
	return done;
}

/* Lock held. True: the device is to be told. */
static bool give(struct channel *channel, struct host_port_buffer *buffer)
{
	int slot = virtqueue_begin(&channel->out);

	if (slot < 0)
		return false;
	buffer->is_done = false;
	virtqueue_add(&channel->out, slot, page_to_hpa(buffer->data), buffer->size, 0);
	virtqueue_end(&channel->out, slot, buffer);
	channel->bytes_written += buffer->size;
	return true;
}

bool host_port_give(struct host_port *port, struct host_port_buffer *buffer)
{
	bool was_given = false, must_notify = false;
	struct channel *channel;

	spin_lock(&console.lock);
	channel = port->channel;
	if (channel && channel->is_open && !console.is_dead) {
		channel->is_polled = true;
		collect_out(channel);
		was_given = give(channel, buffer);
		must_notify = was_given && virtqueue_must_notify(&channel->out);
	}
	spin_unlock(&console.lock);
	/* Without the lock: on QEMU it takes as long as it takes to hand the bytes on. */
	if (must_notify)
		virtqueue_notify(&channel->out);
	return was_given;
}

void host_port_collect(struct host_port *port)
{
	spin_lock(&console.lock);
	if (port->channel && !console.is_dead)
		collect_out(port->channel);
	spin_unlock(&console.lock);
}

/* --- Ports */

/* What is due to the user of a port, until nothing is. Another hart may be at it: it sees to all.
 */
static void call_user(struct host_port *port)
{
	spin_lock(&console.lock);
	while (port->events && port->user && !port->is_calling) {
		const struct host_port_user *user = port->user;
		void *ctx = port->ctx;
		u8 events = port->events;
		bool is_open = port->channel && port->channel->is_open;

		port->events = 0;
		port->is_calling = true;
		spin_unlock(&console.lock);
		if (events & EVENT_OPENED)
			user->opened(ctx, is_open);
		if (events & EVENT_INPUT)
			user->input(ctx);
		if (events & EVENT_OUTPUT)
			user->output(ctx);
		spin_lock(&console.lock);
		__atomic_store_n(&port->is_calling, false, __ATOMIC_RELEASE);
	}
	spin_unlock(&console.lock);
}

static void call_users(void)
{
	unsigned nr_ports = __atomic_load_n(&console.nr_ports, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < nr_ports; i++)
		call_user(&console.ports[i]);
}

/* The one that is called so; with "", one that nobody has. NULL: there is none. */
static struct host_port *find_port(const char *name)
{
	for (unsigned i = 0; i < MAX_PORTS; i++) {
		if (strcmp(console.ports[i].name, name) == 0)
			return &console.ports[i];
	}
	return NULL;
}

struct host_port *host_port_take(const char *name)
{
	struct host_port *port;

	if (!console.transport || !name[0] || strlen(name) >= sizeof(port->name))
		return NULL;
	spin_lock(&console.lock);
	port = find_port(name) ? NULL : find_port("");
	if (port) {
		unsigned index = (unsigned)(port - console.ports);

		memcpy(port->name, name, strlen(name) + 1);
		for (unsigned i = 0; i < console.nr_channels && !port->channel; i++) {
			if (strcmp(console.channels[i].name, name) == 0)
				connect(port, &console.channels[i]);
		}
		__atomic_store_n(&console.nr_ports, MAX(console.nr_ports, index + 1),
				 __ATOMIC_RELEASE);
	}
	spin_unlock(&console.lock);
	return port;
}

void host_port_give_back(struct host_port *port)
{
	host_port_set_user(port, NULL, NULL);
	spin_lock(&console.lock);
	if (port->channel)
		port->channel->port = NULL;
	port->channel = NULL;
	port->name[0] = '\0';
	spin_unlock(&console.lock);
}

void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx)
{
	spin_lock(&console.lock);
	port->user = user;
	port->ctx = ctx;
	port->events = 0;
	port->wants_room = false;
	if (port->channel) {
		port->channel->owes |= OWES_OPEN;
		send_owed();
	}
	spin_unlock(&console.lock);
	while (__atomic_load_n(&port->is_calling, __ATOMIC_ACQUIRE))
		;
}

bool host_port_is_open(const struct host_port *port)
{
	bool is_open;

	spin_lock(&console.lock);
	is_open = port->channel && port->channel->is_open;
	spin_unlock(&console.lock);
	return is_open;
}

bool host_port_info(unsigned index, struct host_port_info *info)
{
	bool found = false;

	spin_lock(&console.lock);
	for (unsigned id = 0; id < console.nr_channels && !found; id++) {
		const struct channel *channel = &console.channels[id];

		if (!channel->exists || index--)
			continue;
		found = true;
		memcpy(info->name, channel->name, sizeof(info->name));
		info->is_open = channel->is_open;
		info->has_user = has_user(channel);
		info->bytes_read = channel->bytes_read;
		info->bytes_written = channel->bytes_written;
	}
	spin_unlock(&console.lock);
	return found;
}

/* --- The device */

/* Lock held. */
static void die(void)
{
	console.is_dead = true;
	transport_reset(console.transport);
	for (unsigned id = 0; id < console.nr_channels; id++)
		set_open(&console.channels[id], false);
	log_error("the machine's console has broken down; its ports are closed");
}

static bool is_any_queue_broken(void)
{
	bool is_broken = console.control_in.is_broken || console.control_out.is_broken;

	for (unsigned id = 0; id < console.nr_channels; id++)
		is_broken |= console.channels[id].in.is_broken | console.channels[id].out.is_broken;
	return is_broken;
}

static void interrupt(void *device, u32 causes)
{
	(void)device;
	spin_lock(&console.lock);
	if (!console.is_dead) {
		collect_control();
		for (unsigned id = 0; id < console.nr_channels; id++) {
			collect_in(&console.channels[id]);
			collect_out(&console.channels[id]);
		}
		send_owed();
		if (is_any_queue_broken() ||
		    (causes & VIRTIO_INTERRUPT_CONFIG && transport_is_broken(console.transport)))
			die();
	}
	spin_unlock(&console.lock);
	call_users();
}

static const char *make_queues(const struct transport *transport)
{
	u8 *page = page_alloc(0);
	const char *problem =
		virtqueue_init(&console.control_in, transport, CONTROL_IN, NR_CONTROL_IN, 1);

	if (!problem)
		problem = virtqueue_init(&console.control_out, transport, CONTROL_OUT,
					 NR_CONTROL_OUT, 1);
	for (unsigned id = 0; !problem && id < console.nr_channels; id++) {
		struct channel *channel = &console.channels[id];

		problem = virtqueue_init(&channel->in, transport, queue_of(id), NR_BUFFERS, 1);
		if (!problem)
			problem = virtqueue_init(&channel->out, transport, (u16)(queue_of(id) + 1),
						 NR_BUFFERS, 1);
	}
	if (!page)
		return "there is no memory for its messages";
	for (unsigned i = 0; !problem && i < NR_CONTROL_IN; i++)
		offer(&console.control_in, page + i * CONTROL_SIZE, CONTROL_SIZE);
	return problem;
}

/*
 * Boot: most names are known at the end of it, and the memory of their channels is taken. A device
 * that is slower goes on by interrupts.
 */
static void shake_hands(void)
{
	u64 patience = time_now() + time_from_ns(NAMES_PATIENCE_NS);

	notify(&console.control_in);
	send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	notify(&console.control_out);
	do {
		collect_control();
		send_owed();
	} while (console.control_out.nr_in_flight && time_now() < patience);
}

static const char *start(struct transport *transport)
{
	const char *problem;
	u32 max_ports;

	if (console.transport)
		return "one is enough";
	if (!transport_negotiate(transport, VIRTIO_CONSOLE_F_MULTIPORT, VIRTIO_F_EVENT_IDX))
		return "it has no ports with names";
	max_ports =
		transport_config32(transport, offsetof(struct virtio_console_config, max_nr_ports));
	console.nr_channels = MIN(max_ports, (u32)MAX_CHANNELS);
	problem = make_queues(transport);
	if (problem)
		return problem;
	console.transport = transport;
	transport->device = &console;
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
