/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments of a TCP stream that arrive one after the other become one large segment, for receivers
 * that take such: what a guest spends on a packet, it spends once for many. Cut again
 * (net/offload.h) it is what has arrived. Of acknowledgements without data, which only say more and
 * more, the last is enough. Payloads are not copied. The caller has the lock, if one is needed.
 */
#ifndef DOPPEL_COALESCE_H
#define DOPPEL_COALESCE_H

#include "net/frame.h"

#define COALESCE_FLOWS	 4U   /* at a time */
#define COALESCE_HEADERS 114U /* bytes: Ethernet, IPv6, TCP with options */

/* What has arrived of one stream, in the order of its sequence numbers. */
struct coalesced {
	struct net_frame frame; /* the headers, and a piece for each segment */
	u8 headers[COALESCE_HEADERS];
	u32 l4, header_size;
	u32 next;	  /* sequence number */
	u32 segment_size; /* of all but the last; 0: it is an acknowledgement */
	bool is_open;	  /* more can follow */
	bool is_verified; /* the first segment's checksums are right */
};

struct coalescer {
	struct coalesced flows[COALESCE_FLOWS];
	unsigned nr;
	/* Takes a packet; those of one stream come in order. */
	void (*deliver)(void *ctx, const struct net_packet *packet);
	/* Whether who gets the frame takes large segments of that IP version (4, 6). */
	bool (*is_wanted)(void *ctx, const u8 *frame, unsigned version);
	void *ctx;
};

/*
 * Keeps a frame, which stays where it is until coalesce_flush() returns. False: it has nothing to
 * do with it; what came before has been delivered.
 */
bool coalesce(struct coalescer *coalescer, const u8 *data, u32 size);

/* Delivers all that was kept. */
void coalesce_flush(struct coalescer *coalescer);

#endif
