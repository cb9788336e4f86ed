/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's source of randomness: a driver for virtio-rng (virtio 1.2 section 5.4). The lock is
 * a leaf but for that of a timer queue.
 */
#include "drivers/host_rng.h"
#include "core/log.h"
#include "core/timer.h"
#include "drivers/virtqueue.h"
#include "lib/spinlock.h"

#define NR_SLOTS 8

static struct {
	struct spinlock lock;
	struct transport *transport; /* NULL: the machine has no such device */
	struct virtqueue q;
	struct list waiting;  /* for a slot, in order */
	struct list answered; /* after the end of the device; the timer calls done() */
	struct timer timer;
	bool is_dead;
} rng;

/* As they are completed. filled: bytes, how many each of them has got. */
struct finished {
	unsigned nr;
	struct host_rng_request *requests[NR_SLOTS];
	u32 filled[NR_SLOTS];
};

static struct host_rng_request *request_of(struct list *link)
{
	return container_of(link, struct host_rng_request, link);
}

/* Lock held. */
static void issue_waiting(void)
{
	while (!list_is_empty(&rng.waiting) && virtqueue_has_slot(&rng.q)) {
		struct host_rng_request *request = request_of(rng.waiting.next);
		int slot = virtqueue_begin(&rng.q);

		list_remove(&request->link);
		virtqueue_add(&rng.q, slot, request->segment.start, request->segment.size,
			      VIRTQ_DESC_WRITE);
		virtqueue_end(&rng.q, slot, request);
	}
	if (virtqueue_must_notify(&rng.q))
		virtqueue_notify(&rng.q);
}

/* done() follows from a timer: who submits may hold any lock. Lock held. */
static void answer(struct host_rng_request *request)
{
	if (list_is_empty(&rng.answered))
		timer_start(&rng.timer, time_now());
	list_insert_before(&rng.answered, &request->link);
}

void host_rng_submit(struct host_rng_request *request)
{
	spin_lock(&rng.lock);
	if (rng.is_dead) {
		answer(request);
	} else {
		list_insert_before(&rng.waiting, &request->link);
		issue_waiting();
	}
	spin_unlock(&rng.lock);
}

bool host_rng_is_there(void)
{
	return rng.transport;
}

/* The reset comes first: after done() the memory is somebody else's. Lock held. */
static void die(void)
{
	struct host_rng_request *request;

	rng.is_dead = true;
	transport_reset(rng.transport);
	while ((request = virtqueue_take_back(&rng.q)) != NULL)
		answer(request);
	while (!list_is_empty(&rng.waiting)) {
		request = request_of(rng.waiting.next);
		list_remove(&request->link);
		answer(request);
	}
	log_error("the machine's source of randomness has broken down");
}

/* There are no more than slots, for none is issued meanwhile. Lock held. */
static void collect(struct finished *finished)
{
	void *token;
	u32 written;

	do {
		while (virtqueue_collect(&rng.q, &token, &written) >= 0) {
			struct host_rng_request *request = token;

			finished->requests[finished->nr] = request;
			finished->filled[finished->nr++] = MIN(written, request->segment.size);
		}
	} while (!rng.q.is_broken && virtqueue_arm(&rng.q, 0));
}

static void interrupt(void *device, u32 causes)
{
	struct finished finished = { .nr = 0 };

	(void)device;
	spin_lock(&rng.lock);
	if (!rng.is_dead) {
		collect(&finished);
		if (rng.q.is_broken ||
		    (causes & VIRTIO_INTERRUPT_CONFIG && transport_is_broken(rng.transport)))
			die();
		else
			issue_waiting();
	}
	spin_unlock(&rng.lock);
	for (unsigned i = 0; i < finished.nr; i++)
		finished.requests[i]->done(finished.requests[i], finished.filled[i]);
}

static void timer_expired(struct timer *timer)
{
	struct list answered;

	(void)timer;
	spin_lock(&rng.lock);
	list_take_all(&answered, &rng.answered);
	spin_unlock(&rng.lock);
	while (!list_is_empty(&answered)) {
		struct host_rng_request *request = request_of(answered.next);

		list_remove(&request->link);
		request->done(request, 0);
	}
}

static const char *start(struct transport *transport)
{
	const char *problem;

	if (rng.transport)
		return "one is enough";
	if (!transport_negotiate(transport, 0, VIRTIO_F_EVENT_IDX))
		return "it does not speak virtio 1";
	problem = virtqueue_init(&rng.q, transport, 0, NR_SLOTS, 1);
	if (problem)
		return problem;
	list_init(&rng.waiting);
	list_init(&rng.answered);
	rng.timer.expired = timer_expired;
	rng.transport = transport;
	transport_start(transport);
	return NULL;
}

const struct host_driver host_rng_driver = {
	.id = VIRTIO_ID_RNG,
	.name = "source of randomness",
	.start = start,
	.interrupt = interrupt,
};
