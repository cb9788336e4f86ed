/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's ports, as their users see them. Users are called without the lock. */
#include "drivers/host_console.h"
#include "lib/string.h"

void host_port_raise(struct host_port *port, u8 events)
{
	if (port && port->user)
		port->events |= events;
}

void host_port_connect(struct host_port *port, struct host_channel *channel)
{
	port->channel = channel;
	channel->port = port;
	if (!port->user)
		return;
	channel->owes |= HOST_OWES_OPEN;
	host_port_raise(port, HOST_EVENT_INPUT | HOST_EVENT_OUTPUT |
				      (channel->is_open ? HOST_EVENT_OPENED : 0));
}

/* --- Data */

u32 host_port_read(struct host_port *port, void *buf, u32 size)
{
	struct host_channel *channel;
	u32 done = 0;

	spin_lock(&host_console.lock);
	channel = port->channel;
	while (channel && channel->nr_received && done < size) {
		const struct host_received *first = channel->received;
		u32 part = MIN(first->size - channel->offset, size - done);

		memcpy((u8 *)buf + done, first->buffer + channel->offset, part);
		done += part;
		channel->offset += part;
		if (channel->offset == first->size)
			host_channel_drop_first(channel);
	}
	if (channel) {
		channel->bytes_read += done;
		host_console_notify(&channel->in);
	}
	spin_unlock(&host_console.lock);
	return done;
}

u32 host_port_write(struct host_port *port, const void *buf, u32 size)
{
	struct host_channel *channel;
	u32 done = 0;

	spin_lock(&host_console.lock);
	channel = port->channel;
	while (channel && !host_console.is_dead && done < size) {
		u32 part = MIN((u32)HOST_BUFFER_SIZE, size - done);
		int slot = virtqueue_begin(&channel->out);
		u8 *buffer;

		if (slot < 0)
			break;
		buffer = channel->out_buffers + (u32)slot * HOST_BUFFER_SIZE;
		memcpy(buffer, (const u8 *)buf + done, part);
		virtqueue_add(&channel->out, slot, page_to_hpa(buffer), part, 0);
		virtqueue_end(&channel->out, slot, buffer);
		done += part;
	}
	port->wants_room = done < size;
	if (channel) {
		channel->bytes_written += done;
		host_console_notify(&channel->out);
	}
	spin_unlock(&host_console.lock);
	return done;
}

/* Lock held. True: the device is to be told. */
static bool give(struct host_channel *channel, struct host_port_buffer *buffer)
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
	struct host_channel *channel;

	spin_lock(&host_console.lock);
	channel = port->channel;
	if (channel && channel->is_open && !host_console.is_dead) {
		channel->is_polled = true;
		host_channel_collect_out(channel);
		was_given = give(channel, buffer);
		must_notify = was_given && virtqueue_must_notify(&channel->out);
	}
	spin_unlock(&host_console.lock);
	/* Without the lock: on QEMU it takes as long as it takes to hand the bytes on. */
	if (must_notify)
		virtqueue_notify(&channel->out);
	return was_given;
}

void host_port_collect(struct host_port *port)
{
	spin_lock(&host_console.lock);
	if (port->channel && !host_console.is_dead)
		host_channel_collect_out(port->channel);
	spin_unlock(&host_console.lock);
}

/* --- Ports */

/* What is due to the user of a port, until nothing is. Another hart may be at it: it sees to all.
 */
static void call_user(struct host_port *port)
{
	spin_lock(&host_console.lock);
	while (port->events && port->user && !port->is_calling) {
		const struct host_port_user *user = port->user;
		void *ctx = port->ctx;
		u8 events = port->events;
		bool is_open = port->channel && port->channel->is_open;

		port->events = 0;
		port->is_calling = true;
		spin_unlock(&host_console.lock);
		if (events & HOST_EVENT_OPENED)
			user->opened(ctx, is_open);
		if (events & HOST_EVENT_INPUT)
			user->input(ctx);
		if (events & HOST_EVENT_OUTPUT)
			user->output(ctx);
		spin_lock(&host_console.lock);
		__atomic_store_n(&port->is_calling, false, __ATOMIC_RELEASE);
	}
	spin_unlock(&host_console.lock);
}

void host_ports_call_users(void)
{
	unsigned nr_ports = __atomic_load_n(&host_console.nr_ports, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < nr_ports; i++)
		call_user(&host_console.ports[i]);
}

/* The one that is called so; with "", one that nobody has. NULL: there is none. */
static struct host_port *find_port(const char *name)
{
	for (unsigned i = 0; i < HOST_MAX_PORTS; i++) {
		if (strcmp(host_console.ports[i].name, name) == 0)
			return &host_console.ports[i];
	}
	return NULL;
}

struct host_port *host_port_take(const char *name)
{
	struct host_port *port;

	if (!host_console.transport || !name[0] || strlen(name) >= sizeof(port->name))
		return NULL;
	spin_lock(&host_console.lock);
	port = find_port(name) ? NULL : find_port("");
	if (port) {
		unsigned index = (unsigned)(port - host_console.ports);

		memcpy(port->name, name, strlen(name) + 1);
		for (unsigned i = 0; i < host_console.nr_channels && !port->channel; i++) {
			if (strcmp(host_console.channels[i].name, name) == 0)
				host_port_connect(port, &host_console.channels[i]);
		}
		__atomic_store_n(&host_console.nr_ports, MAX(host_console.nr_ports, index + 1),
				 __ATOMIC_RELEASE);
	}
	spin_unlock(&host_console.lock);
	return port;
}

void host_port_give_back(struct host_port *port)
{
	host_port_set_user(port, NULL, NULL);
	spin_lock(&host_console.lock);
	if (port->channel)
		port->channel->port = NULL;
	port->channel = NULL;
	port->name[0] = '\0';
	spin_unlock(&host_console.lock);
}

void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx)
{
	spin_lock(&host_console.lock);
	port->user = user;
	port->ctx = ctx;
	port->events = 0;
	port->wants_room = false;
	if (port->channel) {
		port->channel->owes |= HOST_OWES_OPEN;
		host_console_send_owed();
	}
	spin_unlock(&host_console.lock);
	while (__atomic_load_n(&port->is_calling, __ATOMIC_ACQUIRE))
		;
}

bool host_port_is_open(const struct host_port *port)
{
	bool is_open;

	spin_lock(&host_console.lock);
	is_open = port->channel && port->channel->is_open;
	spin_unlock(&host_console.lock);
	return is_open;
}

bool host_port_info(unsigned index, struct host_port_info *info)
{
	bool found = false;

	spin_lock(&host_console.lock);
	for (unsigned id = 0; id < host_console.nr_channels && !found; id++) {
		const struct host_channel *channel = &host_console.channels[id];

		if (!channel->exists || index--)
			continue;
		found = true;
		memcpy(info->name, channel->name, sizeof(info->name));
		info->is_open = channel->is_open;
		info->has_user = host_channel_has_user(channel);
		info->bytes_read = channel->bytes_read;
		info->bytes_written = channel->bytes_written;
	}
	spin_unlock(&host_console.lock);
	return found;
}
