/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's disk, on a disk of the real machine. Numbers in parentheses are sections of virtio 1.2.
 *
 *     queue ──begin()──► request (blk_request.c) ──► real disk, or overlay ──► status, queue
 */
#include "lib/string.h"
#include "virtio/blk_request.h"

#define BATCH 64U /* requests begun before the guest goes on */

/* Sectors that may be discarded at once in an overlay: 1 GiB. */
#define OVERLAY_RANGE (GIB(1) / VIRTIO_BLK_SECTOR)

static const char *const counter_names[BLK_COUNTERS] = {
	[BLK_READS] = "reads",
	[BLK_WRITES] = "writes",
	[BLK_FLUSHES] = "flushes",
	[BLK_DISCARDS] = "discards",
	[BLK_WRITE_ZEROES] = "write-zeroes",
	[BLK_IDS] = "ids",
	[BLK_BYTES_READ] = "bytes-read",
	[BLK_BYTES_WRITTEN] = "bytes-written",
	[BLK_ERRORS] = "errors",
	[BLK_UNSUPPORTED] = "unsupported",
	[BLK_NO_ROOM] = "no-room",
	[BLK_RATE_LIMIT] = "rate-limited",
};
_Static_assert(VIRTIO_MAX_QUEUES <= 64, "a bit each in blk->waiting");

static struct blk *to_blk(struct virtio_device *device)
{
	return container_of(device, struct blk, device);
}

/* --- From the driver's chain to a request (5.2.6) */

static bool is_in_range(const struct blk *blk, u64 sector, u64 sectors)
{
	return sector <= blk->config.capacity && sectors <= blk->config.capacity - sector;
}

/* The buffers from `skip` bytes on, `size` bytes of them. False: too many. */
static bool take_buffers(struct blk_request *r, const struct virtq_buffer *buffers, u32 skip,
			 u32 size)
{
	r->nr_buffers = 0;
	r->at = (struct blk_cursor){ 0, 0 };
	for (; size; buffers++) {
		u32 count;

		if (skip >= buffers->size) {
			skip -= buffers->size;
			continue;
		}
		if (r->nr_buffers == BLK_BUFFERS)
			return false;
		count = MIN(buffers->size - skip, size);
		r->buffers[r->nr_buffers++] =
			(struct virtq_buffer){ GPA(buffers->gpa.v + skip), count };
		skip = 0;
		size -= count;
	}
	return true;
}

/* Unless the driver accepted the feature, it expects that what is written is stable (5.2.6.2). */
static bool must_flush_writes(const struct blk *blk)
{
	return !blk->has_overlay && blk->device.features & VIRTIO_BLK_F_FLUSH &&
	       !virtio_has(&blk->device, VIRTIO_BLK_F_FLUSH);
}

static u8 prepare_transfer(struct blk_request *r, const struct virtio_blk_header *header,
			   bool is_write)
{
	struct blk *blk = r->blk;
	const struct virtq_chain *chain = &blk->chain;
	u32 size = is_write ? chain->readable - (u32)sizeof(*header) : chain->writable - 1;

	blk->counters[is_write ? BLK_WRITES : BLK_READS]++;
	if (is_write && blk->is_read_only)
		return VIRTIO_BLK_S_IOERR;
	if (size % VIRTIO_BLK_SECTOR || !is_in_range(blk, header->sector, size / VIRTIO_BLK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (!take_buffers(r, chain->buffers + (is_write ? 0 : chain->nr_readable),
			  is_write ? sizeof(*header) : 0, size))
		return VIRTIO_BLK_S_IOERR;
	blk->counters[is_write ? BLK_BYTES_WRITTEN : BLK_BYTES_READ] += size;
	r->op = is_write ? HOST_BLK_WRITE : HOST_BLK_READ;
	r->sector = header->sector;
	r->left = size / VIRTIO_BLK_SECTOR;
	r->must_flush = is_write && must_flush_writes(blk);
	if (!is_write)
		r->written += size;
	return VIRTIO_BLK_S_OK;
}

static u8 prepare_flush(struct blk_request *r)
{
	r->blk->counters[BLK_FLUSHES]++;
	if (!virtio_has(&r->blk->device, VIRTIO_BLK_F_FLUSH))
		return VIRTIO_BLK_S_UNSUPP;
	r->must_flush = !r->blk->has_overlay;
	return VIRTIO_BLK_S_OK;
}

static u8 prepare_range(struct blk_request *r, bool is_discard)
{
	struct blk *blk = r->blk;
	u64 feature = is_discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;
	u32 max =
		is_discard ? blk->config.max_discard_sectors : blk->config.max_write_zeroes_sectors;
	struct virtio_blk_range range;

	blk->counters[is_discard ? BLK_DISCARDS : BLK_WRITE_ZEROES]++;
	if (!virtio_has(&blk->device, feature))
		return VIRTIO_BLK_S_UNSUPP;
	/* One range: the configuration says so. */
	if (blk->chain.readable != sizeof(struct virtio_blk_header) + sizeof(range) ||
	    virtq_copy_from(r->queue, &blk->chain, sizeof(struct virtio_blk_header), &range,
			    sizeof(range)) != sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	if (range.flags & ~VIRTIO_BLK_RANGE_UNMAP || (is_discard && range.flags))
		return VIRTIO_BLK_S_UNSUPP;
	if (range.num_sectors > max || !is_in_range(blk, range.sector, range.num_sectors))
		return VIRTIO_BLK_S_IOERR;
	r->op = is_discard ? HOST_BLK_DISCARD : HOST_BLK_WRITE_ZEROES;
	r->sector = range.sector;
	r->left = range.num_sectors;
	r->may_unmap = range.flags & VIRTIO_BLK_RANGE_UNMAP;
	r->must_flush = must_flush_writes(blk);
	return VIRTIO_BLK_S_OK;
}

static u8 answer_id(struct blk_request *r)
{
	struct blk *blk = r->blk;

	blk->counters[BLK_IDS]++;
	if (blk->chain.writable != VIRTIO_BLK_ID_SIZE + 1 ||
	    virtq_copy_to(r->queue, &blk->chain, 0, blk->serial, VIRTIO_BLK_ID_SIZE) !=
		    VIRTIO_BLK_ID_SIZE)
		return VIRTIO_BLK_S_IOERR;
	r->written += VIRTIO_BLK_ID_SIZE;
	return VIRTIO_BLK_S_OK;
}

static u8 prepare(struct blk_request *r)
{
	struct virtio_blk_header header;

	if (virtq_copy_from(r->queue, &r->blk->chain, 0, &header, sizeof(header)) != sizeof(header))
		return VIRTIO_BLK_S_IOERR;
	switch (header.type) {
	case VIRTIO_BLK_T_IN: return prepare_transfer(r, &header, false);
	case VIRTIO_BLK_T_OUT: return prepare_transfer(r, &header, true);
	case VIRTIO_BLK_T_FLUSH: return prepare_flush(r);
	case VIRTIO_BLK_T_DISCARD: return prepare_range(r, true);
	case VIRTIO_BLK_T_WRITE_ZEROES: return prepare_range(r, false);
	case VIRTIO_BLK_T_GET_ID: return answer_id(r);
	default: return VIRTIO_BLK_S_UNSUPP;
	}
}

/* The last byte that the device may write (5.2.6). */
static gpa_t status_byte(const struct virtq_chain *chain)
{
	const struct virtq_buffer *last =
		&chain->buffers[chain->nr_readable + chain->nr_writable - 1];

	return GPA(last->gpa.v + last->size - 1);
}

/* The status byte stays pinned: when the request is done, in whoever's time, it is only stored. */
static bool pin_status(struct blk_request *r)
{
	hpa_t hpa;

	r->status_at = status_byte(&r->blk->chain);
	if (!guest_pin(r->blk->device.memory, r->status_at, 1, &hpa))
		return false;
	r->status_byte = guest_window(hpa);
	return true;
}

/* NULL, or why nobody could be told how it went. */
static const char *begin(struct blk *blk, struct virtq *q)
{
	struct blk_request *r = container_of(blk->vacant.next, struct blk_request, link);
	u64 now;

	if (!blk->chain.nr_writable)
		return "no room for the status";
	if (!pin_status(r))
		return "status in RAM that is gone";
	list_remove(&r->link);
	blk->in_use++;
	r->queue = q;
	r->head = blk->chain.head;
	r->written = 1;
	r->left = 0;
	r->may_unmap = r->must_flush = false;
	r->status = prepare(r);
	if (blk->bytes_limit.rate || blk->requests_limit.rate) {
		now = time_now();
		rate_limit_use(&blk->requests_limit, 1, now);
		if (r->op != HOST_BLK_DISCARD)
			rate_limit_use(&blk->bytes_limit, (u64)r->left * VIRTIO_BLK_SECTOR, now);
	}
	blk_request_go_on(r);
	return NULL;
}

/* Whether another request may be begun now. If not, it is told what to wait for. */
static bool has_room(struct blk *blk, struct virtq *q)
{
	u64 when = 0;

	blk->waits_for_timer = false;
	if (list_is_empty(&blk->vacant)) {
		blk->counters[BLK_NO_ROOM]++;
		return false;
	}
	if ((blk->bytes_limit.rate || blk->requests_limit.rate) && virtq_has_more(q)) {
		u64 now = time_now(), bytes = rate_limit_when(&blk->bytes_limit, now);

		when = MAX(rate_limit_when(&blk->requests_limit, now), bytes);
	}
	if (when) {
		blk->counters[BLK_RATE_LIMIT]++;
		blk->waits_for_timer = true;
		timer_start(&blk->timer, when);
	}
	return !when;
}

/* Begins what the driver has put there, within the budget. False: there may be more. */
static bool work_off(struct blk *blk, struct virtq *q, unsigned *budget)
{
	for (; has_room(blk, q); --*budget) {
		const char *fault;
		int got;

		if (!*budget) {
			virtio_ask_for_service(&blk->device);
			return false;
		}
		got = virtq_pop(q, &blk->chain);
		if (got == 0)
			return !q->nr_wanted;
		fault = got > 0 ? begin(blk, q) : q->broken;
		if (!fault)
			continue;
		if (got > 0)
			virtq_unpop(q);
		virtio_needs_reset(&blk->device, fault);
		return true;
	}
	return false;
}

static void look_at(struct blk *blk, unsigned index)
{
	struct virtq *q = &blk->device.queues[index];
	unsigned budget = BATCH; /* another vCPU may add as fast as this one takes */

	blk->waiting &= ~BIT(index);
	virtq_disable_notify(q);
	do {
		if (!work_off(blk, q, &budget)) {
			blk->waiting |= BIT(index);
			break;
		}
	} while (virtio_is_live(&blk->device) && virtq_enable_notify(q));
}

static void look_at_waiting(struct blk *blk)
{
	u64 queues = blk->waiting;

	for (unsigned i = 0; queues >> i; i++) {
		if (queues >> i & 1 && virtio_is_live(&blk->device))
			look_at(blk, i);
	}
}

struct host_blk *blk_take_kick(struct blk *blk)
{
	return __atomic_load_n(&blk->must_kick, __ATOMIC_RELAXED) &&
			       __atomic_exchange_n(&blk->must_kick, 0, __ATOMIC_ACQUIRE)
		       ? blk->disk
		       : NULL;
}

/* There is room again, or the guest gives time. */
static void look_again(struct blk *blk)
{
	blk_go_on_with_unfinished(blk);
	look_at_waiting(blk);
}

/* It may be any hart's interrupt, in anybody's time: what has piled up waits for the VM's own. */
void blk_part_is_done(struct blk *blk)
{
	bool is_wanted =
		(blk->waiting && !blk->waits_for_timer) || !list_is_empty(&blk->unfinished);

	if (blk->device.is_resetting ? !blk->pending : is_wanted)
		virtio_ask_for_service(&blk->device);
}

/* --- The device */

static void notify(struct virtio_device *device, unsigned queue)
{
	struct blk *blk = to_blk(device);

	blk->copied = 0;
	look_at(blk, queue);
}

static void service(struct virtio_device *device)
{
	struct blk *blk = to_blk(device);

	blk->copied = 0;
	look_again(blk);
}

static void kick(struct virtio_device *device)
{
	struct host_blk *disk = blk_take_kick(to_blk(device));

	if (disk)
		host_blk_kick(disk);
}

static bool is_quiet(struct virtio_device *device)
{
	return to_blk(device)->pending == 0;
}

static void reset(struct virtio_device *device)
{
	struct blk *blk = to_blk(device);

	blk_forget_unfinished(blk);
	blk->waiting = 0;
	timer_stop(&blk->timer);
}

static void read_config(struct virtio_device *device, u32 offset, u32 size, u64 *value)
{
	*value = 0;
	memcpy(value, (const u8 *)&to_blk(device)->config + offset, size);
}

static void show(struct virtio_device *device, void (*emit)(void *ctx, const char *name, u64 value),
		 void *ctx)
{
	const struct blk *blk = to_blk(device);

	emit(ctx, "in-flight", blk->in_use);
	emit(ctx, "overlay-bytes", blk->overlay.taken);
	for (unsigned i = 0; i < BLK_COUNTERS; i++)
		emit(ctx, counter_names[i], blk->counters[i]);
}

static void free_blk(struct blk *blk)
{
	for (unsigned i = 0; i < BLK_REQUESTS; i++) {
		if (blk->requests[i])
			page_free(blk->requests[i], BLK_REQUEST_ORDER);
	}
	overlay_destroy(&blk->overlay);
	page_free(blk, page_order(sizeof(*blk)));
}

static void destroy(struct virtio_device *device)
{
	struct blk *blk = to_blk(device);

	timer_stop_and_wait(&blk->timer);
	free_blk(blk);
}

static const struct virtio_device_ops ops = {
	.id = VIRTIO_ID_BLOCK,
	.type = "blk",
	.size = sizeof(struct blk),
	.more_pages = BLK_REQUESTS << BLK_REQUEST_ORDER,
	.reset = reset,
	.is_quiet = is_quiet,
	.notify = notify,
	.service = service,
	.kick = kick,
	.read_config = read_config,
	.config_size = sizeof(struct virtio_blk_config),
	.destroy = destroy,
	.show = show,
};

static void rate_again(struct timer *timer)
{
	virtio_ask_for_service(&container_of(timer, struct blk, timer)->device);
}

/* What an overlay can do, whatever the real disk can. What it has ends with it: no cache does. */
static void use_overlay(struct blk *blk, struct host_blk_info *info, u64 limit)
{
	blk->has_overlay = true;
	overlay_init(&blk->overlay, info->sectors, limit);
	info->is_read_only = false;
	info->has_flush = info->has_discard = info->has_write_zeroes = true;
	info->max_discard_sectors = info->max_write_zeroes_sectors = OVERLAY_RANGE;
}

/* What the guest is told: what there is (5.2.4). */
static u64 configure(struct blk *blk, const struct host_blk_info *info, unsigned nr_queues)
{
	struct virtio_blk_config *config = &blk->config;
	u64 features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE;

	config->capacity = info->sectors;
	config->seg_max = BLK_BUFFERS;
	config->blk_size = info->block_size;
	if (nr_queues > 1) {
		features |= VIRTIO_BLK_F_MQ;
		config->num_queues = (u16)nr_queues;
	}
	if (info->has_flush)
		features |= VIRTIO_BLK_F_FLUSH;
	if (blk->is_read_only)
		return features | VIRTIO_BLK_F_RO;
	if (info->has_discard) {
		features |= VIRTIO_BLK_F_DISCARD;
		config->max_discard_sectors = info->max_discard_sectors;
		config->max_discard_seg = 1;
		config->discard_sector_alignment = info->block_size / VIRTIO_BLK_SECTOR;
	}
	if (info->has_write_zeroes) {
		features |= VIRTIO_BLK_F_WRITE_ZEROES;
		config->max_write_zeroes_sectors = info->max_write_zeroes_sectors;
		config->max_write_zeroes_seg = 1;
		config->write_zeroes_may_unmap = 1;
	}
	return features;
}

static bool allocate_requests(struct blk *blk)
{
	list_init(&blk->vacant);
	list_init(&blk->unfinished);
	for (unsigned i = 0; i < BLK_REQUESTS; i++) {
		struct blk_request *r = page_alloc(BLK_REQUEST_ORDER);

		if (!r)
			return false;
		blk->requests[i] = r;
		r->blk = blk;
		list_insert_before(&blk->vacant, &r->link);
	}
	return true;
}

const char *virtio_blk_create(const struct virtio_blk_setup *setup, struct virtio_device **device)
{
	struct host_blk *disk = host_blk_find(setup->host_disk);
	struct host_blk_info info;
	struct blk *blk;
	u64 features;

	if (!disk)
		return "the machine has no disk with the serial number of its host-disk";
	blk = page_alloc(page_order(sizeof(*blk)));
	if (!blk || !allocate_requests(blk)) {
		if (blk)
			free_blk(blk);
		return "no memory is left for its disk";
	}
	host_blk_info(disk, &info);
	blk->disk = disk;
	blk->vm_name = setup->vm_name;
	if (setup->overlay)
		use_overlay(blk, &info, setup->overlay);
	blk->is_read_only = setup->is_read_only || info.is_read_only;
	for (unsigned i = 0; i < sizeof(blk->serial) && setup->serial[i]; i++)
		blk->serial[i] = setup->serial[i];
	blk->timer.expired = rate_again;
	rate_limit_init(&blk->bytes_limit, setup->rate_bytes, time_now());
	rate_limit_init(&blk->requests_limit, setup->rate_iops, time_now());
	features = configure(blk, &info, setup->nr_queues);
	virtio_device_init(&blk->device, &ops, features, setup->nr_queues);
	*device = &blk->device;
	return NULL;
}
