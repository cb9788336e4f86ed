/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte streams to the world outside: the named ports of the machine's virtio-console (virtio 1.2
 * section 5.3; QEMU: virtserialport,name=...).
 */
#ifndef DOPPEL_HOST_CONSOLE_H
#define DOPPEL_HOST_CONSOLE_H

#include "lib/types.h"

struct host_port;

struct host_port_user {
	void (*input)(void *ctx);  /* there is something to read */
	void (*output)(void *ctx); /* there is room again, after a write that was cut short */
	void (*opened)(void *ctx, bool is_open); /* somebody outside has connected, or has gone */
};

/* The port of that name; NULL: the machine has none. Names come after the device is ready: soon. */
struct host_port *host_port_find(const char *name);

/* The functions are called on the hart that has the interrupt, no lock held. */
void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx);

/* Both return how many bytes they took; any lock but the driver's. */
u32 host_port_read(struct host_port *port, void *buf, u32 size);
u32 host_port_write(struct host_port *port, const void *buf, u32 size);
bool host_port_is_open(const struct host_port *port);

#endif
