/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine with virtio-mmio devices: see the header. */
#include "virtio_mmio.h"
#include "../unit.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/timer.h"
#include "drivers/host_virtio.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/io.h"

#include <stdio.h>
#include <string.h>

#define BASE 0x10001000UL
#define STEP 0x1000UL

struct machine machine;
struct fake_device fake_devices[8];
unsigned fake_complaints;
u64 fake_time;

static struct list timers = { &timers, &timers };

void fake_machine(unsigned count)
{
	assert_true(count <= ARRAY_SIZE(fake_devices));
	memset(fake_devices, 0, sizeof(fake_devices));
	memset(&machine, 0, sizeof(machine));
	fake_complaints = 0;
	list_init(&timers);
	machine.nr_virtio = count;
	for (unsigned i = 0; i < count; i++) {
		machine.virtio[i].base = HPA(BASE + i * STEP);
		machine.virtio[i].irq = FAKE_SOURCE(i);
		fake_devices[i].magic = VIRTIO_MMIO_MAGIC_VALUE;
		fake_devices[i].version = VIRTIO_MMIO_MODERN;
		fake_devices[i].features =
			VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
		fake_devices[i].config_size = sizeof(fake_devices[i].config);
		for (unsigned q = 0; q < FAKE_MAX_QUEUES; q++)
			fake_devices[i].queues[q].max = 256;
	}
}

static struct fake_device *device_at(u64 address, u32 *offset)
{
	u64 i = (address - BASE) / STEP;

	assert_true(address >= BASE && i < machine.nr_virtio);
	*offset = (u32)((address - BASE) % STEP);
	return &fake_devices[i];
}

static u64 read_config(struct fake_device *device, u32 offset, unsigned size)
{
	u64 value = 0;

	assert_true(offset + size <= device->config_size);
	assert_int_equal(offset % size, 0);
	memcpy(&value, device->config + offset, size);
	if (device->config_races && size == 4 && offset == 0) {
		u64 both;

		memcpy(&both, device->config, 8);
		both += 0x100000001;
		memcpy(device->config, &both, 8);
		device->config_races--;
		device->config_generation++;
	}
	return value;
}

u64 fake_io_read(u64 address, unsigned size)
{
	u32 offset;
	struct fake_device *device = device_at(address, &offset);
	struct fake_queue *q = &device->queues[device->queue_sel];

	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(device, offset - VIRTIO_MMIO_CONFIG, size);
	assert_int_equal(size, 4);
	switch (offset) {
	case VIRTIO_MMIO_MAGIC: return device->magic;
	case VIRTIO_MMIO_VERSION: return device->version;
	case VIRTIO_MMIO_DEVICE_ID: return device->id;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		assert_true(device->status & VIRTIO_DRIVER);
		return (u32)(device->features >> 32 * device->features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX: return q->max;
	case VIRTIO_MMIO_INTERRUPT_STATUS: return device->interrupt_status;
	case VIRTIO_MMIO_STATUS: return device->status;
	case VIRTIO_MMIO_CONFIG_GENERATION: return device->config_generation;
	default: fail_msg("read of register 0x%x", offset); return 0;
	}
}

static void reset(struct fake_device *device)
{
	device->resets++;
	if (device->ignores_reset)
		return;
	if (device->was_reset)
		device->was_reset(device);
	device->status = device->interrupt_status = 0;
	device->driver_features = 0;
	for (unsigned q = 0; q < FAKE_MAX_QUEUES; q++)
		device->queues[q] = (struct fake_queue){ .max = device->queues[q].max };
}

/* The order of 3.1.1: each bit once the one before stands, none taken back. */
static void set_status(struct fake_device *device, u32 status)
{
	u32 added = status & ~device->status;

	if (!status) {
		reset(device);
		return;
	}
	assert_int_equal(status & device->status, device->status);
	if (added & VIRTIO_DRIVER)
		assert_true(device->status & VIRTIO_ACKNOWLEDGE);
	if (added & VIRTIO_FEATURES_OK) {
		assert_true(device->status & VIRTIO_DRIVER);
		assert_true(device->driver_features & VIRTIO_F_VERSION_1);
		if (device->refuses_features)
			status &= ~VIRTIO_FEATURES_OK;
	}
	if (added & VIRTIO_DRIVER_OK)
		assert_true(device->status & VIRTIO_FEATURES_OK);
	device->status = status;
}

static void set_features(struct fake_device *device, u32 half)
{
	unsigned shift = 32 * device->driver_features_sel;

	assert_false(device->status & VIRTIO_FEATURES_OK);
	device->driver_features &= ~(0xffffffffUL << shift);
	device->driver_features |= (u64)half << shift;
	assert_int_equal(device->driver_features & ~device->features, 0);
}

static void make_ready(struct fake_device *device, struct fake_queue *q, u32 value)
{
	assert_int_equal(value, 1);
	assert_true(device->status & VIRTIO_FEATURES_OK);
	assert_false(device->status & VIRTIO_DRIVER_OK);
	assert_true(q->size && q->size <= q->max && !(q->size & (q->size - 1)));
	assert_true(q->desc && IS_ALIGNED(q->desc, 16)); /* 2.7 */
	assert_true(q->avail && IS_ALIGNED(q->avail, 2));
	assert_true(q->used && IS_ALIGNED(q->used, 4));
	q->is_ready = true;
}

static void set_half(u64 *address, u32 value, bool is_high)
{
	unsigned shift = is_high ? 32 : 0;

	*address = (*address & ~(0xffffffffUL << shift)) | (u64)value << shift;
}

static void notify(struct fake_device *device, u32 queue)
{
	assert_true(queue < FAKE_MAX_QUEUES);
	assert_true(device->status & VIRTIO_DRIVER_OK);
	assert_true(device->queues[queue].is_ready);
	device->queues[queue].notifications++;
	if (device->notified)
		device->notified(device, queue);
}

void fake_io_write(u64 address, unsigned size, u64 value64)
{
	u32 offset, value = (u32)value64;
	struct fake_device *device = device_at(address, &offset);
	struct fake_queue *q = &device->queues[device->queue_sel];

	assert_int_equal(size, 4);
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL: device->features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL: device->driver_features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES: set_features(device, value); break;
	case VIRTIO_MMIO_QUEUE_SEL:
		assert_true(value < FAKE_MAX_QUEUES);
		device->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM: q->size = value; break;
	case VIRTIO_MMIO_QUEUE_READY: make_ready(device, q, value); break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW: set_half(&q->desc, value, false); break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH: set_half(&q->desc, value, true); break;
	case VIRTIO_MMIO_QUEUE_DRIVER_LOW: set_half(&q->avail, value, false); break;
	case VIRTIO_MMIO_QUEUE_DRIVER_HIGH: set_half(&q->avail, value, true); break;
	case VIRTIO_MMIO_QUEUE_DEVICE_LOW: set_half(&q->used, value, false); break;
	case VIRTIO_MMIO_QUEUE_DEVICE_HIGH: set_half(&q->used, value, true); break;
	case VIRTIO_MMIO_QUEUE_NOTIFY: notify(device, value); break;
	case VIRTIO_MMIO_INTERRUPT_ACK: device->interrupt_status &= ~value; break;
	case VIRTIO_MMIO_STATUS: set_status(device, value); break;
	default: fail_msg("write of register 0x%x", offset);
	}
}

static u16 *field(u64 ring, u32 offset)
{
	return (u16 *)(ring + offset);
}

static u16 *avail_event(struct fake_queue *q)
{
	return field(q->used, (u32)VIRTQ_USED_SIZE(q->size) - 2);
}

static bool has_event_idx(const struct fake_device *device)
{
	return device->driver_features & VIRTIO_F_EVENT_IDX;
}

void fake_want_notifications(struct fake_device *device, unsigned queue, bool wants)
{
	struct fake_queue *q = &device->queues[queue];

	q->wants_none = !wants;
	if (has_event_idx(device))
		*avail_event(q) = wants ? q->next_avail : (u16)(q->next_avail - 1);
	else
		*field(q->used, VIRTQ_RING_FLAGS) = wants ? 0 : VIRTQ_USED_NO_NOTIFY;
}

/* 2.7.5: what a driver may put into a chain. */
static void read_chain(struct fake_queue *q, const struct virtq_desc *table, u32 nr, u16 at,
		       struct fake_chain *chain)
{
	for (;;) {
		const struct virtq_desc *desc = &table[at];
		struct fake_buffer *buffer = &chain->buffers[chain->nr++];

		assert_true(at < nr && chain->nr <= q->size);
		assert_false(desc->flags & VIRTQ_DESC_INDIRECT);
		assert_true(desc->addr && desc->len);
		*buffer = (struct fake_buffer){ (u8 *)desc->addr, desc->len,
						desc->flags & VIRTQ_DESC_WRITE };
		if (chain->nr > 1 && buffer[-1].is_writable)
			assert_true(buffer->is_writable);
		if (!(desc->flags & VIRTQ_DESC_NEXT))
			return;
		at = desc->next;
	}
}

bool fake_pop(struct fake_device *device, unsigned queue, struct fake_chain *chain)
{
	struct fake_queue *q = &device->queues[queue];
	u16 idx = *field(q->avail, VIRTQ_RING_IDX);
	const struct virtq_desc *desc = (const void *)q->desc;

	assert_true(q->is_ready);
	assert_true((u16)(idx - q->next_avail) <= q->size);
	if (idx == q->next_avail)
		return false;
	chain->head = *field(q->avail, VIRTQ_RING + 2 * (q->next_avail++ & (q->size - 1)));
	chain->nr = 0;
	assert_true(chain->head < q->size);
	desc += chain->head;
	chain->is_indirect = desc->flags & VIRTQ_DESC_INDIRECT;
	if (chain->is_indirect) {
		assert_true(device->driver_features & VIRTIO_F_INDIRECT_DESC);
		assert_int_equal(desc->flags, VIRTQ_DESC_INDIRECT);
		assert_true(desc->len && desc->len % 16 == 0);
		read_chain(q, (const void *)desc->addr, desc->len / 16, 0, chain);
		assert_int_equal(chain->nr, desc->len / 16);
	} else {
		read_chain(q, (const void *)q->desc, q->size, chain->head, chain);
	}
	if (!q->wants_none)
		fake_want_notifications(device, queue, true);
	return true;
}

bool fake_push(struct fake_device *device, unsigned queue, u16 head, u32 written)
{
	struct fake_queue *q = &device->queues[queue];
	struct virtq_used_elem *ring = (void *)(q->used + VIRTQ_RING);
	u16 event = *field(q->avail, (u32)VIRTQ_AVAIL_SIZE(q->size) - 2);
	bool wants = !(*field(q->avail, VIRTQ_RING_FLAGS) & VIRTQ_AVAIL_NO_INTERRUPT);

	ring[q->next_used++ & (q->size - 1)] = (struct virtq_used_elem){ head, written };
	*field(q->used, VIRTQ_RING_IDX) = q->next_used;
	if (has_event_idx(device))
		wants = virtq_need_event(event, q->next_used, q->signalled);
	q->signalled = q->next_used;
	if (wants)
		fake_raise(device, VIRTIO_INTERRUPT_USED);
	return wants;
}

void fake_raise(struct fake_device *device, u32 causes)
{
	device->interrupt_status |= causes;
	device->interrupts++;
}

void fake_deliver_interrupts(void)
{
	for (unsigned i = 0; i < machine.nr_virtio; i++) {
		for (unsigned tries = 0; fake_devices[i].interrupt_status; tries++) {
			assert_true(tries < 100);
			host_virtio_interrupt(FAKE_SOURCE(i));
		}
	}
}

void fake_break(struct fake_device *device)
{
	device->status |= VIRTIO_NEEDS_RESET;
	fake_raise(device, VIRTIO_INTERRUPT_CONFIG);
}

/* --- What else the drivers use of the hypervisor. */

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_TIME);
	return fake_time++;
}

void fake_csr_write(unsigned csr, u64 value)
{
	fail_msg("CSR 0x%x = 0x%lx", csr, (unsigned long)value);
}

u64 time_from_ns(u64 ns)
{
	return ns / 1000;
}

void timer_start(struct timer *timer, u64 deadline)
{
	if (timer->link.next)
		list_remove(&timer->link);
	timer->deadline = deadline;
	list_insert_before(&timers, &timer->link);
}

unsigned fake_fire_timers(void)
{
	unsigned fired = 0;

	while (!list_is_empty(&timers)) {
		struct timer *timer = container_of(timers.next, struct timer, link);

		list_remove(&timer->link);
		timer->expired(timer);
		fired++;
	}
	return fired;
}

void log_debug(const char *fmt, ...)
{
	(void)fmt;
}

void log_info(const char *fmt, ...)
{
	(void)fmt;
}

void log_warn(const char *fmt, ...)
{
	(void)fmt;
	fake_complaints++;
}

void log_error(const char *fmt, ...)
{
	(void)fmt;
	fake_complaints++;
}

void panic(const char *fmt, ...)
{
	fail_msg("panic: %s", fmt);
	__builtin_unreachable();
}
