/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's virtio console with several ports (virtio 1.2 section 5.3).
 *
 * Bytes are moved in the VM's own time, by service(): whoever has some for the guest, or room for
 * what it writes, only asks for that.
 */
#include "virtio/console.h"
#include "drivers/host_port.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/page.h"

/* Queues of port n (5.3.2): port 0 has the first two, the control queues follow. */
#define RECEIVEQ(port)	((port) ? 2 * (port) + 2 : 0)
#define TRANSMITQ(port) (RECEIVEQ(port) + 1)

enum { CONTROL_RECEIVEQ = 2, CONTROL_TRANSMITQ = 3 };

#define BYTES_PER_TURN	  16384U
#define CONTROLS_PER_TURN 64U
#define PIECE		  256U
#define MAX_NAME	  64U

/* Control messages that are due for a port, in the order in which they are sent. */
enum {
	DUE_ADD = 1,
	DUE_CONSOLE = 2,
	DUE_NAME = 4,
	DUE_OPEN = 8,
};

struct port {
	struct virtio_console *owner;
	struct host_port *host; /* port 0: NULL */
	const char *name;
	u32 tx_done; /* bytes of the first chain that have been taken */
	unsigned due;
	bool is_ready; /* the driver knows it */
	bool is_open;  /* by the guest */
	u64 bytes_in, bytes_out;
};

struct virtio_console {
	struct virtio_device device;
	struct virtio_console_setup setup;
	unsigned nr_ports; /* port 0 included */
	bool has_users;	   /* the machine's ports tell this of what happens */
	struct port ports[VIRTIO_CONSOLE_MAX_PORTS];
	struct virtq_chain chain;
};

static struct virtio_console *console_of(struct virtio_device *device)
{
	return container_of(device, struct virtio_console, device);
}

static unsigned index_of(const struct port *port)
{
	return (unsigned)(port - port->owner->ports);
}

/* --- Both ends of a port */

static u32 take(struct port *port, const u8 *bytes, u32 size)
{
	u32 taken = 0;

	if (port->host)
		return host_port_write(port->host, bytes, size);
	while (taken < size && console_put(port->owner->setup.console, bytes[taken]))
		taken++;
	return taken;
}

static u32 fetch(struct port *port, u8 *bytes, u32 size)
{
	u32 got = 0;

	if (port->host)
		return host_port_read(port->host, bytes, size);
	while (got < size && port->owner->setup.reads_console &&
	       console_get(port->owner->setup.console, &bytes[got]))
		got++;
	return got;
}

/* What nobody at the other end reads, is lost, as on a serial port that nothing is plugged into. */
static bool is_connected(const struct port *port)
{
	return !port->host || host_port_is_open(port->host);
}

/* --- Queues */

/* The next chain of a queue. False: there is none; the driver will tell of more. */
static bool next_chain(struct virtio_console *console, struct virtq *q)
{
	int got;

	do {
		got = q->s.is_ready && !q->broken ? virtq_pop(q, &console->chain) : 0;
	} while (got == 0 && q->s.is_ready && !q->broken && virtq_enable_notify(q));
	if (got < 0)
		virtio_needs_reset(&console->device, q->broken);
	return got > 0;
}

/* The machine has no RAM for what the guest gave back: what is lost is told of. */
static void lose(struct virtio_console *console)
{
	virtio_needs_reset(&console->device, "buffer in RAM that is gone");
}

/* As much of the chain as the other end takes until bytes_out is `end`. False: not all of it. */
static bool transmit_chain(struct port *port, struct virtq *q, u64 end)
{
	struct virtio_console *console = port->owner;
	u8 piece[PIECE];
	u32 size, taken;

	if (!is_connected(port)) { /* a chain may have 4 GiB: nobody reads them */
		port->bytes_out +=
			console->chain.readable - MIN(port->tx_done, console->chain.readable);
		port->tx_done = 0;
		return true;
	}
	while ((size = virtq_copy_from(q, &console->chain, port->tx_done, piece, PIECE)) != 0) {
		taken = take(port, piece, size);
		port->tx_done += taken;
		port->bytes_out += taken;
		if (taken < size ||
		    (port->bytes_out >= end && port->tx_done < console->chain.readable))
			return false;
	}
	if (port->tx_done < console->chain.readable)
		lose(console);
	port->tx_done = 0;
	return true;
}

/* Returns false when the turn ended before the work. */
static bool transmit(struct port *port)
{
	struct virtio_console *console = port->owner;
	struct virtq *q = &console->device.queues[TRANSMITQ(index_of(port))];
	u64 end = port->bytes_out + BYTES_PER_TURN;
	unsigned chains = 0;
	bool is_over = false;

	while (!is_over && next_chain(console, q)) {
		bool is_sent = transmit_chain(port, q, end);

		is_over = port->bytes_out >= end || ++chains == VIRTQ_MAX_SIZE;
		if (!is_sent) { /* in the next turn, or when there is room */
			virtq_unpop(q);
			break;
		}
		virtq_push(q, console->chain.head, 0);
	}
	virtio_notify_used(&console->device, q);
	return !is_over;
}

static bool receive(struct port *port)
{
	struct virtio_console *console = port->owner;
	struct virtq *q = &console->device.queues[RECEIVEQ(index_of(port))];
	u64 before = port->bytes_in;
	unsigned chains = 0;
	u8 piece[PIECE];

	while (port->bytes_in - before < BYTES_PER_TURN && chains++ < VIRTQ_MAX_SIZE &&
	       next_chain(console, q)) {
		u32 got = fetch(port, piece, MIN(PIECE, console->chain.writable)), size;

		if (!got && console->chain.writable) {
			virtq_unpop(q);
			break;
		}
		size = virtq_copy_to(q, &console->chain, 0, piece, got);
		if (size < got)
			lose(console);
		port->bytes_in += size;
		virtq_push(q, console->chain.head, size);
	}
	virtio_notify_used(&console->device, q);
	return port->bytes_in - before < BYTES_PER_TURN && chains <= VIRTQ_MAX_SIZE;
}

/* --- Control messages (5.3.6.2) */

struct message {
	struct virtio_console_control control;
	char name[MAX_NAME];
};

static u32 compose(struct port *port, struct message *message)
{
	unsigned first = port->due & -port->due;

	port->due &= ~first;
	message->control = (struct virtio_console_control){ .id = index_of(port), .value = 1 };
	switch (first) {
	case DUE_ADD: message->control.event = VIRTIO_CONSOLE_DEVICE_ADD; break;
	case DUE_CONSOLE: message->control.event = VIRTIO_CONSOLE_CONSOLE_PORT; break;
	case DUE_OPEN:
		message->control.event = VIRTIO_CONSOLE_PORT_OPEN;
		message->control.value = is_connected(port);
		break;
	default:
		message->control.event = VIRTIO_CONSOLE_PORT_NAME;
		snprintf(message->name, sizeof(message->name), "%s", port->name);
		return (u32)(sizeof(message->control) + strlen(message->name));
	}
	return sizeof(message->control);
}

static void send_controls(struct virtio_console *console)
{
	struct virtq *q = &console->device.queues[CONTROL_RECEIVEQ];
	struct message message;

	for (unsigned i = 0; i < console->nr_ports; i++) {
		struct port *port = &console->ports[i];

		while (port->due && next_chain(console, q)) {
			u32 size = compose(port, &message);

			size = virtq_copy_to(q, &console->chain, 0, &message, size);
			virtq_push(q, console->chain.head, size);
		}
	}
	virtio_notify_used(&console->device, q);
}

static void handle_control(struct virtio_console *console,
			   const struct virtio_console_control *control)
{
	struct port *port = control->id < console->nr_ports ? &console->ports[control->id] : NULL;

	switch (control->event) {
	case VIRTIO_CONSOLE_DEVICE_READY:
		for (unsigned i = 0; control->value == 1 && i < console->nr_ports; i++)
			console->ports[i].due |= DUE_ADD;
		break;
	case VIRTIO_CONSOLE_PORT_READY:
		if (port && control->value == 1) {
			port->is_ready = true;
			port->due |= port->host ? DUE_NAME | DUE_OPEN : DUE_CONSOLE | DUE_OPEN;
		}
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		if (port)
			port->is_open = control->value == 1;
		break;
	}
}

static bool handle_controls(struct virtio_console *console)
{
	struct virtq *q = &console->device.queues[CONTROL_TRANSMITQ];
	struct virtio_console_control control;
	unsigned count = 0;

	while (count < CONTROLS_PER_TURN && next_chain(console, q)) {
		if (virtq_copy_from(q, &console->chain, 0, &control, sizeof(control)) ==
		    sizeof(control))
			handle_control(console, &control);
		virtq_push(q, console->chain.head, 0);
		count++;
	}
	virtio_notify_used(&console->device, q);
	return count < CONTROLS_PER_TURN;
}

/* --- Ports of the machine */

static void host_ready(void *ctx)
{
	struct port *port = ctx;

	virtio_ask_for_service(&port->owner->device);
}

static void host_opened(void *ctx, bool is_open)
{
	struct port *port = ctx;
	struct virtio_device *device = &port->owner->device;

	(void)is_open; /* the message tells how it is when it is sent */
	spin_lock(&device->lock);
	if (port->is_ready)
		port->due |= DUE_OPEN;
	spin_unlock(&device->lock);
	virtio_ask_for_service(device);
}

/* From here on there is somebody to ask for service. */
static void start(struct virtio_device *device)
{
	static const struct host_port_user user = { host_ready, host_ready, host_opened };
	struct virtio_console *console = console_of(device);

	for (unsigned i = 1; i < console->nr_ports && !console->has_users; i++)
		host_port_set_user(console->ports[i].host, &user, &console->ports[i]);
	console->has_users = true;
}

/* --- The device */

static void work(struct virtio_console *console)
{
	struct virtio_device *device = &console->device;
	bool is_multiport = virtio_has(device, VIRTIO_CONSOLE_F_MULTIPORT), done = true;

	if (!virtio_is_live(device))
		return;
	if (is_multiport) {
		done &= handle_controls(console);
		send_controls(console);
	}
	for (unsigned i = 0; i < (is_multiport ? console->nr_ports : 1); i++) {
		struct port *port = &console->ports[i];

		done &= transmit(port);
		if (port->is_open || i == 0)
			done &= receive(port);
	}
	if (!done && virtio_is_live(device))
		virtio_ask_for_service(device);
}

static void notify(struct virtio_device *device, unsigned queue)
{
	(void)queue;
	work(console_of(device));
}

static void service(struct virtio_device *device)
{
	work(console_of(device));
}

static void reset(struct virtio_device *device)
{
	struct virtio_console *console = console_of(device);

	for (unsigned i = 0; i < console->nr_ports; i++) {
		console->ports[i].tx_done = 0;
		console->ports[i].due = 0;
		console->ports[i].is_open = console->ports[i].is_ready = false;
	}
}

/* What was taken of a first chain is nothing to the next one that will be there. */
static void stop_queue(struct virtio_device *device, unsigned queue)
{
	struct virtio_console *console = console_of(device);

	for (unsigned i = 0; i < console->nr_ports; i++) {
		if (queue == TRANSMITQ(i))
			console->ports[i].tx_done = 0;
	}
}

static void read_config(struct virtio_device *device, u32 offset, u32 size, u64 *value)
{
	struct virtio_console_config config = { .max_nr_ports = console_of(device)->nr_ports };

	*value = 0;
	memcpy(value, (const u8 *)&config + offset, size);
}

/* A byte of a guest that has no driver yet (5.3.4). */
static void write_config(struct virtio_device *device, u32 offset, u32 size, u64 value)
{
	(void)size;
	if (offset == offsetof(struct virtio_console_config, emerg_wr))
		(void)console_put(console_of(device)->setup.console, (u8)value);
}

static void destroy(struct virtio_device *device)
{
	struct virtio_console *console = console_of(device);

	for (unsigned i = 1; i < console->nr_ports; i++)
		host_port_give_back(console->ports[i].host);
	page_free(console, page_order(sizeof(*console)));
}

static void show(struct virtio_device *device, void (*emit)(void *ctx, const char *name, u64 value),
		 void *ctx)
{
	struct virtio_console *console = console_of(device);
	char name[48];

	for (unsigned i = 0; i < console->nr_ports; i++) {
		const struct port *port = &console->ports[i];

		snprintf(name, sizeof(name), "port-%u-open", i);
		emit(ctx, name, port->is_open);
		snprintf(name, sizeof(name), "port-%u-bytes-in", i);
		emit(ctx, name, port->bytes_in);
		snprintf(name, sizeof(name), "port-%u-bytes-out", i);
		emit(ctx, name, port->bytes_out);
	}
}

static const struct virtio_device_ops console_ops = {
	.id = VIRTIO_ID_CONSOLE,
	.type = "console",
	.size = sizeof(struct virtio_console),
	.start = start,
	.reset = reset,
	.stop_queue = stop_queue,
	.notify = notify,
	.service = service,
	.read_config = read_config,
	.write_config = write_config,
	.config_size = sizeof(struct virtio_console_config),
	.destroy = destroy,
	.show = show,
};

void virtio_console_ready(struct virtio_device *device)
{
	virtio_ask_for_service(device);
}

static const char *connect(struct virtio_console *console)
{
	char name[HOST_PORT_NAME_SIZE];

	for (unsigned i = 0; i < console->setup.nr_ports; i++) {
		struct port *port = &console->ports[console->nr_ports];

		snprintf(name, sizeof(name), "%s.%s", console->setup.vm_name,
			 console->setup.ports[i]);
		port->owner = console;
		port->name = console->setup.ports[i];
		port->host = host_port_take(name);
		if (!port->host)
			return "the machine has no port left for one of its console; with QEMU, "
			       "give it -device virtio-serial-device, or destroy another VM";
		console->nr_ports++;
	}
	return NULL;
}

const char *virtio_console_create(const struct virtio_console_setup *setup,
				  struct virtio_device **device)
{
	struct virtio_console *console = page_alloc(page_order(sizeof(*console)));
	const char *problem;

	if (!console)
		return "the hypervisor's own memory is used up; describe fewer devices";
	console->setup = *setup;
	console->ports[0].owner = console;
	console->nr_ports = 1;
	virtio_device_init(&console->device, &console_ops,
			   VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_CONSOLE_F_EMERG_WRITE,
			   2 * (setup->nr_ports + 1) + 2);
	problem = connect(console);
	if (problem) {
		destroy(&console->device);
		return problem;
	}
	*device = &console->device;
	return NULL;
}
