/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a virtio device: virtio over MMIO, version 2. Numbers in parentheses are
 * sections of virtio 1.2.
 *
 * What a driver may not do is answered by the mildest means that keeps the device in order: such a
 * write is ignored, such a status bit does not stick; a queue that cannot be worked on makes the
 * device need a reset.
 */
#include "virtio/transport.h"
#include "lib/string.h"
#include "riscv/io.h"

#define VENDOR 0x70706f44U /* "Dopp" */

/* What a driver may set in the status: each bit stays until the reset (2.1.1). */
#define DRIVERS_STATUS \
	(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_FAILED)

/* --- Features and status (2.1, 2.2, 3.1.1) */

static u32 word_of(u64 value, u32 select)
{
	return select < 2 ? (u32)(value >> (32 * select)) : 0;
}

static void set_word(u64 *value, u32 select, u32 word)
{
	*value = (*value & ~(0xffffffffUL << (32 * select))) | (u64)word << (32 * select);
}

static void set_driver_features(struct virtio_device *device, u32 word)
{
	if (device->s.status & VIRTIO_FEATURES_OK)
		return;
	if (device->s.driver_features_sel < 2)
		set_word(&device->s.driver_features, device->s.driver_features_sel, word);
	else
		device->s.wants_unknown = word != 0;
}

static bool accepts_features(struct virtio_device *device)
{
	u64 features = device->s.driver_features;

	return !(features & ~device->features) && !device->s.wants_unknown &&
	       features & VIRTIO_F_VERSION_1 &&
	       (!device->ops->accepts || device->ops->accepts(device, features));
}

/*
 * A bit that may not be set yet does not stick, which the driver sees: FEATURES_OK with features
 * that do not fit, DRIVER_OK without FEATURES_OK.
 */
static void set_status(struct virtio_device *device, u32 value)
{
	u32 old = device->s.status, new;

	if (!value) {
		virtio_try_to_reset(device);
		return;
	}
	new = old | (value & DRIVERS_STATUS);
	if (!(old & VIRTIO_FEATURES_OK) && !accepts_features(device))
		new &= ~VIRTIO_FEATURES_OK;
	if (!(new &VIRTIO_FEATURES_OK))
		new &= ~VIRTIO_DRIVER_OK;
	__atomic_store_n(&device->s.status, new, __ATOMIC_RELAXED);
	if (!(old & VIRTIO_DRIVER_OK) && virtio_is_live(device) && device->ops->start)
		device->ops->start(device);
}

/* --- Queues (4.2.3.2) */

static void enable_queue(struct virtio_device *device, struct virtq *q)
{
	if (!(device->s.status & VIRTIO_FEATURES_OK))
		return;
	q->s.has_event_idx = virtio_has(device, VIRTIO_F_EVENT_IDX);
	q->s.has_indirect = virtio_has(device, VIRTIO_F_INDIRECT_DESC);
	q->s.wants_no_notify = false;
	q->s.next_avail = q->s.next_used = q->s.signalled_used = 0;
	if (!virtq_enable(q))
		virtio_needs_reset(device, q->broken);
}

/* While chains are in flight QueueReady, and QueueReset if it was written, stay 1 (2.6.1.1). */
static void stop_queue(struct virtio_device *device, struct virtq *q)
{
	if (!q->s.is_ready || q->is_stopping)
		return;
	virtq_stop(q);
	if (device->ops->stop_queue)
		device->ops->stop_queue(device, (unsigned)(q - device->queues));
}

static void set_ready(struct virtio_device *device, struct virtq *q, u32 value)
{
	if (!value)
		stop_queue(device, q);
	else if (!q->s.is_ready)
		enable_queue(device, q);
}

/* Indices start at 0 when the queue is enabled again; what else the driver had set, stays. */
static void reset_queue(struct virtio_device *device, struct virtq *q, u32 value)
{
	if (value == 1 && virtio_has(device, VIRTIO_F_RING_RESET) &&
	    device->s.status & VIRTIO_FEATURES_OK)
		stop_queue(device, q);
}

static bool is_resetting_queue(const struct virtio_device *device, const struct virtq *q)
{
	return virtio_has(device, VIRTIO_F_RING_RESET) && q->is_stopping;
}

static u16 checked_size(u32 size)
{
	return size <= VIRTQ_MAX_SIZE ? (u16)size : 0; /* 0: virtq_enable() refuses it */
}

/* Of a queue that is in use, only QueueReady and QueueReset can be written. */
static void write_queue(struct virtio_device *device, struct virtq *q, u32 offset, u32 value)
{
	if (offset == VIRTIO_MMIO_QUEUE_READY)
		set_ready(device, q, value);
	else if (offset == VIRTIO_MMIO_QUEUE_RESET)
		reset_queue(device, q, value);
	else if (q->s.is_ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM: q->s.size = checked_size(value); break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW: set_word(&q->s.desc, 0, value); break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH: set_word(&q->s.desc, 1, value); break;
	case VIRTIO_MMIO_QUEUE_DRIVER_LOW: set_word(&q->s.avail, 0, value); break;
	case VIRTIO_MMIO_QUEUE_DRIVER_HIGH: set_word(&q->s.avail, 1, value); break;
	case VIRTIO_MMIO_QUEUE_DEVICE_LOW: set_word(&q->s.used, 0, value); break;
	case VIRTIO_MMIO_QUEUE_DEVICE_HIGH: set_word(&q->s.used, 1, value); break;
	}
}

static u32 read_queue(const struct virtio_device *device, const struct virtq *q, u32 offset)
{
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM_MAX: return VIRTQ_MAX_SIZE;
	case VIRTIO_MMIO_QUEUE_READY: return q->s.is_ready;
	case VIRTIO_MMIO_QUEUE_RESET: return is_resetting_queue(device, q);
	default: return 0;
	}
}

/* --- Registers (4.2.2) */

/* Those that only can be written read as 0. */
static u32 read_register(struct virtio_device *device, u32 offset)
{
	const struct virtq *q = virtio_selected_queue(device);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC: return VIRTIO_MMIO_MAGIC_VALUE;
	case VIRTIO_MMIO_VERSION: return VIRTIO_MMIO_MODERN;
	case VIRTIO_MMIO_DEVICE_ID: return device->ops->id;
	case VIRTIO_MMIO_VENDOR_ID: return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return word_of(device->features, device->s.device_features_sel);
	case VIRTIO_MMIO_STATUS: return device->s.status;
	case VIRTIO_MMIO_CONFIG_GENERATION: return device->s.config_generation;
	/* There is no shared memory: all ones (4.2.2). */
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH: return UINT32_MAX;
	default: return q ? read_queue(device, q, offset) : 0;
	}
}

static void write_register(struct virtio_device *device, u32 offset, u32 value)
{
	struct virtq *q = virtio_selected_queue(device);

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL: device->s.device_features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL: device->s.driver_features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES: set_driver_features(device, value); break;
	case VIRTIO_MMIO_QUEUE_SEL: device->s.queue_sel = value; break;
	case VIRTIO_MMIO_SHM_SEL: device->s.shm_sel = value; break;
	case VIRTIO_MMIO_STATUS: set_status(device, value); break;
	default:
		if (q)
			write_queue(device, q, offset, value);
	}
}

/* --- What is read without an exit (virtio_device_show()) */

void virtio_show_config(struct virtio_device *device)
{
	for (u32 offset = 0; offset < device->ops->config_size; offset += 4) {
		u64 value = 0;

		device->ops->read_config(device, offset, MIN(4U, device->ops->config_size - offset),
					 &value);
		virtio_show(device, VIRTIO_MMIO_CONFIG + offset, (u32)value);
	}
}

/* InterruptStatus is the VM's to show, under its lock. */
void virtio_show_registers(struct virtio_device *device)
{
	if (!device->shown)
		return;
	for (u32 offset = 0; offset < VIRTIO_MMIO_CONFIG; offset += 4) {
		if (offset != VIRTIO_MMIO_INTERRUPT_STATUS)
			virtio_show(device, offset, read_register(device, offset));
	}
	virtio_show_config(device);
}

void virtio_device_show(struct virtio_device *device, u32 *page)
{
	virtio_lock_all(device);
	device->shown = page;
	virtio_show_registers(device);
	virtio_unlock_all(device);
}

/* --- Accesses */

/* Outside the device's configuration, reads give 0 and writes have no effect. */
static void access_config(struct virtio_device *device, struct mmio_access *access)
{
	const struct virtio_device_ops *ops = device->ops;
	u32 offset = access->offset - VIRTIO_MMIO_CONFIG;

	if (offset + access->len > ops->config_size)
		return;
	if (!access->is_write)
		ops->read_config(device, offset, access->len, &access->value);
	else if (ops->write_config && !device->is_resetting)
		ops->write_config(device, offset, access->len, access->value);
}

/* What becomes a queue. If the driver changes it meanwhile, it gets a queue that is broken. */
static void bring_back_rings(struct virtio_device *device)
{
	struct virtq_state s = { 0 };
	const struct virtq *q;

	virtio_lock_all(device);
	q = virtio_selected_queue(device);
	if (q && !q->s.is_ready)
		s = q->s;
	virtio_unlock_all(device);
	guest_bring_back(device->memory, GPA(s.desc), VIRTQ_DESC_SIZE(s.size));
	guest_bring_back(device->memory, GPA(s.avail), VIRTQ_AVAIL_SIZE(s.size));
	guest_bring_back(device->memory, GPA(s.used), VIRTQ_USED_SIZE(s.size));
}

static void access_slowly(struct virtio_device *device, struct mmio_access *access)
{
	if (unlikely(device->memory->frames) && access->is_write && access->value &&
	    access->offset == VIRTIO_MMIO_QUEUE_READY && access->len == 4 &&
	    !__atomic_load_n(&device->is_resetting, __ATOMIC_RELAXED))
		bring_back_rings(device);
	virtio_lock_all(device);
	if (access->offset >= VIRTIO_MMIO_CONFIG)
		access_config(device, access);
	else if (access->len != 4)
		; /* the driver must not (4.2.2.2): reads as 0, as on QEMU */
	else if (!access->is_write)
		access->value = read_register(device, access->offset);
	else if (!device->is_resetting)
		write_register(device, access->offset, (u32)access->value);
	if (access->is_write && !device->is_resetting)
		virtio_show_registers(device);
	virtio_unlock_all(device);
}

static void acknowledge(struct virtio_device *device, u32 events)
{
	device->vm_ops->interrupt(device, 0,
				  events & (VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG));
	fence_full(); /* as interrupt() in device.c needs it */
}

static void notify(struct virtio_device *device, u64 queue)
{
	spin_lock(&device->lock);
	if (likely(queue < device->nr_queues && virtio_is_live(device))) {
		struct virtq *q = &device->queues[queue];

		q->notifications++;
		if (device->ops->notify)
			device->ops->notify(device, (unsigned)queue);
		if (unlikely(q->broken != NULL))
			virtio_needs_reset(device, q->broken);
	}
	spin_unlock(&device->lock);
	virtio_kick(device);
}

/* The registers that a busy driver uses: they take no more locks than they must. */
static bool access_quickly(struct virtio_device *device, struct mmio_access *access)
{
	if (access->len != 4)
		return false;
	if (access->is_write && access->offset == VIRTIO_MMIO_QUEUE_NOTIFY)
		notify(device, access->value);
	else if (access->is_write && access->offset == VIRTIO_MMIO_INTERRUPT_ACK)
		acknowledge(device, (u32)access->value);
	else if (!access->is_write && access->offset == VIRTIO_MMIO_INTERRUPT_STATUS)
		access->value = __atomic_load_n(&device->s.interrupt_status, __ATOMIC_ACQUIRE);
	else
		return false;
	return true;
}

static void access_word(struct virtio_device *device, struct mmio_access *access)
{
	if (!access->is_write)
		access->value = 0;
	if (!access_quickly(device, access))
		access_slowly(device, access);
}

/* No register has 8 bytes: such an access is two of 4, as on QEMU. */
static void access_double(struct virtio_device *device, struct mmio_access *access)
{
	struct mmio_access low = *access, high = *access;

	low.len = high.len = 4;
	high.offset += 4;
	low.value &= UINT32_MAX;
	high.value >>= 32;
	access_word(device, &low);
	access_word(device, &high);
	access->value = high.value << 32 | low.value;
}

bool virtio_mmio(void *ctx, struct mmio_access *access)
{
	if (unlikely(access->len == 8))
		access_double(ctx, access);
	else
		access_word(ctx, access);
	return true;
}
