/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the driver of the machine's ports, against a console of our own, which speaks as QEMU's
 * does. The driver keeps its one device for ever: the tests are steps with the same.
 */
#include "unit.h"
#include "drivers/host_port.h"
#include "drivers/host_virtio.h"
#include "fake/virtio_mmio.h"

#include <stdio.h>
#include <string.h>

#define NR_PORTS     31U
#define CONTROL_IN   2
#define CONTROL_OUT  3
#define IN_QUEUE(id) ((id) ? 2 * (id) + 2 : 0)
#define ROOM	     4096U /* bytes that a port takes, each way, until the other side goes on */

static struct fake_device *const device = &fake_devices[0];

/* The console's ports; those with a name exist. */
static struct {
	char name[200];
	bool is_connected, is_ready, guest_open;
} outside[NR_PORTS];

static bool holds_answers;

/* The device says something. QEMU drops what finds no buffer: that must not happen. */
static void say(u32 id, u16 event, u16 value, const char *name)
{
	struct virtio_console_control control = { id, event, value };
	struct fake_chain chain;
	u32 size = name ? (u32)strlen(name) : 0; /* no NUL behind it */

	assert_true(fake_pop(device, CONTROL_IN, &chain));
	assert_int_equal(chain.nr, 1);
	assert_true(chain.buffers[0].is_writable);
	memset(chain.buffers[0].data, 'x', chain.buffers[0].size);
	size = MIN(size, chain.buffers[0].size - (u32)sizeof(control));
	memcpy(chain.buffers[0].data, &control, sizeof(control));
	if (name)
		memcpy(chain.buffers[0].data + sizeof(control), name, size);
	fake_push(device, CONTROL_IN, chain.head, (u32)sizeof(control) + size);
}

static void hear(const struct virtio_console_control *control)
{
	u32 id = control->id;

	assert_true(id < NR_PORTS);
	switch (control->event) {
	case VIRTIO_CONSOLE_DEVICE_READY:
		for (u32 i = 0; i < NR_PORTS; i++) {
			if (outside[i].name[0])
				say(i, VIRTIO_CONSOLE_DEVICE_ADD, 1, NULL);
		}
		break;
	case VIRTIO_CONSOLE_PORT_READY:
		assert_true(outside[id].name[0] && control->value);
		outside[id].is_ready = true;
		if (id == 0 || id >= 8) /* as many answers as there can be */
			say(id, VIRTIO_CONSOLE_CONSOLE_PORT, 1, NULL);
		say(id, VIRTIO_CONSOLE_PORT_NAME, 1, outside[id].name);
		if (outside[id].is_connected)
			say(id, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		assert_true(outside[id].is_ready);
		outside[id].guest_open = control->value;
		break;
	default: fail_msg("control message %u", control->event);
	}
}

static void notified(struct fake_device *self, unsigned queue)
{
	struct fake_chain chain;

	while (!holds_answers && queue == CONTROL_OUT && fake_pop(self, CONTROL_OUT, &chain)) {
		struct virtio_console_control control;

		assert_int_equal(chain.nr, 1);
		assert_int_equal(chain.buffers[0].size, sizeof(control));
		memcpy(&control, chain.buffers[0].data, sizeof(control));
		hear(&control);
		fake_push(self, CONTROL_OUT, chain.head, 0);
	}
}

/* Somebody outside connects to a port, or goes. */
static void connect_outside(u32 id, bool connects)
{
	outside[id].is_connected = connects;
	say(id, VIRTIO_CONSOLE_PORT_OPEN, connects, NULL);
	fake_deliver_interrupts();
}

/* Sends bytes to a port; how many it took, which is all that it has asked for. */
static u32 send_outside(u32 id, const void *bytes, u32 size)
{
	struct fake_chain chain;
	u32 sent = 0;

	while (outside[id].guest_open && sent < size && fake_pop(device, IN_QUEUE(id), &chain)) {
		u32 part = MIN(size - sent, chain.buffers[0].size);

		assert_true(chain.buffers[0].is_writable);
		memcpy(chain.buffers[0].data, (const u8 *)bytes + sent, part);
		fake_push(device, IN_QUEUE(id), chain.head, part);
		sent += part;
	}
	fake_deliver_interrupts();
	return sent;
}

/* Takes what a port has written: one buffer of it. */
static u32 take_outside(u32 id, u8 *bytes)
{
	struct fake_chain chain;
	u32 size;

	if (!fake_pop(device, IN_QUEUE(id) + 1, &chain))
		return 0;
	assert_int_equal(chain.nr, 1);
	assert_false(chain.buffers[0].is_writable);
	size = chain.buffers[0].size;
	memcpy(bytes, chain.buffers[0].data, size);
	fake_push(device, IN_QUEUE(id) + 1, chain.head, 0);
	return size;
}

struct client {
	struct host_port *port;
	unsigned inputs, outputs, opens, closes;
	bool reads_at_once, is_busy;
	u8 data[2 * ROOM];
	u32 size;
};

static void input(void *ctx)
{
	struct client *client = ctx;

	assert_false(client->is_busy);
	client->is_busy = true;
	client->inputs++;
	if (client->reads_at_once)
		client->size += host_port_read(client->port, client->data + client->size,
					       (u32)sizeof(client->data) - client->size);
	client->is_busy = false;
}

static void output(void *ctx)
{
	((struct client *)ctx)->outputs++;
}

static void opened(void *ctx, bool is_open)
{
	struct client *client = ctx;

	if (is_open)
		client->opens++;
	else
		client->closes++;
}

static const struct host_port_user user = { input, output, opened };

static void test_nothing_there(void **state)
{
	struct host_port_info info;

	fake_machine(1);
	host_virtio_init();
	assert_null(host_port_take("ctl"));
	fake_machine(1);
	device->id = VIRTIO_ID_CONSOLE; /* without VIRTIO_CONSOLE_F_MULTIPORT */
	host_virtio_init();
	assert_int_equal(fake_complaints, 1);
	assert_null(host_port_take("ctl"));
	assert_false(host_port_info(0, &info));
	(void)state;
}

static struct client early, late;

static void test_bring_up(void **state)
{
	u32 max_ports = NR_PORTS;
	struct host_port_info info;
	unsigned count = 0;

	fake_machine(1);
	device->id = VIRTIO_ID_CONSOLE;
	device->features |= VIRTIO_CONSOLE_F_MULTIPORT;
	device->notified = notified;
	memcpy(device->config + 4, &max_ports, sizeof(max_ports));
	for (unsigned i = 0; i < NR_PORTS; i++)
		snprintf(outside[i].name, sizeof(outside[i].name), "port.%u", i);
	outside[3].is_connected = true;
	for (unsigned i = 8; i < NR_PORTS; i++)
		outside[i].is_connected = true;
	outside[5].name[0] = '\0'; /* the device lacks it */
	holds_answers = true;	   /* it takes longer than the driver waits at boot */
	host_virtio_init();
	assert_int_equal(fake_complaints, 0);
	assert_false(host_port_info(0, &info));
	/* Asked for before names have come. */
	early.port = host_port_take("port.3");
	assert_non_null(early.port);
	host_port_set_user(early.port, &user, &early);
	assert_false(host_port_is_open(early.port));
	assert_int_equal(host_port_read(early.port, early.data, 1), 0);
	assert_int_equal(host_port_write(early.port, "x", 1), 0);

	holds_answers = false;
	notified(device, CONTROL_OUT);
	fake_deliver_interrupts();
	for (unsigned i = 0; i < NR_PORTS; i++)
		assert_int_equal(outside[i].is_ready, i != 5);
	assert_true(outside[0].guest_open); /* a console is, always (5.3.6.2.2) */
	assert_true(host_port_is_open(early.port));
	assert_int_equal(early.opens, 1);
	assert_true(outside[3].guest_open);
	assert_true(early.outputs > 0); /* the write was cut short */
	/* And after. */
	late.port = host_port_take("port.4");
	assert_false(outside[4].guest_open);
	host_port_set_user(late.port, &user, &late);
	fake_deliver_interrupts();
	assert_true(outside[4].guest_open);
	assert_false(host_port_is_open(late.port));
	assert_null(host_port_take("port.4")); /* it is had */
	;

	while (host_port_info(count, &info))
		count++;
	assert_int_equal(count, NR_PORTS - 1);
	assert_true(host_port_info(3, &info));
	assert_string_equal(info.name, "port.3");
	assert_true(info.is_open && info.has_user);
	(void)state;
}

static void test_connections(void **state)
{
	late.opens = late.closes = 0;
	connect_outside(4, true);
	assert_true(host_port_is_open(late.port));
	assert_int_equal(late.opens, 1);
	connect_outside(4, true); /* nothing new */
	assert_int_equal(late.opens, 1);
	connect_outside(4, false);
	assert_false(host_port_is_open(late.port));
	assert_int_equal(late.closes, 1);
	connect_outside(4, true);
	connect_outside(7, true); /* nobody's */
	(void)state;
}

static void fill(u8 *bytes, u32 size, u32 seed)
{
	for (u32 i = 0; i < size; i++)
		bytes[i] = (u8)((i + seed) * 31 + (i + seed) / 256);
}

/* More comes than is read: the world outside waits, and nothing is lost. */
static void test_read(void **state)
{
	static u8 sent[3 * ROOM], got[3 * ROOM];
	u32 nr_sent = 0, nr_got = 0;
	struct prng prng = { 17 };

	fill(sent, sizeof(sent), 1);
	late.inputs = 0;
	assert_int_equal(send_outside(4, sent, sizeof(sent)), ROOM);
	assert_true(late.inputs > 0);
	assert_int_equal(send_outside(4, sent, 1), 0);
	nr_sent = ROOM;
	while (nr_got < sizeof(got)) {
		nr_got += host_port_read(late.port, got + nr_got, 1 + prng_below(&prng, 1500));
		nr_sent += send_outside(4, sent + nr_sent, (u32)sizeof(sent) - nr_sent);
		assert_true(nr_got <= nr_sent);
	}
	assert_memory_equal(got, sent, sizeof(sent));
	assert_int_equal(host_port_read(late.port, got, 1), 0);
	(void)state;
}

static void test_read_when_called(void **state)
{
	static u8 sent[2 * ROOM];

	fill(sent, sizeof(sent), 2);
	late.reads_at_once = true;
	late.size = 0;
	assert_int_equal(send_outside(4, sent, ROOM), ROOM);
	assert_int_equal(late.size, ROOM);
	assert_int_equal(send_outside(4, sent + ROOM, ROOM), ROOM);
	assert_int_equal(late.size, 2 * ROOM);
	assert_memory_equal(late.data, sent, sizeof(sent));
	late.reads_at_once = false;
	(void)state;
}

static void test_write(void **state)
{
	static u8 sent[3 * ROOM], got[3 * ROOM];
	u32 nr_sent, nr_got = 0, part;

	fill(sent, sizeof(sent), 3);
	late.outputs = 0;
	nr_sent = host_port_write(late.port, sent, sizeof(sent));
	assert_int_equal(nr_sent, ROOM);
	assert_int_equal(host_port_write(late.port, sent, 1), 0);
	assert_int_equal(late.outputs, 0);
	for (unsigned i = 0; i < 2; i++) {
		nr_got += take_outside(4, got + nr_got);
		fake_deliver_interrupts();
		assert_int_equal(late.outputs, 1); /* told once, it is told no more */
	}
	nr_sent += host_port_write(late.port, sent + nr_sent, (u32)sizeof(sent) - nr_sent);
	late.outputs = 0;
	while ((part = take_outside(4, got + nr_got)) != 0) {
		nr_got += part;
		fake_deliver_interrupts();
		assert_true(late.outputs > 0);
		late.outputs = 0;
		part = host_port_write(late.port, sent + nr_sent, (u32)sizeof(sent) - nr_sent);
		/* Once all of it is in, nobody has to be told. */
		nr_sent += part;
		if (nr_sent == sizeof(sent))
			break;
	}
	while ((part = take_outside(4, got + nr_got)) != 0) {
		nr_got += part;
		fake_deliver_interrupts();
	}
	assert_int_equal(late.outputs, 0);
	assert_int_equal(nr_got, sizeof(sent));
	assert_memory_equal(got, sent, sizeof(sent));
	(void)state;
}

/* Without a user the world outside waits, and the next user finds what was not read. */
static void test_change_of_user(void **state)
{
	struct client next = { .port = late.port };
	u8 bytes[4];

	assert_int_equal(send_outside(4, "abcd", 4), 4);
	late.inputs = 0;
	host_port_set_user(late.port, NULL, NULL);
	fake_deliver_interrupts();
	assert_false(outside[4].guest_open);
	connect_outside(4, false);
	connect_outside(4, true);
	assert_int_equal(late.inputs + next.inputs, 0);
	host_port_set_user(late.port, &user, &next);
	fake_deliver_interrupts();
	assert_true(outside[4].guest_open);
	assert_true(host_port_is_open(late.port));
	assert_int_equal(host_port_read(late.port, bytes, 4), 4);
	assert_memory_equal(bytes, "abcd", 4);
	assert_int_equal(send_outside(4, "e", 1), 1);
	assert_int_equal(next.inputs, 1);
	assert_int_equal(late.inputs, 0);
	assert_int_equal(host_port_read(late.port, bytes, 4), 1);
	host_port_set_user(late.port, &user, &late);
	fake_deliver_interrupts();
	(void)state;
}

/* Messages that are due wait for slots; the last word counts. */
static void test_control_queue_is_slow(void **state)
{
	holds_answers = true;
	for (unsigned i = 0; i < 21; i++)
		host_port_set_user(late.port, i % 2 ? &user : NULL, &late);
	holds_answers = false;
	notified(device, CONTROL_OUT);
	fake_deliver_interrupts();
	assert_false(outside[4].guest_open);
	host_port_set_user(late.port, &user, &late);
	fake_deliver_interrupts();
	assert_true(outside[4].guest_open);
	(void)state;
}

/* A port is unplugged, and another of the same name comes in its place. */
static void test_unplugged(void **state)
{
	late.opens = late.closes = 0;
	assert_int_equal(send_outside(4, "old", 3), 3); /* never read, by nobody */
	say(4, VIRTIO_CONSOLE_DEVICE_REMOVE, 1, NULL);
	outside[4].is_ready = outside[4].guest_open = outside[4].is_connected = false;
	fake_deliver_interrupts();
	assert_int_equal(late.closes, 1);
	assert_false(host_port_is_open(late.port));
	assert_int_equal(host_port_write(late.port, "x", 1), 0);

	strcpy(outside[5].name, "port.4");
	outside[5].is_connected = true;
	say(5, VIRTIO_CONSOLE_DEVICE_ADD, 1, NULL);
	fake_deliver_interrupts();
	assert_true(outside[5].guest_open);
	assert_int_equal(late.opens, 1);
	assert_int_equal(send_outside(5, "x", 1), 1);
	assert_int_equal(host_port_read(late.port, late.data, 10), 1);
	(void)state;
}

/* And the old number comes again, with another name: all its buffers are there, and are empty. */
static void test_plugged_in(void **state)
{
	struct client client = { .port = host_port_take("port.new") };
	static u8 sent[ROOM], got[ROOM];

	host_port_set_user(client.port, &user, &client);
	strcpy(outside[4].name, "port.new");
	say(4, VIRTIO_CONSOLE_DEVICE_ADD, 1, NULL);
	fake_deliver_interrupts();
	assert_true(outside[4].guest_open);
	fill(sent, ROOM, 9);
	assert_int_equal(send_outside(4, sent, ROOM), ROOM);
	assert_int_equal(host_port_read(client.port, got, ROOM), ROOM);
	assert_memory_equal(got, sent, ROOM);
	host_port_give_back(client.port);
	say(4, VIRTIO_CONSOLE_DEVICE_REMOVE, 1, NULL);
	fake_deliver_interrupts();
	outside[4].is_ready = outside[4].guest_open = false;
	(void)state;
}

static void test_odd_messages(void **state)
{
	struct fake_chain chain;
	char name[150];

	say(NR_PORTS, VIRTIO_CONSOLE_DEVICE_ADD, 1, NULL); /* beyond the last */
	say(0xffffffff, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
	say(3, 99, 1, NULL);
	say(4, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL); /* it is gone */
	say(3, VIRTIO_CONSOLE_PORT_NAME, 1, "another");
	assert_true(fake_pop(device, CONTROL_IN, &chain));
	fake_push(device, CONTROL_IN, chain.head, 3); /* no whole message */
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	strcpy(outside[4].name, name); /* longer than any that can be asked for */
	say(4, VIRTIO_CONSOLE_DEVICE_ADD, 1, NULL);
	fake_deliver_interrupts();
	assert_true(outside[4].is_ready);
	assert_null(host_port_take(name));
	assert_null(host_port_take(""));
	assert_true(host_port_is_open(early.port));
	assert_int_equal(fake_complaints, 0);
	(void)state;
}

/* Whoever comes later finds a port as if nobody had had it: with what is waiting there. */
static void test_given_back(void **state)
{
	struct client next = { 0 };
	u8 bytes[4];

	early.opens = early.closes = early.inputs = 0;
	assert_int_equal(send_outside(3, "ab", 2), 2);
	host_port_give_back(early.port);
	fake_deliver_interrupts();
	assert_false(outside[3].guest_open);
	connect_outside(3, false);
	connect_outside(3, true);
	assert_int_equal(early.opens + early.closes, 0);

	next.port = host_port_take("port.3");
	assert_non_null(next.port);
	fake_deliver_interrupts();
	assert_false(outside[3].guest_open); /* not before there is a user */
	host_port_set_user(next.port, &user, &next);
	fake_deliver_interrupts();
	assert_true(outside[3].guest_open);
	assert_true(host_port_is_open(next.port));
	assert_int_equal(host_port_read(next.port, bytes, 4), 2);
	assert_memory_equal(bytes, "ab", 2);
	assert_int_equal(send_outside(3, "c", 1), 1);
	assert_int_equal(next.inputs, 1);
	assert_int_equal(host_port_read(next.port, bytes, 4), 1);
	assert_int_equal(early.inputs, 1); /* of the first two */
	host_port_give_back(next.port);
	early.port = host_port_take("port.3");
	host_port_set_user(early.port, &user, &early);
	fake_deliver_interrupts();
	(void)state;
}

/* Memory that is given is read where it is; nobody is called, and whoever gave it looks himself. */
static void test_give(void **state)
{
	static u8 data[5][2 * ROOM], got[2 * ROOM];
	struct host_port_buffer buffers[5];

	early.outputs = 0;
	for (u32 i = 0; i < 5; i++) {
		fill(data[i], sizeof(data[i]), i + 1);
		buffers[i] = (struct host_port_buffer){ data[i], sizeof(data[i]), true };
		/* Four are in flight at most. */
		assert_int_equal(host_port_give(early.port, &buffers[i]), i < 4);
	}
	host_port_collect(early.port);
	assert_false(buffers[0].is_done);
	assert_int_equal(host_port_write(early.port, "x", 1), 0);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(take_outside(3, got), sizeof(got));
		assert_memory_equal(got, data[i], sizeof(got));
	}
	host_port_collect(early.port);
	for (u32 i = 0; i < 4; i++)
		assert_true(buffers[i].is_done);
	assert_true(host_port_give(early.port, &buffers[4]));
	assert_int_equal(take_outside(3, got), sizeof(got));
	connect_outside(3, false);
	assert_false(host_port_give(early.port, &buffers[0])); /* to whom? */
	connect_outside(3, true);
	host_port_collect(early.port);
	assert_true(buffers[4].is_done);
	assert_int_equal(early.outputs, 0);
	(void)state;
}

static unsigned take_all(struct host_port *ports[32])
{
	char name[20];
	unsigned count = 0;

	for (unsigned i = 0; i < 40; i++) {
		struct host_port *port;

		snprintf(name, sizeof(name), "none.%u", i);
		port = host_port_take(name);
		if (port)
			ports[count++] = port;
	}
	return count;
}

static void test_too_many_names(void **state)
{
	struct host_port *ports[32];

	for (unsigned round = 0; round < 3; round++) {	   /* 90 names in all */
		assert_int_equal(take_all(ports), 32 - 2); /* early and late have theirs */
		for (unsigned i = 0; i < 30; i++)
			host_port_give_back(ports[i]);
	}
	assert_true(host_port_is_open(early.port));
	(void)state;
}

static void test_death(void **state)
{
	early.closes = 0;
	fake_break(device);
	fake_deliver_interrupts();
	assert_int_equal(early.closes, 1);
	assert_false(host_port_is_open(early.port));
	assert_int_equal(host_port_write(early.port, "x", 1), 0);
	assert_int_equal(host_port_read(early.port, early.data, 1), 0);
	host_port_set_user(early.port, NULL, NULL);
	host_port_set_user(early.port, &user, &early);
	assert_int_equal(fake_complaints, 1);
	assert_int_equal(device->status, 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_bring_up),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_when_called),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_change_of_user),
		cmocka_unit_test(test_control_queue_is_slow),
		cmocka_unit_test(test_unplugged),
		cmocka_unit_test(test_plugged_in),
		cmocka_unit_test(test_odd_messages),
		cmocka_unit_test(test_given_back),
		cmocka_unit_test(test_give),
		cmocka_unit_test(test_too_many_names),
		cmocka_unit_test(test_death),
	};

	return RUN_TESTS(tests);
}
