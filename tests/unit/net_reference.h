/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of hyp/net/: frames made byte by byte, and checked by code that shares nothing with
 * what is tested; checksums are summed a byte at a time, as in the examples of RFC 1071.
 */
#ifndef DOPPEL_NET_REFERENCE_H
#define DOPPEL_NET_REFERENCE_H

#include "unit.h"
#include "net/frame.h"

#include <string.h>

static inline u32 ref_sum(u32 sum, const u8 *data, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		sum += i % 2 ? data[i] : (u32)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* Sums what a receiver does: the pseudo header and the segment. 0xffff: it is right. */
static inline u32 ref_transport_sum(const u8 *ip, const u8 *segment, u32 size, u8 protocol)
{
	u32 sum = ip[0] >> 4 == 4 ? ref_sum(0, ip + 12, 8) : ref_sum(0, ip + 8, 32);

	sum = ref_sum(sum, (const u8[]){ 0, protocol, (u8)(size >> 8), (u8)size }, 4);
	return ref_sum(sum, segment, size);
}

/* What a driver leaves in the checksum's field: the sum of the pseudo header. */
static inline u16 ref_pseudo_sum(const u8 *ip, u32 size, u8 protocol)
{
	u32 sum = ref_transport_sum(ip, NULL, 0, protocol);

	return (u16)ref_sum(sum, (const u8[]){ (u8)(size >> 8), (u8)size }, 2);
}

static inline u32 ref_gather(const struct net_frame *frame, u8 *buf)
{
	u32 size = 0;

	for (unsigned i = 0; i < frame->nr_pieces; i++) {
		memcpy(buf + size, frame->pieces[i].data, frame->pieces[i].size);
		size += frame->pieces[i].size;
	}
	assert_int_equal(size, frame->size);
	return size;
}

/* Bytes as a frame of at most max pieces, cut at random places. */
static inline void ref_scatter(struct prng *prng, const u8 *data, u32 size, unsigned max,
			       struct net_frame *frame)
{
	u32 at = 0;

	frame->nr_pieces = 0;
	frame->size = size;
	while (at < size) {
		u32 part = 1 + prng_below(prng, prng_below(prng, 4) ? size - at : 1);

		if (frame->nr_pieces + 1 == max)
			part = size - at;
		frame->pieces[frame->nr_pieces++] =
			(struct net_piece){ data + at, HPA((u64)(data + at)), part };
		at += part;
	}
}

#endif
