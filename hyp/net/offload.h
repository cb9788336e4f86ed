/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sender left to its device and a receiver does not take, done in software: checksums
 * (virtio 1.2 section 5.1.6.2, csum_start) and the cutting of large TCP segments (gso_size).
 * Headers are copied, a payload never is.
 */
#ifndef DOPPEL_NET_OFFLOAD_H
#define DOPPEL_NET_OFFLOAD_H

#include "net/frame.h"

/* A packet is cut into so many frames at most; one that needs more is malformed. */
#define OFFLOAD_MAX_FRAMES 128U

struct offload_takes {
	bool csum, tso4, tso6;
};

/* What is to be done for one receiver. */
struct offload {
	bool completes_checksum;
	bool cuts;
	unsigned nr_frames; /* that it becomes */
	u32 l3, l4;	    /* offsets of the IP and TCP headers, when it cuts */
	u32 header_size;    /* up to the payload, when it cuts */
};

/*
 * Checks what the packet's header promises, and finds out what is to be done so that a receiver can
 * take it. False: the packet is malformed or too large, for anybody.
 */
bool offload_plan(const struct net_packet *packet, struct offload_takes takes,
		  struct offload *offload);

static inline bool offload_is_needed(const struct offload *offload)
{
	return offload->completes_checksum || offload->cuts;
}

/*
 * Frame number index. Its first bytes are built in head, which is at head_hpa for a real device;
 * the rest refers to the sender's memory. False: it has too many pieces.
 */
bool offload_build(const struct net_packet *packet, const struct offload *offload, unsigned index,
		   u8 head[NET_HEAD], hpa_t head_hpa, struct net_frame *frame);

#endif
