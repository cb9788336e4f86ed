/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that are none, offloads that do not fit, receive buffers that cannot be filled. */
#include "hostile.h"

#define MAX_SIZE 65700U /* of a frame */

#define F_CSUM	    BIT(0)
#define F_HOST_TSO4 BIT(11)
#define F_CTRL_VQ   BIT(17)
#define F_CTRL_RX   BIT(18)
#define F_CTRL_MAC  BIT(23)
#define F_HOST_TSO6 BIT(12)
#define OFFLOADS    (F_CSUM | F_HOST_TSO4 | F_HOST_TSO6)

#define NEEDS_CSUM 1
#define TCPV4	   1
#define TCPV6	   4

/* An Ethernet, an IPv4 and a TCP header of the least length. */
#define L3	    14
#define L4	    34
#define TCP_CSUM    16
#define TCP_PAYLOAD 54

enum { RX, TX, CTRL };

/* In front of each frame (5.1.6). */
struct header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static u8 bytes[MAX_SIZE] __attribute__((aligned(16)));
static struct header header;
static u64 last_marker;

/* --- What is sent */

#define CSUM(start, offset)	     ((struct header){ NEEDS_CSUM, 0, 0, 0, start, offset, 0 })
#define TSO(type, hdr_len, gso_size) TSO_AT(type, hdr_len, gso_size, L4, TCP_CSUM)
#define TSO_AT(type, hdr_len, gso_size, start, offset) \
	((struct header){ NEEDS_CSUM, type, hdr_len, gso_size, start, offset, 0 })

static const struct {
	const char *what;
	u32 size; /* bytes of the frame */
	u64 features;
	struct header header;
	u32 header_size; /* 0: all of it is there */
	u8 from;	 /* the last byte of the source address; 0: its own */
} frames[] = {
	{ "64 bytes", .size = 64 },
	{ "1514 bytes", .size = 1514 },
	{ "1519 bytes", .size = 1519 },
	{ "0 bytes", .size = 0 },
	{ "13 bytes", .size = 13 },
	{ "65600 bytes", .size = 65600 },
	{ "a header of 11 bytes", .header_size = 11 },
	{ "another's address as source", .size = 64, .from = NEIGHBOUR_A },
	{ "the receiver's address as source", .size = 64, .from = WATCH },
	{ "a checksum", 64, F_CSUM, .header = CSUM(L4, TCP_CSUM) },
	{ "a checksum, not negotiated", 64, 0, .header = CSUM(L4, TCP_CSUM) },
	{ "a checksum in the Ethernet header", 64, F_CSUM, .header = CSUM(0, 6) },
	{ "a checksum across the end of the frame", 64, F_CSUM, .header = CSUM(L4, 29) },
	{ "a checksum behind the frame", 64, F_CSUM, .header = CSUM(65535, 65535) },
	{ "segments", 1554, OFFLOADS, .header = TSO(TCPV4, 54, 500) },
	{ "segments, not negotiated", 1554, F_CSUM, .header = TSO(TCPV4, 54, 500) },
	{ "segments of an unknown type", 1554, OFFLOADS, .header = TSO(0x7f, 54, 500) },
	{ "segments without checksum", 1554, OFFLOADS,
	  .header = { .gso_type = TCPV4, .gso_size = 500 } },
	{ "segments of 0 bytes", 1554, OFFLOADS, .header = TSO(TCPV4, 54, 0) },
	{ "65000 segments of 1 byte", 65054, OFFLOADS, .header = TSO(TCPV4, 54, 1) },
	{ "segments of 65535 bytes", 65054, OFFLOADS, .header = TSO(TCPV4, 54, 65535) },
	{ "segments whose headers are longer than all", 1554, OFFLOADS,
	  .header = TSO(TCPV4, 65535, 500) },
	{ "segments of IPv6 in IPv4", 1554, OFFLOADS, .header = TSO(TCPV6, 54, 500) },
	{ "segments with another checksum", 1554, OFFLOADS,
	  .header = TSO_AT(TCPV4, 54, 500, L4, 20) },
	{ "segments with TCP elsewhere", 1554, OFFLOADS,
	  .header = TSO_AT(TCPV4, 54, 500, L4 + 20, TCP_CSUM) },
	{ "segments that are headers", 54, OFFLOADS, .header = TSO(TCPV4, 54, 500) },
};

/* TCP over IPv4, as far as somebody looks at it who cuts it into segments. */
static void put_frame(const struct nic *nic, u8 from, u32 size)
{
	u8 *ip = bytes + L3, *tcp = bytes + L4;

	memset(bytes, 0x42, sizeof(bytes));
	nic_address(bytes, WATCH);
	memcpy(bytes + 6, nic->mac, 6);
	if (from)
		nic_address(bytes + 6, from);
	bytes[12] = 8;
	bytes[13] = 0;
	memset(ip, 0, TCP_PAYLOAD - L3);
	ip[0] = 0x45;
	ip[2] = (u8)((size - L3) >> 8);
	ip[3] = (u8)(size - L3);
	ip[9] = 6;
	tcp[12] = 0x50;
}

static bool send(struct nic *nic, u32 size, u32 header_size)
{
	struct virtq_used used;

	virtq_set(&nic->tx, 0, &header, header_size, size ? VIRTQ_NEXT : 0, 1);
	virtq_set(&nic->tx, 1, bytes, size, 0, 0);
	virtq_offer(&nic->tx, 0);
	virtio_notify(&nic->device, TX);
	return virtq_wait(&nic->tx, &used);
}

/* Frames come in the order in which they were sent: what was not before the marker, never comes. */
static const char *look(struct nic *nic, struct nic *watch)
{
	u64 start = rdtime();
	bool is_there = false;
	u8 to[6];

	nic_address(to, WATCH);
	nic_send(nic, nic_frame(nic, to, MARKER, ++last_marker, 64), 64);
	while (rdtime() - start < 10000 * MS) {
		u32 size;
		const struct frame *frame = nic_receive(watch, &size);

		if (frame && frame->type == ETHERTYPE && frame->kind == MARKER)
			return frame->number != last_marker ? "late"
			       : is_there		    ? "delivered"
							    : "dropped";
		is_there |= frame != NULL;
	}
	return "nothing comes";
}

static void send_frames(struct nic *nic, struct nic *watch)
{
	nic_open(watch, 1, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		u32 header_size = frames[i].header_size ? frames[i].header_size : sizeof(header);
		bool is_done;

		if (!nic_open(nic, 0, frames[i].features))
			print("BAD %s: features\n", frames[i].what);
		put_frame(nic, frames[i].from, frames[i].size);
		header = frames[i].header;
		is_done = send(nic, frames[i].size, header_size);
		outcome("frame", frames[i].what, is_done ? look(nic, watch) : "stuck");
	}
}

/* --- Where it is received */

static void receive_into(struct nic *nic, struct nic *watch, const char *what, u32 size, u16 flags,
			 u16 head)
{
	u8 to[6];
	bool is_used;

	virtio_negotiate(&watch->device, VIRTIO_F_VERSION_1);
	virtq_start(&watch->rx, &watch->device, RX, 8);
	virtq_set(&watch->rx, 0, watch->received[0], size, flags, 0);
	if (size)
		virtq_offer(&watch->rx, head);
	virtio_go(&watch->device);
	virtio_notify(&watch->device, RX);
	nic_address(to, WATCH);
	for (unsigned i = 0; i < 100; i++) /* as many as would be there if somebody kept them */
		nic_send(nic, nic_frame(nic, to, ATTACK, i, 200), 200);
	is_used = watch->rx.used.idx;
	outcome("receive buffer", what,
		virtio_read(&watch->device, VIRTIO_STATUS) & VIRTIO_NEEDS_RESET ? NEEDS_RESET
		: is_used							? DONE
										: "dropped");
	nic_open(watch, 1, 0);
	if (strcmp(look(nic, watch), "dropped") != 0)
		print("BAD %s: the interface does not work after it\n", what);
}

/* --- Commands (5.1.6.5) */

static const struct {
	const char *what;
	u8 command[8];
	u32 size;
} commands[] = {
	{ "promiscuous", { 0, 0, 1 }, 3 },
	{ "promiscuous: 2", { 0, 0, 2 }, 3 },
	{ "promiscuous: nothing", { 0, 0 }, 2 },
	{ "a class that does not exist", { 99, 0, 1 }, 3 },
	{ "a command of 1 byte", { 0 }, 1 },
	{ "another address", { 1, 1, 0x52, 0x54, 0, 0, 0, NEIGHBOUR_A }, 8 },
	{ "4294967295 addresses", { 1, 0, 0xff, 0xff, 0xff, 0xff }, 6 },
	{ "one address that is not there", { 1, 0, 1, 0, 0, 0 }, 6 },
};

static const char *command(struct nic *nic, const u8 *what, u32 size, bool has_ack)
{
	static struct virtq q;
	static volatile u8 ack;
	struct virtq_used used;

	nic_open(nic, 0, F_CTRL_VQ | F_CTRL_RX | F_CTRL_MAC);
	virtq_start(&q, &nic->device, CTRL, 8);
	virtq_set(&q, 0, what, size, has_ack ? VIRTQ_NEXT : 0, 1);
	virtq_set(&q, 1, &ack, 1, VIRTQ_WRITE, 0);
	ack = 0xff;
	virtq_offer(&q, 0);
	virtio_notify(&nic->device, CTRL);
	if (!virtq_wait(&q, &used))
		return "nothing";
	return !has_ack ? "no answer" : ack ? "refused" : DONE;
}

/* --- To the neighbour, which must not believe it */

static void flood(struct nic *nic)
{
	u8 to[6], broadcast[6];
	bool good = true;

	memset(broadcast, 0xff, sizeof(broadcast));
	nic_open(nic, 0, 0);
	for (unsigned i = 0; i < 1000; i++) {
		struct frame *frame;

		nic_address(to, i % 2 ? NEIGHBOUR_A : NEIGHBOUR_B);
		frame = nic_frame(nic, i % 8 ? to : broadcast, i % 4 ? ATTACK : OWN, ~(u64)i, 200);
		if (frame->kind == OWN)
			nic_address(frame->from, NEIGHBOUR_A);
		good &= nic_send(nic, frame, 200);
	}
	outcome("frame", "1000 to the neighbour", good ? DONE : "stuck");
}

void attack_net(struct nic *nic, struct nic *watch)
{
	send_frames(nic, watch);
	nic_open(nic, 0, 0);
	receive_into(nic, watch, "none", 0, 0, 0);
	receive_into(nic, watch, "of 2048 bytes", 2048, VIRTQ_WRITE, 0);
	receive_into(nic, watch, "of 100 bytes", 100, VIRTQ_WRITE, 0);
	receive_into(nic, watch, "of 11 bytes", 11, VIRTQ_WRITE, 0);
	receive_into(nic, watch, "readable", 2048, 0, 0);
	receive_into(nic, watch, "a chain begins at 65535", 2048, VIRTQ_WRITE, 65535);
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		outcome("command", commands[i].what,
			command(nic, commands[i].command, commands[i].size, true));
	outcome("command", "without room for the answer",
		command(nic, commands[0].command, commands[0].size, false));
	flood(nic);
}
