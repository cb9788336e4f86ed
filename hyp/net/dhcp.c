/* SPDX-License-Identifier: BSD-2-Clause */
/* A DHCP server for ports that have an address. */
#include "net/dhcp.h"
#include "lib/string.h"

#define UDP_HEADER   8U
#define UDP_TARGET   2U
#define UDP_SIZE     4U
#define UDP_CHECKSUM 6U
#define SERVER_PORT  67U
#define CLIENT_PORT  68U

/* The message (RFC 2131 section 2): offsets of its fields. */
#define MSG_OP	       0U
#define MSG_HTYPE      1U
#define MSG_HLEN       2U
#define MSG_HOPS       3U
#define MSG_SECS       8U
#define MSG_FLAGS      10U
#define MSG_CIADDR     12U /* the client's, which it uses already */
#define MSG_YIADDR     16U /* the client's, as the server says */
#define MSG_GIADDR     24U /* a relay's */
#define MSG_CHADDR     28U
#define MSG_COOKIE     236U
#define MSG_OPTIONS    240U
#define MSG_MIN_SIZE   300U /* RFC 1542 section 2.1 */
#define BOOTREQUEST    1U
#define BOOTREPLY      2U
#define HTYPE_ETHERNET 1U
#define FLAG_BROADCAST 0x8000U
#define COOKIE	       0x63825363U

/* Options (RFC 2132). */
#define OPTION_PAD	   0U
#define OPTION_SUBNET_MASK 1U
#define OPTION_ROUTER	   3U
#define OPTION_DNS	   6U
#define OPTION_HOST_NAME   12U
#define OPTION_BROADCAST   28U
#define OPTION_REQUESTED   50U
#define OPTION_LEASE_TIME  51U
#define OPTION_TYPE	   53U
#define OPTION_SERVER	   54U
#define OPTION_CLIENT_ID   61U
#define OPTION_END	   255U
#define MAX_CLIENT_ID	   64U /* a longer one is not sent back */
#define LEASE_FOR_EVER	   0xffffffffU

enum message_type { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6, INFORM = 8 };

#define REPLY_UDP     (ETH_HEADER + IPV4_MIN_HEADER)
#define REPLY_MESSAGE (REPLY_UDP + UDP_HEADER)

/* A message of a client. */
struct request {
	const u8 *message;   /* its fixed part */
	const u8 *client_id; /* NULL: none, or too long */
	u32 client_id_size;
	u32 requested, server; /* options; 0: none */
	u8 type;	       /* 0: none */
};

struct writer {
	u8 *message;
	u32 size;
};

bool dhcp_is_request(const u8 *head, u32 size)
{
	const u8 *ip = head + ETH_HEADER;
	u32 ip_size;

	if (size < ETH_HEADER + IPV4_MIN_HEADER || get_be16(head + ETH_TYPE) != ETH_TYPE_IPV4 ||
	    ip[IPV4_PROTOCOL] != PROTOCOL_UDP ||
	    get_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET)
		return false;
	ip_size = (ip[0] & 15) * 4U;
	return size >= ETH_HEADER + ip_size + UDP_HEADER &&
	       get_be16(ip + ip_size + UDP_TARGET) == SERVER_PORT;
}

/*
 * The UDP payload. Checksums are not looked at: the frame comes from memory, and a driver may have
 * left them to its device.
 */
static const u8 *find_message(const u8 *frame, u32 size, u32 *message_size)
{
	const u8 *ip = frame + ETH_HEADER, *udp = ip + (ip[0] & 15) * 4U;
	u32 left = size - (u32)(udp - frame), udp_size = get_be16(udp + UDP_SIZE);

	if ((ip[0] & 15) * 4U < IPV4_MIN_HEADER ||
	    get_be16(ip + IPV4_FRAGMENT) & IPV4_MORE_FRAGMENTS || udp_size < UDP_HEADER)
		return NULL;
	*message_size = MIN(udp_size, left) - UDP_HEADER;
	return udp + UDP_HEADER;
}

static void read_option(struct request *request, u8 code, const u8 *value, u32 size)
{
	switch (code) {
	case OPTION_TYPE:
		if (size == 1)
			request->type = value[0];
		break;
	case OPTION_REQUESTED:
		if (size == 4)
			request->requested = get_be32(value);
		break;
	case OPTION_SERVER:
		if (size == 4)
			request->server = get_be32(value);
		break;
	case OPTION_CLIENT_ID:
		if (size <= MAX_CLIENT_ID) {
			request->client_id = value;
			request->client_id_size = size;
		}
		break;
	default: break;
	}
}

/* One that runs out of the message ends it. */
static void read_options(struct request *request, const u8 *at, const u8 *end)
{
	while (at < end && *at != OPTION_END) {
		u8 code = *at++;

		if (code == OPTION_PAD)
			continue;
		if (at == end || *at > end - at - 1)
			return;
		read_option(request, code, at + 1, *at);
		at += 1U + *at;
	}
}

/* One from this port's interface; messages of relays, and about others, are not answered. */
static bool read_request(const struct net_port *port, const u8 *frame, u32 size,
			 struct request *request)
{
	u32 message_size;
	const u8 *message = find_message(frame, size, &message_size);

	if (!message || message_size < MSG_OPTIONS || message[MSG_OP] != BOOTREQUEST ||
	    message[MSG_HTYPE] != HTYPE_ETHERNET || message[MSG_HLEN] != sizeof(port->mac) ||
	    get_be32(message + MSG_GIADDR) || get_be32(message + MSG_COOKIE) != COOKIE ||
	    memcmp(message + MSG_CHADDR, port->mac, sizeof(port->mac)) != 0)
		return false;
	*request = (struct request){ .message = message };
	read_options(request, message + MSG_OPTIONS, message + message_size);
	return true;
}

static u32 netmask(const struct net_port *port)
{
	return port->prefix ? ~0U << (32 - MIN(port->prefix, 32U)) : 0;
}

/*
 * The server's address is the gateway's, else the last of the subnet; it is nobody's machine.
 * Requests to it are taken out of the sender's traffic, whatever their address.
 */
static u32 server_address(const struct net_port *port)
{
	u32 last = (port->address | ~netmask(port)) - 1;

	if (port->gateway)
		return port->gateway;
	return last != port->address ? last : last - 1;
}

/*
 * What to answer (RFC 2131 section 4.3): 0 is nothing. A client that confirms an offer names the
 * server, and the address in an option; one that comes back names the address there, or in ciaddr
 * if it uses it.
 */
static u8 choose_answer(const struct net_port *port, const struct request *request)
{
	u32 ciaddr = get_be32(request->message + MSG_CIADDR);
	u32 wanted = request->requested ? request->requested : ciaddr;

	switch (request->type) {
	case DISCOVER: return OFFER;
	case INFORM: return ACK;
	case REQUEST:
		if (request->server && request->server != server_address(port))
			return 0; /* it has chosen another server */
		return wanted == port->address ? ACK : NAK;
	default: return 0;
	}
}

static void add_option(struct writer *writer, u8 code, const void *value, u32 size)
{
	u8 *option = writer->message + writer->size;

	option[0] = code;
	option[1] = (u8)size;
	memcpy(option + 2, value, size);
	writer->size += 2 + size;
}

static void add_address(struct writer *writer, u8 code, u32 address)
{
	u8 value[4];

	put_be32(value, address);
	if (address)
		add_option(writer, code, value, sizeof(value));
}

/* The mask comes before the router (RFC 2132 section 3.3). */
static void add_configuration(struct writer *writer, const struct net_port *port)
{
	add_address(writer, OPTION_SUBNET_MASK, netmask(port));
	add_address(writer, OPTION_ROUTER, port->gateway);
	add_address(writer, OPTION_DNS, port->dns);
	add_address(writer, OPTION_BROADCAST, port->address | ~netmask(port));
	if (port->host_name[0])
		add_option(writer, OPTION_HOST_NAME, port->host_name,
			   (u32)strnlen(port->host_name, sizeof(port->host_name)));
}

/* Returns the message's size. RFC 6842: the client's id is sent back. */
static u32 write_message(const struct net_port *port, const struct request *request, u8 type,
			 u8 *message)
{
	struct writer writer = { message, MSG_OPTIONS };
	const u8 *from = request->message;

	memcpy(message, from, MSG_CIADDR); /* with the transaction's id, and flags */
	message[MSG_OP] = BOOTREPLY;
	message[MSG_HOPS] = 0;
	put_be16(message + MSG_SECS, 0);
	memcpy(message + MSG_CHADDR, from + MSG_CHADDR, 16);
	put_be32(message + MSG_COOKIE, COOKIE);
	add_option(&writer, OPTION_TYPE, &type, 1);
	add_address(&writer, OPTION_SERVER, server_address(port));
	if (type != NAK) {
		memcpy(message + MSG_CIADDR, from + MSG_CIADDR, 4);
		if (request->type != INFORM) {
			put_be32(message + MSG_YIADDR, port->address);
			add_address(&writer, OPTION_LEASE_TIME, LEASE_FOR_EVER);
		}
		add_configuration(&writer, port);
	}
	if (request->client_id)
		add_option(&writer, OPTION_CLIENT_ID, request->client_id, request->client_id_size);
	message[writer.size++] = OPTION_END;
	return MAX(writer.size, MSG_MIN_SIZE);
}

/* The IP and UDP headers before a message, with their checksums. */
static void write_headers(u8 *ip, u32 source, u32 target, u32 message_size)
{
	u8 *udp = ip + IPV4_MIN_HEADER;
	u32 udp_size = UDP_HEADER + message_size;
	u16 sum;

	ip[0] = 0x45;
	put_be16(ip + IPV4_TOTAL_SIZE, IPV4_MIN_HEADER + udp_size);
	ip[8] = 64; /* time to live */
	ip[IPV4_PROTOCOL] = PROTOCOL_UDP;
	put_be32(ip + IPV4_SOURCE, source);
	put_be32(ip + IPV4_TARGET, target);
	put_be16(ip + IPV4_CHECKSUM, (u16)~checksum(ip, IPV4_MIN_HEADER));
	put_be16(udp, SERVER_PORT);
	put_be16(udp + UDP_TARGET, CLIENT_PORT);
	put_be16(udp + UDP_SIZE, udp_size);
	/* The pseudo header: both addresses, the protocol and the size (RFC 768). */
	sum = checksum_fold((u64)checksum(ip + IPV4_SOURCE, 8) + PROTOCOL_UDP + udp_size +
			    checksum(udp, udp_size));
	sum = (u16)~sum;
	put_be16(udp + UDP_CHECKSUM, sum ? sum : 0xffff);
}

/* Whom to send it to (RFC 2131 section 4.1): a client without an address may not hear it else. */
static u32 target_address(const struct net_port *port, const struct request *request, u8 type)
{
	u32 ciaddr = get_be32(request->message + MSG_CIADDR);

	if (type == NAK)
		return 0xffffffff;
	if (ciaddr)
		return ciaddr;
	if (get_be16(request->message + MSG_FLAGS) & FLAG_BROADCAST)
		return 0xffffffff;
	return port->address;
}

u32 dhcp_answer(const struct net_port *port, const u8 *frame, u32 size, u8 reply[DHCP_MAX_REPLY])
{
	struct request request;
	u32 message_size, target, server = server_address(port);
	u8 type;

	if (!dhcp_is_request(frame, size) || !read_request(port, frame, size, &request))
		return 0;
	type = choose_answer(port, &request);
	if (!type)
		return 0;
	memset(reply, 0, DHCP_MAX_REPLY);
	message_size = write_message(port, &request, type, reply + REPLY_MESSAGE);
	target = target_address(port, &request, type);
	write_headers(reply + ETH_HEADER, server, target, message_size);
	memset(reply, 0xff, sizeof(port->mac));
	if (target != 0xffffffff)
		memcpy(reply, port->mac, sizeof(port->mac));
	/* A locally administered address, made as QEMU's user network makes its own. */
	put_be16(reply + ETH_SOURCE, 0x5255);
	put_be32(reply + ETH_SOURCE + 2, server);
	put_be16(reply + ETH_TYPE, ETH_TYPE_IPV4);
	return REPLY_MESSAGE + message_size;
}
