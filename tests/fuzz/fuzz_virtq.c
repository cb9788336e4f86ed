/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue walker and the transport, with a device that gives back what it reads; some chains it
 * keeps until the machine completes them, some it puts back, some it shows to the driver together.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define NR_QUEUES   3
#define MAX_KEPT    10 /* chains; less than a queue has */
#define CONFIG_SIZE 20

struct echo {
	struct virtio_device device;
	struct {
		unsigned queue;
		u16 head;
	} kept[MAX_KEPT];
	unsigned nr_kept;
	u8 config[CONFIG_SIZE];
	struct virtq_chain chain;
	u8 bytes[KIB(16)];
};

static struct echo *echo_of(struct virtio_device *device)
{
	return container_of(device, struct echo, device);
}

static void check_chain(const struct virtio_device *device, const struct virtq_chain *chain)
{
	unsigned count = chain->nr_readable + chain->nr_writable;
	u64 bytes = 0;

	fuzz_check(count && count <= VIRTQ_MAX_BUFFERS, "a chain has buffers, not too many");
	fuzz_check(chain->head < VIRTQ_MAX_SIZE, "a chain's head is a descriptor");
	for (unsigned i = 0; i < count; i++) {
		const struct virtq_buffer *buffer = &chain->buffers[i];

		fuzz_check(buffer->size &&
				   guest_memory_contains(device->memory, buffer->gpa, buffer->size),
			   "a buffer is RAM");
		bytes += buffer->size;
	}
	fuzz_check(bytes == (u64)chain->readable + chain->writable, "sizes add up");
}

static void answer(struct echo *echo, struct virtq *q)
{
	u32 size = virtq_copy_from(q, &echo->chain, 0, echo->bytes, sizeof(echo->bytes));

	fuzz_check(q->is_short || size == MIN(echo->chain.readable, sizeof(echo->bytes)),
		   "all of it is read");
	size = virtq_copy_to(q, &echo->chain, 3, echo->bytes, sizeof(echo->bytes));
	virtq_push(q, echo->chain.head, size);
}

/* The first byte says what becomes of the chain; there may be none. False: it was put back. */
static bool treat(struct echo *echo, unsigned index)
{
	struct virtq *q = &echo->device.queues[index];
	u8 what = 0;

	check_chain(&echo->device, &echo->chain);
	virtq_copy_from(q, &echo->chain, 0, &what, 1);
	switch (what % 4) {
	case 1:
		if (echo->nr_kept < MAX_KEPT) {
			echo->kept[echo->nr_kept].queue = index;
			echo->kept[echo->nr_kept++].head = echo->chain.head;
			return true;
		}
		virtq_unpop(q);
		return false;
	case 2:
		virtq_fill(q, 0, echo->chain.head, 1);
		virtq_fill(q, 1, echo->chain.head, 2);
		virtq_publish(q, 1);
		return true;
	case 3: virtq_disable_notify(q); /* fallthrough */
	default: answer(echo, q); return true;
	}
}

static void notify(struct virtio_device *device, unsigned index)
{
	struct echo *echo = echo_of(device);
	struct virtq *q = &device->queues[index];

	for (unsigned n = 0; n < 64; n++) {
		if (virtq_pop(q, &echo->chain) <= 0) {
			if (!virtq_enable_notify(q))
				break;
		} else if (!treat(echo, index)) {
			break;
		}
	}
	fuzz_check(q->in_flight <= MAX_KEPT && q->in_flight <= VIRTQ_MAX_SIZE,
		   "no more in flight than was popped");
	virtio_notify_used(device, q);
	if (virtq_has_more(q))
		virtio_ask_for_service(device);
}

static void service(struct virtio_device *device)
{
	for (unsigned i = 0; i < NR_QUEUES && virtio_is_live(device); i++)
		notify(device, i);
}

static void complete(struct echo *echo)
{
	struct virtq *q;

	if (!echo->nr_kept)
		return;
	spin_lock(&echo->device.lock);
	echo->nr_kept--;
	q = &echo->device.queues[echo->kept[echo->nr_kept].queue];
	if (!echo->device.is_resetting) {
		virtq_push(q, echo->kept[echo->nr_kept].head, 0);
		virtio_notify_used(&echo->device, q);
	}
	spin_unlock(&echo->device.lock);
}

static bool is_quiet(struct virtio_device *device)
{
	return !echo_of(device)->nr_kept;
}

static void read_config(struct virtio_device *device, u32 offset, u32 size, u64 *value)
{
	memcpy(value, echo_of(device)->config + offset, size);
}

static void write_config(struct virtio_device *device, u32 offset, u32 size, u64 value)
{
	memcpy(echo_of(device)->config + offset, &value, size);
}

static void destroy(struct virtio_device *device)
{
	free(echo_of(device));
}

static const struct virtio_device_ops ops = {
	.id = VIRTIO_ID_RNG,
	.type = "echo",
	.is_quiet = is_quiet,
	.notify = notify,
	.service = service,
	.read_config = read_config,
	.write_config = write_config,
	.config_size = CONFIG_SIZE,
	.destroy = destroy,
};

static struct virtio_device *create(u8 variant)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	(void)variant;
	fuzz_check(echo != NULL, "there is memory");
	virtio_device_init(&echo->device, &ops, 0, NR_QUEUES);
	return &echo->device;
}

static void event(struct virtio_device *device, const struct fuzz_step *step)
{
	switch (step->a % 4) {
	case 0: virtio_ask_for_service(device); break;
	case 1:
		spin_lock(&device->lock);
		virtio_notify_config(device);
		spin_unlock(&device->lock);
		break;
	default: complete(echo_of(device));
	}
}

static void complete_all(struct virtio_device *device)
{
	while (echo_of(device)->nr_kept)
		complete(echo_of(device));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct fuzz_target target = {
		.create = create, .event = event, .complete_all = complete_all, .eager = 7
	};

	return fuzz_run(&target, data, size);
}
