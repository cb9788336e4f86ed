/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the driver of a network interface, against an interface of our own. */
#include "unit.h"
#include "drivers/host_net.h"
#include "drivers/host_virtio.h"
#include "fake/pages.h"
#include "fake/virtio_mmio.h"

#include <string.h>

#define RX	  0
#define TX	  1
#define IN_FLIGHT 128U /* as many as the driver says it can, either way */
#define BUDGET	  64U  /* frames that it receives at a time */

static struct fake_device *const device = &fake_devices[0];
static struct host_net *net;

/* What the receiver has got. */
static struct {
	unsigned frames, flushes;
	u32 last_size;
	u8 first_byte, last_byte;
	bool is_in_order;
	void (*meanwhile)(void); /* called in the middle of a frame */
	bool is_busy;
} got;

static void receive(void *ctx, const struct virtio_net_header *header, const void *frame, u32 size)
{
	const u8 *bytes = frame;

	assert_ptr_equal(ctx, &got);
	assert_false(got.is_busy);
	assert_int_equal(header->num_buffers, 1);
	got.is_busy = true;
	if (got.meanwhile)
		got.meanwhile();
	got.is_busy = false;
	if (bytes[0] != (u8)got.frames)
		got.is_in_order = false;
	got.first_byte = bytes[0];
	got.last_byte = bytes[size - 1];
	got.last_size = size;
	got.frames++;
}

static void flush(void *ctx)
{
	assert_ptr_equal(ctx, &got);
	assert_false(got.is_busy);
	got.flushes++;
}

static void start(u64 features)
{
	static const struct virtio_net_config config = {
		.mac = { 0x52, 0x54, 0, 1, 2, 3 },
		.status = VIRTIO_NET_S_LINK_UP,
	};
	unsigned before = 0;

	while (host_net_get(before))
		before++;
	fake_machine(1);
	memset(&got, 0, sizeof(got));
	got.is_in_order = true;
	device->id = VIRTIO_ID_NET;
	device->features |= features;
	memcpy(device->config, &config, sizeof(config));
	host_virtio_init();
	net = host_net_get(before);
	assert_non_null(net);
	assert_int_equal(fake_complaints, 0);
	host_net_set_receiver(net, receive, &got);
	host_net_set_flush(net, flush, &got);
}

static void test_bring_up(void **state)
{
	struct host_net_info info;

	start(VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 |
	      VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM |
	      VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ);
	host_net_info(net, &info);
	assert_memory_equal(info.mac, "\x52\x54\x00\x01\x02\x03", 6);
	assert_true(info.link_up && info.has_csum && info.has_tso4 && info.has_tso6);
	/* Frames are to come whole, in one buffer each. */
	assert_false(device->driver_features &
		     (VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |
		      VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ));

	start(0);
	host_net_info(net, &info);
	assert_true(info.link_up); /* without the feature it always is (5.1.4.2) */
	assert_false(info.has_csum || info.has_tso4 || info.has_tso6);
	(void)state;
}

/* A frame comes in, of which the first byte is number. */
static bool arrive(u8 number, u32 size)
{
	struct fake_chain chain;
	u8 *data;

	if (!fake_pop(device, RX, &chain))
		return false;
	assert_int_equal(chain.nr, 1);
	assert_true(chain.buffers[0].is_writable);
	assert_true(chain.buffers[0].size >= 1526); /* 5.1.6.3.1 */
	data = chain.buffers[0].data;
	memset(data, 0, sizeof(struct virtio_net_header));
	((struct virtio_net_header *)(void *)data)->num_buffers = 1;
	data += sizeof(struct virtio_net_header);
	data[0] = number;
	if (size > 1)
		data[size - 1] = 0xee;
	fake_push(device, RX, chain.head, size + (u32)sizeof(struct virtio_net_header));
	return true;
}

static void test_receive(void **state)
{
	struct host_net_info info;
	unsigned before;

	start(0);
	assert_true(device->queues[RX].notifications > 0);
	before = device->interrupts;
	for (unsigned i = 0; i < 10; i++)
		assert_true(arrive((u8)i, 1514));
	assert_int_equal(device->interrupts, before + 1);
	fake_deliver_interrupts();
	assert_int_equal(got.frames, 10);
	assert_int_equal(got.flushes, 1);
	assert_true(got.is_in_order);
	assert_int_equal(got.last_size, 1514);
	assert_int_equal(got.last_byte, 0xee);
	host_net_info(net, &info);
	assert_int_equal(info.received, 10);
	assert_int_equal(info.bytes_received, 10 * 1514);
	(void)state;
}

/* The buffers come back: three times as many frames as there are. */
static void test_receive_for_ever(void **state)
{
	unsigned arrived = 0;

	start(0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < IN_FLIGHT; i++)
			assert_true(arrive((u8)arrived++, 60));
		assert_false(arrive(0, 60));
		fake_deliver_interrupts();
		fake_fire_timers();
		assert_int_equal(got.frames, arrived);
	}
	assert_true(got.is_in_order);
	(void)state;
}

/* A flood does not keep the hart: after some frames it comes back later. */
static void test_budget(void **state)
{
	start(0);
	for (unsigned i = 0; i < BUDGET + 20; i++)
		assert_true(arrive((u8)i, 60));
	fake_deliver_interrupts();
	assert_int_equal(got.frames, BUDGET);
	assert_int_equal(fake_fire_timers(), 1);
	assert_int_equal(got.frames, BUDGET + 20);
	/* The timer asked for the next interrupt. */
	assert_true(arrive((u8)(BUDGET + 20), 60));
	assert_int_equal(device->interrupt_status, VIRTIO_INTERRUPT_USED);
	fake_deliver_interrupts();
	assert_int_equal(got.frames, BUDGET + 21);
	assert_true(got.is_in_order);
	(void)state;
}

static void one_more_comes(void)
{
	got.meanwhile = NULL;
	arrive((u8)(got.frames + 1), 60);
	host_virtio_interrupt(FAKE_SOURCE(0)); /* on another hart, as it were */
	fake_raise(device, VIRTIO_INTERRUPT_USED);
	host_virtio_interrupt(FAKE_SOURCE(0));
}

static void test_one_at_a_time(void **state)
{
	start(0);
	got.meanwhile = one_more_comes;
	arrive(0, 60);
	fake_deliver_interrupts();
	assert_int_equal(got.frames, 2);
	assert_true(got.is_in_order);
	(void)state;
}

static void test_odd_sizes(void **state)
{
	struct fake_chain chain;

	start(0);
	assert_true(fake_pop(device, RX, &chain));
	fake_push(device, RX, chain.head, sizeof(struct virtio_net_header)); /* no frame in it */
	assert_true(fake_pop(device, RX, &chain));
	fake_push(device, RX, chain.head, 0);
	fake_deliver_interrupts();
	assert_int_equal(got.frames, 0);
	assert_true(fake_pop(device, RX, &chain));
	memset(chain.buffers[0].data, 0, 2048);
	chain.buffers[0].data[10] = 1;
	fake_push(device, RX, chain.head, 0xffffffff); /* a lie */
	fake_deliver_interrupts();
	assert_int_equal(got.frames, 1);
	assert_int_equal(got.last_size, 2048 - sizeof(struct virtio_net_header));
	(void)state;
}

static void test_no_receiver(void **state)
{
	struct host_net_info info;

	start(0);
	host_net_set_receiver(net, NULL, NULL);
	host_net_set_flush(net, NULL, NULL);
	for (unsigned i = 0; i < 5; i++)
		arrive(0, 60);
	fake_deliver_interrupts();
	host_net_info(net, &info);
	assert_int_equal(info.dropped, 5);
	assert_int_equal(info.received, 0);
	(void)state;
}

struct packet {
	struct host_net_frame frame;
	unsigned done;
	struct packet *then; /* done() sends it */
	u8 data[HOST_NET_MAX_SEGMENTS];
};

static unsigned nr_done;

static void done(struct host_net_frame *frame)
{
	struct packet *packet = container_of(frame, struct packet, frame);

	packet->done++;
	nr_done++;
	if (packet->then) {
		assert_true(host_net_send(net, &packet->then->frame));
		host_net_kick(net);
	}
}

static void prepare(struct packet *packet, unsigned nr_segments)
{
	memset(packet, 0, sizeof(*packet));
	packet->frame.done = done;
	packet->frame.header.num_buffers = 1; /* as it came from a guest */
	packet->frame.header.csum_start = 34;
	packet->frame.nr_segments = nr_segments;
	for (unsigned i = 0; i < nr_segments; i++)
		packet->frame.segments[i] = (struct host_segment){ HPA((u64)packet->data + i), 1 };
}

static void test_send(void **state)
{
	static struct packet packet;
	struct virtio_net_header header;
	struct host_net_info info;
	struct fake_chain chain;

	start(0);
	prepare(&packet, HOST_NET_MAX_SEGMENTS);
	assert_true(host_net_send(net, &packet.frame));
	assert_int_equal(device->queues[TX].notifications, 0);
	host_net_kick(net);
	assert_int_equal(device->queues[TX].notifications, 1);
	assert_true(fake_pop(device, TX, &chain));
	assert_int_equal(chain.nr, HOST_NET_MAX_SEGMENTS + 1);
	assert_int_equal(chain.buffers[0].size, sizeof(header));
	memcpy(&header, chain.buffers[0].data, sizeof(header));
	assert_int_equal(header.num_buffers, 0);
	assert_int_equal(header.csum_start, 34);
	for (unsigned i = 1; i < chain.nr; i++) {
		assert_ptr_equal(chain.buffers[i].data, packet.data + i - 1);
		assert_false(chain.buffers[i].is_writable);
	}
	fake_deliver_interrupts();
	assert_int_equal(packet.done, 0);
	fake_push(device, TX, chain.head, 0);
	fake_deliver_interrupts();
	assert_int_equal(packet.done, 1);
	host_net_info(net, &info);
	assert_int_equal(info.sent, 1);
	assert_int_equal(info.bytes_sent, HOST_NET_MAX_SEGMENTS);
	(void)state;
}

static void send_one(struct packet *packet)
{
	prepare(packet, 1);
	assert_true(host_net_send(net, &packet->frame));
}

static bool complete_next(void)
{
	struct fake_chain chain;

	if (!fake_pop(device, TX, &chain))
		return false;
	fake_push(device, TX, chain.head, 0);
	return true;
}

static void test_no_room(void **state)
{
	static struct packet packets[IN_FLIGHT + 1];

	start(0);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		send_one(&packets[i]);
	prepare(&packets[IN_FLIGHT], 1);
	assert_false(host_net_send(net, &packets[IN_FLIGHT].frame));
	host_net_kick(net);
	assert_true(complete_next());
	fake_deliver_interrupts();
	assert_int_equal(packets[0].done, 1);
	assert_true(host_net_send(net, &packets[IN_FLIGHT].frame));
	while (complete_next())
		fake_deliver_interrupts();
	for (unsigned i = 0; i <= IN_FLIGHT; i++)
		assert_int_equal(packets[i].done, 1);
	(void)state;
}

/*
 * Whatever the device completes when, nothing that is sent stays without its done() once the device
 * has worked everything off, and interrupts are fewer than frames.
 */
static void test_interrupts_are_few_but_come(void **state)
{
	static struct packet packets[IN_FLIGHT];
	struct prng prng = { 31337 };
	unsigned sent = 0, before;

	start(0);
	nr_done = 0;
	before = device->interrupts;
	for (unsigned round = 0; round < 2000; round++) {
		unsigned burst = prng_below(&prng, 40);

		for (unsigned i = 0; i < burst; i++) {
			/* The oldest is done: the device completes them in order here. */
			assert_true(sent - nr_done < IN_FLIGHT);
			send_one(&packets[sent++ % IN_FLIGHT]);
			if (prng_below(&prng, 4) == 0)
				complete_next();
			if (prng_below(&prng, 4) == 0)
				fake_deliver_interrupts();
		}
		host_net_kick(net);
		while (complete_next()) {
			if (prng_below(&prng, 4) == 0)
				fake_deliver_interrupts();
		}
		fake_deliver_interrupts();
		assert_int_equal(nr_done, sent);
	}
	assert_true((device->interrupts - before) * 4 < sent);
	(void)state;
}

static void test_done_sends(void **state)
{
	static struct packet first, second;

	start(0);
	prepare(&second, 1);
	prepare(&first, 1);
	first.then = &second;
	assert_true(host_net_send(net, &first.frame));
	host_net_kick(net);
	while (complete_next())
		fake_deliver_interrupts();
	assert_int_equal(first.done, 1);
	assert_int_equal(second.done, 1);
	(void)state;
}

static void test_link(void **state)
{
	struct host_net_info info;

	start(VIRTIO_NET_F_STATUS);
	device->config[6] = 0;
	fake_raise(device, VIRTIO_INTERRUPT_CONFIG);
	fake_deliver_interrupts();
	host_net_info(net, &info);
	assert_false(info.link_up);
	device->config[6] = VIRTIO_NET_S_LINK_UP;
	fake_raise(device, VIRTIO_INTERRUPT_CONFIG);
	fake_deliver_interrupts();
	host_net_info(net, &info);
	assert_true(info.link_up);
	(void)state;
}

static void was_reset(struct fake_device *reset)
{
	assert_int_equal(nr_done, 0); /* until now the memory is the device's */
	(void)reset;
}

static void check_death(void (*kill)(void))
{
	static struct packet packets[10];
	struct host_net_info info;

	start(0);
	device->was_reset = was_reset;
	nr_done = 0;
	for (unsigned i = 0; i < 10; i++)
		send_one(&packets[i]);
	host_net_kick(net);
	kill();
	fake_deliver_interrupts();
	assert_int_equal(nr_done, 10);
	assert_int_equal(device->status, 0);
	assert_int_equal(fake_complaints, 1);
	host_net_info(net, &info);
	assert_false(info.link_up);
	/* Frames are taken, and dropped; done() is not called by who sends. */
	send_one(&packets[0]);
	send_one(&packets[1]);
	assert_int_equal(packets[0].done + packets[1].done, 0);
	host_net_kick(net);
	assert_int_equal(fake_fire_timers(), 1);
	assert_int_equal(packets[0].done + packets[1].done, 2);
	fake_raise(device, VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG);
	fake_deliver_interrupts();
	assert_int_equal(fake_complaints, 1);
	assert_int_equal(got.frames, 0);
	host_net_info(net, &info);
	assert_int_equal(info.dropped, 2);
}

static void needs_reset(void)
{
	fake_break(device);
}

static void returns_nonsense_sent(void)
{
	fake_push(device, TX, 4711, 0);
	fake_raise(device, VIRTIO_INTERRUPT_USED);
}

static void returns_nonsense_received(void)
{
	fake_push(device, RX, 4711, 0);
	fake_raise(device, VIRTIO_INTERRUPT_USED);
}

static void test_death(void **state)
{
	check_death(needs_reset);
	check_death(returns_nonsense_sent);
	check_death(returns_nonsense_received);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bring_up),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_receive_for_ever),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_odd_sizes),
		cmocka_unit_test(test_no_receiver),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_interrupts_are_few_but_come),
		cmocka_unit_test(test_done_sends),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_death),
	};

	return RUN_TESTS(tests);
}
