/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface of the real machine: a driver for virtio-net (virtio 1.2 section 5.1), with
 * one queue each way.
 *
 * Received frames are whole: no large segments, no checksums left open, so a buffer of 2 KiB holds
 * any, and goes back to the device when the receiver has returned. What is sent is read by the
 * device from where the sender has it. The lock is a leaf but for that of a timer queue.
 */
#include "drivers/host_net.h"
#include "core/log.h"
#include "core/timer.h"
#include "drivers/virtqueue.h"
#include "lib/spinlock.h"
#include "mem/page.h"
#include "platform/qemu-virt/machine.h"

#define MAX_NETS      MACHINE_MAX_VIRTIO
#define RECEIVE_QUEUE 0
#define SEND_QUEUE    1
#define NR_RECEIVE    128
#define NR_SEND	      128
#define BUFFER_SIZE   2048U
#define HEADER_SIZE   ((u32)sizeof(struct virtio_net_header))
#define BUDGET	      64    /* frames received at a time */
#define REST_NS	      20000 /* then the hart is somebody else's for so long */
#define CONFIG(field) ((u32)offsetof(struct virtio_net_config, field))

struct host_net {
	struct spinlock lock;
	struct transport *transport;
	struct virtqueue receive_queue, send_queue;
	struct host_net_info info;
	bool is_dead;
	bool is_receiving;    /* a hart is at it: it sees what comes meanwhile, too */
	struct list answered; /* frames for a dead device; the timer calls done() */
	struct timer timer;   /* for those, and when a budget has been used up */

	void (*receive)(void *ctx, const struct virtio_net_header *header, const void *frame,
			u32 size);
	void *receive_ctx;
	void (*flush)(void *ctx);
	void *flush_ctx;
};

static struct host_net *nets[MAX_NETS];
static unsigned nr_nets;

/* --- Sending */

/* Lock held. */
static void put(struct host_net *net, int slot, struct host_net_frame *frame)
{
	struct virtqueue *q = &net->send_queue;

	frame->header.num_buffers = 0; /* 5.1.6.2.1 */
	virtqueue_add(q, slot, page_to_hpa(&frame->header), HEADER_SIZE, 0);
	net->info.sent++;
	for (unsigned i = 0; i < frame->nr_segments; i++) {
		virtqueue_add(q, slot, frame->segments[i].start, frame->segments[i].size, 0);
		net->info.bytes_sent += frame->segments[i].size;
	}
	virtqueue_end(q, slot, frame);
}

/* The sender may hold any lock: done() is called later. Lock held. */
static void drop(struct host_net *net, struct host_net_frame *frame)
{
	net->info.dropped++;
	if (list_is_empty(&net->answered))
		timer_start(&net->timer, time_now());
	list_insert_before(&net->answered, &frame->link);
}

bool host_net_send(struct host_net *net, struct host_net_frame *frame)
{
	bool taken = true;
	int slot;

	spin_lock(&net->lock);
	if (net->is_dead)
		drop(net, frame);
	else if ((slot = virtqueue_begin(&net->send_queue)) >= 0)
		put(net, slot, frame);
	else
		taken = false;
	spin_unlock(&net->lock);
	return taken;
}

void host_net_kick(struct host_net *net)
{
	bool notify;

	spin_lock(&net->lock);
	notify = !net->is_dead && virtqueue_must_notify(&net->send_queue);
	spin_unlock(&net->lock);
	if (notify)
		virtqueue_notify(&net->send_queue);
}

/*
 * The next interrupt comes when three quarters of what is in flight are sent: at the latest when
 * all of it is, for a device sends what it has. Lock held.
 */
static void collect_sent(struct host_net *net, struct list *sent)
{
	struct virtqueue *q = &net->send_queue;
	void *token;
	u32 written;

	do {
		while (virtqueue_collect(q, &token, &written) >= 0) {
			struct host_net_frame *frame = token;

			list_insert_before(sent, &frame->link);
		}
	} while (!q->is_broken && virtqueue_arm(q, (u16)(q->nr_in_flight * 3U / 4)));
}

static void call_done(struct list *sent)
{
	while (!list_is_empty(sent)) {
		struct host_net_frame *frame =
			container_of(sent->next, struct host_net_frame, link);

		list_remove(&frame->link);
		frame->done(frame);
	}
}

/* --- Receiving */

struct batch {
	unsigned nr;
	u8 *buffers[BUDGET]; /* header, frame */
	u32 sizes[BUDGET];
};

/* Gives a buffer to the device. Lock held. */
static void offer(struct host_net *net, u8 *buffer)
{
	int slot = virtqueue_begin(&net->receive_queue);

	virtqueue_add(&net->receive_queue, slot, page_to_hpa(buffer), BUFFER_SIZE,
		      VIRTQ_DESC_WRITE);
	virtqueue_end(&net->receive_queue, slot, buffer);
}

/* False: nothing has come, and an interrupt will tell when something does. Lock held. */
static bool collect_received(struct host_net *net, struct batch *batch, unsigned max)
{
	struct virtqueue *q = &net->receive_queue;
	void *token;

	batch->nr = 0;
	do {
		while (batch->nr < max &&
		       virtqueue_collect(q, &token, &batch->sizes[batch->nr]) >= 0)
			batch->buffers[batch->nr++] = token;
	} while (!batch->nr && !q->is_broken && virtqueue_arm(q, 0));
	return batch->nr;
}

/* Lock not held. */
static void hand_over(struct host_net *net, const struct batch *batch)
{
	for (unsigned i = 0; net->receive && i < batch->nr; i++) {
		const struct virtio_net_header *header = (const void *)batch->buffers[i];
		u32 size = MIN(batch->sizes[i], BUFFER_SIZE);

		if (size > HEADER_SIZE)
			net->receive(net->receive_ctx, header, header + 1, size - HEADER_SIZE);
	}
	if (net->flush)
		net->flush(net->flush_ctx);
}

/* Returns whether the device is to be told. Lock held. */
static bool give_back(struct host_net *net, const struct batch *batch)
{
	for (unsigned i = 0; i < batch->nr; i++) {
		if (net->receive)
			net->info.received++;
		else
			net->info.dropped++;
		net->info.bytes_received += batch->sizes[i] - MIN(batch->sizes[i], HEADER_SIZE);
		if (!net->is_dead)
			offer(net, batch->buffers[i]);
	}
	return !net->is_dead && virtqueue_must_notify(&net->receive_queue);
}

static void receive_frames(struct host_net *net)
{
	struct batch batch;
	unsigned left = BUDGET;
	bool notify = false;

	spin_lock(&net->lock);
	if (net->is_receiving || net->is_dead) {
		spin_unlock(&net->lock);
		return;
	}
	net->is_receiving = true;
	while (left && !net->is_dead && collect_received(net, &batch, left)) {
		left -= batch.nr;
		spin_unlock(&net->lock);
		hand_over(net, &batch);
		spin_lock(&net->lock);
		notify |= give_back(net, &batch);
	}
	if (!left)
		timer_start(&net->timer, time_now() + time_from_ns(REST_NS));
	net->is_receiving = false;
	spin_unlock(&net->lock);
	if (notify)
		virtqueue_notify(&net->receive_queue);
}

/* --- Both */

/* The reset comes first: after done() the memory of a frame is somebody else's. Lock held. */
static void die(struct host_net *net, struct list *sent)
{
	struct host_net_frame *frame;

	net->is_dead = true;
	net->info.link_up = false;
	transport_reset(net->transport);
	while ((frame = virtqueue_take_back(&net->send_queue)) != NULL)
		list_insert_before(sent, &frame->link);
	log_error("the machine's network interface has broken down; nothing is sent any more");
}

static bool is_link_up(const struct host_net *net)
{
	return !transport_has(net->transport, VIRTIO_NET_F_STATUS) ||
	       transport_config16(net->transport, CONFIG(status)) & VIRTIO_NET_S_LINK_UP;
}

static void interrupt(void *device, u32 causes)
{
	struct host_net *net = device;
	struct list sent;

	list_init(&sent);
	receive_frames(net);
	spin_lock(&net->lock);
	net->info.interrupts++;
	if (!net->is_dead) {
		collect_sent(net, &sent);
		if (causes & VIRTIO_INTERRUPT_CONFIG)
			net->info.link_up = is_link_up(net);
		if (net->send_queue.is_broken || net->receive_queue.is_broken ||
		    (causes & VIRTIO_INTERRUPT_CONFIG && transport_is_broken(net->transport)))
			die(net, &sent);
	}
	spin_unlock(&net->lock);
	call_done(&sent);
}

static void timer_expired(struct timer *timer)
{
	struct host_net *net = container_of(timer, struct host_net, timer);
	struct list answered;

	list_init(&answered);
	spin_lock(&net->lock);
	list_take_all(&answered, &net->answered);
	spin_unlock(&net->lock);
	call_done(&answered);
	receive_frames(net);
}

static const char *make_queues(struct host_net *net)
{
	const char *problem =
		virtqueue_init(&net->receive_queue, net->transport, RECEIVE_QUEUE, NR_RECEIVE, 1);

	if (!problem)
		problem = virtqueue_init(&net->send_queue, net->transport, SEND_QUEUE, NR_SEND,
					 HOST_NET_MAX_SEGMENTS + 1);
	for (unsigned i = 0; !problem && i < NR_RECEIVE; i += PAGE_SIZE / BUFFER_SIZE) {
		u8 *page = page_alloc(0);

		if (!page)
			return "there is no memory for frames";
		for (u32 at = 0; at < PAGE_SIZE; at += BUFFER_SIZE)
			offer(net, page + at);
	}
	return problem;
}

static void read_config(struct host_net *net)
{
	const struct transport *transport = net->transport;

	for (u32 i = 0; i < 6 && transport_has(transport, VIRTIO_NET_F_MAC); i++)
		net->info.mac[i] = transport_config8(transport, i);
	net->info.link_up = is_link_up(net);
	net->info.has_csum = transport_has(transport, VIRTIO_NET_F_CSUM);
	net->info.has_tso4 = transport_has(transport, VIRTIO_NET_F_HOST_TSO4);
	net->info.has_tso6 = transport_has(transport, VIRTIO_NET_F_HOST_TSO6);
}

static const char *start(struct transport *transport)
{
	struct host_net *net = page_alloc(page_order(sizeof(*net)));
	const char *problem;

	if (!net)
		return "there is no memory for it";
	net->transport = transport;
	net->timer.expired = timer_expired;
	list_init(&net->answered);
	if (!transport_negotiate(transport, VIRTIO_F_INDIRECT_DESC,
				 VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS |
					 VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 |
					 VIRTIO_NET_F_HOST_TSO6))
		return "it lacks indirect descriptors";
	problem = make_queues(net);
	if (problem)
		return problem;
	read_config(net);
	transport->device = net;
	transport_start(transport);
	if (virtqueue_must_notify(&net->receive_queue))
		virtqueue_notify(&net->receive_queue);
	nets[nr_nets++] = net;
	return NULL;
}

const struct host_driver host_net_driver = {
	.id = VIRTIO_ID_NET,
	.name = "network interface",
	.start = start,
	.interrupt = interrupt,
};

struct host_net *host_net_get(unsigned index)
{
	return index < nr_nets ? nets[index] : NULL;
}

void host_net_info(struct host_net *net, struct host_net_info *info)
{
	spin_lock(&net->lock);
	*info = net->info;
	spin_unlock(&net->lock);
}

void host_net_set_receiver(struct host_net *net,
			   void (*receive)(void *ctx, const struct virtio_net_header *header,
					   const void *frame, u32 size),
			   void *ctx)
{
	spin_lock(&net->lock);
	net->receive_ctx = ctx;
	net->receive = receive;
	spin_unlock(&net->lock);
}

void host_net_set_flush(struct host_net *net, void (*flush)(void *ctx), void *ctx)
{
	spin_lock(&net->lock);
	net->flush_ctx = ctx;
	net->flush = flush;
	spin_unlock(&net->lock);
}
