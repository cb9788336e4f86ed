/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames in pieces: reading, composing, and checksums over them. */
#ifndef DOPPEL_NET_FRAME_H
#define DOPPEL_NET_FRAME_H

#include "net/switch.h"

/* Ethernet. */
#define ETH_HEADER    14U
#define ETH_SOURCE    6U
#define ETH_TYPE      12U
#define ETH_TYPE_IPV4 0x0800U
#define ETH_TYPE_VLAN 0x8100U
#define ETH_TYPE_IPV6 0x86ddU

/* IPv4 (RFC 791) and IPv6 (RFC 8200): offsets into their headers. */
#define IPV4_MIN_HEADER 20U
#define IPV4_TOTAL_SIZE 2U
#define IPV4_ID		4U
#define IPV4_FRAGMENT	6U
#define IPV4_PROTOCOL	9U
#define IPV4_CHECKSUM	10U
#define IPV4_SOURCE	12U
#define IPV4_TARGET	16U
#define IPV6_HEADER	40U
#define IPV6_SIZE	4U
#define IPV6_NEXT	6U
#define IPV6_SOURCE	8U
#define PROTOCOL_TCP	6U
#define PROTOCOL_UDP	17U

#define IPV4_MORE_FRAGMENTS  0x2000U
#define IPV4_FRAGMENT_OFFSET 0x1fffU

static inline u16 get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u32 get_be32(const u8 *p)
{
	return (u32)get_be16(p) << 16 | get_be16(p + 2);
}

static inline void put_be16(u8 *p, u32 value)
{
	p[0] = (u8)(value >> 8);
	p[1] = (u8)value;
}

static inline void put_be32(u8 *p, u32 value)
{
	put_be16(p, value >> 16);
	put_be16(p + 2, value);
}

/* A frame that was looked at. What it says there is in the head, which cannot change. */
struct net_packet {
	const struct net_frame *frame; /* the sender's: behind the head it may still change */
	const u8 *head;		       /* its first bytes: NET_HEAD, or all of it */
	u32 head_size;
};

/* Copies bytes from an offset on; fewer when the frame ends. Returns how many. */
u32 net_frame_read(const struct net_frame *frame, u32 offset, void *buf, u32 size);

/* Both append; false: there are too many pieces. The second refers to another's bytes. */
bool net_frame_add(struct net_frame *frame, const u8 *data, hpa_t hpa, u32 size);
bool net_frame_add_part(struct net_frame *frame, const struct net_frame *from, u32 offset,
			u32 size);

/*
 * The packet as one frame, without copying: the head, or a copy of it at `head`, and what is behind
 * it in the sender's frame. False: there are too many pieces.
 */
bool net_packet_compose(const struct net_packet *packet, const u8 *head, hpa_t head_hpa,
			struct net_frame *frame);

/*
 * The Internet checksum (RFC 1071) before it is inverted: the ones' complement sum of big-endian
 * 16-bit words; an odd byte at the end counts as followed by 0. Of `size` bytes, or of a frame from
 * an offset to its end.
 */
u16 checksum(const u8 *data, u32 size);
u16 net_frame_checksum(const struct net_frame *frame, u32 offset);

/* Sums can be added, and the result folded into 16 bits: each carry is added again. */
u16 checksum_fold(u64 sum);

#endif
