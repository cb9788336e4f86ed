/* SPDX-License-Identifier: BSD-2-Clause */
/* A request to a guest's disk, on its way to a disk of the real machine and back. */
#include "virtio/blk_request.h"
#include "core/log.h"
#include "lib/string.h"

/* --- Its data, in guest RAM */

static gpa_t address_at(const struct blk_request *r, struct blk_cursor at)
{
	return GPA(r->buffers[at.buffer].gpa.v + at.offset);
}

static void advance(const struct blk_request *r, struct blk_cursor *at, u32 size)
{
	at->offset += size;
	if (at->offset == r->buffers[at->buffer].size)
		*at = (struct blk_cursor){ at->buffer + 1, 0 };
}

/* Pins what comes next, at most `size` bytes. 0: that memory is gone. */
static u32 pin(const struct blk_request *r, u32 size, hpa_t *hpa)
{
	u32 left = r->buffers[r->at.buffer].size - r->at.offset;

	return (u32)guest_pin(r->blk->device.memory, address_at(r, r->at), MIN(left, size), hpa);
}

static void unpin(struct blk_request *r, struct blk_cursor *at, u32 size)
{
	guest_unpin(r->blk->device.memory, address_at(r, *at), size);
	advance(r, at, size);
}

/* To the guest, or, with is_write, from it; data NULL: zeroes. False: its memory is gone. */
static bool copy(struct blk_request *r, u8 *data, u32 size, bool is_write)
{
	while (size) {
		hpa_t hpa;
		u32 count = pin(r, size, &hpa);

		if (!count)
			return false;
		if (is_write)
			memcpy(data, guest_window(hpa), count);
		else if (data)
			memcpy(guest_window(hpa), data, count);
		else
			memset(guest_window(hpa), 0, count);
		unpin(r, &r->at, count);
		if (data)
			data += count;
		size -= count;
	}
	return true;
}

/* --- Parts, for the real disk */

static void unpin_part(const struct blk_part *part)
{
	struct blk_cursor at = part->start;

	for (unsigned i = 0; i < part->host.nr_segments; i++)
		unpin(part->request, &at, part->host.segments[i].size);
}

static bool is_wanted(const struct blk_request *r)
{
	return r->status == VIRTIO_BLK_S_OK && !r->blk->device.is_resetting;
}

static void part_done(struct host_blk_request *host, u8 status)
{
	struct blk_part *part = container_of(host, struct blk_part, host);
	struct blk_request *r = part->request;
	struct blk *blk = r->blk;
	struct host_blk *disk;

	spin_lock(&blk->device.lock);
	unpin_part(part);
	if (status != VIRTIO_BLK_S_OK)
		r->status = status;
	r->pending--;
	blk->pending--;
	/* It may be anybody's time. More parts are begun in the VM's own. */
	if (!r->pending && is_wanted(r) && r->left)
		list_insert_before(&blk->unfinished, &r->link);
	else if (!r->pending)
		blk_request_go_on(r);
	blk_part_is_done(blk);
	disk = blk_take_kick(blk);
	spin_unlock(&blk->device.lock);
	/* From here on the device may be destroyed. The real disk stays. */
	if (disk)
		host_blk_kick(disk);
}

static struct blk_part *new_part(struct blk_request *r, enum host_blk_op op)
{
	struct blk_part *part = &r->parts[r->nr_parts++];

	part->request = r;
	part->start = r->at;
	part->host = (struct host_blk_request){ .op = op,
						.sector = r->sector,
						.may_unmap = r->may_unmap,
						.segments = &r->segments[r->nr_segments],
						.done = part_done };
	return part;
}

/*
 * Pins what comes next as segments of the part, at most `size` bytes. Returns how many bytes that
 * were: less if there are no more segments, or if memory is gone.
 */
static u32 add_segments(struct blk_part *part, u32 size)
{
	struct blk_request *r = part->request;
	u32 done = 0;

	while (done < size && r->nr_segments < HOST_BLK_MAX_SEGMENTS) {
		struct host_segment *segment = &r->segments[r->nr_segments];

		segment->size = pin(r, size - done, &segment->start);
		if (!segment->size)
			break;
		r->nr_segments++;
		part->host.nr_segments++;
		advance(r, &r->at, segment->size);
		done += segment->size;
	}
	return done;
}

static void submit(struct blk_part *part)
{
	struct blk_request *r = part->request;

	r->pending++;
	r->blk->pending++;
	host_blk_submit(r->blk->disk, &part->host);
	/* After it: who takes the kick meanwhile may come too early for this one. */
	__atomic_store_n(&r->blk->must_kick, 1, __ATOMIC_RELEASE);
}

/* Hands the next sectors to the real disk. Returns how many; 0: it cannot be done. */
static u32 begin_on_disk(struct blk_request *r, u32 sectors)
{
	struct blk_part *part = new_part(r, r->op);

	if (r->op == HOST_BLK_READ || r->op == HOST_BLK_WRITE) {
		u32 size = add_segments(part, sectors * VIRTIO_BLK_SECTOR);

		/*
		 * Out of segments in the middle of a sector: no driver has buffers like that,
		 * unless it wants to.
		 */
		if (!size || size % VIRTIO_BLK_SECTOR) {
			unpin_part(part);
			r->nr_parts--;
			return 0;
		}
		sectors = size / VIRTIO_BLK_SECTOR;
	}
	part->host.nr_sectors = sectors;
	submit(part);
	return sectors;
}

/* --- With an overlay. All return how many sectors; 0: it cannot be done. */

static u32 read_over(struct blk_request *r, u32 sectors)
{
	struct blk *blk = r->blk;
	const u8 *data = NULL;

	if (overlay_find(&blk->overlay, r->sector, &sectors, &data) == OVERLAY_BASE)
		return begin_on_disk(r, sectors);
	sectors = (u32)MIN(sectors, BLK_COPY_BUDGET / VIRTIO_BLK_SECTOR);
	blk->copied += sectors * VIRTIO_BLK_SECTOR;
	return copy(r, (u8 *)data, sectors * VIRTIO_BLK_SECTOR, false) ? sectors : 0;
}

/* Once for each disk: a guest may go on trying. */
static u32 overlay_is_full(struct blk *blk)
{
	if (!blk->overlay_was_full)
		log_warn("disk %s of vm %s: its overlay has %lu MiB and cannot grow: writes fail",
			 blk->device.name, blk->vm_name, blk->overlay.taken >> 20);
	blk->overlay_was_full = true;
	return 0;
}

static u32 write_over(struct blk_request *r, u32 sectors)
{
	struct blk *blk = r->blk;
	u8 *data = overlay_put(&blk->overlay, r->sector, &sectors);

	if (!data)
		return overlay_is_full(blk);
	blk->copied += sectors * VIRTIO_BLK_SECTOR;
	return copy(r, data, sectors * VIRTIO_BLK_SECTOR, true) ? sectors : 0;
}

/* What is discarded reads as zeroes, too: the memory is free, as far as that is possible. */
static u32 zero_over(struct blk_request *r, u32 sectors)
{
	struct blk *blk = r->blk;

	sectors = overlay_zero(&blk->overlay, r->sector, sectors);
	blk->copied += sectors * 8UL; /* about as much work: an entry for each 4 KiB, few chunks */
	return sectors ? sectors : overlay_is_full(blk);
}

static u32 begin_over(struct blk_request *r, u32 sectors)
{
	switch (r->op) {
	case HOST_BLK_READ: return read_over(r, sectors);
	case HOST_BLK_WRITE: return write_over(r, sectors);
	default: return zero_over(r, sectors);
	}
}

/* --- A request */

static void begin_parts(struct blk_request *r)
{
	struct blk *blk = r->blk;

	r->nr_parts = r->nr_segments = 0;
	while (r->left && r->nr_parts < BLK_PARTS && r->nr_segments < HOST_BLK_MAX_SEGMENTS &&
	       blk->copied < BLK_COPY_BUDGET) {
		u32 sectors = blk->has_overlay ? begin_over(r, r->left) : begin_on_disk(r, r->left);

		if (!sectors) {
			r->status = VIRTIO_BLK_S_IOERR;
			return;
		}
		r->sector += sectors;
		r->left -= sectors;
	}
}

/* The guest gets its status byte, and the chain back. */
static void finish(struct blk_request *r)
{
	struct blk *blk = r->blk;
	struct virtio_device *device = &blk->device;

	if (r->status != VIRTIO_BLK_S_OK) {
		blk->counters[r->status == VIRTIO_BLK_S_UNSUPP ? BLK_UNSUPPORTED : BLK_ERRORS]++;
		/* What comes before the status byte may not have been written (2.7.8.2). */
		r->written = r->written == 1;
	}
	if (!device->is_resetting) {
		*r->status_byte = r->status;
		virtq_push(r->queue, r->head, r->written);
		virtio_notify_used(device, r->queue);
	}
	guest_unpin(device->memory, r->status_at, 1);
	list_insert_before(&blk->vacant, &r->link);
	blk->in_use--;
}

void blk_request_go_on(struct blk_request *r)
{
	if (is_wanted(r) && r->left)
		begin_parts(r);
	/* Nothing is told of as stable before the flush that came after it is done (5.2.6.2). */
	if (is_wanted(r) && !r->left && !r->pending && r->must_flush) {
		r->must_flush = false;
		r->nr_parts = r->nr_segments = 0;
		submit(new_part(r, HOST_BLK_FLUSH));
	}
	if (r->pending)
		return;
	if (is_wanted(r) && r->left) {
		list_insert_before(&r->blk->unfinished, &r->link);
		virtio_ask_for_service(&r->blk->device);
	} else {
		finish(r);
	}
}

static struct blk_request *take_unfinished(struct blk *blk)
{
	struct list *first = blk->unfinished.next;

	list_remove(first);
	return container_of(first, struct blk_request, link);
}

void blk_go_on_with_unfinished(struct blk *blk)
{
	while (!list_is_empty(&blk->unfinished) && blk->copied < BLK_COPY_BUDGET)
		blk_request_go_on(take_unfinished(blk));
	/* The last of them may just have been finished: it has not asked for itself. */
	if (!list_is_empty(&blk->unfinished))
		virtio_ask_for_service(&blk->device);
}

void blk_forget_unfinished(struct blk *blk)
{
	while (!list_is_empty(&blk->unfinished))
		finish(take_unfinished(blk));
}
