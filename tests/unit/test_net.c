/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's network interface: its commands, rates, configuration, and any driver. */
#include "net_fixture.h"
#include "fake/pages.h"

#include <string.h>

/* --- Rates: the interface of these tests is limited to 10 000 bytes a second */

static void what_is_sent_too_fast_waits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		offer_frame(&plain, 1000);
	f->refusals = 1;
	kick(TX); /* no room: that is not paid for */
	assert_null(f->timer);
	f->port->ops->writable(f->port);
	serve();
	assert_int_equal(f->nr_sent, 1); /* and with that 100 ms are used up */
	assert_non_null(f->timer);
	assert_int_equal(f->services, 0);
	for (unsigned sent = 2; sent <= 3; sent++) {
		assert_in_range(f->timer->deadline, f->now + HZ / 2000, f->now + HZ / 9);
		fire(&f->timer);
		assert_true(serve());
		assert_int_equal(f->nr_sent, sent);
	}
	assert_null(f->timer);
	assert_in_range(f->now, HZ / 10, HZ / 4);
}

static void a_reset_forgets_the_wait(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		offer_frame(&plain, 1000);
	kick(TX);
	assert_non_null(f->timer);
	start(ALL_FEATURES);
	assert_null(f->timer);
	f->now += HZ;
	offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->nr_sent, 2);
}

static void what_comes_too_fast_is_dropped(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);

	(void)state;
	assert_false(deliver(&frame)); /* no room: that is not paid for */
	offer_buffers(16, 2048);
	for (unsigned i = 0; i < 5; i++)
		assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(shown("dropped-rate"), 4);
	f->now += HZ / 10;
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 2);
}

/* --- Commands */

/* Gives a command, in two readable buffers; returns the answer. */
static u8 command(const void *bytes, u32 size)
{
	u32 first = MIN(size, 3U);
	struct virtq_desc descs[3] = { { HEADER, first, 0, 0 } };
	unsigned count = 1;
	u8 ack = 0xee;

	put(HEADER, bytes, size);
	put(HEADER + 0x8000, &ack, 1);
	if (size > first)
		descs[count++] = (struct virtq_desc){ HEADER + first, size - first, 0, 0 };
	descs[count++] = (struct virtq_desc){ HEADER + 0x8000, 1, W, 0 };
	offer(CTRL, descs, count);
	kick(CTRL);
	assert_int_equal(take_used(CTRL).len, 1);
	assert_false(is_broken());
	get(HEADER + 0x8000, &ack, 1);
	return ack;
}

static void commands_are_answered(void **state)
{
	static const struct {
		const char *what;
		u8 bytes[24];
		u32 size;
		u8 answer;
	} cases[] = {
		{ "promiscuous", { 0, 0, 1 }, 3, VIRTIO_NET_OK },
		{ "not promiscuous", { 0, 0, 0 }, 3, VIRTIO_NET_OK },
		{ "neither", { 0, 0, 2 }, 3, VIRTIO_NET_ERR },
		{ "no mode", { 0, 0 }, 2, VIRTIO_NET_ERR },
		{ "no number", { 0 }, 1, VIRTIO_NET_ERR },
		{ "all multicast", { 0, 1, 1 }, 3, VIRTIO_NET_OK },
		{ "not offered", { 0, 2, 1 }, 3, VIRTIO_NET_ERR },
		{ "empty tables", { 1, 0 }, 10, VIRTIO_NET_OK },
		{ "half a table", { 1, 0 }, 9, VIRTIO_NET_ERR },
		{ "no tables", { 1, 0 }, 2, VIRTIO_NET_ERR },
		{ "an address missing", { 1, 0, 1 }, 10, VIRTIO_NET_ERR },
		{ "an address", { 1, 0, 1 }, 16, VIRTIO_NET_OK },
		{ "the end missing",
		  { 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6 },
		  21,
		  VIRTIO_NET_ERR },
		{ "very many", { 1, 0, 0xff, 0xff, 0xff, 0xff }, 16, VIRTIO_NET_ERR },
		{ "very many others",
		  { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
		  22,
		  VIRTIO_NET_ERR },
		{ "product wraps", { 1, 0, 0xab, 0xaa, 0xaa, 0xaa }, 16, VIRTIO_NET_ERR },
		{ "its own MAC", { 1, 1, 0x52, 0x54, 0, 1, 2, 3 }, 8, VIRTIO_NET_OK },
		{ "another's", { 1, 1, 0x52, 0x54, 0, 1, 2, 4 }, 8, VIRTIO_NET_ERR },
		{ "half of it", { 1, 1, 0x52, 0x54, 0 }, 5, VIRTIO_NET_ERR },
		{ "VLAN", { 2, 0, 1, 0 }, 4, VIRTIO_NET_ERR },
		{ "queues", { 4, 0, 1, 0 }, 4, VIRTIO_NET_ERR },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (command(cases[i].bytes, cases[i].size) != cases[i].answer)
			fail_msg("%s: %d", cases[i].what, !cases[i].answer);
	}
}

/* Whether a frame to this address is received. */
static bool receives(const u8 *mac)
{
	struct net_frame frame = frame_of(60, 60, mac);
	u16 before = used_idx(RX);

	offer_buffers(1, 128);
	assert_true(deliver(&frame));
	return used_idx(RX) != before;
}

static void the_driver_chooses_multicast(void **state)
{
	static const u8 a[6] = { 1, 0, 0x5e, 0, 0, 1 }, b[6] = { 1, 0, 0x5e, 0, 0, 2 };
	static const u8 broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	u8 set_a[10 + 12] = { 1, 0, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 1, 0, 0, 0 };
	u8 too_many[10 + 6 * 33] = { 1, 0, 0, 0, 0, 0, 33, 0, 0, 0 };

	(void)state;
	memcpy(set_a + 16, a, 6);
	assert_true(receives(a) && receives(b)); /* nothing was said yet */
	assert_int_equal(command(set_a, sizeof(set_a)), VIRTIO_NET_OK);
	assert_true(receives(a) && receives(own_mac) && receives(broadcast));
	assert_false(receives(b));
	assert_int_equal(command((u8[]){ 0, 1, 1 }, 3), VIRTIO_NET_OK);
	assert_true(receives(b));
	assert_int_equal(command((u8[]){ 0, 1, 0 }, 3), VIRTIO_NET_OK);
	assert_false(receives(b));
	assert_int_equal(command((u8[]){ 0, 0, 1 }, 3), VIRTIO_NET_OK);
	assert_true(receives(b));
	assert_true(f->port->is_promiscuous);
	assert_int_equal(command((u8[]){ 0, 0, 0 }, 3), VIRTIO_NET_OK);
	assert_false(receives(b) || f->port->is_promiscuous);
	assert_int_equal(command(too_many, sizeof(too_many)), VIRTIO_NET_OK);
	assert_true(receives(b));
	assert_int_equal(command(set_a, sizeof(set_a)), VIRTIO_NET_OK);
	assert_false(receives(b));
	start(ALL_FEATURES);
	assert_true(receives(b));
}

/* A command without a place for the answer comes back, too. */
static void a_command_may_have_no_answer(void **state)
{
	struct virtq_desc desc = { HEADER, 3, 0, 0 };

	(void)state;
	put(HEADER, (u8[]){ 0, 0, 1 }, 3);
	offer(CTRL, &desc, 1);
	kick(CTRL);
	assert_int_equal(take_used(CTRL).len, 0);
	assert_true(f->port->is_promiscuous);
	start(ALL_FEATURES);
	assert_false(f->port->is_promiscuous);
}

static void commands_in_one_exit_are_bounded(void **state)
{
	struct virtq_desc desc = { HEADER, 3, 0, 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		offer(CTRL, &desc, 1);
	kick(CTRL);
	assert_int_equal(used_idx(CTRL), 64);
	assert_true(serve());
	assert_int_equal(used_idx(CTRL), 100);
	assert_false(serve());
}

/* --- The device */

static void features_that_need_others_are_not_taken_alone(void **state)
{
	static const u64 base = VIRTIO_F_VERSION_1;
	static const struct {
		u64 features;
		bool taken;
	} cases[] = {
		{ base, true },
		{ base | VIRTIO_NET_F_HOST_TSO4, false },
		{ base | VIRTIO_NET_F_HOST_TSO6, false },
		{ base | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_CSUM, true },
		{ base | VIRTIO_NET_F_GUEST_TSO4, false },
		{ base | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_CSUM, false },
		{ base | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_CSUM, true },
		{ base | VIRTIO_NET_F_CTRL_RX, false },
		{ base | VIRTIO_NET_F_CTRL_MAC, false },
		{ base | VIRTIO_NET_F_CTRL_MAC | VIRTIO_NET_F_CTRL_VQ, true },
		{ base | VIRTIO_NET_F_MQ, false },
		{ base | VIRTIO_NET_F_CTRL_VLAN, false },
		{ ALL_FEATURES, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (take_features(cases[i].features) != cases[i].taken)
			fail_msg("case %u: %d", i, !cases[i].taken);
	}
}

static void the_configuration_can_be_read(void **state)
{
	(void)state;
	for (u32 i = 0; i < 6; i++)
		assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + i, 1, false, 0), own_mac[i]);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG, 4, false, 0), 0x01005452);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + 6, 2, false, 0),
			 VIRTIO_NET_S_LINK_UP);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + 10, 2, false, 0), 1500);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + 12, 4, false, 0), 0);
	access_register(VIRTIO_MMIO_CONFIG, 1, true, 0xff);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG, 1, false, 0), 0x52);
}

static void the_port_is_up_while_the_driver_is(void **state)
{
	struct net_frame frame = frame_of(60, 60, NULL);

	(void)state;
	assert_true(f->port->is_up);
	assert_true(f->port->takes_csum && f->port->takes_tso4 && f->port->takes_tso6);
	offer_buffers(2, 128);
	write_register(VIRTIO_MMIO_STATUS, 0);
	assert_false(f->port->is_up);
	assert_true(deliver(&frame)); /* late: dropped */
	f->port->ops->flush(f->port);
	assert_int_equal(used_idx(RX), 0);
	assert_true(take_features(ALL_FEATURES));
	assert_false(f->port->is_up);
}

static void the_port_is_what_was_described(void **state)
{
	(void)state;
	assert_memory_equal(f->port->mac, own_mac, 6);
	assert_int_equal(f->port->address, 0x0a09000f);
	assert_int_equal(f->port->prefix, 24);
	assert_int_equal(f->port->gateway, 0x0a090001);
	assert_int_equal(f->port->dns, 0x0a090003);
	assert_string_equal(f->port->host_name, "web");
}

static void no_switch_no_interface(void **state)
{
	struct virtio_net_setup setup = { .switch_name = "none", .host_name = "x" };
	struct virtio_device *device;
	u64 pages = fake_pages.in_use;

	(void)state;
	assert_non_null(virtio_net_create(&setup, &device));
	assert_int_equal(fake_pages.in_use, pages);
}

/* --- A driver that does anything */

/* A chain as it should be, but for one thing now and then. */
static void offer_anything(struct prng *prng, unsigned q)
{
	unsigned count = 1 + prng_below(prng, 4);
	struct virtq_desc descs[4];

	for (unsigned i = 0; i < count; i++)
		descs[i] = (struct virtq_desc){ BUFFERS + prng_below(prng, 0x100000),
						1 + prng_below(prng, q == RX ? 3000 : 600),
						q == RX || (q == CTRL && i == 3) ? W : 0, 0 };
	if (prng_below(prng, 50) == 0)
		descs[prng_below(prng, count)].addr = RAM_BASE + prng_below(prng, RAM_SIZE + 1000);
	if (prng_below(prng, 50) == 0)
		descs[prng_below(prng, count)].len = prng_below(prng, 100000);
	if (prng_below(prng, 50) == 0)
		descs[prng_below(prng, count)].flags = (u16)prng_below(prng, 8);
	offer(q, descs, count);
	if (prng_below(prng, 50) == 0)
		offer_head(q, (u16)prng_below(prng, SIZE + 1));
}

/* Headers of frames, and commands, some of them sound. */
static void write_anything(struct prng *prng)
{
	u8 bytes[64];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(prng_below(prng, 4) ? prng_below(prng, 2) : prng_below(prng, 256));
	for (u64 at = BUFFERS; at < BUFFERS + 0x100000; at += sizeof(bytes))
		put(at, bytes, sizeof(bytes));
}

static void anything_may_be_in_the_queues(void **state)
{
	struct prng prng = { 4711 };
	unsigned nr_broken = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct net_frame frame = frame_of(14 + prng_below(&prng, 3000), 1600, NULL);
		unsigned q = prng_below(&prng, 3);

		if (round % 100 == 0)
			write_anything(&prng);
		for (unsigned i = prng_below(&prng, 4); i; i--)
			offer_anything(&prng, q);
		f->result = prng_below(&prng, 2) ? NET_TAKEN : NET_DONE;
		f->refusals = prng_below(&prng, 2);
		kick(q);
		deliver(&frame);
		f->port->ops->flush(f->port);
		serve();
		if (f->taken && prng_below(&prng, 2))
			complete(bits_lowest(f->taken));
		if (is_broken() || prng_below(&prng, 64) == 0) {
			nr_broken += is_broken();
			write_register(VIRTIO_MMIO_STATUS, 0);
			while (f->taken)
				complete(bits_lowest(f->taken));
			serve();
			assert_int_equal(f->pins, 0);
			start(ALL_FEATURES);
		}
	}
	/* It was not for nothing. */
	assert_true(f->nr_sent > 500 && nr_broken > 500 && shown("frames-received") > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMITED(what_is_sent_too_fast_waits),
		LIMITED(a_reset_forgets_the_wait),
		LIMITED(what_comes_too_fast_is_dropped),
		TEST(commands_are_answered),
		TEST(the_driver_chooses_multicast),
		TEST(a_command_may_have_no_answer),
		TEST(commands_in_one_exit_are_bounded),
		TEST(features_that_need_others_are_not_taken_alone),
		TEST(the_configuration_can_be_read),
		TEST(the_port_is_up_while_the_driver_is),
		TEST(the_port_is_what_was_described),
		TEST(no_switch_no_interface),
		TEST(anything_may_be_in_the_queues),
	};

	return RUN_TESTS(tests);
}
