/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coalescing. An input is frames from outside, each after its size (2 bytes). What is delivered,
 * cut again, is as many bytes, and nothing malformed. Only acknowledgements may become fewer.
 */
#include "harness.h"
#include "net/coalesce.h"
#include "net/offload.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 128

static u8 *frames[MAX_FRAMES];
static u64 bytes_in, bytes_out, acks_in, acks_out;

/* A TCP header is all that is in it. */
static bool is_ack(const u8 *frame, u32 size)
{
	u32 l4 = frame[12] == 0x08 ? 34 : 54;

	return size >= l4 + 20 && size == l4 + (frame[l4 + 12] >> 4) * 4U;
}

static void deliver(void *ctx, const struct net_packet *packet)
{
	struct offload offload;
	struct net_frame built;
	u8 head[NET_HEAD];
	static u8 whole[NET_MAX_FRAME];

	(void)ctx;
	fuzz_check(offload_plan(packet, (struct offload_takes){ false, false, false }, &offload),
		   "what is delivered can be cut");
	for (unsigned i = 0; i < offload.nr_frames; i++) {
		fuzz_check(offload_build(packet, &offload, i, head, HPA(0), &built), "pieces");
		net_frame_read(&built, 0, whole, sizeof(whole));
		if (is_ack(whole, built.size))
			acks_out++;
		else
			bytes_out += built.size;
	}
}

static bool is_wanted(void *ctx, const u8 *frame, unsigned version)
{
	(void)ctx;
	return frame[0] != version;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct coalescer coalescer = { .deliver = deliver, .is_wanted = is_wanted };
	unsigned nr = 0;

	bytes_in = bytes_out = acks_in = acks_out = 0;
	while (size > 2 && nr < MAX_FRAMES) {
		u32 part = MIN((u32)(data[0] | data[1] << 8), (u32)size - 2);

		part = MIN(MAX(part, ETH_HEADER), NET_MTU_FRAME);
		if (part > size - 2)
			break;
		frames[nr] = malloc(part);
		memcpy(frames[nr], data + 2, part);
		if (coalesce(&coalescer, frames[nr], part)) {
			if (is_ack(frames[nr], part))
				acks_in++;
			else
				bytes_in += part;
		}
		data += 2 + part;
		size -= 2 + part;
		nr++;
	}
	coalesce_flush(&coalescer);
	fuzz_check(bytes_in == bytes_out, "nothing is lost or doubled");
	fuzz_check(acks_out <= acks_in && !acks_out == !acks_in, "an acknowledgement is left");
	while (nr)
		free(frames[--nr]);
	return 0;
}
