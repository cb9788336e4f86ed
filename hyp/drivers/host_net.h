/* SPDX-License-Identifier: BSD-2-Clause */
/* A network interface of the real machine: a driver for virtio-net (virtio 1.2 section 5.1). */
#ifndef DOPPEL_HOST_NET_H
#define DOPPEL_HOST_NET_H

#include "drivers/host_segment.h"
#include "lib/list.h"
#include "lib/virtio_abi.h"

#define HOST_NET_MAX_SEGMENTS 64U /* of one frame, its header not counted */

struct host_net;

struct host_net_info {
	u8 mac[6];
	bool link_up;
	bool has_csum, has_tso4, has_tso6; /* what the real device does for frames that are sent */
	u64 sent, received, bytes_sent, bytes_received, dropped, interrupts;
};

/*
 * A frame on its way out, in the caller's memory until done is called. That is memory of the
 * hypervisor's own, for the device reads the header. Checksums and large segments are left to the
 * device as far as host_net_info() says it does them, and no further.
 */
struct host_net_frame {
	struct list link; /* the driver's */
	struct virtio_net_header header;
	struct host_segment segments[HOST_NET_MAX_SEGMENTS];
	unsigned nr_segments;
	/* Any hart, no lock held: it may send. */
	void (*done)(struct host_net_frame *frame);
};

/* The interface number index; NULL behind the last. */
struct host_net *host_net_get(unsigned index);

/* What the interface is, and what was counted since boot. Any lock but the driver's. */
void host_net_info(struct host_net *net, struct host_net_info *info);

/*
 * Who takes the frames that arrive. A frame stays where it is until flush, below, has returned; if
 * there is none, until receive has; size: its bytes, without the header. Called on the hart that
 * has the interrupt, or a moment later on one that a timer has fired on; no lock held, one frame at
 * a time. Without a receiver they are dropped. Frames are whole: the header says nothing of open
 * checksums or large segments.
 */
void host_net_set_receiver(struct host_net *net,
			   void (*receive)(void *ctx, const struct virtio_net_header *header,
					   const void *frame, u32 size),
			   void *ctx);

/* Called after the last of the frames that came together; NULL: nothing is. */
void host_net_set_flush(struct host_net *net, void (*flush)(void *ctx), void *ctx);

/*
 * False: the device has no room; the frame is not taken, and there will be room when done() is
 * called for another. The device hears of frames at the next kick. done() is called in batches, but
 * soon after the device has sent the frame; never from here. A device that has broken down drops
 * frames, and says that the link is down.
 */
bool host_net_send(struct host_net *net, struct host_net_frame *frame);

/* Tells the device of what was sent. Any lock. */
void host_net_kick(struct host_net *net);

#endif
