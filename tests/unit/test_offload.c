/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of software offloads: random packets, in random pieces, against a receiver that knows
 * nothing but the RFCs: it checks each frame, and puts the stream together again.
 */
#include "net_reference.h"
#include "net/offload.h"

#include <stdlib.h>

#define NOTHING ((struct offload_takes){ false, false, false })
#define ALL	((struct offload_takes){ true, true, true })

static struct prng prng = { 0x0ff10ad };

static u8 bytes[NET_MAX_FRAME], head[NET_HEAD];
static struct net_frame frame;
static struct net_packet packet;

/* Where things are in `bytes`. */
static u32 l3, l4, payload_at;

static void make_ip(bool is_v6, bool has_vlan, u32 extra, u8 protocol, u32 l4_size)
{
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)prng_next(&prng);
	l3 = 14;
	if (has_vlan) {
		memcpy(bytes + 12, (const u8[]){ 0x81, 0, 0, 7 }, 4);
		l3 += 4;
	}
	memcpy(bytes + l3 - 2, is_v6 ? (const u8[]){ 0x86, 0xdd } : (const u8[]){ 8, 0 }, 2);
	if (is_v6) {
		bytes[l3] = 0x60;
		bytes[l3 + 6] = protocol;
		put_be16(bytes + l3 + 4, l4_size);
		l4 = l3 + 40;
	} else {
		bytes[l3] = (u8)(0x40 | (5 + extra / 4));
		put_be16(bytes + l3 + 2, 20 + extra + l4_size);
		put_be16(bytes + l3 + 6, 0x4000);
		bytes[l3 + 9] = protocol;
		l4 = l3 + 20 + extra;
	}
}

static void scatter(unsigned max)
{
	ref_scatter(&prng, bytes, frame.size, max, &frame);
	packet = (struct net_packet){ &frame, head, MIN(frame.size, NET_HEAD) };
	memcpy(head, bytes, packet.head_size);
}

/* A TCP packet to be cut. */
static void make_tcp(bool is_v6, bool has_vlan, u32 ip_extra, u32 tcp_extra, u32 payload,
		     u32 gso_size)
{
	u32 l4_size = 20 + tcp_extra + payload;

	make_ip(is_v6, has_vlan, ip_extra, 6, l4_size);
	bytes[l4 + 12] = (u8)((5 + tcp_extra / 4) << 4);
	put_be16(bytes + l4 + 16, ref_pseudo_sum(bytes + l3, l4_size, 6));
	payload_at = l4 + 20 + tcp_extra;
	memset(&frame, 0, sizeof(frame));
	frame.size = payload_at + payload;
	frame.header = (struct virtio_net_header){
		.flags = VIRTIO_NET_HDR_NEEDS_CSUM,
		.gso_type = is_v6 ? VIRTIO_NET_GSO_TCPV6 : VIRTIO_NET_GSO_TCPV4,
		.hdr_len = (u16)payload_at,
		.gso_size = (u16)gso_size,
		.csum_start = (u16)l4,
		.csum_offset = 16,
	};
	scatter(NET_MAX_PIECES - 1);
}

static void check_ip_header(const u8 *got, u32 size, unsigned index)
{
	if (got[l3] >> 4 == 6) {
		assert_int_equal(get_be16(got + l3 + 4), size - l4);
		assert_memory_equal(got + l3, bytes + l3, 4);
		assert_memory_equal(got + l3 + 6, bytes + l3 + 6, 34);
		return;
	}
	assert_int_equal(get_be16(got + l3 + 2), size - l3);
	assert_int_equal(ref_sum(0, got + l3, l4 - l3), 0xffff);
	assert_int_equal(get_be16(got + l3 + 4), (u16)(get_be16(bytes + l3 + 4) + index));
	assert_memory_equal(got + l3, bytes + l3, 2);
	assert_memory_equal(got + l3 + 6, bytes + l3 + 6, 4);
	assert_memory_equal(got + l3 + 12, bytes + l3 + 12, l4 - l3 - 12);
}

static void check_segment(const u8 *got, u32 size, unsigned index, unsigned nr, u32 position)
{
	u8 flags = bytes[l4 + 13];

	if (index > 0)
		flags &= 0x7f;
	if (index + 1 < nr)
		flags &= 0xf6;
	assert_memory_equal(got, bytes, l3);
	check_ip_header(got, size, index);
	assert_memory_equal(got + l4, bytes + l4, 4);
	assert_int_equal(get_be32(got + l4 + 4), (u32)(get_be32(bytes + l4 + 4) + position));
	assert_memory_equal(got + l4 + 8, bytes + l4 + 8, 5);
	assert_int_equal(got[l4 + 13], flags);
	assert_memory_equal(got + l4 + 14, bytes + l4 + 14, 2);
	assert_memory_equal(got + l4 + 18, bytes + l4 + 18, payload_at - l4 - 18);
	assert_int_equal(ref_transport_sum(got + l3, got + l4, size - l4, 6), 0xffff);
}

/* Builds all frames; the payloads must be the packet's, in order, and referred to, not copied. */
static void check_cut(const struct offload *offload)
{
	static u8 got[NET_MAX_FRAME];
	u32 position = 0, payload = frame.size - payload_at;

	for (unsigned i = 0; i < offload->nr_frames; i++) {
		struct net_frame segment;
		u8 *own = malloc(NET_HEAD);
		u32 size;

		assert_true(offload_build(&packet, offload, i, own, HPA(0x1000), &segment));
		size = ref_gather(&segment, got);
		assert_ptr_equal(segment.pieces[0].data, own);
		assert_int_equal(segment.pieces[0].size, payload_at);
		assert_int_equal(segment.pieces[0].hpa.v, 0x1000);
		assert_ptr_equal(segment.pieces[1].data, bytes + payload_at + position);
		assert_int_equal(segment.pieces[1].hpa.v, (u64)(bytes + payload_at + position));
		assert_int_equal(segment.header.flags, 0);
		assert_int_equal(segment.header.gso_type, VIRTIO_NET_GSO_NONE);
		assert_int_equal(size - payload_at,
				 MIN(payload - position, (u32)frame.header.gso_size));
		check_segment(got, size, i, offload->nr_frames, position);
		assert_memory_equal(got + payload_at, bytes + payload_at + position,
				    size - payload_at);
		position += size - payload_at;
		free(own);
	}
	assert_int_equal(position, payload);
}

static void test_cut(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		bool is_v6 = prng_below(&prng, 2), has_vlan = prng_below(&prng, 4) == 0;
		u32 tcp_extra = 4 * prng_below(&prng, 11);
		u32 gso_size = 500 + prng_below(&prng, 880);
		u32 payload = 1 + prng_below(&prng, prng_below(&prng, 2) ? 60000 : 3000);
		struct offload offload;

		make_tcp(is_v6, has_vlan, 4 * prng_below(&prng, 11), tcp_extra, payload, gso_size);
		assert_true(offload_plan(&packet, NOTHING, &offload));
		assert_true(offload.cuts);
		assert_int_equal(offload.nr_frames, (payload + gso_size - 1) / gso_size);
		check_cut(&offload);
	}
}

/* A receiver that takes large segments, but not those, or no checksums, gets them cut. */
static void test_who_takes_what(void **state)
{
	struct offload offload;

	(void)state;
	for (unsigned bits = 0; bits < 8; bits++) {
		struct offload_takes takes = { bits & 1, bits & 2, bits & 4 };

		make_tcp(false, false, 0, 12, 5000, 1448);
		assert_true(offload_plan(&packet, takes, &offload));
		assert_int_equal(offload.cuts, (bits & 3) != 3);
		assert_int_equal(offload_is_needed(&offload), (bits & 3) != 3);
		make_tcp(true, false, 0, 12, 5000, 1428);
		assert_true(offload_plan(&packet, takes, &offload));
		assert_int_equal(offload.cuts, (bits & 5) != 5);
		assert_int_equal(offload.nr_frames, (bits & 5) == 5 ? 1 : 4);
	}
}

static void test_limits_of_cutting(void **state)
{
	struct offload offload;

	(void)state;
	make_tcp(false, false, 0, 0, OFFLOAD_MAX_FRAMES * 100, 100);
	assert_true(offload_plan(&packet, NOTHING, &offload));
	assert_int_equal(offload.nr_frames, OFFLOAD_MAX_FRAMES);
	make_tcp(false, false, 0, 0, OFFLOAD_MAX_FRAMES * 100 + 1, 100);
	assert_false(offload_plan(&packet, NOTHING, &offload));
	assert_true(offload_plan(&packet, ALL, &offload));
	make_tcp(false, false, 0, 0, 3000, 1518 - 54);
	assert_true(offload_plan(&packet, NOTHING, &offload));
	make_tcp(false, false, 0, 0, 3000, 1518 - 53);
	assert_false(offload_plan(&packet, NOTHING, &offload));
	assert_false(offload_plan(&packet, ALL, &offload));
}

/* One thing wrong at a time: nobody gets such a packet. */
static void test_malformed_segments(void **state)
{
	enum {
		NO_CHECKSUM_ASKED,
		OFFSET,
		NO_SIZE,
		TYPE,
		OTHER_TYPE,
		IP_TYPE,
		IP_VERSION,
		IHL,
		PROTOCOL,
		FRAGMENT,
		MORE,
		DATA_OFFSET,
		DATA_OFFSET_LONG,
		START_EARLY,
		START_LATE,
		NO_PAYLOAD,
		NR_MISTAKES
	};

	(void)state;
	for (unsigned mistake = 0; mistake < NR_MISTAKES; mistake++) {
		struct offload offload;

		make_tcp(false, false, 4, 8, mistake == NO_PAYLOAD ? 0 : 4000, 1000);
		switch (mistake) {
		case NO_CHECKSUM_ASKED: frame.header.flags = 0; break;
		case OFFSET: frame.header.csum_offset = 6; break;
		case NO_SIZE: frame.header.gso_size = 0; break;
		case TYPE: frame.header.gso_type = 3; break; /* UDP */
		case OTHER_TYPE: frame.header.gso_type = VIRTIO_NET_GSO_TCPV6; break;
		case IP_TYPE: head[13] = 6; break;
		case IP_VERSION: head[14] = 0x66; break;
		case IHL: head[14] = 0x45; break;
		case PROTOCOL: head[14 + 9] = 17; break;
		case FRAGMENT: head[14 + 7] = 1; break;
		case MORE: head[14 + 6] = 0x20; break;
		case DATA_OFFSET: head[l4 + 12] = 0x40; break;
		case DATA_OFFSET_LONG:
			packet.head_size = l4 + 20; /* and 8 more are claimed */
			break;
		case START_EARLY: frame.header.csum_start = 13; break;
		case START_LATE: frame.header.csum_start = NET_HEAD - 19; break;
		default: break;
		}
		assert_false(offload_plan(&packet, NOTHING, &offload));
		if (mistake != DATA_OFFSET_LONG)
			assert_false(offload_plan(&packet, ALL, &offload));
	}
	make_tcp(false, false, 4, 8, 4000, 1000); /* and without a mistake it is right */
	assert_true(offload_plan(&packet, NOTHING, &(struct offload){ 0 }));
}

static void test_complete_checksum(void **state)
{
	static u8 got[NET_MAX_FRAME];

	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		bool is_v6 = prng_below(&prng, 2), is_udp = prng_below(&prng, 2);
		u32 size = (is_udp ? 8 : 20) + prng_below(&prng, 1400);
		struct offload offload;
		struct net_frame out;
		u8 own[NET_HEAD];
		u32 field;

		make_ip(is_v6, prng_below(&prng, 2), 4 * prng_below(&prng, 11), is_udp ? 17 : 6,
			size);
		field = l4 + (is_udp ? 6 : 16);
		put_be16(bytes + field, ref_pseudo_sum(bytes + l3, size, is_udp ? 17 : 6));
		memset(&frame, 0, sizeof(frame));
		frame.size = MIN(l4 + size, NET_MTU_FRAME);
		if (frame.size < l4 + size)
			continue;
		frame.header.flags = VIRTIO_NET_HDR_NEEDS_CSUM;
		frame.header.csum_start = (u16)l4;
		frame.header.csum_offset = (u16)(field - l4);
		scatter(1 + prng_below(&prng, NET_MAX_PIECES - 1));
		assert_true(offload_plan(&packet, ALL, &offload));
		assert_false(offload_is_needed(&offload));
		assert_true(offload_plan(&packet, NOTHING, &offload));
		assert_true(offload.completes_checksum && !offload.cuts);
		assert_true(offload_build(&packet, &offload, 0, own, HPA(0), &out));
		assert_int_equal(ref_gather(&out, got), frame.size);
		assert_int_equal(out.header.flags, 0);
		assert_int_equal(ref_transport_sum(got + l3, got + l4, size, is_udp ? 17 : 6),
				 0xffff);
		memcpy(got + field, bytes + field, 2);
		assert_memory_equal(got, bytes, frame.size); /* nothing else was touched */
	}
}

/* A checksum of 0 is written as 0xffff: to UDP 0 means that there is none. */
static void test_checksum_that_is_zero(void **state)
{
	struct offload offload;
	struct net_frame out;
	u8 own[NET_HEAD];
	u16 rest;

	(void)state;
	make_ip(false, false, 0, 17, 10);
	put_be16(bytes + l4 + 6, ref_pseudo_sum(bytes + l3, 10, 17));
	put_be16(bytes + l4 + 8, 0);
	rest = (u16)ref_sum(0, bytes + l4, 10);
	put_be16(bytes + l4 + 8, (u16)~rest);
	memset(&frame, 0, sizeof(frame));
	frame.size = l4 + 10;
	frame.header.flags = VIRTIO_NET_HDR_NEEDS_CSUM;
	frame.header.csum_start = (u16)l4;
	frame.header.csum_offset = 6;
	scatter(3);
	assert_true(offload_plan(&packet, NOTHING, &offload));
	assert_true(offload_build(&packet, &offload, 0, own, HPA(0), &out));
	assert_int_equal(get_be16(own + l4 + 6), 0xffff);
	assert_int_equal(ref_transport_sum(own + l3, own + l4, 10, 17), 0xffff);
}

/* The Ethernet header was checked: nothing may be written into it afterwards. */
static void test_malformed_checksums(void **state)
{
	static const struct {
		u16 start, offset;
		bool takes, is_right;
	} cases[] = { { 34, 16, false, true },	   { 14, 0, false, true },
		      { 13, 20, false, false },	   { 13, 20, true, false },
		      { 0, 6, false, false },	   { 0, 6, true, false },
		      { 100, 90, false, true },	   { 100, 91, false, false },
		      { 100, 91, true, true },	   { 900, 98, true, true },
		      { 900, 99, true, false },	   { 900, 98, false, false },
		      { 0xffff, 0, true, false },  { 0xffff, 3, true, false },
		      { 14, 0xffff, true, false }, { 14, 0xfff2, false, false } };

	(void)state;
	make_ip(false, false, 0, 6, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct offload offload;

		memset(&frame, 0, sizeof(frame));
		frame.size = 1000;
		frame.header.flags = VIRTIO_NET_HDR_NEEDS_CSUM;
		frame.header.csum_start = cases[i].start;
		frame.header.csum_offset = cases[i].offset;
		scatter(5);
		assert_int_equal(offload_plan(&packet, cases[i].takes ? ALL : NOTHING, &offload),
				 cases[i].is_right);
	}
}

static void test_plain_frames(void **state)
{
	struct offload offload;

	(void)state;
	for (u32 size = NET_MTU_FRAME; size <= NET_MTU_FRAME + 8; size++) {
		make_ip(false, false, 0, 6, 1480);
		memset(&frame, 0, sizeof(frame));
		frame.size = size;
		scatter(4);
		assert_int_equal(offload_plan(&packet, NOTHING, &offload),
				 size <= NET_MTU_FRAME + NET_VLAN_TAG);
		assert_false(offload_is_needed(&offload));
	}
}

/* Any alignment, any pieces, also empty ones. */
static void test_checksum(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		u32 size = prng_below(&prng, 200), offset;
		u8 *memory = malloc(size + 16), *data = memory + prng_below(&prng, 16);
		struct net_frame f;

		for (u32 i = 0; i < size; i++)
			data[i] = prng_below(&prng, 3) ? (u8)prng_next(&prng) : 0xff;
		assert_int_equal(checksum(data, size), ref_sum(0, data, size));
		ref_scatter(&prng, data, size, 1 + prng_below(&prng, 20), &f);
		offset = prng_below(&prng, size + 1);
		assert_int_equal(net_frame_checksum(&f, offset),
				 ref_sum(0, data + offset, size - offset));
		free(memory);
	}
}

/* A long run of 0xff carries at every step. */
static void test_checksum_of_ones(void **state)
{
	static u8 ones[65536];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (u32 skipped = 0; skipped < 9; skipped++)
		assert_int_equal(checksum(ones + skipped, sizeof(ones) - skipped),
				 ref_sum(0, ones + skipped, sizeof(ones) - skipped));
	assert_int_equal(checksum(ones, 0), 0);
	assert_int_equal(checksum(ones + 1, 0), 0);
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(checksum_fold(0x1ffff), 1);
}

static void test_too_many_pieces(void **state)
{
	struct offload offload;
	struct net_frame out;
	u8 own[NET_HEAD];

	(void)state;
	make_tcp(false, false, 0, 0, 1000, 1000);
	frame.nr_pieces = 0;
	for (u32 at = 0; at < NET_MAX_PIECES; at++)
		frame.pieces[frame.nr_pieces++] = (struct net_piece){ bytes + 60 + at, HPA(0), 1 };
	frame.pieces[0] = (struct net_piece){ bytes, HPA(0), 60 };
	frame.size = 60 + NET_MAX_PIECES - 1;
	packet.head_size = frame.size;
	/* Headers, 6 bytes behind them, and 63 pieces: one more than there can be. */
	assert_true(offload_plan(&packet, NOTHING, &offload));
	assert_false(offload_build(&packet, &offload, 0, own, HPA(0), &out));
	frame.nr_pieces--;
	frame.size--;
	packet.head_size--;
	assert_true(offload_plan(&packet, NOTHING, &offload));
	assert_true(offload_build(&packet, &offload, 0, own, HPA(0), &out));
	assert_int_equal(out.nr_pieces, NET_MAX_PIECES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_who_takes_what),
		cmocka_unit_test(test_limits_of_cutting),
		cmocka_unit_test(test_malformed_segments),
		cmocka_unit_test(test_complete_checksum),
		cmocka_unit_test(test_checksum_that_is_zero),
		cmocka_unit_test(test_malformed_checksums),
		cmocka_unit_test(test_plain_frames),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_checksum_of_ones),
		cmocka_unit_test(test_too_many_pieces),
	};

	return RUN_TESTS(tests);
}
