/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums and large TCP segments in software, for receivers that take none. */
#include "net/offload.h"
#include "lib/string.h"
#include "net/tcp.h"

#define MAX_PLAIN (NET_MTU_FRAME + NET_VLAN_TAG)

static bool is_ipv4_tcp(const u8 *head, u32 l3, u32 l4)
{
	const u8 *ip = head + l3;

	return get_be16(ip - 2) == ETH_TYPE_IPV4 && ip[0] >> 4 == 4 &&
	       (ip[0] & 15) * 4U >= IPV4_MIN_HEADER && l3 + (ip[0] & 15) * 4U == l4 &&
	       ip[IPV4_PROTOCOL] == PROTOCOL_TCP &&
	       !(get_be16(ip + IPV4_FRAGMENT) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET));
}

/* Extension headers are the same in each segment, so that they need not be understood. */
static bool is_ipv6_tcp(const u8 *head, u32 l3, u32 l4)
{
	return get_be16(head + l3 - 2) == ETH_TYPE_IPV6 && head[l3] >> 4 == 6 &&
	       l4 >= l3 + IPV6_HEADER;
}

/* The driver says where the TCP header is: csum_start (virtio 1.2 section 5.1.6.2.1). */
static bool plan_cutting(const struct net_packet *packet, struct offload_takes takes,
			 struct offload *offload)
{
	const struct virtio_net_header *header = &packet->frame->header;
	u8 type = header->gso_type & (u8)~VIRTIO_NET_GSO_ECN;
	u32 l3 = ETH_HEADER, l4 = header->csum_start, payload;
	const u8 *head = packet->head;

	if (!(header->flags & VIRTIO_NET_HDR_NEEDS_CSUM) || header->csum_offset != TCP_CHECKSUM ||
	    !header->gso_size || l4 < ETH_HEADER + IPV4_MIN_HEADER ||
	    l4 + TCP_MIN_HEADER > packet->head_size)
		return false;
	if (get_be16(head + ETH_TYPE) == ETH_TYPE_VLAN)
		l3 += NET_VLAN_TAG;
	if (type == VIRTIO_NET_GSO_TCPV4
		    ? !is_ipv4_tcp(head, l3, l4)
		    : type != VIRTIO_NET_GSO_TCPV6 || !is_ipv6_tcp(head, l3, l4))
		return false;
	offload->l3 = l3;
	offload->l4 = l4;
	offload->header_size = l4 + (head[l4 + TCP_DATA_OFFSET] >> 4) * 4U;
	if (offload->header_size < l4 + TCP_MIN_HEADER ||
	    offload->header_size > packet->head_size ||
	    offload->header_size >= packet->frame->size ||
	    offload->header_size + header->gso_size > MAX_PLAIN)
		return false;
	if (takes.csum && (type == VIRTIO_NET_GSO_TCPV4 ? takes.tso4 : takes.tso6))
		return true;
	offload->cuts = true;
	payload = packet->frame->size - offload->header_size;
	offload->nr_frames = (payload + header->gso_size - 1) / header->gso_size;
	return offload->nr_frames <= OFFLOAD_MAX_FRAMES;
}

bool offload_plan(const struct net_packet *packet, struct offload_takes takes,
		  struct offload *offload)
{
	const struct virtio_net_header *header = &packet->frame->header;
	u32 checksum_end = (u32)header->csum_start + header->csum_offset + 2;

	*offload = (struct offload){ .nr_frames = 1 };
	if (header->gso_type != VIRTIO_NET_GSO_NONE)
		return plan_cutting(packet, takes, offload);
	if (packet->frame->size > MAX_PLAIN)
		return false;
	if (!(header->flags & VIRTIO_NET_HDR_NEEDS_CSUM))
		return true;
	/* Not in the Ethernet header: its source is checked, and what would be written there is
	 * not. */
	if (header->csum_start < ETH_HEADER)
		return false;
	offload->completes_checksum = !takes.csum;
	return checksum_end <= (takes.csum ? packet->frame->size : packet->head_size);
}

/* The field holds the sum of the pseudo header. 0 would mean "none" to UDP (RFC 768). */
static void complete_checksum(const struct virtio_net_header *header, struct net_frame *frame,
			      u8 *head)
{
	u16 sum = (u16)~net_frame_checksum(frame, header->csum_start);

	put_be16(head + header->csum_start + header->csum_offset, sum ? sum : 0xffff);
}

/* What differs from the IP header of the whole: its length; with IPv4 the id and the checksum. */
static void fix_ip_header(const struct offload *offload, u8 *head, unsigned index, u32 size)
{
	u8 *ip = head + offload->l3;

	if (ip[0] >> 4 == 6) {
		put_be16(ip + IPV6_SIZE, size - offload->l3 - IPV6_HEADER);
		return;
	}
	put_be16(ip + IPV4_TOTAL_SIZE, size - offload->l3);
	put_be16(ip + IPV4_ID, get_be16(ip + IPV4_ID) + index);
	put_be16(ip + IPV4_CHECKSUM, 0);
	put_be16(ip + IPV4_CHECKSUM, (u16)~checksum(ip, offload->l4 - offload->l3));
}

/* FIN and PSH belong to the last segment, CWR to the first (RFC 3168 section 6.1.2). */
static void fix_tcp_header(const struct offload *offload, u8 *tcp, unsigned index, u32 position)
{
	put_be32(tcp + TCP_SEQUENCE, get_be32(tcp + TCP_SEQUENCE) + position);
	if (index > 0)
		tcp[TCP_FLAGS] &= (u8)~TCP_CWR;
	if (index + 1 < offload->nr_frames)
		tcp[TCP_FLAGS] &= (u8) ~(TCP_FIN | TCP_PSH);
}

/*
 * The checksum's field held the sum of the pseudo header, with the length of the whole: that is
 * taken out, and the segment's put in (RFC 1624).
 */
static void finish_tcp_checksum(u8 *tcp, const struct net_frame *frame, u32 l4, u32 whole)
{
	u64 sum = get_be16(tcp + TCP_CHECKSUM);

	sum += (u16)~checksum_fold(whole) + (u64)(frame->size - l4);
	put_be16(tcp + TCP_CHECKSUM, 0);
	sum += net_frame_checksum(frame, l4);
	put_be16(tcp + TCP_CHECKSUM, (u16)~checksum_fold(sum));
}

static bool build_segment(const struct net_packet *packet, const struct offload *offload,
			  unsigned index, u8 *head, hpa_t head_hpa, struct net_frame *frame)
{
	const struct net_frame *whole = packet->frame;
	u32 position = index * whole->header.gso_size;
	u32 at = offload->header_size + position;

	memset(&frame->header, 0, sizeof(frame->header));
	frame->nr_pieces = 0;
	frame->size = 0;
	memcpy(head, packet->head, offload->header_size);
	if (!net_frame_add(frame, head, head_hpa, offload->header_size) ||
	    !net_frame_add_part(frame, whole, at, MIN(whole->header.gso_size, whole->size - at)))
		return false;
	fix_ip_header(offload, head, index, frame->size);
	fix_tcp_header(offload, head + offload->l4, index, position);
	finish_tcp_checksum(head + offload->l4, frame, offload->l4, whole->size - offload->l4);
	return true;
}

bool offload_build(const struct net_packet *packet, const struct offload *offload, unsigned index,
		   u8 head[NET_HEAD], hpa_t head_hpa, struct net_frame *frame)
{
	if (offload->cuts)
		return build_segment(packet, offload, index, head, head_hpa, frame);
	memcpy(head, packet->head, packet->head_size);
	if (!net_packet_compose(packet, head, head_hpa, frame))
		return false;
	if (offload->completes_checksum) {
		complete_checksum(&packet->frame->header, frame, head);
		memset(&frame->header, 0, sizeof(frame->header));
	}
	return true;
}
