/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's side of virtio over MMIO. Numbers in parentheses are sections of virtio 1.2. */
#include "virtio.h"

#include "csr.h"
#include "fdt.h"
#include "hart.h"
#include "string.h"

#define TRANSPORT  "/soc/virtio_mmio@"
#define WAIT_TICKS 100000000UL /* 10 seconds at virt's 10 MHz */

u32 virtio_read(const struct virtio *device, u32 offset)
{
	return *(volatile u32 *)(device->base + offset);
}

void virtio_write(const struct virtio *device, u32 offset, u32 value)
{
	fence(); /* what is in memory comes before it */
	*(volatile u32 *)(device->base + offset) = value;
}

struct search {
	u32 id;
	unsigned left;
	struct virtio *found;
};

static bool is_sought(const struct fdt_property *property, void *context)
{
	struct search *search = context;

	if (strncmp(property->path, TRANSPORT, strlen(TRANSPORT)) != 0 ||
	    strcmp(property->name, "reg") != 0)
		return false;
	search->found->base = fdt_u64(property->data);
	return virtio_read(search->found, VIRTIO_DEVICE_ID) == search->id && search->left-- == 0;
}

bool virtio_find(u32 id, unsigned number, struct virtio *device)
{
	struct search search = { id, number, device };

	return fdt_visit(boot_fdt, is_sought, &search);
}

void virtio_reset(const struct virtio *device)
{
	virtio_write(device, VIRTIO_STATUS, 0);
	while (virtio_read(device, VIRTIO_STATUS) != 0)
		;
}

void virtio_add_status(const struct virtio *device, u32 bits)
{
	virtio_write(device, VIRTIO_STATUS, virtio_read(device, VIRTIO_STATUS) | bits);
}

void virtio_write_features(const struct virtio *device, u64 features)
{
	for (u32 word = 0; word < 2; word++) {
		virtio_write(device, VIRTIO_DRIVER_FEATURES_SEL, word);
		virtio_write(device, VIRTIO_DRIVER_FEATURES, (u32)(features >> 32 * word));
	}
}

bool virtio_negotiate(const struct virtio *device, u64 features)
{
	virtio_reset(device);
	virtio_add_status(device, VIRTIO_ACKNOWLEDGE);
	virtio_add_status(device, VIRTIO_DRIVER);
	virtio_write_features(device, features);
	virtio_add_status(device, VIRTIO_FEATURES_OK);
	return virtio_read(device, VIRTIO_STATUS) & VIRTIO_FEATURES_OK;
}

static void write_address(const struct virtio *device, u32 offset, u64 address)
{
	virtio_write(device, offset, (u32)address);
	virtio_write(device, offset + 4, (u32)(address >> 32));
}

void virtio_place_queue(const struct virtio *device, unsigned index, u32 size, u64 desc, u64 avail,
			u64 used)
{
	virtio_write(device, VIRTIO_QUEUE_SEL, index);
	virtio_write(device, VIRTIO_QUEUE_NUM, size);
	write_address(device, VIRTIO_QUEUE_DESC, desc);
	write_address(device, VIRTIO_QUEUE_AVAIL, avail);
	write_address(device, VIRTIO_QUEUE_USED, used);
	virtio_write(device, VIRTIO_QUEUE_READY, 1);
}

void virtq_start(struct virtq *q, const struct virtio *device, unsigned index, u16 size)
{
	memset(q, 0, sizeof(*q));
	q->size = size;
	virtio_place_queue(device, index, size, (u64)q->desc, (u64)&q->avail, (u64)&q->used);
}

void virtio_go(const struct virtio *device)
{
	virtio_add_status(device, VIRTIO_DRIVER_OK);
}

void virtq_set(struct virtq *q, u16 slot, const volatile void *buffer, u32 size, u16 flags,
	       u16 next)
{
	q->desc[slot] = (struct virtq_desc){ (u64)buffer, size, flags, next };
}

void virtq_offer(struct virtq *q, u16 head)
{
	q->avail.ring[q->avail.idx % q->size] = head;
	fence(); /* the entry, and what it stands for, come before the index (2.7.13) */
	*(volatile u16 *)&q->avail.idx += 1;
}

void virtio_notify(const struct virtio *device, u32 index)
{
	virtio_write(device, VIRTIO_QUEUE_NOTIFY, index);
}

bool virtq_take(struct virtq *q, struct virtq_used *used)
{
	if (*(volatile u16 *)&q->used.idx == q->taken)
		return false;
	fence(); /* the entry is read after the index (2.7.14) */
	*used = q->used.ring[q->taken++ % q->size];
	return true;
}

bool virtq_wait(struct virtq *q, struct virtq_used *used)
{
	u64 start = rdtime();

	while (!virtq_take(q, used)) {
		if (rdtime() - start > WAIT_TICKS)
			return false;
	}
	return true;
}
