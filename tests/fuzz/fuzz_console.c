/* SPDX-License-Identifier: BSD-2-Clause */
/* The console with its ports, and both kinds of other ends. */
#include "drivers/host_port.h"
#include "harness.h"
#include "virtio/console.h"

#include <string.h>

#define NR_PORTS 3

/* --- Other ends: a few bytes come, a few can go */

static u32 console_room, console_input;
static bool is_hidden; /* what nobody is shown pushes out what came before: there is always room */

bool console_put(void *console, u8 byte)
{
	(void)console;
	(void)byte;
	console_room -= console_room != 0;
	return is_hidden || console_room != 0;
}

bool console_get(void *console, u8 *byte)
{
	(void)console;
	*byte = 'x';
	console_input -= console_input != 0;
	return console_input != 0;
}

struct host_port {
	const struct host_port_user *user;
	void *ctx;
	u32 room, input;
	bool is_open;
};

static struct host_port ports[NR_PORTS];

struct host_port *host_port_take(const char *name)
{
	return &ports[(name[strlen(name) - 1] - '0') % NR_PORTS];
}

void host_port_give_back(struct host_port *port)
{
	host_port_set_user(port, NULL, NULL);
}

void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx)
{
	port->user = user;
	port->ctx = ctx;
}

u32 host_port_read(struct host_port *port, void *buf, u32 size)
{
	size = MIN(size, port->input);
	memset(buf, 'y', size);
	port->input -= size;
	return size;
}

u32 host_port_write(struct host_port *port, const void *buf, u32 size)
{
	u8 sum = 0;

	size = MIN(size, port->room);
	for (u32 i = 0; i < size; i++)
		sum ^= ((const u8 *)buf)[i]; /* the sanitizer looks */
	__asm__ volatile("" ::"r"(sum));
	port->room -= size;
	return size;
}

bool host_port_is_open(const struct host_port *port)
{
	return port->is_open;
}

/* --- */

static struct virtio_device *create(u8 variant)
{
	static const char *const names[NR_PORTS] = { "p0", "p1", "p2" };
	struct virtio_console_setup setup = { .reads_console = variant & 1,
					      .vm_name = "fuzz",
					      .ports = names,
					      .nr_ports = variant >> 1 & NR_PORTS };
	struct virtio_device *device;

	console_room = 1000;
	is_hidden = variant & 0x80;
	console_input = 0;
	memset(ports, 0, sizeof(ports));
	fuzz_check(!virtio_console_create(&setup, &device), "it is made");
	return device;
}

static void event_of_port(struct host_port *port, const struct fuzz_step *step)
{
	if (!port->user)
		return;
	switch (step->b % 3) {
	case 0:
		port->input += step->c % 100000;
		port->user->input(port->ctx);
		break;
	case 1:
		port->room += step->c % 100000;
		port->user->output(port->ctx);
		break;
	case 2:
		port->is_open = step->c & 1;
		port->user->opened(port->ctx, port->is_open);
		break;
	}
}

static void event(struct virtio_device *device, const struct fuzz_step *step)
{
	if (step->a % 4 < NR_PORTS) {
		event_of_port(&ports[step->a % 4], step);
		return;
	}
	console_room += step->c % 10000;
	console_input += step->b % 10000;
	virtio_console_ready(device);
}

/* A control message for the control queue; else text. */
static u32 fill(unsigned queue, const struct fuzz_step *step, u8 *bytes)
{
	struct virtio_console_control control = { step->c & 0x80 ? step->c : step->c % 5,
						  (u16)(step->d % 9), (u16)(step->d >> 8 & 1) };

	if (queue != 3) {
		memcpy(bytes, "console text, and more of it", 28);
		return 1 + step->c % 28;
	}
	memcpy(bytes, &control, sizeof(control));
	return sizeof(control);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct fuzz_target target = { .create = create, .event = event, .fill = fill };

	return fuzz_run(&target, data, size);
}
