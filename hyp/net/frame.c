/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames in pieces: reading, composing, and checksums over them. */
#include "net/frame.h"
#include "lib/string.h"

typedef u64 __attribute__((may_alias)) word_t;
typedef u16 __attribute__((may_alias)) quarter_t;

u32 net_frame_read(const struct net_frame *frame, u32 offset, void *buf, u32 size)
{
	u32 done = 0;

	for (unsigned i = 0; i < frame->nr_pieces && done < size; i++) {
		const struct net_piece *piece = &frame->pieces[i];

		if (offset < piece->size) {
			u32 part = MIN(piece->size - offset, size - done);

			memcpy((u8 *)buf + done, piece->data + offset, part);
			done += part;
			offset = 0;
		} else {
			offset -= piece->size;
		}
	}
	return done;
}

bool net_frame_add(struct net_frame *frame, const u8 *data, hpa_t hpa, u32 size)
{
	if (!size)
		return true;
	if (frame->nr_pieces == NET_MAX_PIECES)
		return false;
	frame->pieces[frame->nr_pieces++] = (struct net_piece){ data, hpa, size };
	frame->size += size;
	return true;
}

bool net_frame_add_part(struct net_frame *frame, const struct net_frame *from, u32 offset, u32 size)
{
	bool fits = true;

	for (unsigned i = 0; i < from->nr_pieces && size && fits; i++) {
		const struct net_piece *piece = &from->pieces[i];

		if (offset < piece->size) {
			u32 part = MIN(piece->size - offset, size);

			fits = net_frame_add(frame, piece->data + offset,
					     HPA(piece->hpa.v + offset), part);
			size -= part;
			offset = 0;
		} else {
			offset -= piece->size;
		}
	}
	return fits;
}

bool net_packet_compose(const struct net_packet *packet, const u8 *head, hpa_t head_hpa,
			struct net_frame *frame)
{
	const struct net_frame *from = packet->frame;

	frame->header = from->header;
	frame->header.num_buffers = 0;
	frame->nr_pieces = 0;
	frame->size = 0;
	return net_frame_add(frame, head, head_hpa, packet->head_size) &&
	       net_frame_add_part(frame, from, packet->head_size, from->size - packet->head_size);
}

u16 checksum_fold(u64 sum)
{
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 16) + (u16)sum;
	sum = (sum >> 16) + (u16)sum;
	sum = (sum >> 16) + (u16)sum;
	return (u16)sum;
}

/* Adds words, and each carry back in (RFC 1071 section 2: any word size will do). */
static u64 sum_words(const word_t *words, u32 nr)
{
	u64 sum = 0;

	for (; nr >= 4; nr -= 4, words += 4) {
		u64 a = words[0], b = words[1], c = words[2], d = words[3];

		a += b;
		a += a < b;
		c += d;
		c += c < d;
		sum += a;
		sum += sum < a;
		sum += c;
		sum += sum < c;
	}
	for (; nr; nr--, words++) {
		sum += *words;
		sum += sum < *words;
	}
	return sum;
}

/*
 * The bytes are read as little-endian words where they are aligned. If they begin at an odd
 * address, each is in the other half of its 16 bits: the sum then has its bytes swapped.
 */
u16 checksum(const u8 *data, u32 size)
{
	bool odd = (uintptr_t)data & 1;
	u64 sum = 0;
	u16 folded;

	if (odd && size) {
		sum = (u64)*data++ << 8;
		size--;
	}
	for (; size >= 2 && ((uintptr_t)data & 7); size -= 2, data += 2)
		sum += *(const quarter_t *)(const void *)data;
	if (size >= 8) {
		sum += checksum_fold(sum_words((const word_t *)(const void *)data, size / 8));
		data += size & ~7U;
		size &= 7;
	}
	for (; size >= 2; size -= 2, data += 2)
		sum += *(const quarter_t *)(const void *)data;
	if (size)
		sum += *data;
	folded = checksum_fold(sum);
	return odd ? folded : (u16)(folded << 8 | folded >> 8);
}

u16 net_frame_checksum(const struct net_frame *frame, u32 offset)
{
	u64 sum = 0;
	bool odd = false;

	for (unsigned i = 0; i < frame->nr_pieces; i++) {
		const struct net_piece *piece = &frame->pieces[i];
		u32 skipped = MIN(offset, piece->size), size = piece->size - skipped;
		u16 part = checksum(piece->data + skipped, size);

		offset -= skipped;
		sum += odd ? (u16)(part << 8 | part >> 8) : part;
		odd ^= size & 1;
	}
	return checksum_fold(sum);
}
