/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the DHCP server: requests as clients send them, replies read by a parser that knows the
 * RFCs, and all kinds of garbage.
 */
#include "net_reference.h"
#include "net/dhcp.h"

#include <stdlib.h>

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

#define ADDRESS	  0x0a00020fU /* 10.0.2.15 */
#define GATEWAY	  0x0a000202U
#define DNS	  0x0a000203U
#define BROADCAST 0xffffffffU
#define MESSAGE	  (14 + 20 + 8)

static struct prng prng = { 0xd4c9 };
static struct net_port port;
static u8 request[DHCP_MAX_REQUEST], reply[DHCP_MAX_REPLY];
static u32 request_size, options_at;

static void make_port(u32 gateway)
{
	memset(&port, 0, sizeof(port));
	memcpy(port.mac, (const u8[]){ 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, 6);
	port.address = ADDRESS;
	port.prefix = 24;
	port.gateway = gateway;
	port.dns = gateway ? DNS : 0;
	strcpy(port.host_name, "web");
}

static void add(const void *option, u32 size)
{
	memcpy(request + options_at, option, size);
	options_at += size;
}

static void add_address(u8 code, u32 address)
{
	u8 option[6] = { code, 4 };

	put_be32(option + 2, address);
	add(option, 6);
}

/* A request without its end: as busybox's udhcpc sends it. */
static void begin(u8 type, u32 ciaddr, u16 flags)
{
	u8 *ip = request + 14, *udp = ip + 20, *message = udp + 8;

	memset(request, 0, sizeof(request));
	memset(request, 0xff, 6);
	memcpy(request + 6, port.mac, 6);
	put_be16(request + 12, 0x0800);
	ip[0] = 0x45;
	ip[9] = 17;
	put_be32(ip + 16, BROADCAST);
	put_be16(udp, 68);
	put_be16(udp + 2, 67);
	message[0] = message[1] = 1;
	message[2] = 6;
	message[3] = 9; /* hops: not to be sent back */
	put_be32(message + 4, 0xcafe1234);
	put_be16(message + 8, 77); /* secs: neither */
	put_be16(message + 10, flags);
	put_be32(message + 12, ciaddr);
	memcpy(message + 28, port.mac, 6);
	put_be32(message + 236, 0x63825363);
	options_at = MESSAGE + 240;
	if (type)
		add((const u8[]){ 53, 1, type }, 3);
}

static void set_size(u32 size)
{
	request_size = size;
	put_be16(request + 14 + 2, size - 14);
	put_be16(request + 34 + 4, size - 34);
}

static u32 answer(void)
{
	u8 *exact, *out = malloc(DHCP_MAX_REPLY); /* for the sanitizer */
	u32 size;

	add("\xff", 1);
	set_size(MAX(options_at, MESSAGE + 300U));
	exact = malloc(request_size);
	memcpy(exact, request, request_size);
	memset(out, 0xee, DHCP_MAX_REPLY);
	size = dhcp_answer(&port, exact, request_size, out);
	memcpy(reply, out, DHCP_MAX_REPLY);
	free(exact);
	free(out);
	return size;
}

static const u8 *option(u8 code, u32 size)
{
	const u8 *at = reply + MESSAGE + 240;

	while (*at != 255) {
		assert_true(at < reply + DHCP_MAX_REPLY - 2);
		if (*at == code) {
			assert_int_equal(at[1], size);
			return at + 2;
		}
		at += at[0] ? 2 + at[1] : 1;
	}
	return NULL;
}

static void check_address(u8 code, u32 address)
{
	const u8 *value = option(code, 4);

	if (!address) {
		assert_null(value);
		return;
	}
	assert_non_null(value);
	assert_int_equal(get_be32(value), address);
}

/* All that every reply has in common. */
static void check_reply(u32 size, u8 type, u32 target, u32 server)
{
	const u8 *ip = reply + 14, *udp = ip + 20, *message = udp + 8;
	static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	assert_true(size >= MESSAGE + 300 && size <= DHCP_MAX_REPLY);
	assert_memory_equal(reply, target == BROADCAST ? all : port.mac, 6);
	assert_memory_not_equal(reply + 6, port.mac, 6);
	assert_int_equal(reply[6] & 3, 2); /* local, not a group */
	assert_int_equal(get_be16(reply + 12), 0x0800);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(get_be16(ip + 2), size - 14);
	assert_int_equal(get_be16(ip + 6) & 0x3fff, 0);
	assert_true(ip[8] > 0);
	assert_int_equal(ref_sum(0, ip, 20), 0xffff);
	assert_int_equal(get_be32(ip + 12), server);
	assert_int_equal(get_be32(ip + 16), target);
	assert_int_equal(get_be16(udp), 67);
	assert_int_equal(get_be16(udp + 2), 68);
	assert_int_equal(get_be16(udp + 4), size - 34);
	assert_int_not_equal(get_be16(udp + 6), 0);
	assert_int_equal(ref_transport_sum(ip, udp, size - 34, 17), 0xffff);
	assert_memory_equal(message, ((const u8[]){ 2, 1, 6, 0, 0xca, 0xfe, 0x12, 0x34, 0, 0 }),
			    10);
	assert_memory_equal(message + 10, request + MESSAGE + 10, 2);
	assert_int_equal(get_be32(message + 24), 0);
	assert_memory_equal(message + 28, request + MESSAGE + 28, 16);
	for (u32 i = 44; i < 236; i++)
		assert_int_equal(message[i], 0);
	assert_int_equal(get_be32(message + 236), 0x63825363);
	assert_int_equal(*option(53, 1), type);
	check_address(54, server);
}

static void check_configuration(u32 yiaddr)
{
	assert_int_equal(get_be32(reply + MESSAGE + 16), yiaddr);
	assert_int_equal(option(51, 4) != NULL, yiaddr != 0);
	if (yiaddr)
		assert_int_equal(get_be32(option(51, 4)), 0xffffffff);
	check_address(1, 0xffffff00);
	check_address(28, 0x0a0002ff);
	check_address(3, port.gateway);
	check_address(6, port.dns);
	assert_memory_equal(option(12, 3), "web", 3);
	if (port.gateway)
		assert_true(option(1, 4) < option(3, 4));
}

static void test_discover(void **state)
{
	(void)state;
	make_port(GATEWAY);
	begin(DISCOVER, 0, 0);
	check_reply(answer(), OFFER, ADDRESS, GATEWAY);
	check_configuration(ADDRESS);
	begin(DISCOVER, 0, 0x8000);
	check_reply(answer(), OFFER, BROADCAST, GATEWAY);
	begin(DISCOVER, 0, 0); /* it would like its old address: it is offered its own */
	add_address(50, ADDRESS + 1);
	check_reply(answer(), OFFER, ADDRESS, GATEWAY);
	check_configuration(ADDRESS);
}

/* RFC 2131 section 4.3.2: after an offer, after a reboot, and to renew or rebind. */
static void test_request(void **state)
{
	(void)state;
	make_port(GATEWAY);
	begin(REQUEST, 0, 0);
	add_address(54, GATEWAY);
	add_address(50, ADDRESS);
	check_reply(answer(), ACK, ADDRESS, GATEWAY);
	check_configuration(ADDRESS);
	begin(REQUEST, 0, 0x8000);
	add_address(50, ADDRESS);
	check_reply(answer(), ACK, BROADCAST, GATEWAY);
	begin(REQUEST, ADDRESS, 0x8000); /* who has an address is not told by broadcast */
	check_reply(answer(), ACK, ADDRESS, GATEWAY);
	assert_int_equal(get_be32(reply + MESSAGE + 12), ADDRESS);
	check_configuration(ADDRESS);
}

static void test_refusal(void **state)
{
	(void)state;
	make_port(GATEWAY);
	begin(REQUEST, 0, 0);
	add_address(54, GATEWAY);
	add_address(50, ADDRESS + 1);
	check_reply(answer(), NAK, BROADCAST, GATEWAY);
	assert_int_equal(get_be32(reply + MESSAGE + 16), 0);
	assert_null(option(51, 4));
	assert_null(option(1, 4));
	begin(REQUEST, ADDRESS - 1, 0);
	check_reply(answer(), NAK, BROADCAST, GATEWAY);
	assert_int_equal(get_be32(reply + MESSAGE + 12), 0);
	begin(REQUEST, 0, 0);
	check_reply(answer(), NAK, BROADCAST, GATEWAY);
}

static void test_inform(void **state)
{
	(void)state;
	make_port(GATEWAY);
	begin(INFORM, ADDRESS, 0);
	check_reply(answer(), ACK, ADDRESS, GATEWAY);
	check_configuration(0);
}

/* What is not for this server, or nobody's request, has no answer. */
static void test_silence(void **state)
{
	(void)state;
	make_port(GATEWAY);
	for (unsigned type = 0; type < 256; type++) {
		bool is_due = type == DISCOVER || type == REQUEST || type == INFORM;

		begin((u8)type, 0, 0);
		assert_int_equal(answer() != 0, is_due);
	}
	begin(REQUEST, 0, 0);
	add_address(54, GATEWAY + 1); /* another server's */
	add_address(50, ADDRESS);
	assert_int_equal(answer(), 0);
	for (unsigned at = 0; at < 3; at++) { /* op, htype, hlen */
		begin(DISCOVER, 0, 0);
		request[MESSAGE + at]++;
		assert_int_equal(answer(), 0);
	}
	begin(DISCOVER, 0, 0);
	request[MESSAGE + 27] = 1; /* through a relay */
	assert_int_equal(answer(), 0);
	begin(DISCOVER, 0, 0);
	request[MESSAGE + 33] ^= 1; /* about another's interface */
	assert_int_equal(answer(), 0);
	begin(DISCOVER, 0, 0);
	request[MESSAGE + 239] ^= 1; /* the cookie */
	assert_int_equal(answer(), 0);
	begin(DISCOVER, 0, 0);
	request[14 + 6] = 0x20; /* there are more fragments */
	assert_int_equal(answer(), 0);
}

/* RFC 6842: it is sent back, so that the client knows the answer to be its own. */
static void test_client_id(void **state)
{
	u8 id[2 + 255];

	(void)state;
	make_port(GATEWAY);
	for (u32 size = 0; size < 256; size++) {
		for (u32 i = 0; i < size; i++)
			id[2 + i] = (u8)(i + size);
		id[0] = 61;
		id[1] = (u8)size;
		begin(DISCOVER, 0, 0);
		add(id, 2 + size);
		check_reply(answer(), OFFER, ADDRESS, GATEWAY);
		check_configuration(ADDRESS);
		assert_int_equal(option(61, size) != NULL, size <= 64);
		if (size <= 64)
			assert_memory_equal(option(61, size), id + 2, size);
	}
}

/* The longest reply there can be still fits. */
static void test_longest(void **state)
{
	u8 id[2 + 64] = { 61, 64 };

	(void)state;
	make_port(GATEWAY);
	memset(port.host_name, 'x', sizeof(port.host_name));
	begin(DISCOVER, 0, 0);
	add(id, sizeof(id));
	check_reply(answer(), OFFER, ADDRESS, GATEWAY);
	assert_memory_equal(option(12, 32), port.host_name, 32);
}

/* Without a gateway the server has the last address of the subnet, unless that is the client's. */
static void test_server_address(void **state)
{
	(void)state;
	make_port(0);
	begin(DISCOVER, 0, 0);
	check_reply(answer(), OFFER, ADDRESS, 0x0a0002fe);
	check_configuration(ADDRESS);
	port.address = 0x0a0002fe;
	begin(DISCOVER, 0, 0);
	check_reply(answer(), OFFER, port.address, 0x0a0002fd);
	for (u32 prefix = 0; prefix <= 40; prefix++) {
		u32 mask = prefix >= 32 ? 0xffffffff : ~(0xffffffffU >> prefix);

		port.address = ADDRESS;
		port.prefix = prefix;
		begin(DISCOVER, 0, 0);
		assert_int_not_equal(answer(), 0);
		check_address(1, mask);
	}
}

static void test_options(void **state)
{
	(void)state;
	make_port(GATEWAY);
	begin(0, 0, 0); /* padding, unknown ones, sizes that are wrong */
	add("\0\0\0\x37\x03\x01\x03\x06\x35\x02\x01\x01\x35\x01\x01\x32\x03\x01\x02\x03", 20);
	check_reply(answer(), OFFER, ADDRESS, GATEWAY);
	begin(0, 0, 0); /* what is behind the end does not count */
	add("\xff\x35\x01\x01", 4);
	assert_int_equal(answer(), 0);
	begin(DISCOVER, 0, 0); /* one that leaves the message ends it */
	add("\x3d\xff\x01", 3);
	check_reply(answer(), OFFER, ADDRESS, GATEWAY);
	assert_null(option(61, 0));
}

static void test_is_request(void **state)
{
	static const struct {
		u32 at;
		u8 value;
	} wrong[] = { { 12, 0x86 }, { 13, 6 }, { 23, 6 },  { 20, 1 },
		      { 21, 1 },    { 36, 1 }, { 37, 68 }, { 14, 0x46 } };

	(void)state;
	make_port(GATEWAY);
	begin(DISCOVER, 0, 0);
	for (u32 size = 0; size < 60; size++)
		assert_int_equal(dhcp_is_request(request, size), size >= MESSAGE);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		begin(DISCOVER, 0, 0);
		request[wrong[i].at] = wrong[i].value;
		assert_false(dhcp_is_request(request, sizeof(request)));
		assert_int_equal(answer(), 0);
	}
	begin(DISCOVER, 0, 0); /* a unicast one, and one with IP options */
	put_be32(request + 30, GATEWAY);
	assert_true(dhcp_is_request(request, 200));
	request[14] = 0x4f;
	put_be16(request + 14 + 60 + 2, 67);
	assert_true(dhcp_is_request(request, 14 + 60 + 8));
	assert_false(dhcp_is_request(request, 14 + 60 + 7));
}

/* Sizes that do not agree, at every length; random changes of good requests. */
static void test_garbage(void **state)
{
	(void)state;
	make_port(GATEWAY);
	for (unsigned round = 0; round < 100000; round++) {
		u32 size = prng_below(&prng, 600);
		u8 *exact;

		begin((u8)(1 + prng_below(&prng, 9)), 0, 0);
		if (prng_below(&prng, 2))
			set_size(MAX(size, 34U));
		for (unsigned i = prng_below(&prng, 6); i; i--)
			request[prng_below(&prng, 400)] = (u8)prng_next(&prng);
		for (u32 i = options_at; i < size && round % 2; i++)
			request[i] = (u8)prng_next(&prng);
		exact = malloc(size);
		memcpy(exact, request, size);
		size = dhcp_answer(&port, exact, size, reply);
		assert_true(size <= DHCP_MAX_REPLY);
		if (size)
			assert_int_equal(ref_transport_sum(reply + 14, reply + 34, size - 34, 17),
					 0xffff);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discover), cmocka_unit_test(test_request),
		cmocka_unit_test(test_refusal),	 cmocka_unit_test(test_inform),
		cmocka_unit_test(test_silence),	 cmocka_unit_test(test_client_id),
		cmocka_unit_test(test_longest),	 cmocka_unit_test(test_server_address),
		cmocka_unit_test(test_options),	 cmocka_unit_test(test_is_request),
		cmocka_unit_test(test_garbage),
	};

	return RUN_TESTS(tests);
}
