/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's source of randomness (virtio 1.2 section 5.4): the real machine's. Its bytes go
 * straight into the guest's buffers, one request of a VM at a time, so that no VM keeps others from
 * it.
 */
#include "virtio/rng.h"
#include "drivers/host_rng.h"
#include "mem/page.h"

#define MAX_REQUEST 4096U /* bytes; the driver asks again for more */

struct rng {
	struct virtio_device device;
	struct host_rng_request request;
	bool is_in_flight;
	u16 head; /* of the chain in flight */
	gpa_t gpa;
	u64 requests, bytes;
	struct virtq_chain chain;
};

static struct rng *rng_of(struct virtio_device *device)
{
	return container_of(device, struct rng, device);
}

static void finish(struct rng *rng, u32 written)
{
	struct virtq *q = &rng->device.queues[0];

	rng->requests++;
	rng->bytes += written;
	virtq_push(q, rng->head, written);
	virtio_notify_used(&rng->device, q);
}

/*
 * Fills the first buffer of the chain that may be: the driver learns how much it got. False: there
 * is none, or it is not RAM any more.
 */
static bool submit(struct rng *rng)
{
	const struct virtq_buffer *buffer = &rng->chain.buffers[rng->chain.nr_readable];
	u64 size;

	if (!rng->chain.nr_writable)
		return false;
	size = guest_pin(rng->device.memory, buffer->gpa, MIN(buffer->size, MAX_REQUEST),
			 &rng->request.segment.start);
	if (!size)
		return false;
	rng->gpa = buffer->gpa;
	rng->request.segment.size = (u32)size;
	rng->is_in_flight = true;
	host_rng_submit(&rng->request);
	return true;
}

static void work(struct rng *rng)
{
	struct virtio_device *device = &rng->device;
	struct virtq *q = &device->queues[0];

	for (unsigned n = 0; !rng->is_in_flight && virtio_is_live(device); n++) {
		int got = virtq_pop(q, &rng->chain);

		if (got < 0)
			virtio_needs_reset(device, q->broken);
		if (got < 0 || (got == 0 && !virtq_enable_notify(q)))
			return;
		if (got == 0)
			continue;
		rng->head = rng->chain.head;
		if (!submit(rng))
			finish(rng, 0);
		if (n >= VIRTQ_MAX_SIZE) {
			virtio_ask_for_service(device);
			return;
		}
	}
}

static void request_done(struct host_rng_request *request, u32 size)
{
	struct rng *rng = container_of(request, struct rng, request);
	struct virtio_device *device = &rng->device;
	struct virtq *q = &device->queues[0];

	spin_lock(&device->lock);
	guest_unpin(device->memory, rng->gpa, request->segment.size);
	rng->is_in_flight = false;
	if (virtio_is_live(device))
		finish(rng, MIN(size, request->segment.size));
	/* It may be anybody's time: more is done in the VM's own. */
	if (device->is_resetting || (virtio_is_live(device) && virtq_enable_notify(q)))
		virtio_ask_for_service(device);
	spin_unlock(&device->lock);
}

static void notify(struct virtio_device *device, unsigned queue)
{
	(void)queue;
	work(rng_of(device));
}

static void service(struct virtio_device *device)
{
	work(rng_of(device));
}

static bool is_quiet(struct virtio_device *device)
{
	return !rng_of(device)->is_in_flight;
}

static void destroy(struct virtio_device *device)
{
	struct rng *rng = rng_of(device);

	page_free(rng, page_order(sizeof(*rng)));
}

static void show(struct virtio_device *device, void (*emit)(void *ctx, const char *name, u64 value),
		 void *ctx)
{
	emit(ctx, "requests", rng_of(device)->requests);
	emit(ctx, "bytes", rng_of(device)->bytes);
}

static const struct virtio_device_ops rng_ops = {
	.id = VIRTIO_ID_RNG,
	.type = "rng",
	.size = sizeof(struct rng),
	.is_quiet = is_quiet,
	.notify = notify,
	.service = service,
	.destroy = destroy,
	.show = show,
};

const char *virtio_rng_create(struct virtio_device **device)
{
	struct rng *rng;

	if (!host_rng_is_there())
		return "the machine has no source of randomness; with QEMU, give it "
		       "-device virtio-rng-device, or take the rng out";
	rng = page_alloc(page_order(sizeof(*rng)));
	if (!rng)
		return "the hypervisor's own memory is used up; describe fewer devices";
	rng->request.done = request_done;
	virtio_device_init(&rng->device, &rng_ops, 0, 1);
	*device = &rng->device;
	return NULL;
}
