/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest's network interface receives. The hart is the sender's, or that of the uplink's
 * interrupt; it holds receive_lock, and not the lock of this device. Numbers in parentheses are
 * sections of virtio 1.2.
 */
#include "virtio/net_device.h"

static struct virtq *queue(struct net_device *net)
{
	return &net->device.queues[NET_RX];
}

/* The switch has seen to it, but the driver may be another since. */
static bool is_understood(const struct virtio_device *device, const struct virtio_net_header *h)
{
	u64 needed = 0;

	if (h->flags & VIRTIO_NET_HDR_NEEDS_CSUM)
		needed |= VIRTIO_NET_F_GUEST_CSUM;
	if (h->gso_type == VIRTIO_NET_GSO_TCPV4)
		needed |= VIRTIO_NET_F_GUEST_TSO4;
	if (h->gso_type == VIRTIO_NET_GSO_TCPV6)
		needed |= VIRTIO_NET_F_GUEST_TSO6;
	return virtio_has(device, needed);
}

/* The next chain to fill, which is the one of that number in this frame: as virtq_pop(). */
static int pop_to_fill(struct net_device *net, struct virtq_chain *chain, u32 number)
{
	struct virtq *q = queue(net);
	int got = virtq_pop(q, chain);

	if (got == 0 && virtq_enable_notify(q))
		got = virtq_pop(q, chain);
	if (got < 0)
		virtio_needs_reset(&net->device, q->broken);
	if (got <= 0)
		return got;
	/* The header is in the first (5.1.6.3.1). */
	if (!chain->nr_readable && (number || chain->writable >= sizeof(struct virtio_net_header)))
		return 1;
	virtq_unpop(q);
	virtio_needs_reset(&net->device, "receive buffer is readable, or too small");
	return -1;
}

/* Where in a frame. */
struct cursor {
	const struct net_piece *piece;
	u32 offset;
};

/*
 * RAM of buffers that is absent (mem/guest_frames.h) comes back in the VM's own time: ahead, as far
 * as may be, since a frame from the uplink does not wait for it.
 */
#define READY_MAX 128U
#define READY_LOW 32U

/* So many chains were filled. */
static __attribute__((noinline)) void use_up_ready(struct net_device *net, unsigned count)
{
	net->nr_ready -= MIN(count, net->nr_ready);
	if (net->must_look || net->nr_ready >= READY_LOW ||
	    virtq_waiting(queue(net)) <= net->nr_ready)
		return;
	net->must_look = true;
	virtio_ask_for_service(&net->device);
}

/* False: the next chain lacks RAM, or there is none. */
static __attribute__((noinline)) bool make_ready(struct net_device *net)
{
	net->nr_ready = virtq_look_ahead(queue(net), &net->next, READY_MAX);
	net->must_look = queue(net)->nr_wanted != 0;
	return net->nr_ready != 0;
}

/* Copies the next bytes of the frame into a chain. */
static void fill(struct virtq *q, const struct virtq_chain *chain, u32 offset, struct cursor *at,
		 u32 size)
{
	while (size) {
		u32 now = MIN(size, at->piece->size - at->offset);

		virtq_copy_to(q, chain, offset, at->piece->data + at->offset, now);
		offset += now;
		size -= now;
		at->offset += now;
		if (at->offset == at->piece->size)
			*at = (struct cursor){ at->piece + 1, 0 };
	}
}

static void put_back(struct virtq *q, u16 count)
{
	while (count--)
		virtq_unpop(q);
}

enum outcome { RECEIVED, DROPPED, NO_ROOM };

/*
 * Fills as many chains as it takes, with mergeable buffers, and shows them all at once (5.1.6.4.1).
 * If that is not to be, none is used: the driver has seen nothing.
 */
static enum outcome receive(struct net_device *net, const struct net_frame *frame)
{
	struct virtq *q = queue(net);
	u32 max = virtio_has(&net->device, VIRTIO_NET_F_MRG_RXBUF) ? q->s.size : 1;
	struct virtio_net_header header = frame->header;
	u32 left = (u32)sizeof(header) + frame->size, offset = sizeof(header);
	struct cursor at = { frame->pieces, 0 };
	u16 count = 0;

	while (left) {
		struct virtq_chain *chain = count ? &net->next : &net->first;
		int got = count < max ? pop_to_fill(net, chain, count) : -1;
		u32 now;

		if (got <= 0) {
			put_back(q, count);
			return got < 0 ? DROPPED : NO_ROOM;
		}
		now = MIN(left, chain->writable);
		fill(q, chain, offset, &at, now - offset);
		virtq_fill(q, count++, chain->head, now);
		left -= now;
		offset = 0;
	}
	header.num_buffers = count;
	if (!virtio_has(&net->device, VIRTIO_NET_F_GUEST_CSUM))
		header.flags = 0;
	virtq_copy_to(q, &net->first, 0, &header, sizeof(header));
	virtq_publish(q, count);
	if (unlikely(net->device.memory->frames))
		use_up_ready(net, count);
	return RECEIVED;
}

/* False: there is no room, and the frame comes again. Until then it has used nothing. */
static bool receive_in_time(struct net_device *net, const struct net_frame *frame)
{
	u64 now = time_now();

	if (rate_limit_when(&net->receive_limit, now)) {
		net->nr_over_rate++;
		return true;
	}
	switch (receive(net, frame)) {
	case NO_ROOM:
		net->is_full = true;
		if (queue(net)->nr_wanted) {
			net->must_look = true;
			/* Anew: who serves may have come between the queue's asking and this. */
			virtio_ask_for_service(&net->device);
		}
		return false;
	case DROPPED: net->nr_unwanted++; return true;
	case RECEIVED: break;
	}
	net->nr_received++;
	net->bytes_received += frame->size;
	rate_limit_use(&net->receive_limit, frame->size, now);
	return true;
}

bool net_deliver(struct net_port *port, const struct net_frame *frame)
{
	struct net_device *net = net_of_port(port);
	bool is_done = true;

	spin_lock(&net->receive_lock);
	if (!virtio_is_live(&net->device) || !is_understood(&net->device, &frame->header) ||
	    !net_filter_wants(&net->filter, frame->pieces[0].data))
		net->nr_unwanted++;
	else
		is_done = receive_in_time(net, frame);
	spin_unlock(&net->receive_lock);
	return is_done;
}

/* One interrupt for what deliver() was called for. */
void net_flush(struct net_port *port)
{
	struct net_device *net = net_of_port(port);
	u16 sent = net_count_sent(net);
	bool told;

	spin_lock(&net->receive_lock);
	told = virtio_notify_used(&net->device, queue(net));
	spin_unlock(&net->receive_lock);
	if (told)
		net_told(net, sent);
}

/*
 * The driver has put buffers into the receive queue, and was asked to tell; or RAM of theirs has
 * come back. While the next lacks some, who waits goes on waiting: this is called again.
 */
void net_look_for_room(struct net_device *net)
{
	bool was_full, is_ready;

	spin_lock(&net->receive_lock);
	is_ready = likely(!net->device.memory->frames) || make_ready(net);
	was_full = net->is_full && is_ready;
	if (is_ready) {
		net->is_full = false;
		virtq_disable_notify(queue(net));
	}
	spin_unlock(&net->receive_lock);
	if (was_full)
		switch_has_room(&net->port);
}
