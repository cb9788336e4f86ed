/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of a TCP stream become one large segment. */
#include "net/coalesce.h"
#include "lib/string.h"
#include "net/tcp.h"

#define IP	     ETH_HEADER /* offsets into a frame: no VLANs, no options of IPv4 */
#define MAX_IP_BYTES 65535U

/* A frame of an established connection, with data or an acknowledgement, and nothing else. */
struct segment {
	const u8 *data;
	u32 size, l4, header_size;
};

static u32 payload(const struct segment *segment)
{
	return segment->size - segment->header_size;
}

static bool is_v4(const u8 *frame)
{
	return get_be16(frame + ETH_TYPE) == ETH_TYPE_IPV4;
}

/* Where the addresses are; the ports follow them. */
static u32 tuple_at(const u8 *frame)
{
	return is_v4(frame) ? IP + IPV4_SOURCE : IP + IPV6_SOURCE;
}

static bool find_tcp(const u8 *data, u32 size, u32 *l4)
{
	const u8 *ip = data + IP;

	if (size < IP + IPV4_MIN_HEADER + TCP_MIN_HEADER)
		return false;
	if (is_v4(data)) {
		*l4 = IP + IPV4_MIN_HEADER;
		return ip[0] == 0x45 && ip[IPV4_PROTOCOL] == PROTOCOL_TCP &&
		       get_be16(ip + IPV4_TOTAL_SIZE) == size - IP &&
		       !(get_be16(ip + IPV4_FRAGMENT) &
			 (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET));
	}
	*l4 = IP + IPV6_HEADER;
	return get_be16(data + ETH_TYPE) == ETH_TYPE_IPV6 && size >= *l4 + TCP_MIN_HEADER &&
	       ip[0] >> 4 == 6 && ip[IPV6_NEXT] == PROTOCOL_TCP &&
	       get_be16(ip + IPV6_SIZE) == size - *l4;
}

static bool parse(const u8 *data, u32 size, struct segment *segment)
{
	const u8 *tcp;

	*segment = (struct segment){ .data = data, .size = size };
	if (!find_tcp(data, size, &segment->l4))
		return false;
	tcp = data + segment->l4;
	segment->header_size = segment->l4 + (tcp[TCP_DATA_OFFSET] >> 4) * 4U;
	return segment->header_size >= segment->l4 + TCP_MIN_HEADER &&
	       segment->header_size <= size && (tcp[TCP_FLAGS] & (u8)~TCP_PSH) == TCP_ACK;
}

/* The sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1). */
static u64 pseudo_sum(const u8 *frame, u32 l4, u32 size)
{
	u32 at = tuple_at(frame);

	return (u64)checksum(frame + at, l4 - at) + PROTOCOL_TCP + (size - l4);
}

static bool is_intact(const u8 *data, u32 size, u32 l4)
{
	return (!is_v4(data) || checksum(data + IP, IPV4_MIN_HEADER) == 0xffff) &&
	       checksum_fold(pseudo_sum(data, l4, size) + checksum(data + l4, size - l4)) == 0xffff;
}

static bool are_equal(const u8 *a, const u8 *b, u32 from, u32 to)
{
	return memcmp(a + from, b + from, to - from) == 0;
}

static bool is_same_stream(const struct coalesced *flow, const struct segment *segment)
{
	u32 at = tuple_at(segment->data);

	return flow->l4 == segment->l4 && are_equal(flow->headers, segment->data, at, flow->l4 + 4);
}

/* But for lengths, checksums, sequence numbers and IPv4's id, headers are the same. */
static bool has_same_headers(const struct coalesced *flow, const struct segment *segment)
{
	const u8 *a = flow->headers, *b = segment->data;
	u32 l4 = flow->l4;

	return flow->header_size == segment->header_size &&
	       are_equal(a, b, 0, IP + (is_v4(b) ? IPV4_TOTAL_SIZE : IPV6_SIZE)) &&
	       (is_v4(b) ? are_equal(a, b, IP + IPV4_FRAGMENT, IP + IPV4_CHECKSUM)
			 : are_equal(a, b, IP + IPV6_NEXT, IP + IPV6_SOURCE)) &&
	       are_equal(a, b, l4 + TCP_ACK_NUMBER, l4 + TCP_DATA_OFFSET + 1) &&
	       are_equal(a, b, l4 + TCP_WINDOW, l4 + TCP_CHECKSUM) &&
	       are_equal(a, b, l4 + TCP_URGENT, flow->header_size);
}

/* In all that stays the same while only acknowledgements are sent; of options, timestamps may. */
static bool is_same_but_for_ack(const struct coalesced *flow, const struct segment *segment)
{
	static const u8 timestamps[] = { 1, 1, 8, 10 }; /* RFC 7323 appendix A */
	const u8 *a = flow->headers, *b = segment->data;
	u32 l4 = flow->l4, options = l4 + TCP_MIN_HEADER;

	return flow->header_size == segment->header_size &&
	       (is_v4(b) ? are_equal(a, b, 0, IP + IPV4_ID) &&
				   are_equal(a, b, IP + IPV4_FRAGMENT, IP + IPV4_CHECKSUM)
			 : are_equal(a, b, 0, IP + IPV6_SOURCE)) &&
	       are_equal(a, b, l4 + TCP_SEQUENCE, l4 + TCP_ACK_NUMBER) &&
	       are_equal(a, b, l4 + TCP_DATA_OFFSET, l4 + TCP_WINDOW) &&
	       are_equal(a, b, l4 + TCP_URGENT, options) &&
	       (segment->header_size == options ||
		(segment->header_size == options + 12 &&
		 memcmp(b + options, timestamps, sizeof(timestamps)) == 0 &&
		 are_equal(a, b, options, options + (u32)sizeof(timestamps))));
}

/*
 * An acknowledgement of more says all that the one before it has said, and takes its place (ACK
 * filtering, RFC 3449). One that repeats it does not: the sender counts those (RFC 5681).
 */
static bool can_replace(const struct coalesced *flow, const struct segment *segment)
{
	u32 at = flow->l4 + TCP_ACK_NUMBER;

	return !flow->segment_size && !payload(segment) &&
	       (s32)(get_be32(segment->data + at) - get_be32(flow->headers + at)) > 0 &&
	       is_same_but_for_ack(flow, segment) &&
	       is_intact(segment->data, segment->size, segment->l4);
}

/* Checksums are looked at when there is something to join: one segment alone goes on as it is. */
static bool can_follow(struct coalesced *flow, const struct segment *segment)
{
	const struct net_piece *first = &flow->frame.pieces[1];
	const u8 *tcp = segment->data + segment->l4;

	if (!flow->is_open || !payload(segment) || payload(segment) > flow->segment_size ||
	    get_be32(tcp + TCP_SEQUENCE) != flow->next ||
	    flow->frame.nr_pieces == NET_MAX_PIECES - 1 ||
	    flow->frame.size + payload(segment) > IP + MAX_IP_BYTES ||
	    !has_same_headers(flow, segment))
		return false;
	if (!flow->is_verified)
		flow->is_verified = is_intact(first->data - flow->header_size,
					      flow->header_size + first->size, flow->l4);
	return flow->is_verified && is_intact(segment->data, segment->size, segment->l4);
}

static void append(struct coalesced *flow, const struct segment *segment)
{
	const u8 *tcp = segment->data + segment->l4;

	net_frame_add(&flow->frame, segment->data + segment->header_size, HPA(0), payload(segment));
	flow->next = get_be32(tcp + TCP_SEQUENCE) + payload(segment);
	flow->headers[flow->l4 + TCP_FLAGS] |= tcp[TCP_FLAGS];
	flow->is_open = payload(segment) == flow->segment_size && !(tcp[TCP_FLAGS] & TCP_PSH);
}

static void begin(struct coalesced *flow, const struct segment *segment)
{
	memset(&flow->frame.header, 0, sizeof(flow->frame.header));
	flow->frame.nr_pieces = 0;
	flow->frame.size = 0;
	flow->l4 = segment->l4;
	flow->header_size = segment->header_size;
	flow->segment_size = payload(segment);
	flow->is_verified = false;
	memcpy(flow->headers, segment->data, segment->header_size);
	net_frame_add(&flow->frame, flow->headers, HPA(0), segment->header_size);
	append(flow, segment);
}

/* The headers are those of the first segment: they become those of a large one. */
static void finish_headers(struct coalesced *flow)
{
	u8 *headers = flow->headers, *ip = headers + IP;
	u32 size = flow->frame.size;

	flow->frame.header = (struct virtio_net_header){
		.flags = VIRTIO_NET_HDR_NEEDS_CSUM,
		.gso_type = is_v4(headers) ? VIRTIO_NET_GSO_TCPV4 : VIRTIO_NET_GSO_TCPV6,
		.hdr_len = (u16)flow->header_size,
		.gso_size = (u16)flow->segment_size,
		.csum_start = (u16)flow->l4,
		.csum_offset = TCP_CHECKSUM,
	};
	if (is_v4(headers)) {
		put_be16(ip + IPV4_TOTAL_SIZE, size - IP);
		put_be16(ip + IPV4_CHECKSUM, 0);
		put_be16(ip + IPV4_CHECKSUM, (u16)~checksum(ip, IPV4_MIN_HEADER));
	} else {
		put_be16(ip + IPV6_SIZE, size - flow->l4);
	}
	put_be16(headers + flow->l4 + TCP_CHECKSUM,
		 checksum_fold(pseudo_sum(headers, flow->l4, size)));
}

void coalesce_flush(struct coalescer *coalescer)
{
	for (unsigned i = 0; i < coalescer->nr; i++) {
		struct coalesced *flow = &coalescer->flows[i];
		struct net_packet packet = { &flow->frame, flow->headers, flow->header_size };

		if (flow->frame.nr_pieces > 2)
			finish_headers(flow);
		coalescer->deliver(coalescer->ctx, &packet);
	}
	coalescer->nr = 0;
}

bool coalesce(struct coalescer *coalescer, const u8 *data, u32 size)
{
	struct coalesced *flow = coalescer->flows, *end = flow + coalescer->nr;
	struct segment segment;

	if (!parse(data, size, &segment) ||
	    !coalescer->is_wanted(coalescer->ctx, data, is_v4(data) ? 4 : 6)) {
		coalesce_flush(coalescer);
		return false;
	}
	while (flow < end && !is_same_stream(flow, &segment))
		flow++;
	if (flow < end && can_follow(flow, &segment)) {
		append(flow, &segment);
		return true;
	}
	if (flow < end && can_replace(flow, &segment)) {
		begin(flow, &segment);
		return true;
	}
	/* One that cannot follow those of its stream comes after them. */
	if (flow < end || coalescer->nr == COALESCE_FLOWS)
		coalesce_flush(coalescer);
	begin(&coalescer->flows[coalescer->nr++], &segment);
	return true;
}
