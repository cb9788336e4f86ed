/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's network interface sends. Numbers in parentheses are sections of virtio 1.2. */
#include "lib/bits.h"
#include "virtio/net_device.h"

#define ETHERNET_HEADER 14U

/*
 * How much is sent before the vCPU looks at other things: 64 small frames, or 256 KiB. A frame that
 * others may have to cut counts by its segments, too, and may not have more of them than this.
 */
#define MAX_WORK     64U
#define MAX_SEGMENTS 512U

#define TELL_DELAY_NS 2000000UL
#define TELL_FRAMES   64U /* as many are told of at once, or half of a small queue */

static struct virtq *queue(struct net_device *net)
{
	return &net->device.queues[NET_TX];
}

bool net_pop(struct net_device *net, struct virtq *q)
{
	int got = virtq_pop(q, &net->chain);

	if (got < 0)
		virtio_needs_reset(&net->device, q->broken);
	return got > 0;
}

static void unpin(struct net_device *net, struct net_in_flight *f)
{
	while (f->nr_pins) {
		const struct virtq_buffer *pin = &f->pins[--f->nr_pins];

		guest_unpin(net->device.memory, pin->gpa, pin->size);
	}
}

/* Makes a buffer of the guest the next pieces of the frame. False: there are too many. */
static bool add_pieces(struct net_device *net, struct net_in_flight *f, struct virtq_buffer buffer)
{
	while (buffer.size) {
		hpa_t hpa;
		u32 size;

		if (f->nr_pins == ARRAY_SIZE(f->pins))
			return false;
		size = (u32)guest_pin(net->device.memory, buffer.gpa, buffer.size, &hpa);
		if (!size)
			return false;
		net->frame.pieces[f->nr_pins] = (struct net_piece){ guest_window(hpa), hpa, size };
		f->pins[f->nr_pins++] = (struct virtq_buffer){ buffer.gpa, size };
		buffer.gpa.v += size;
		buffer.size -= size;
	}
	net->frame.nr_pieces = f->nr_pins;
	return true;
}

/* The chain without its header; that may be anywhere in the first buffers (2.7.4.1). */
static bool pin_frame(struct net_device *net, struct net_in_flight *f)
{
	u32 to_skip = sizeof(struct virtio_net_header);

	for (unsigned i = 0; i < net->chain.nr_readable; i++) {
		struct virtq_buffer buffer = net->chain.buffers[i];
		u32 skipped = MIN(to_skip, buffer.size);

		to_skip -= skipped;
		buffer.gpa.v += skipped;
		buffer.size -= skipped;
		if (!add_pieces(net, f, buffer))
			return false;
	}
	return true;
}

/*
 * The checksum may not be put into the Ethernet header: that is what the switch looks at. A value
 * that means nothing is cleared, so that nobody relies on it (5.1.6.2.2).
 */
static bool is_checksum_sound(const struct net_device *net, struct virtio_net_header *h, u32 size)
{
	h->flags &= VIRTIO_NET_HDR_NEEDS_CSUM;
	if (h->flags)
		return virtio_has(&net->device, VIRTIO_NET_F_CSUM) &&
		       h->csum_start >= ETHERNET_HEADER &&
		       (u32)h->csum_start + h->csum_offset + 2 <= size;
	h->csum_start = h->csum_offset = 0;
	return true;
}

static bool are_segments_sound(const struct net_device *net, struct virtio_net_header *h, u32 size)
{
	u64 feature;

	switch (h->gso_type) {
	case VIRTIO_NET_GSO_NONE:
		h->hdr_len = h->gso_size = 0;
		return size <= NET_MTU_FRAME + NET_VLAN_TAG;
	case VIRTIO_NET_GSO_TCPV4: feature = VIRTIO_NET_F_HOST_TSO4; break;
	case VIRTIO_NET_GSO_TCPV6: feature = VIRTIO_NET_F_HOST_TSO6; break;
	default: return false;
	}
	return virtio_has(&net->device, feature) && h->flags && h->hdr_len <= size && h->gso_size &&
	       size / h->gso_size < MAX_SEGMENTS;
}

/* Reads the frame of the chain, in which the driver may have written anything (5.1.6.2). */
static bool read_frame(struct net_device *net, struct net_in_flight *f)
{
	struct net_frame *frame = &net->frame;
	struct virtio_net_header *h = &frame->header;

	if (virtq_copy_from(queue(net), &net->chain, 0, h, sizeof(*h)) < sizeof(*h))
		return false;
	h->num_buffers = 0;
	frame->size = net->chain.readable - (u32)sizeof(*h);
	return frame->size >= ETHERNET_HEADER && frame->size <= NET_MAX_FRAME &&
	       is_checksum_sound(net, h, frame->size) && are_segments_sound(net, h, frame->size) &&
	       pin_frame(net, f);
}

static unsigned work_of(const struct net_frame *frame)
{
	u32 gso_size = frame->header.gso_size;

	return 1 + frame->size / 4096 + (gso_size ? frame->size / gso_size / 8 : 0);
}

/* A frame that finds no room has used nothing of what the limit allows. */
static enum net_result send_in_time(struct net_device *net, u64 cookie)
{
	u64 now = time_now(), when = rate_limit_when(&net->send_limit, now);
	enum net_result result;

	if (when) {
		timer_start(&net->send_timer, when);
		return NET_NO_ROOM;
	}
	result = switch_send(&net->port, &net->frame, cookie);
	if (result != NET_NO_ROOM)
		rate_limit_use(&net->send_limit, net->frame.size, now);
	return result;
}

/* Sends the frame of the chain; with NET_TAKEN it is in flight. */
static enum net_result send_frame(struct net_device *net)
{
	unsigned number = bits_lowest(net->free);
	struct net_in_flight *f = &net->in_flight[number];
	enum net_result result = NET_DONE;

	if (read_frame(net, f))
		result = send_in_time(net, number);
	else
		net->nr_refused++;
	if (result == NET_TAKEN) {
		f->head = net->chain.head;
		net->free &= ~BIT(number);
	} else {
		unpin(net, f);
	}
	return result;
}

/* Sends the next frame. Returns how much work it was; 0: there is none, or it must wait. */
static unsigned send_next(struct net_device *net)
{
	struct virtq *q = queue(net);

	net->is_waiting = !net->free;
	if (net->is_waiting || !net_pop(net, q))
		return 0;
	switch (send_frame(net)) {
	case NET_NO_ROOM:
		virtq_unpop(q);
		net->is_waiting = true;
		return 0;
	case NET_DONE: virtq_push(q, net->chain.head, 0); break;
	case NET_TAKEN: break;
	}
	return work_of(&net->frame);
}

/*
 * That a frame was sent, and its memory is free, need not be told at once. Mostly an answer comes
 * soon, with an interrupt in which the driver looks at both queues (4.2.3.4). A driver that waits
 * for it, because its queue or a socket's buffer is full, loses little: much was sent before.
 */
static void tell_soon(struct net_device *net)
{
	struct virtq *q = queue(net);

	if (!virtq_will_want_interrupt(q))
		return;
	if ((u16)(q->s.next_used - q->s.signalled_used) >= MIN(TELL_FRAMES, (q->s.size + 1U) / 2)) {
		virtio_notify_used(&net->device, q);
		return;
	}
	if (net->is_telling)
		return;
	net->is_telling = true;
	timer_start(&net->tell_timer, time_now() + time_from_ns(TELL_DELAY_NS));
}

void net_tell(struct timer *timer)
{
	struct net_device *net = container_of(timer, struct net_device, tell_timer);

	spin_lock(&net->device.lock);
	net->is_telling = false;
	virtio_notify_used(&net->device, queue(net));
	spin_unlock(&net->device.lock);
}

u16 net_count_sent(struct net_device *net)
{
	return __atomic_load_n(&queue(net)->s.next_used, __ATOMIC_ACQUIRE);
}

/* It comes from who receives, and does not wait for who sends: then the timer stays. */
void net_told(struct net_device *net, u16 sent)
{
	struct virtq *q = queue(net);

	if (!spin_trylock(&net->device.lock))
		return;
	if (net->is_telling && q->s.next_used == sent) {
		q->s.signalled_used = sent;
		net->is_telling = false;
		timer_stop(&net->tell_timer);
	}
	spin_unlock(&net->device.lock);
}

/*
 * While it waits, or has more to do, the driver need not notify: ops->service looks again. Else it
 * is asked to, and looked at once more: it may have put something there meanwhile.
 */
void net_send(struct net_device *net)
{
	struct virtq *q = queue(net);
	unsigned work = 0, done;

	if (net->is_waiting)
		return;
	virtq_disable_notify(q);
	do {
		do {
			done = send_next(net);
			work += done;
		} while (done && work < MAX_WORK);
	} while (!done && !net->is_waiting && virtq_enable_notify(q));
	tell_soon(net);
	if (done)
		virtio_ask_for_service(&net->device);
}

/* The uplink is done with a frame. */
void net_sent(struct net_port *port, u64 cookie)
{
	struct net_device *net = net_of_port(port);
	struct virtio_device *device = &net->device;
	struct net_in_flight *f = &net->in_flight[cookie];

	spin_lock(&device->lock);
	unpin(net, f);
	net->free |= BIT(cookie);
	if (!device->is_resetting) {
		virtq_push(queue(net), f->head, 0);
		tell_soon(net);
	}
	if (net->is_waiting || device->is_resetting)
		virtio_ask_for_service(device);
	spin_unlock(&device->lock);
}

/* What was waited for has come: the switch, or the receiver, has room. */
void net_writable(struct net_port *port)
{
	virtio_ask_for_service(&net_of_port(port)->device);
}

/* The same: a limit allows more. */
void net_send_again(struct timer *timer)
{
	virtio_ask_for_service(&container_of(timer, struct net_device, send_timer)->device);
}
