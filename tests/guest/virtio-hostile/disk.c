/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: single requests, and several at once. */
#include "hostile.h"

#define LOAD_REQUESTS 8
#define PATIENCE      (10000 * MS)
#define LOAD_SECTORS  (GRANULE / SECTOR)

struct disk disk;

bool disk_open(struct disk *d, unsigned number, u64 features)
{
	if (!virtio_find(VIRTIO_BLOCK, number, &d->device) ||
	    !virtio_negotiate(&d->device, VIRTIO_F_VERSION_1 | features))
		return false;
	virtq_start(&d->q, &d->device, 0, DISK_QUEUE_SIZE);
	virtio_go(&d->device);
	return true;
}

u8 disk_do(struct disk *d, u32 type, u64 sector, volatile void *data, u32 size)
{
	struct virtq_used used;

	d->header = (struct blk_header){ type, 0, sector };
	d->status = 0xff;
	virtq_set(&d->q, 0, &d->header, sizeof(d->header), VIRTQ_NEXT, 1);
	virtq_set(&d->q, 1, data, size, VIRTQ_NEXT | (type == BLK_IN ? VIRTQ_WRITE : 0), 2);
	virtq_set(&d->q, 2, &d->status, 1, VIRTQ_WRITE, 0);
	virtq_offer(&d->q, 0);
	virtio_notify(&d->device, 0);
	return virtq_wait(&d->q, &used) ? d->status : 0xff;
}

const char *disk_ending(struct disk *d)
{
	static const char *const endings[] = { DONE, IO_ERROR, UNSUPPORTED };
	u64 start = rdtime();
	struct virtq_used used;

	while (rdtime() - start < PATIENCE) {
		if (virtio_read(&d->device, VIRTIO_STATUS) & VIRTIO_NEEDS_RESET)
			return NEEDS_RESET;
		if (virtq_take(&d->q, &used))
			return d->status < ARRAY_SIZE(endings) ? endings[d->status] : "no status";
	}
	return "nothing";
}

u64 disk_pattern(u64 sector, unsigned word)
{
	return ((sector + 1) * 0x9e3779b97f4a7c15UL >> 8) + word;
}

bool disk_is_base(const volatile u64 *data, u64 sector, u32 sectors)
{
	for (u32 i = 0; i < sectors * (SECTOR / 8); i++) {
		if (data[i] != disk_pattern(sector + i / (SECTOR / 8), i % (SECTOR / 8)))
			return false;
	}
	return true;
}

bool disk_works(void)
{
	static u64 data[SECTOR / 8];

	data[0] = 0;
	return disk_open(&disk, 0, 0) && disk_do(&disk, BLK_IN, 7, data, SECTOR) == 0 &&
	       disk_is_base(data, 7, 1);
}

static u64 *load_data(unsigned request)
{
	return (u64 *)(LOAD + request * GRANULE);
}

static u64 load_sector(unsigned request)
{
	return request * LOAD_SECTORS % SECTORS;
}

void disk_load(struct disk *d)
{
	static struct blk_header headers[LOAD_REQUESTS];
	static u8 status[LOAD_REQUESTS];

	for (u16 i = 0; i < LOAD_REQUESTS; i++) {
		u16 slot = (u16)(3 * i);

		headers[i] = (struct blk_header){ BLK_IN, 0, load_sector(i) };
		load_data(i)[0] = 0;
		virtq_set(&d->q, slot, &headers[i], sizeof(headers[i]), VIRTQ_NEXT, slot + 1);
		virtq_set(&d->q, slot + 1, load_data(i), GRANULE, VIRTQ_NEXT | VIRTQ_WRITE,
			  slot + 2);
		virtq_set(&d->q, slot + 2, &status[i], 1, VIRTQ_WRITE, 0);
		virtq_offer(&d->q, slot);
	}
	virtio_notify(&d->device, 0);
}

u32 disk_take_load(struct disk *d, u32 done)
{
	struct virtq_used used;

	while (virtq_take(&d->q, &used))
		done |= (u32)BIT(used.head / 3);
	return done;
}

bool disk_load_is_right(unsigned request)
{
	return disk_is_base(load_data(request), load_sector(request), LOAD_SECTORS);
}
