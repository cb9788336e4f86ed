/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk, with an overlay or without; the real disk touches each byte that it is handed. */
#include "drivers/host_blk.h"
#include "harness.h"
#include "machine.h"
#include "virtio/blk.h"
#include "virtio/overlay.h"

#include <stdlib.h>
#include <string.h>

#define SECTORS	      10000 /* no multiple of an overlay's chunks */
#define MAX_RANGE     4096
#define MAX_SUBMITTED 512
#define OVERLAY	      KIB(256) /* at most */

/* --- The real disk */

struct host_blk {
	struct host_blk_info info;
	struct host_blk_request *requests[MAX_SUBMITTED];
	unsigned nr_requests;
	bool is_told; /* of all */
};

static struct host_blk disk;

struct host_blk *host_blk_find(const char *serial)
{
	return strcmp(serial, "d0") == 0 ? &disk : NULL;
}

void host_blk_info(struct host_blk *d, struct host_blk_info *info)
{
	*info = d->info;
}

static u64 size_of(const struct host_blk_request *r)
{
	u64 size = 0;

	for (unsigned i = 0; i < r->nr_segments; i++) {
		fuzz_check(machine_is_pinned(r->segments[i].start, r->segments[i].size),
			   "data is pinned RAM");
		size += r->segments[i].size;
	}
	return size;
}

static void check(const struct host_blk_request *r)
{
	u64 sectors = r->nr_sectors;

	fuzz_check(r->nr_segments <= HOST_BLK_MAX_SEGMENTS, "not too many segments");
	switch (r->op) {
	case HOST_BLK_READ:
	case HOST_BLK_WRITE:
		fuzz_check(size_of(r) && size_of(r) % 512 == 0, "whole sectors");
		sectors = size_of(r) / 512;
		break;
	case HOST_BLK_FLUSH: sectors = 0; break;
	case HOST_BLK_DISCARD:
	case HOST_BLK_WRITE_ZEROES:
		fuzz_check(sectors <= MAX_RANGE, "as much at once as the disk takes");
		break;
	}
	fuzz_check(r->op == HOST_BLK_FLUSH ||
			   (r->sector <= SECTORS && sectors <= SECTORS - r->sector),
		   "inside the disk");
	fuzz_check(r->op == HOST_BLK_READ || r->op == HOST_BLK_FLUSH || !disk.info.is_read_only,
		   "a disk that is read-only is only read");
}

void host_blk_submit(struct host_blk *d, struct host_blk_request *request)
{
	check(request);
	fuzz_check(d->nr_requests < MAX_SUBMITTED, "not too many requests");
	d->requests[d->nr_requests++] = request;
	d->is_told = false;
}

void host_blk_kick(struct host_blk *d)
{
	d->is_told = true;
}

/* Reads or writes the memory; the sanitizer looks. */
static void transfer(const struct host_blk_request *r)
{
	u8 sum = 0;

	for (unsigned i = 0; i < r->nr_segments; i++) {
		u8 *bytes = (u8 *)r->segments[i].start.v;

		if (r->op == HOST_BLK_READ)
			memset(bytes, (int)r->sector, r->segments[i].size);
		else
			sum ^= bytes[0] ^ bytes[r->segments[i].size - 1];
	}
	__asm__ volatile("" ::"r"(sum));
}

static void complete(unsigned which, u8 status)
{
	struct host_blk_request *r;

	if (!disk.nr_requests)
		return;
	fuzz_check(disk.is_told, "the disk is told of all requests");
	which %= disk.nr_requests;
	r = disk.requests[which];
	disk.requests[which] = disk.requests[--disk.nr_requests];
	check(r);
	transfer(r);
	r->done(r, status);
}

/* --- */

static void make_machine(u8 variant)
{
	(void)variant;
	disk = (struct host_blk){ .info = { .sectors = SECTORS, .block_size = 512 } };
}

static struct virtio_device *create(u8 variant)
{
	struct virtio_blk_setup setup = { .vm_name = "fuzz",
					  .host_disk = "d0",
					  .serial = "serial number of 20b",
					  .is_read_only = variant & 1,
					  .overlay = variant & 2 ? OVERLAY : 0,
					  .rate_bytes = variant & 4 ? 1000000 : 0,
					  .rate_iops = variant & 8 ? 100 : 0,
					  .nr_queues = 1 + (variant >> 4 & 3) };
	struct virtio_device *device;

	disk.info.is_read_only = variant & 3;
	disk.info.has_flush = variant & 64;
	disk.info.has_discard = disk.info.has_write_zeroes = variant & 128;
	disk.info.max_discard_sectors = disk.info.max_write_zeroes_sectors = MAX_RANGE;
	fuzz_check(!virtio_blk_create(&setup, &device), "it is made");
	return device;
}

static void event(struct virtio_device *device, const struct fuzz_step *step)
{
	(void)device;
	for (unsigned i = 0; i <= step->a % 4U; i++)
		complete(step->b, step->c & 7 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

static void complete_all(struct virtio_device *device)
{
	(void)device;
	while (disk.nr_requests)
		complete(0, VIRTIO_BLK_S_OK);
}

/* A header, and a range behind it for discard and write-zeroes. */
static u32 fill(unsigned queue, const struct fuzz_step *step, u8 *bytes)
{
	static const u32 types[] = { VIRTIO_BLK_T_IN,	   VIRTIO_BLK_T_OUT,
				     VIRTIO_BLK_T_FLUSH,   VIRTIO_BLK_T_GET_ID,
				     VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	u32 what = step->c % 8;
	u64 sector = step->c & 0x80 ? step->d : step->d % (SECTORS + 20);
	struct virtio_blk_header header = { what < 6 ? types[what] : step->c >> 8, 0, sector };
	struct virtio_blk_range range = { sector, step->c >> 8 & 0xffff, step->c >> 24 & 1 };

	(void)queue;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &range, sizeof(range));
	return what == 4 || what == 5 ? sizeof(header) + sizeof(range) : sizeof(header);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct fuzz_target target = { .make_machine = make_machine,
						   .create = create,
						   .event = event,
						   .complete_all = complete_all,
						   .fill = fill,
						   .eager = UINT64_MAX };

	return fuzz_run(&target, data, size);
}
