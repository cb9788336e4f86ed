/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk of the real machine: a driver for virtio-blk (virtio 1.2 section 5.2).
 *
 *     submit ──► waiting (no slot is free) ──► the device ──► finished ──► done()
 *           └──────────────────────────────► answered ────────────────────┘
 *
 * The disk's lock is a leaf but for that of a timer queue. done() is called without it, by who
 * collects: an interrupt, a poll; or, for requests that never reach the device, by a timer.
 */
#include "drivers/host_blk.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/timer.h"
#include "drivers/virtqueue.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/page.h"
#include "platform/qemu-virt/machine.h"

#define MAX_DISKS	   MACHINE_MAX_VIRTIO
#define NR_SLOTS	   64
#define MAX_BUFFERS	   (HOST_BLK_MAX_SEGMENTS + 2) /* header or range, status */
#define GET_ID_PATIENCE_NS 2000000000
#define STATUS_NOT_WRITTEN 0xffU
#define CONFIG(field)	   ((u32)offsetof(struct virtio_blk_config, field))

/* What a request needs beside the caller's segments; the device reads and writes it. */
struct blk_slot {
	struct virtio_blk_header header;
	struct virtio_blk_range range;
	u8 status;
};

struct host_blk {
	struct spinlock lock;
	struct transport *transport;
	struct virtqueue q;
	struct blk_slot slots[NR_SLOTS];
	struct list waiting;  /* for a slot, in order */
	struct list answered; /* done() is to be called by the timer */
	struct timer timer;
	struct host_blk_info info;
	bool is_dead;
};

static struct host_blk *disks[MAX_DISKS];
static unsigned nr_disks;

static struct host_blk_request *request_of(struct list *link)
{
	return container_of(link, struct host_blk_request, link);
}

static void count(struct host_blk_info *info, const struct host_blk_request *request)
{
	u64 bytes = 0;

	for (unsigned i = 0; i < request->nr_segments; i++)
		bytes += request->segments[i].size;
	switch (request->op) {
	case HOST_BLK_READ:
		info->reads++;
		info->bytes_read += bytes;
		break;
	case HOST_BLK_WRITE:
		info->writes++;
		info->bytes_written += bytes;
		break;
	case HOST_BLK_FLUSH: info->flushes++; break;
	default: info->others++; break;
	}
}

static const u32 types[] = {
	[HOST_BLK_READ] = VIRTIO_BLK_T_IN,
	[HOST_BLK_WRITE] = VIRTIO_BLK_T_OUT,
	[HOST_BLK_FLUSH] = VIRTIO_BLK_T_FLUSH,
	[HOST_BLK_DISCARD] = VIRTIO_BLK_T_DISCARD,
	[HOST_BLK_WRITE_ZEROES] = VIRTIO_BLK_T_WRITE_ZEROES,
};

static bool has_range(const struct host_blk_request *request)
{
	return request->op == HOST_BLK_DISCARD || request->op == HOST_BLK_WRITE_ZEROES;
}

/* Header, data, status (5.2.6). False: there is no slot. Lock held. */
static bool issue(struct host_blk *disk, struct host_blk_request *request)
{
	int number = virtqueue_begin(&disk->q);
	u16 flags = request->op == HOST_BLK_READ ? VIRTQ_DESC_WRITE : 0;
	struct blk_slot *slot;

	if (number < 0)
		return false;
	slot = &disk->slots[number];
	slot->status = STATUS_NOT_WRITTEN;
	slot->header = (struct virtio_blk_header){ .type = types[request->op] };
	if (request->op == HOST_BLK_READ || request->op == HOST_BLK_WRITE)
		slot->header.sector = request->sector;
	virtqueue_add(&disk->q, number, page_to_hpa(&slot->header), sizeof(slot->header), 0);
	if (has_range(request)) {
		bool unmaps = request->op == HOST_BLK_WRITE_ZEROES && request->may_unmap;

		slot->range = (struct virtio_blk_range){
			.sector = request->sector,
			.num_sectors = request->nr_sectors,
			.flags = unmaps ? VIRTIO_BLK_RANGE_UNMAP : 0,
		};
		virtqueue_add(&disk->q, number, page_to_hpa(&slot->range), sizeof(slot->range), 0);
	}
	for (unsigned i = 0; i < request->nr_segments; i++)
		virtqueue_add(&disk->q, number, request->segments[i].start,
			      request->segments[i].size, flags);
	virtqueue_add(&disk->q, number, page_to_hpa(&slot->status), 1, VIRTQ_DESC_WRITE);
	virtqueue_end(&disk->q, number, request);
	return true;
}

/* Puts a request where done() is called from. Lock held. */
static void conclude(struct host_blk *disk, struct host_blk_request *request, u8 status,
		     struct list *list)
{
	request->status = status;
	if (status != VIRTIO_BLK_S_OK)
		disk->info.errors++;
	list_insert_before(list, &request->link);
}

/* The caller of submit may hold any lock: done() is called later. Lock held. */
static void answer(struct host_blk *disk, struct host_blk_request *request, u8 status)
{
	if (list_is_empty(&disk->answered))
		timer_start(&disk->timer, time_now());
	conclude(disk, request, status, &disk->answered);
}

static bool is_within(const struct host_blk *disk, const struct host_blk_request *request)
{
	u64 sectors = has_range(request) ? request->nr_sectors : 0, bytes = 0;

	for (unsigned i = 0; i < request->nr_segments; i++)
		bytes += request->segments[i].size;
	sectors += bytes / VIRTIO_BLK_SECTOR;
	return request->sector <= disk->info.sectors &&
	       sectors <= disk->info.sectors - request->sector;
}

static bool writes(const struct host_blk_request *request)
{
	return request->op != HOST_BLK_READ && request->op != HOST_BLK_FLUSH;
}

static bool is_offered(const struct host_blk *disk, const struct host_blk_request *request)
{
	switch (request->op) {
	case HOST_BLK_FLUSH: return disk->info.has_flush;
	case HOST_BLK_DISCARD: return disk->info.has_discard;
	case HOST_BLK_WRITE_ZEROES: return disk->info.has_write_zeroes;
	default: return true;
	}
}

/* Requests that the device must not see (5.2.6.1). Lock held. */
static bool answer_itself(struct host_blk *disk, struct host_blk_request *request)
{
	bool is_flush = request->op == HOST_BLK_FLUSH;

	if (disk->is_dead)
		answer(disk, request, VIRTIO_BLK_S_IOERR);
	else if (!is_offered(disk, request))
		answer(disk, request, is_flush ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_UNSUPP);
	else if (!is_flush && !is_within(disk, request))
		answer(disk, request, VIRTIO_BLK_S_IOERR);
	else if (disk->info.is_read_only && writes(request))
		answer(disk, request, VIRTIO_BLK_S_IOERR);
	else
		return false;
	return true;
}

void host_blk_submit(struct host_blk *disk, struct host_blk_request *request)
{
	ASSERT(request->nr_segments <= HOST_BLK_MAX_SEGMENTS);
	spin_lock(&disk->lock);
	count(&disk->info, request);
	if (!answer_itself(disk, request) &&
	    (!list_is_empty(&disk->waiting) || !issue(disk, request)))
		list_insert_before(&disk->waiting, &request->link);
	spin_unlock(&disk->lock);
}

static bool must_notify(struct host_blk *disk)
{
	return !disk->is_dead && virtqueue_must_notify(&disk->q);
}

void host_blk_kick(struct host_blk *disk)
{
	bool notify;

	spin_lock(&disk->lock);
	notify = must_notify(disk);
	spin_unlock(&disk->lock);
	if (notify)
		virtqueue_notify(&disk->q);
}

/*
 * The end of the disk. The reset comes first: when done() has been called, the memory of a request
 * is somebody else's. Lock held.
 */
static void die(struct host_blk *disk, struct list *finished)
{
	struct host_blk_request *request;

	disk->is_dead = true;
	transport_reset(disk->transport);
	while ((request = virtqueue_take_back(&disk->q)) != NULL)
		conclude(disk, request, VIRTIO_BLK_S_IOERR, finished);
	while (!list_is_empty(&disk->waiting)) {
		request = request_of(disk->waiting.next);
		list_remove(&request->link);
		conclude(disk, request, VIRTIO_BLK_S_IOERR, finished);
	}
	log_error("the machine's disk %s has broken down; all its requests fail from now on",
		  disk->info.serial);
}

/* A status that the device has not written, or that nobody knows, is an error. Lock held. */
static void collect_finished(struct host_blk *disk, bool arms, struct list *finished)
{
	void *token;
	u32 written;
	int slot;

	do {
		while ((slot = virtqueue_collect(&disk->q, &token, &written)) >= 0) {
			u8 status = disk->slots[slot].status;

			conclude(disk, token,
				 status <= VIRTIO_BLK_S_UNSUPP ? status : VIRTIO_BLK_S_IOERR,
				 finished);
		}
	} while (arms && !disk->q.is_broken && virtqueue_arm(&disk->q, 0));
}

/* Who has waited longest comes first. Lock held. */
static void issue_waiting(struct host_blk *disk)
{
	while (!list_is_empty(&disk->waiting) && virtqueue_has_slot(&disk->q)) {
		struct host_blk_request *request = request_of(disk->waiting.next);

		list_remove(&request->link);
		issue(disk, request);
	}
}

static void call_done(struct list *finished)
{
	while (!list_is_empty(finished)) {
		struct host_blk_request *request = request_of(finished->next);

		list_remove(&request->link);
		request->done(request, request->status);
	}
}

/*
 * Without arming, an interrupt that was asked for still comes, once: it may find nothing. broken:
 * the caller has found that the device is.
 */
static void collect(struct host_blk *disk, bool arms, bool broken)
{
	struct list finished;
	bool notify = false;

	list_init(&finished);
	spin_lock(&disk->lock);
	if (!disk->is_dead) {
		collect_finished(disk, arms, &finished);
		if (broken || disk->q.is_broken)
			die(disk, &finished);
		issue_waiting(disk);
		notify = must_notify(disk);
	}
	spin_unlock(&disk->lock);
	if (notify)
		virtqueue_notify(&disk->q);
	call_done(&finished);
}

void host_blk_poll(struct host_blk *disk)
{
	collect(disk, false, false);
}

static void read_capacity(struct host_blk *disk)
{
	u64 sectors = transport_config64(disk->transport, CONFIG(capacity));

	spin_lock(&disk->lock);
	disk->info.sectors = sectors;
	spin_unlock(&disk->lock);
}

static void interrupt(void *device, u32 causes)
{
	struct host_blk *disk = device;
	bool broken = false;

	spin_lock(&disk->lock);
	disk->info.interrupts++;
	spin_unlock(&disk->lock);
	if (causes & VIRTIO_INTERRUPT_CONFIG) {
		broken = transport_is_broken(disk->transport);
		if (!broken)
			read_capacity(disk);
	}
	collect(disk, true, broken);
}

static void timer_expired(struct timer *timer)
{
	struct host_blk *disk = container_of(timer, struct host_blk, timer);
	struct list finished;

	spin_lock(&disk->lock);
	list_take_all(&finished, &disk->answered);
	spin_unlock(&disk->lock);
	call_done(&finished);
}

static void read_config(struct host_blk *disk)
{
	const struct transport *transport = disk->transport;
	struct host_blk_info *info = &disk->info;

	info->sectors = transport_config64(transport, CONFIG(capacity));
	info->is_read_only = transport_has(transport, VIRTIO_BLK_F_RO);
	info->has_flush = transport_has(transport, VIRTIO_BLK_F_FLUSH);
	info->has_discard = transport_has(transport, VIRTIO_BLK_F_DISCARD);
	info->has_write_zeroes = transport_has(transport, VIRTIO_BLK_F_WRITE_ZEROES);
	info->block_size = VIRTIO_BLK_SECTOR;
	if (transport_has(transport, VIRTIO_BLK_F_BLK_SIZE))
		info->block_size = transport_config32(transport, CONFIG(blk_size));
	if (info->has_discard)
		info->max_discard_sectors =
			transport_config32(transport, CONFIG(max_discard_sectors));
	if (info->has_write_zeroes)
		info->max_write_zeroes_sectors =
			transport_config32(transport, CONFIG(max_write_zeroes_sectors));
}

/* Boot: waits for the answer. A disk that does not tell its serial number has none. */
static bool read_serial(struct host_blk *disk)
{
	u64 patience = time_now() + time_from_ns(GET_ID_PATIENCE_NS);
	int number = virtqueue_begin(&disk->q), collected;
	struct blk_slot *slot = &disk->slots[number];
	void *token;
	u32 written;

	slot->header = (struct virtio_blk_header){ .type = VIRTIO_BLK_T_GET_ID };
	slot->status = STATUS_NOT_WRITTEN;
	virtqueue_add(&disk->q, number, page_to_hpa(&slot->header), sizeof(slot->header), 0);
	virtqueue_add(&disk->q, number, page_to_hpa(disk->info.serial), VIRTIO_BLK_ID_SIZE,
		      VIRTQ_DESC_WRITE);
	virtqueue_add(&disk->q, number, page_to_hpa(&slot->status), 1, VIRTQ_DESC_WRITE);
	virtqueue_end(&disk->q, number, slot);
	if (virtqueue_must_notify(&disk->q))
		virtqueue_notify(&disk->q);
	do {
		collected = virtqueue_collect(&disk->q, &token, &written);
	} while (collected < 0 && time_now() < patience);
	if (slot->status != VIRTIO_BLK_S_OK)
		disk->info.serial[0] = '\0';
	virtqueue_arm(&disk->q, 0);
	return collected >= 0;
}

static const char *start(struct transport *transport)
{
	struct host_blk *disk = page_alloc(page_order(sizeof(*disk)));
	const char *problem;

	if (!disk)
		return "there is no memory for it";
	disk->transport = transport;
	disk->timer.expired = timer_expired;
	list_init(&disk->waiting);
	list_init(&disk->answered);
	if (!transport_negotiate(transport, VIRTIO_F_INDIRECT_DESC,
				 VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO |
					 VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
					 VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES))
		return "it lacks indirect descriptors";
	if (transport_has(transport, VIRTIO_BLK_F_SEG_MAX) &&
	    transport_config32(transport, CONFIG(seg_max)) < HOST_BLK_MAX_SEGMENTS)
		return "it takes too few segments a request; with QEMU, leave queue-size at 256";
	problem = virtqueue_init(&disk->q, transport, 0, NR_SLOTS, MAX_BUFFERS);
	if (problem)
		return problem;
	read_config(disk);
	transport_start(transport);
	if (!read_serial(disk))
		return "it does not answer";
	transport->device = disk;
	disks[nr_disks++] = disk;
	log_info("disk %s: %lu MiB%s", disk->info.serial[0] ? disk->info.serial : "without a name",
		 disk->info.sectors >> 11, disk->info.is_read_only ? ", read-only" : "");
	return NULL;
}

const struct host_driver host_blk_driver = {
	.id = VIRTIO_ID_BLOCK,
	.name = "disk",
	.start = start,
	.interrupt = interrupt,
};

struct host_blk *host_blk_get(unsigned index)
{
	return index < nr_disks ? disks[index] : NULL;
}

struct host_blk *host_blk_find(const char *serial)
{
	for (unsigned i = 0; i < nr_disks; i++) {
		if (strcmp(disks[i]->info.serial, serial) == 0)
			return disks[i];
	}
	return NULL;
}

void host_blk_info(struct host_blk *disk, struct host_blk_info *info)
{
	spin_lock(&disk->lock);
	*info = disk->info;
	spin_unlock(&disk->lock);
}
