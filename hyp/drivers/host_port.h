/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte streams to the world outside: the named ports of the machine's virtio-console (virtio 1.2
 * section 5.3; QEMU: virtserialport,name=...).
 */
#ifndef DOPPEL_HOST_PORT_H
#define DOPPEL_HOST_PORT_H

#include "lib/types.h"

#define HOST_PORT_NAME_SIZE 64 /* with the terminating NUL */

struct host_port;

struct host_port_user {
	void (*input)(void *ctx);  /* there is something to read */
	void (*output)(void *ctx); /* there is room again, after a write that was cut short */
	void (*opened)(void *ctx, bool is_open); /* somebody outside has connected, or has gone */
};

/*
 * The port of that name, for the caller alone until he gives it back. The device may tell names
 * after boot, and ports come and go: it may be one that does not exist yet, or never will; nobody
 * ever connects to such a one. NULL: the machine has no console with ports, the name is too long,
 * somebody has the port, or 32 others are taken.
 */
struct host_port *host_port_take(const char *name);

/* With its user, as host_port_set_user() without one. What nobody has read is the next one's. */
void host_port_give_back(struct host_port *port);

/*
 * A port has one user, or none (NULL); while it has none, the world outside is kept waiting. The
 * functions are called with no lock held, by the hart that has the interrupt, one at a time. After
 * this, the user looks for himself how things stand: what was there before is not told. Waits until
 * no function of the former user is being called: no lock of theirs may be held, nor may it be
 * called by one of them.
 */
void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx);

/*
 * Memory that the device reads itself, so that nothing is copied: contiguous, of the page pool. It
 * is the device's from host_port_give() on, until is_done.
 */
struct host_port_buffer {
	const void *data;
	u32 size;
	bool is_done; /* atomic */
};

/*
 * False: nobody is connected, or there is no room now. Buffers are done in the order in which they
 * were given, and whoever gave them looks for himself: host_port_collect() finds those that are.
 * A port that buffers were given to no longer interrupts when it has taken something, and never
 * calls output(). Any lock but the driver's.
 */
bool host_port_give(struct host_port *port, struct host_port_buffer *buffer);
void host_port_collect(struct host_port *port);

/*
 * Both return how many bytes they took; any lock but the driver's. What is written while nobody is
 * connected may be lost. Nothing is taken when the device has broken down, or lacks the port.
 */
u32 host_port_read(struct host_port *port, void *buf, u32 size);
u32 host_port_write(struct host_port *port, const void *buf, u32 size);
bool host_port_is_open(const struct host_port *port);

struct host_port_info {
	char name[HOST_PORT_NAME_SIZE]; /* "": the device has not told */
	bool is_open, has_user;
	u64 bytes_read, bytes_written;
};

/* The ports that the device has: index counts up from 0; false behind the last. */
bool host_port_info(unsigned index, struct host_port_info *info);

#endif
