/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface, with all that its frames come to: the switch, DHCP, checksums and segments
 * in software, another port, and the real machine's interface.
 */
#include "drivers/host_net.h"
#include "harness.h"
#include "machine.h"
#include "net/switch.c"
#include "net/tcp.h"
#include "virtio/net.h"

#define MAX_SENDING 24U

/* --- The real machine's interface */

struct host_net {
	struct host_net_frame *sending[MAX_SENDING];
	unsigned nr_sending, room; /* room: 1 at least, or what is refused would never come again */
	void (*receive)(void *ctx, const struct virtio_net_header *header, const void *frame,
			u32 size);
	void (*flush)(void *ctx);
	void *receive_ctx, *flush_ctx;
};

static struct host_net host;
static struct host_net_info host_info;

struct host_net *host_net_get(unsigned index)
{
	return index ? NULL : &host;
}

void host_net_info(struct host_net *net, struct host_net_info *info)
{
	(void)net;
	*info = host_info;
}

void host_net_set_receiver(struct host_net *net,
			   void (*receive)(void *ctx, const struct virtio_net_header *header,
					   const void *frame, u32 size),
			   void *ctx)
{
	net->receive = receive;
	net->receive_ctx = ctx;
}

void host_net_set_flush(struct host_net *net, void (*flush)(void *ctx), void *ctx)
{
	net->flush = flush;
	net->flush_ctx = ctx;
}

static const u8 our_mac[] = { 0x52, 0x54, 0, 1, 2, 3 };
static const u8 other_mac[] = { 0x52, 0x54, 0, 1, 2, 4 };
static const u8 gateway_mac[] = { 0x52, 0x55, 10, 0, 2, 2 };

static bool is_mac(const u8 *at, const u8 *mac)
{
	return memcmp(at, mac, 6) == 0;
}

static u8 others_bytes[2000]; /* that the other VM sends */

static bool is_senders(const struct host_segment *segment)
{
	return segment->start.v - (u64)others_bytes < sizeof(others_bytes) ||
	       machine_is_pinned(segment->start, segment->size);
}

/* The device reads what it is given: headers from the hypervisor's memory, the rest from guests'.
 */
static void read_segments(const struct host_net_frame *frame)
{
	const u8 *source = (const u8 *)frame->segments[0].start.v + ETH_SOURCE;
	u8 sum = 0;
	u32 size = 0;

	fuzz_check(frame->nr_segments && frame->nr_segments <= HOST_NET_MAX_SEGMENTS,
		   "a frame has segments, not too many");
	for (unsigned i = 0; i < frame->nr_segments; i++) {
		const u8 *bytes = (const u8 *)frame->segments[i].start.v;

		for (u32 at = 0; at < frame->segments[i].size; at++)
			sum ^= bytes[at]; /* the sanitizer looks */
		size += frame->segments[i].size;
		fuzz_check(!i || is_senders(&frame->segments[i]), "the rest is pinned RAM");
	}
	__asm__ volatile("" ::"r"(sum));
	fuzz_check(size >= ETH_HEADER && size <= NET_MAX_FRAME, "a frame has its size");
	fuzz_check(is_mac(source, our_mac) || is_mac(source, other_mac),
		   "a source is the sender's");
	fuzz_check(host_info.has_csum || !frame->header.flags, "no open checksum");
	fuzz_check(!frame->header.gso_type ||
			   (frame->header.gso_type == VIRTIO_NET_GSO_TCPV4 ? host_info.has_tso4
									   : host_info.has_tso6),
		   "the device can cut it");
	fuzz_check(frame->header.gso_type || size <= NET_MTU_FRAME + NET_VLAN_TAG,
		   "it is not too long");
}

bool host_net_send(struct host_net *net, struct host_net_frame *frame)
{
	if (net->nr_sending >= MIN(net->room, MAX_SENDING))
		return false;
	read_segments(frame);
	net->sending[net->nr_sending++] = frame;
	return true;
}

void host_net_kick(struct host_net *net)
{
	(void)net;
}

static void complete(unsigned count)
{
	while (count-- && host.nr_sending) {
		struct host_net_frame *frame = host.sending[0];

		host.nr_sending--;
		for (unsigned i = 0; i < host.nr_sending; i++)
			host.sending[i] = host.sending[i + 1];
		read_segments(frame); /* it was the device's until now */
		frame->done(frame);
	}
}

/* --- Another VM's interface */

static struct {
	struct net_port port;
	unsigned room;
	bool waits; /* it found no room elsewhere */
} other;

static bool other_deliver(struct net_port *port, const struct net_frame *frame)
{
	u8 head[ETH_HEADER], sum = 0;
	u32 size = 0;

	fuzz_check(net_frame_read(frame, 0, head, sizeof(head)) == sizeof(head), "it has a header");
	fuzz_check(is_mac(head + ETH_SOURCE, our_mac) || is_mac(head + ETH_SOURCE, gateway_mac),
		   "a source is the sender's");
	fuzz_check(is_mac(head, other_mac) || head[0] & 1 || port->is_promiscuous,
		   "it is for this port");
	for (unsigned i = 0; i < frame->nr_pieces; i++) {
		for (u32 at = 0; at < frame->pieces[i].size; at++)
			sum ^= frame->pieces[i].data[at];
		size += frame->pieces[i].size;
	}
	__asm__ volatile("" ::"r"(sum));
	fuzz_check(size == frame->size, "a frame has its size");
	fuzz_check(port->takes_csum || !frame->header.flags, "no open checksum");
	fuzz_check(!frame->header.gso_type ||
			   (frame->header.gso_type == VIRTIO_NET_GSO_TCPV4 ? port->takes_tso4
									   : port->takes_tso6),
		   "no large segment that it does not take");
	if (!other.room)
		return false;
	other.room--;
	return true;
}

static void other_flush(struct net_port *port)
{
	(void)port;
}

static void other_sent(struct net_port *port, u64 cookie)
{
	(void)port;
	fuzz_check(cookie == 77, "a cookie comes back as it was");
}

static void other_writable(struct net_port *port)
{
	(void)port;
	other.waits = false;
}

static const struct net_port_ops other_ops = { other_deliver, other_flush, other_sent,
					       other_writable };

/* --- */

/* Frames from outside that have not been flushed: they stay where they are until then. */
#define MAX_ARRIVED 16U
static u8 arrived[MAX_ARRIVED][1600];
static unsigned nr_arrived;

#define NR_FLOWS 2
static struct {
	u32 sequence, ack;
} flows[NR_FLOWS];

static void make_machine(u8 variant)
{
	bool has_csum = !(variant & 2);
	struct net_switch *net;

	switches = NULL;
	nr_arrived = 0;
	memset(flows, 0, sizeof(flows));
	host_info = (struct host_net_info){ .link_up = true,
					    .has_csum = has_csum,
					    .has_tso4 = has_csum && !(variant & 4),
					    .has_tso6 = has_csum && variant & 8 };
	host = (struct host_net){ .room = MAX_SENDING };
	net = switch_get("nat");
	switch_set_uplink(net, 0);
	memset(&other, 0, sizeof(other));
	other.port.ops = &other_ops;
	memcpy(other.port.mac, other_mac, sizeof(other_mac));
	other.room = 8;
	switch_attach(net, &other.port);
	other.port.is_up = true;
}

static void end_machine(void)
{
	switch_detach(&other.port);
}

static struct virtio_device *create(u8 variant)
{
	struct virtio_net_setup setup = { .switch_name = "nat",
					  .address = 0x0a00020f,
					  .prefix = 24,
					  .gateway = 0x0a000202,
					  .dns = 0x0a000203,
					  .host_name = "fuzz",
					  .rate_bytes = variant & 1 ? 100000 : 0 };
	struct virtio_device *device;

	memcpy(setup.mac, our_mac, sizeof(our_mac));
	fuzz_check(!virtio_net_create(&setup, &device), "it is made");
	return device;
}

/* A frame with addresses that matter; the rest is the input's. */
static u32 make_frame(u8 *frame, u32 size, const u8 *source, const struct fuzz_step *step)
{
	static const u8 targets[][6] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
					 { 1, 0, 0x5e, 1, 2, 3 },
					 { 0x52, 0x54, 0, 1, 2, 3 },
					 { 0x52, 0x54, 0, 1, 2, 4 },
					 { 0x52, 0x55, 10, 0, 2, 2 } };

	for (u32 i = 0; i < size; i++)
		frame[i] = (u8)(step->d >> i % 8 * 8);
	memcpy(frame, targets[step->a % ARRAY_SIZE(targets)], 6);
	memcpy(frame + 6, source, 6);
	frame[12] = 8;
	frame[13] = 0;
	return size;
}

static void send_from_other(const struct fuzz_step *step)
{
	struct net_frame frame = { .nr_pieces = 1 };

	if (other.waits)
		return;
	frame.size = make_frame(others_bytes, 14 + step->b % 1500, other_mac, step);
	frame.pieces[0] = (struct net_piece){ others_bytes, HPA((u64)others_bytes), frame.size };
	if (switch_send(&other.port, &frame, 77) == NET_NO_ROOM)
		other.waits = true;
	switch_flush(&other.port);
}

/*
 * A segment of a stream, or an acknowledgement, that others may be joined to. step->d: the flow
 * (1 bit), push, does not follow the last, has no data, what it acknowledges.
 */
static u32 make_segment(u8 *frame, u32 size, const struct fuzz_step *step)
{
	u8 *ip = frame + ETH_HEADER, *tcp = ip + IPV4_MIN_HEADER;
	u32 tcp_size = step->d & 8 ? TCP_MIN_HEADER : TCP_MIN_HEADER + size % 1440;
	unsigned flow = step->d & 1;

	memset(ip, 0, IPV4_MIN_HEADER + TCP_MIN_HEADER);
	ip[0] = 0x45;
	ip[IPV4_PROTOCOL] = PROTOCOL_TCP;
	put_be16(ip + IPV4_TOTAL_SIZE, IPV4_MIN_HEADER + tcp_size);
	put_be32(ip + IPV4_SOURCE, 0x0a000202);
	put_be32(ip + IPV4_TARGET, 0x0a00020f);
	put_be16(ip + IPV4_CHECKSUM, (u16)~checksum(ip, IPV4_MIN_HEADER));
	put_be16(tcp, 80 + flow);
	put_be32(tcp + TCP_SEQUENCE, flows[flow].sequence + (step->d & 4));
	flows[flow].ack += step->d >> 4 & 0xfff;
	put_be32(tcp + TCP_ACK_NUMBER, flows[flow].ack);
	tcp[TCP_DATA_OFFSET] = 0x50;
	tcp[TCP_FLAGS] = (u8)(TCP_ACK | (step->d & 2 ? TCP_PSH : 0));
	put_be16(tcp + TCP_CHECKSUM,
		 (u16)~checksum_fold((u64)checksum(ip + IPV4_SOURCE, 8) + PROTOCOL_TCP + tcp_size +
				     checksum(tcp, tcp_size)));
	flows[flow].sequence += tcp_size - TCP_MIN_HEADER;
	return ETH_HEADER + IPV4_MIN_HEADER + tcp_size;
}

static void flush_arrived(void)
{
	if (host.flush)
		host.flush(host.flush_ctx);
	nr_arrived = 0;
}

static void arrive(const struct fuzz_step *step)
{
	struct virtio_net_header header = { 0 };
	u8 *frame = arrived[nr_arrived++];
	u32 size = make_frame(frame, 14 + step->b % 1500, gateway_mac, step);

	if (step->c & 2)
		size = make_segment(frame, size, step);
	host.receive(host.receive_ctx, &header, frame, size);
	if (step->c & 1 || nr_arrived == MAX_ARRIVED)
		flush_arrived();
}

static void event(struct virtio_device *device, const struct fuzz_step *step)
{
	(void)device;
	switch (step->c >> 8 & 7) {
	case 0: complete(1 + step->b % 8); break;
	case 1: host.room = 1 + step->b % 15; break;
	case 2: arrive(step); break;
	case 3: send_from_other(step); break;
	case 4:
		other.room += step->b % 4;
		switch_has_room(&other.port);
		break;
	case 5:
		other.port.takes_csum = step->b & 1;
		other.port.takes_tso4 = (step->b & 3) == 3;
		other.port.takes_tso6 = (step->b & 5) == 5;
		break;
	case 6: other.port.is_promiscuous = step->b & 1; break;
	case 7: other.port.is_up = step->b & 1; break;
	}
}

static void complete_all(struct virtio_device *device)
{
	(void)device;
	flush_arrived();
	host.room = MAX_SENDING;
	complete(MAX_SENDING);
}

/* Commands for the control queue; else a header, Ethernet, IP and TCP or UDP that can be true. */
static u32 fill(unsigned queue, const struct fuzz_step *step, u8 *bytes)
{
	struct virtio_net_header header = { .flags = step->c & 1,
					    .gso_type = (u8[]){ 0, 1, 4, 0x81 }[step->c >> 1 & 3],
					    .hdr_len = 54,
					    .gso_size = (u16)(step->d >> 48),
					    .csum_start = 34,
					    .csum_offset = step->c & 8 ? 6 : 16 };
	u8 *ip = bytes + sizeof(header) + ETH_HEADER;

	if (queue == 2) {
		bytes[0] = (u8)(step->c & 3);
		bytes[1] = (u8)(step->c >> 8 & 3);
		memcpy(bytes + 2, &step->d, 8);
		return 2 + (step->c >> 16 & 31);
	}
	memcpy(bytes, &header, sizeof(header));
	make_frame(bytes + sizeof(header), 50, our_mac, step);
	ip[0] = 0x45;
	ip[2] = (u8)(step->d >> 40);
	ip[6] = ip[7] = 0;
	ip[9] = step->c & 8 ? 17 : 6;
	if (step->c & 16) { /* a request to the DHCP server */
		memset(bytes + sizeof(header), 0xff, 6);
		memcpy(ip + 20, (u8[]){ 0, 68, 0, 67 }, 4);
	}
	if (step->c & 32) { /* IPv6 */
		bytes[sizeof(header) + 12] = 0x86;
		bytes[sizeof(header) + 13] = 0xdd;
		ip[0] = 0x60;
		ip[6] = step->c & 8 ? 17 : 6;
	}
	return 64;
}

#define EAGER (BIT(1) | BIT(2)) /* transmit, control */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct fuzz_target target = { .make_machine = make_machine,
						   .end_machine = end_machine,
						   .create = create,
						   .event = event,
						   .complete_all = complete_all,
						   .fill = fill,
						   .eager = EAGER };

	return fuzz_run(&target, data, size);
}
