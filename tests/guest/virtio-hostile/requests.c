/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to disks that cannot be carried out (5.2.6). */
#include "hostile.h"

#define DATA_SIZE      4096U
#define F_DISCARD      BIT(13)
#define F_WRITE_ZEROES BIT(14)
#define RANGES	       (F_DISCARD | F_WRITE_ZEROES)
#define LAST	       (SECTORS - 1)

/* What a discard is about. */
struct range {
	u64 sector;
	u32 sectors, flags;
};

static u8 data[DATA_SIZE] __attribute__((aligned(16)));

struct request {
	const char *what;
	u64 features;
	u32 header_size; /* 0: all of it */
	u32 type;
	u64 sector;
	u32 size; /* of the data, which the device reads, or writes */
	struct range range;
};

static const struct request requests[] = {
	{ "the last sector is read", 0, 0, BLK_IN, LAST, 512, { 0 } },
	{ "the sector behind it", 0, 0, BLK_IN, SECTORS, 512, { 0 } },
	{ "both", 0, 0, BLK_IN, LAST, 1024, { 0 } },
	{ "sector 2^55 - 1", 0, 0, BLK_IN, BIT(55) - 1, 512, { 0 } },
	{ "sector 2^64 - 1", 0, 0, BLK_IN, -1UL, 512, { 0 } },
	{ "written: the sector behind the last", 0, 0, BLK_OUT, SECTORS, 512, { 0 } },
	{ "written: the last, and that", 0, 0, BLK_OUT, LAST, 1024, { 0 } },
	{ "513 bytes", 0, 0, BLK_IN, 0, 513, { 0 } },
	{ "written: 511 bytes", 0, 0, BLK_OUT, 0, 511, { 0 } },
	{ "a header of 15 bytes", 0, 15, BLK_OUT, 0, 0, { 0 } },
	{ "a request that does not exist", 0, 0, 99, 0, 512, { 0 } },
	{ "request 4294967295", 0, 0, UINT32_MAX, 0, 512, { 0 } },
	{ "a serial number of 19 bytes", 0, 0, BLK_GET_ID, 0, 19, { 0 } },
	{ "discard, not negotiated", 0, 0, BLK_DISCARD, 0, 16, { 0, 8, 0 } },
	{ "discard", RANGES, 0, BLK_DISCARD, 0, 16, { LAST, 1, 0 } },
	{ "discard behind the end", RANGES, 0, BLK_DISCARD, 0, 16, { LAST, 2, 0 } },
	{ "discard from sector 2^64 - 1", RANGES, 0, BLK_DISCARD, 0, 16, { -1UL, 2, 0 } },
	{ "discard of 2^32 - 1 sectors", RANGES, 0, BLK_DISCARD, 0, 16, { 0, UINT32_MAX, 0 } },
	{ "discard of two ranges", RANGES, 0, BLK_DISCARD, 0, 32, { 0, 1, 0 } },
	{ "discard of half a range", RANGES, 0, BLK_DISCARD, 0, 8, { 0, 1, 0 } },
	{ "discard with unknown flags", RANGES, 0, BLK_DISCARD, 0, 16, { 0, 1, -1U } },
	{ "zeroes behind the end", RANGES, 0, BLK_WRITE_ZEROES, 0, 16, { LAST, 2, 1 } },
};

static void put_request(struct disk *d, const struct request *request)
{
	bool is_read = request->type == BLK_IN || request->type == BLK_GET_ID;
	u32 header_size = request->header_size ? request->header_size : sizeof(d->header);

	memcpy(data, &request->range, sizeof(request->range));
	d->header = (struct blk_header){ request->type, 0, request->sector };
	d->status = 0xff;
	virtq_set(&d->q, 0, &d->header, header_size, VIRTQ_NEXT, request->size ? 1 : 2);
	virtq_set(&d->q, 1, data, request->size, VIRTQ_NEXT | (is_read ? VIRTQ_WRITE : 0), 2);
	virtq_set(&d->q, 2, &d->status, 1, VIRTQ_WRITE, 0);
	virtq_offer(&d->q, 0);
	virtio_notify(&d->device, 0);
}

static void try_request(const struct request *request)
{
	require(disk_open(&disk, 0, request->features), request->what);
	put_request(&disk, request);
	outcome("disk", request->what, disk_ending(&disk));
	if (!disk_works())
		print("BAD disk: %s: the disk does not work after it\n", request->what);
}

static void without_status(void)
{
	disk_works();
	virtq_set(&disk.q, 0, &disk.header, sizeof(disk.header), 0, 0);
	virtq_offer(&disk.q, 0);
	virtio_notify(&disk.device, 0);
	outcome("disk", "no room for the status", disk_ending(&disk));
}

/* A request that reads over its own queue: this driver gets what it asked for. */
static void over_its_queue(void)
{
	const u64 start = rdtime();

	disk_works();
	disk.header = (struct blk_header){ BLK_IN, 0, 0 };
	disk.status = 0xff;
	virtq_set(&disk.q, 0, &disk.header, sizeof(disk.header), VIRTQ_NEXT, 1);
	virtq_set(&disk.q, 1, &disk.q, SECTOR, VIRTQ_NEXT | VIRTQ_WRITE, 2);
	virtq_set(&disk.q, 2, &disk.status, 1, VIRTQ_WRITE, 0);
	virtq_offer(&disk.q, 0);
	virtio_notify(&disk.device, 0);
	while (disk.status == 0xff && rdtime() - start < 10000 * MS)
		;
	outcome("disk", "read over its own descriptors",
		disk.status == 0 && disk_is_base((const u64 *)&disk.q, 0, 1) ? DONE : "other");
}

static void write_to_read_only(void)
{
	static struct disk reader;
	const struct request request = { "", 0, 0, BLK_OUT, 0, SECTOR, { 0 } };

	require(disk_open(&reader, 1, 0), "a disk that is read-only");
	put_request(&reader, &request);
	outcome("disk", "written: one that is read-only", disk_ending(&reader));
}

/* An overlay has an end; what it holds can still be written, and everything be read. */
static void fill_overlay(void)
{
	u64 *page = (u64 *)data;
	u32 written = 0;
	u8 last = 0;

	require(disk_open(&disk, 0, 0), "a disk");
	memset(data, 0x77, sizeof(data));
	for (u32 sector = 8; sector < SECTORS && last == 0; sector += DATA_SIZE / SECTOR) {
		last = disk_do(&disk, BLK_OUT, sector, data, DATA_SIZE);
		written += last == 0;
	}
	outcome("disk", "more written than the overlay holds", last == 1 ? IO_ERROR : "other");
	require(written > 0 && disk_do(&disk, BLK_OUT, 8, data, DATA_SIZE) == 0,
		"what the overlay holds can be written");
	require(disk_do(&disk, BLK_IN, 8, data, DATA_SIZE) == 0 && page[0] == 0x7777777777777777UL,
		"what the overlay holds can be read");
}

void attack_disk(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
		try_request(&requests[i]);
	without_status();
	over_its_queue();
	write_to_read_only();
	fill_overlay();
}
