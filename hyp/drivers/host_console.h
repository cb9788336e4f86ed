/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the driver of ports: host_console.c speaks with the device, which calls its ports
 * by numbers (a struct host_channel each); host_port.c is what their users see, who call them by
 * names (a struct host_port each). One lock, a leaf, for all of it.
 */
#ifndef DOPPEL_HOST_CONSOLE_H
#define DOPPEL_HOST_CONSOLE_H

#include "drivers/host_port.h"
#include "drivers/virtqueue.h"
#include "lib/spinlock.h"
#include "mem/page.h"

#define HOST_MAX_CHANNELS 32
#define HOST_MAX_PORTS	  32
#define HOST_NR_BUFFERS	  4 /* of a channel, each way */
#define HOST_BUFFER_SIZE  (PAGE_SIZE / HOST_NR_BUFFERS)
#define HOST_CONTROL_OUT  4 /* messages on their way */

/* Control messages that are due. */
#define HOST_OWES_READY BIT(0)
#define HOST_OWES_OPEN	BIT(1)

/* Calls of the user that are due. */
#define HOST_EVENT_INPUT  BIT(0)
#define HOST_EVENT_OUTPUT BIT(1)
#define HOST_EVENT_OPENED BIT(2)

struct host_received {
	u8 *buffer;
	u32 size;
};

struct host_channel {
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
	struct host_received received[HOST_NR_BUFFERS];
	unsigned nr_received;
	u32 offset;
	u64 bytes_read, bytes_written;
};

struct host_port {
	char name[HOST_PORT_NAME_SIZE]; /* "": nobody has taken it */
	struct host_channel *channel;	/* NULL: the device has none of that name */
	const struct host_port_user *user;
	void *ctx;
	u8 events;
	bool is_calling; /* a hart is in the user's functions; atomic */
	bool wants_room;
};

extern struct host_console {
	struct spinlock lock;
	struct transport *transport; /* NULL: the machine has no such device */
	struct virtqueue control_in, control_out;
	struct virtio_console_control messages[HOST_CONTROL_OUT]; /* one for each slot */
	struct host_channel channels[HOST_MAX_CHANNELS];
	unsigned nr_channels;
	struct host_port ports[HOST_MAX_PORTS];
	unsigned nr_ports; /* that have ever been taken; atomic */
	bool is_dead;
} host_console;

/* All of these: lock held. */

static inline void host_console_notify(struct virtqueue *q)
{
	if (!host_console.is_dead && virtqueue_must_notify(q))
		virtqueue_notify(q);
}

static inline bool host_channel_has_user(const struct host_channel *channel)
{
	return channel->port && channel->port->user;
}

/* Sends the control messages that are due, as far as there is room. */
void host_console_send_owed(void);

/* The first buffer of received has been read. */
void host_channel_drop_first(struct host_channel *channel);

/* Looks at what the device has taken. */
void host_channel_collect_out(struct host_channel *channel);

/* The port and the channel have the same name. */
void host_port_connect(struct host_port *port, struct host_channel *channel);

/* Something is due to the port's user, if there is one; port may be NULL. */
void host_port_raise(struct host_port *port, u8 events);

/* Without the lock: calls the users of all ports to whom something is due. */
void host_ports_call_users(void);

#endif
