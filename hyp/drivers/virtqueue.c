/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's side of a split virtqueue (virtio 1.2 section 2.7), with the real device behind it.
 */
#include "drivers/virtqueue.h"
#include "core/panic.h"
#include "mem/page.h"
#include "riscv/io.h"

#define USED_EVENT(q)  ((q)->avail + VIRTQ_AVAIL_SIZE((q)->size) - 2)
#define AVAIL_EVENT(q) ((q)->used + VIRTQ_USED_SIZE((q)->size) - 2)

/* The device reads and writes these while we do: each access is one, and as ordered as it says. */
static u16 load(const u8 *field)
{
	return __atomic_load_n((const u16 *)(const void *)field, __ATOMIC_RELAXED);
}

static void store(u8 *field, u16 value)
{
	__atomic_store_n((u16 *)(void *)field, value, __ATOMIC_RELAXED);
}

static u16 used_idx(const struct virtqueue *q)
{
	/* Acquire: the entries before idx, and what the device has written, are read after it. */
	return __atomic_load_n((u16 *)(void *)(q->used + VIRTQ_RING_IDX), __ATOMIC_ACQUIRE);
}

static void select(const struct transport *transport, u16 index)
{
	io_write32(transport->base + VIRTIO_MMIO_QUEUE_SEL, index);
}

static void write_address(const struct transport *transport, u32 low_register, const void *memory)
{
	u64 address = page_to_hpa(memory).v;

	io_write32(transport->base + low_register, (u32)address);
	io_write32(transport->base + low_register + 4, (u32)(address >> 32));
}

/* Short rings share pages: nothing is ever given back. */
static void *allocate(u64 size)
{
	static u8 *page;
	static u64 used;

	if (size > PAGE_SIZE)
		return page_alloc(page_order(size));
	size = ALIGN_UP(size, 16);
	if (!page || used + size > PAGE_SIZE) {
		page = page_alloc(0);
		used = 0;
	}
	used += size;
	return page ? page + used - size : NULL;
}

/* One piece of memory, the strictest alignment first: slots, descriptors, used, available ring. */
static bool lay_out(struct virtqueue *q)
{
	u64 slots = sizeof(*q->slots) * q->nr_slots;
	u64 used = ALIGN_UP(slots, 16) + VIRTQ_DESC_SIZE(q->size);
	u64 avail = ALIGN_UP(used + VIRTQ_USED_SIZE(q->size), 2);
	u8 *memory = allocate(avail + VIRTQ_AVAIL_SIZE(q->size));

	if (!memory)
		return false;
	q->slots = (void *)memory;
	q->desc = (void *)(memory + ALIGN_UP(slots, 16));
	q->used = memory + used;
	q->avail = memory + avail;
	return true;
}

/* A table lies within one page: of large ones a page holds one. */
static bool make_tables(struct virtqueue *q)
{
	unsigned per_page = (unsigned)(PAGE_SIZE / VIRTQ_DESC_SIZE(q->max_buffers));
	struct virtq_desc *page = NULL;

	for (unsigned i = 0; i < q->nr_slots; i++) {
		if (i % per_page == 0)
			page = page_alloc(0);
		if (!page)
			return false;
		q->slots[i].table = page + i % per_page * q->max_buffers;
	}
	return true;
}

const char *virtqueue_init(struct virtqueue *q, const struct transport *transport, u16 index,
			   u16 nr_slots, u16 max_buffers)
{
	u16 size = 1;

	ASSERT(nr_slots && max_buffers && VIRTQ_DESC_SIZE(max_buffers) <= PAGE_SIZE);
	ASSERT(max_buffers == 1 || transport_has(transport, VIRTIO_F_INDIRECT_DESC));
	while (size < MAX(nr_slots, max_buffers))
		size *= 2;
	select(transport, index);
	if (io_read32(transport->base + VIRTIO_MMIO_QUEUE_NUM_MAX) < size)
		return "its queue is too short";
	*q = (struct virtqueue){
		.notify_register = transport->base + VIRTIO_MMIO_QUEUE_NOTIFY,
		.index = index,
		.size = size,
		.nr_slots = nr_slots,
		.max_buffers = max_buffers,
		.has_event_idx = transport_has(transport, VIRTIO_F_EVENT_IDX),
	};
	if (!lay_out(q) || (max_buffers > 1 && !make_tables(q)))
		return "there is no memory for its queue";
	for (u16 i = 0; i < nr_slots; i++)
		q->slots[i].next_free = (u16)(i + 1);

	io_write32(transport->base + VIRTIO_MMIO_QUEUE_NUM, size);
	write_address(transport, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	write_address(transport, VIRTIO_MMIO_QUEUE_DRIVER_LOW, q->avail);
	write_address(transport, VIRTIO_MMIO_QUEUE_DEVICE_LOW, q->used);
	fence_io();
	io_write32(transport->base + VIRTIO_MMIO_QUEUE_READY, 1);
	return NULL;
}

int virtqueue_begin(struct virtqueue *q)
{
	u16 slot = q->first_free;

	if (!virtqueue_has_slot(q))
		return -1;
	q->first_free = q->slots[slot].next_free;
	q->slots[slot].nr_buffers = 0;
	q->nr_in_flight++;
	return slot;
}

/* Always in memory of the slot's own: in its table, or in the ring where it has none. */
void virtqueue_add(struct virtqueue *q, int slot, hpa_t start, u32 size, u16 flags)
{
	struct virtqueue_slot *s = &q->slots[slot];
	struct virtq_desc *table = s->table ? s->table : &q->desc[slot];

	ASSERT(s->nr_buffers < q->max_buffers);
	if (s->nr_buffers)
		table[s->nr_buffers - 1].flags |= VIRTQ_DESC_NEXT;
	table[s->nr_buffers] = (struct virtq_desc){
		.addr = start.v,
		.len = size,
		.flags = flags,
		.next = (u16)(s->nr_buffers + 1),
	};
	s->nr_buffers++;
}

void virtqueue_end(struct virtqueue *q, int slot, void *token)
{
	struct virtqueue_slot *s = &q->slots[slot];
	u16 at = q->next_avail++;

	s->token = token;
	if (s->table)
		q->desc[slot] = (struct virtq_desc){
			.addr = page_to_hpa(s->table).v,
			.len = (u32)VIRTQ_DESC_SIZE(s->nr_buffers),
			.flags = VIRTQ_DESC_INDIRECT,
		};
	store(q->avail + VIRTQ_RING + 2 * (at & (q->size - 1)), (u16)slot);
	/* Release: the device that sees the new idx sees the entry and its descriptors (2.7.13). */
	__atomic_store_n((u16 *)(void *)(q->avail + VIRTQ_RING_IDX), q->next_avail,
			 __ATOMIC_RELEASE);
}

bool virtqueue_must_notify(struct virtqueue *q)
{
	u16 old = q->notified;

	if (q->next_avail == old)
		return false;
	q->notified = q->next_avail;
	/*
	 * The device asks for notifications, and then looks at idx once more; we write idx, and
	 * then look whether it has asked (2.7.13.4.1). Both sides fence, so one sees the other.
	 */
	fence_full();
	if (q->has_event_idx)
		return virtq_need_event(load(AVAIL_EVENT(q)), q->next_avail, old);
	return !(load(q->used + VIRTQ_RING_FLAGS) & VIRTQ_USED_NO_NOTIFY);
}

void virtqueue_notify(const struct virtqueue *q)
{
	fence_io();
	io_write32(q->notify_register, q->index);
}

static void free_slot(struct virtqueue *q, u16 slot)
{
	q->slots[slot].token = NULL;
	q->slots[slot].next_free = q->first_free;
	q->first_free = slot;
	q->nr_in_flight--;
}

int virtqueue_collect(struct virtqueue *q, void **token, u32 *written)
{
	const struct virtq_used_elem *ring = (const void *)(q->used + VIRTQ_RING);
	struct virtq_used_elem used;

	if (q->is_broken || used_idx(q) == q->next_used)
		return -1;
	used = ring[q->next_used & (q->size - 1)];
	if (used.id >= q->nr_slots || !q->slots[used.id].token) {
		q->is_broken = true;
		return -1;
	}
	q->next_used++;
	*token = q->slots[used.id].token;
	*written = used.len;
	free_slot(q, (u16)used.id);
	return (int)used.id;
}

bool virtqueue_arm(struct virtqueue *q, u16 ahead)
{
	if (!q->has_event_idx)
		ahead = 0;
	store(USED_EVENT(q), (u16)(q->next_used + ahead));
	/* As with notifications, the other way round: we ask, and then look once more (2.7.7). */
	fence_full();
	return (u16)(used_idx(q) - q->next_used) > ahead;
}

void *virtqueue_take_back(struct virtqueue *q)
{
	for (u16 i = 0; i < q->nr_slots; i++) {
		void *token = q->slots[i].token;

		if (token) {
			free_slot(q, i);
			return token;
		}
	}
	return NULL;
}
