/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory balloon (virtio 1.2 section 5.5).
 *
 * RAM moves in granules of 2 MiB: when a guest has put all 512 pages of one into the balloon, or
 * reports that it is free, its frame goes to the pool. It comes back, cleared, when the guest takes
 * a page out of the balloon, or touches it (vm/ram.c).
 */
#include "virtio/balloon.h"
#include "core/timer.h"
#include "mem/page.h"

/*
 * The queue of free pages that are reported has number 4 (5.5.2). Drivers before Linux 6.11 count
 * only queues whose features are offered: for them it has number 2, which statistics would have.
 */
enum { INFLATE, DEFLATE, REPORTING_BY_COUNT, UNUSED, REPORTING, NR_QUEUES };

#define PAGE_SHIFT	12
#define CHAINS_PER_TURN 4	/* Linux reports up to 32 times 4 MiB in one */
#define PFNS_PER_CHAIN	256	/* Linux's */
#define MAX_CHAIN_SIZE	KIB(64) /* bytes: of more page numbers, the rest is not looked at */
#define RETRY_NS	10000000
#define BACK_PER_TURN	8U /* granules that come back, and are cleared */

struct balloon {
	struct virtio_device device;
	const struct virtio_balloon_ops *ops;
	struct timer retry;
	u32 target, actual;		  /* pages of 4 KiB */
	unsigned budget;		  /* of BACK_PER_TURN, in this turn */
	u64 inflated, deflated, reported; /* pages of 4 KiB, in all */
	struct virtq_chain chain;
	u32 pfns[PFNS_PER_CHAIN];
};

static struct balloon *balloon_of(struct virtio_device *device)
{
	return container_of(device, struct balloon, device);
}

static void look_again_later(struct balloon *balloon)
{
	timer_start(&balloon->retry, time_now() + time_from_ns(RETRY_NS));
}

static void retry_expired(struct timer *timer)
{
	virtio_ask_for_service(&container_of(timer, struct balloon, retry)->device);
}

/* Page number of a page of guest RAM; what is none is ignored (5.5.6: the device need not trust).
 */
static bool page_of(const struct balloon *balloon, u32 pfn, gpa_t *page)
{
	*page = GPA((u64)pfn << PAGE_SHIFT);
	return guest_memory_contains(balloon->device.memory, *page, 1UL << PAGE_SHIFT);
}

/* All pages of a chain. False: there is no RAM for one that is wanted, or much had to be cleared:
 * the chain is to be looked at again. */
static bool move_pages(struct balloon *balloon, struct virtq *q, bool inflate)
{
	void *vm = balloon->device.vm;
	u32 at = 0, size;

	while (at < MAX_CHAIN_SIZE &&
	       (size = virtq_copy_from(q, &balloon->chain, at, balloon->pfns,
				       sizeof(balloon->pfns))) >= sizeof(u32)) {
		for (u32 i = 0; i < size / sizeof(u32); i++) {
			gpa_t page;

			if (!page_of(balloon, balloon->pfns[i], &page))
				continue;
			if (inflate)
				balloon->ops->give_page(vm, page);
			else if (!balloon->ops->want_page(vm, page, &balloon->budget))
				return false;
			*(inflate ? &balloon->inflated : &balloon->deflated) += 1;
		}
		at += size;
	}
	return true;
}

/* The pages are the chain's own buffers. */
static void report(struct balloon *balloon)
{
	const struct virtq_chain *chain = &balloon->chain;
	u64 left = balloon->device.memory->size; /* nobody has more that is free */

	for (u32 i = 0; i < chain->nr_readable + chain->nr_writable; i++) {
		const struct virtq_buffer *buffer = &chain->buffers[i];

		if (buffer->size > left)
			break;
		left -= buffer->size;

		balloon->reported += buffer->size >> PAGE_SHIFT;
		balloon->ops->report(balloon->device.vm, buffer->gpa, buffer->size);
	}
}

/* False: there is more to do now. What waits for RAM is looked at again by the timer. */
static bool work(struct balloon *balloon, unsigned index)
{
	struct virtio_device *device = &balloon->device;
	struct virtq *q = &device->queues[index];
	bool is_done = false;

	for (unsigned n = 0; n < CHAINS_PER_TURN && !is_done; n++) {
		int got = virtq_pop(q, &balloon->chain);

		if (got < 0) {
			virtio_needs_reset(device, q->broken);
			return true;
		}
		if (got == 0) {
			is_done = !virtq_enable_notify(q);
			continue;
		}
		if (index > DEFLATE)
			report(balloon);
		else if (!move_pages(balloon, q, index == INFLATE)) {
			virtq_unpop(q);
			look_again_later(balloon);
			is_done = true; /* at once would keep a vCPU from its guest */
			break;
		}
		virtq_push(q, balloon->chain.head, 0);
	}
	virtio_notify_used(device, q);
	return is_done;
}

static void work_all(struct balloon *balloon)
{
	struct virtio_device *device = &balloon->device;
	bool done = true;

	if (!virtio_is_live(device))
		return;
	balloon->budget = BACK_PER_TURN;
	/* One batch after the other: what is given while one is on its way would stay. */
	if (!balloon->ops->collect(device->vm)) {
		look_again_later(balloon);
		return;
	}
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		if (device->queues[i].s.is_ready && !device->queues[i].broken)
			done &= work(balloon, i);
	}
	if (!balloon->ops->flush(device->vm))
		look_again_later(balloon);
	else if (!done)
		virtio_ask_for_service(device);
}

static void notify(struct virtio_device *device, unsigned queue)
{
	(void)queue;
	work_all(balloon_of(device));
}

static void service(struct virtio_device *device)
{
	work_all(balloon_of(device));
}

static void reset(struct virtio_device *device)
{
	struct balloon *balloon = balloon_of(device);

	balloon->actual = 0;
	balloon->ops->want_all(device->vm);
}

static void read_config(struct virtio_device *device, u32 offset, u32 size, u64 *value)
{
	struct balloon *balloon = balloon_of(device);
	struct virtio_balloon_config config = { balloon->target, balloon->actual, 0, 0 };

	*value = 0;
	__builtin_memcpy(value, (const u8 *)&config + offset, size);
}

/* Only `actual` is the driver's to write. */
static void write_config(struct virtio_device *device, u32 offset, u32 size, u64 value)
{
	if (offset == offsetof(struct virtio_balloon_config, actual) && size == sizeof(u32))
		balloon_of(device)->actual = (u32)value;
}

static void destroy(struct virtio_device *device)
{
	struct balloon *balloon = balloon_of(device);

	timer_stop_and_wait(&balloon->retry);
	page_free(balloon, page_order(sizeof(*balloon)));
}

static void show(struct virtio_device *device, void (*emit)(void *ctx, const char *name, u64 value),
		 void *ctx)
{
	const struct balloon *balloon = balloon_of(device);

	emit(ctx, "target-bytes", (u64)balloon->target << PAGE_SHIFT);
	emit(ctx, "actual-bytes", (u64)balloon->actual << PAGE_SHIFT);
	emit(ctx, "present-bytes", balloon->ops->present(device->vm));
	emit(ctx, "inflated-pages", balloon->inflated);
	emit(ctx, "deflated-pages", balloon->deflated);
	emit(ctx, "reported-pages", balloon->reported);
}

static const struct virtio_device_ops balloon_ops = {
	.id = VIRTIO_ID_BALLOON,
	.type = "balloon",
	.size = sizeof(struct balloon),
	.reset = reset,
	.notify = notify,
	.service = service,
	.read_config = read_config,
	.write_config = write_config,
	.config_size = 8, /* without FREE_PAGE_HINT and PAGE_POISON the rest is not there (5.5.4) */
	.destroy = destroy,
	.show = show,
};

const char *virtio_balloon_create(const struct virtio_balloon_ops *ops,
				  struct virtio_device **device)
{
	struct balloon *balloon = page_alloc(page_order(sizeof(*balloon)));

	if (!balloon)
		return "the hypervisor's own memory is used up; describe fewer devices";
	balloon->ops = ops;
	balloon->retry.expired = retry_expired;
	virtio_device_init(&balloon->device, &balloon_ops,
			   VIRTIO_BALLOON_F_MUST_TELL_HOST | VIRTIO_BALLOON_F_REPORTING, NR_QUEUES);
	balloon->device.queues[REPORTING].absence = VIRTQ_IGNORES;
	balloon->device.queues[REPORTING_BY_COUNT].absence = VIRTQ_IGNORES;
	*device = &balloon->device;
	return NULL;
}

void virtio_balloon_set_target(struct virtio_device *device, u64 bytes)
{
	struct balloon *balloon = balloon_of(device);

	spin_lock(&device->lock);
	balloon->target = (u32)(MIN(bytes, device->memory->size) >> PAGE_SHIFT);
	virtio_notify_config(device);
	spin_unlock(&device->lock);
}
