/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offloads in software. An input is what the receiver takes and how the frame is cut into pieces
 * (4 bytes), a header, and the frame; the last byte of a short one is repeated as its header says.
 */
#include "harness.h"
#include "net/offload.h"

#include <stdlib.h>
#include <string.h>

#define NR_BEFORE (4 + sizeof(struct virtio_net_header))

static struct net_frame frame;

/* Each piece has memory of its own, so that the sanitizer sees its ends. */
static void cut(const u8 *data, u32 size, u32 piece_size)
{
	frame.nr_pieces = 0;
	frame.size = size;
	for (u32 at = 0, part; at < size; at += part) {
		u8 *piece;

		part = frame.nr_pieces == NET_MAX_PIECES - 1 ? size - at
							     : MIN(piece_size, size - at);
		piece = malloc(part);
		memcpy(piece, data + at, part);
		frame.pieces[frame.nr_pieces++] =
			(struct net_piece){ piece, HPA((u64)piece), part };
	}
}

static u32 gather(const struct net_frame *built, u8 *bytes)
{
	u32 size = 0;

	fuzz_check(built->nr_pieces <= NET_MAX_PIECES, "pieces");
	for (unsigned i = 0; i < built->nr_pieces; i++) {
		const struct net_piece *piece = &built->pieces[i];

		fuzz_check(piece->size && size + piece->size <= NET_MAX_FRAME, "size of a piece");
		memcpy(bytes + size, piece->data, piece->size);
		size += piece->size;
	}
	fuzz_check(size == built->size, "sizes add up");
	return size;
}

/* The Ethernet header is what it was, and no payload is lost or moved. */
static void check_frames(const struct net_packet *packet, const struct offload *offload,
			 const u8 *data)
{
	u32 position = offload->cuts ? offload->header_size : 0, size;
	static u8 bytes[NET_MAX_FRAME];

	fuzz_check(offload->nr_frames && offload->nr_frames <= OFFLOAD_MAX_FRAMES, "frames");
	for (unsigned i = 0; i < offload->nr_frames; i++) {
		struct net_frame built;
		u8 *head = malloc(NET_HEAD);

		if (offload_build(packet, offload, i, head, HPA(0), &built)) {
			size = gather(&built, bytes);
			fuzz_check(memcmp(bytes, data, ETH_HEADER) == 0, "Ethernet header");
			fuzz_check(!offload->cuts || size <= NET_MTU_FRAME + NET_VLAN_TAG, "size");
			fuzz_check(!offload_is_needed(offload) || !built.header.flags, "flags");
			size -= offload->header_size;
			if (offload->cuts)
				fuzz_check(memcmp(bytes + offload->header_size, data + position,
						  size) == 0,
					   "payload");
			position += size;
		}
		free(head);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 bytes[NET_MAX_FRAME];
	u8 *head;
	struct net_packet packet = { .frame = &frame };
	struct offload offload;
	u32 frame_size;

	if (size < NR_BEFORE + ETH_HEADER)
		return 0;
	frame_size = (u32)(size - NR_BEFORE);
	memcpy(bytes, data + NR_BEFORE, frame_size);
	if (data[0] & 8) {
		u32 whole = MIN(NET_MAX_FRAME, frame_size + data[2] * 256U);

		memset(bytes + frame_size, bytes[frame_size - 1], whole - frame_size);
		frame_size = whole;
	}
	memcpy(&frame.header, data + 4, sizeof(frame.header));
	cut(bytes, frame_size, 1 + data[1] * 8U);
	packet.head_size = MIN(frame_size, NET_HEAD);
	head = malloc(packet.head_size);
	memcpy(head, bytes, packet.head_size);
	packet.head = head;
	if (offload_plan(&packet, (struct offload_takes){ data[0] & 1, data[0] & 2, data[0] & 4 },
			 &offload))
		check_frames(&packet, &offload, bytes);
	for (unsigned i = 0; i < frame.nr_pieces; i++)
		free((void *)frame.pieces[i].data);
	free(head);
	return 0;
}
