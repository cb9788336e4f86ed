/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of a guest: the part that is the same for all, and its registers. Numbers in
 * parentheses are sections of virtio 1.2.
 *
 * What a driver may not do is answered by the mildest means that keeps the device in order: such a
 * write is ignored, such a status bit does not stick; a queue that cannot be worked on makes the
 * device need a reset.
 */
#include "virtio/device.h"
#include "lib/format.h"
#include "lib/string.h"
#include "riscv/io.h"

#define COMMON_FEATURES \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET)

#define VENDOR 0x70706f44U /* "Dopp" */

/* What a driver may set in the status: each bit stays until the reset (2.1.1). */
#define DRIVERS_STATUS \
	(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_FAILED)

static void show_registers(struct virtio_device *device);
static void show_config(struct virtio_device *device);

static struct virtq *selected_queue(struct virtio_device *device)
{
	u32 select = device->s.queue_sel;

	return select < device->nr_queues ? &device->queues[select] : NULL;
}

/* --- Life */

static void clear_queue(struct virtq *q)
{
	virtq_disable(q);
	q->s = (struct virtq_state){ .size = VIRTQ_MAX_SIZE };
}

/*
 * Registers that change without an access of the driver. Each is shown under the lock that its
 * value is under, so that the last to change it is the last to show it. A driver that reads of the
 * end of a queue, or of a reset, may use their memory anew: what was written there comes before.
 */
static void show(struct virtio_device *device, u32 offset, u32 value)
{
	if (device->shown)
		__atomic_store_n(&device->shown[offset / 4], value, __ATOMIC_RELEASE);
}

/* Perhaps with no more than the queue's own lock: the registers may be another queue's. */
static void queue_is_free(struct virtq *q)
{
	struct virtio_device *device = q->owner;

	if (q != selected_queue(device))
		return;
	show(device, VIRTIO_MMIO_QUEUE_READY, 0);
	show(device, VIRTIO_MMIO_QUEUE_RESET, 0);
}

static void queue_wants_ram(void *device)
{
	virtio_ask_for_service(device);
}

void virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops,
			u64 features, unsigned nr_queues)
{
	device->ops = ops;
	device->features = features | COMMON_FEATURES;
	device->nr_queues = nr_queues;
	for (unsigned i = 0; i < nr_queues; i++) {
		device->queues[i].wants_ram = queue_wants_ram;
		device->queues[i].is_free = queue_is_free;
		device->queues[i].owner = device;
		clear_queue(&device->queues[i]);
	}
}

void virtio_device_attach(struct virtio_device *device, struct guest_memory *memory)
{
	device->memory = memory;
	for (unsigned i = 0; i < device->nr_queues; i++)
		device->queues[i].memory = memory;
}

void virtio_device_destroy(struct virtio_device *device)
{
	device->ops->destroy(device);
}

static void lock_all(struct virtio_device *device)
{
	spin_lock(&device->lock);
	if (device->receive_lock)
		spin_lock(device->receive_lock);
}

static void unlock_all(struct virtio_device *device)
{
	if (device->receive_lock)
		spin_unlock(device->receive_lock);
	spin_unlock(&device->lock);
}

/*
 * Resets the device if nothing is in flight; otherwise it stays is_resetting, and this is called
 * again. The generation of the configuration goes on counting: a driver may have read it before.
 */
static bool try_to_reset(struct virtio_device *device)
{
	__atomic_store_n(&device->is_resetting, true, __ATOMIC_RELAXED);
	if (device->ops->is_quiet && !device->ops->is_quiet(device))
		return false;
	for (unsigned i = 0; i < device->nr_queues; i++)
		clear_queue(&device->queues[i]);
	if (device->ops->reset)
		device->ops->reset(device);
	device->vm_ops->interrupt(device, 0, VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG);
	device->s =
		(struct virtio_device_state){ .config_generation = device->s.config_generation };
	device->why[0] = '\0';
	show_registers(device); /* before the vCPU that waits for it goes on */
	__atomic_store_n(&device->is_resetting, false, __ATOMIC_RELEASE);
	return true;
}

bool virtio_device_reset(struct virtio_device *device)
{
	bool done;

	lock_all(device);
	done = try_to_reset(device);
	unlock_all(device);
	return done;
}

/* --- Service */

void virtio_ask_for_service(struct virtio_device *device)
{
	__atomic_store_n(&device->needs_service, true, __ATOMIC_RELEASE);
	device->vm_ops->ask_for_service(device);
}

static void set_short(struct virtio_device *device, u64 queues, bool is_short)
{
	for (unsigned i = 0; queues >> i; i++) {
		if (queues >> i & 1)
			device->queues[i].is_short = is_short;
	}
}

/* is_short: a bit for each queue that wanted RAM when there was none. */
static void serve(struct virtio_device *device, u64 is_short)
{
	__atomic_store_n(&device->needs_service, false, __ATOMIC_RELAXED);
	/* Who asks from here on asks anew; what was asked for until now is seen. */
	fence_full();
	if (!device->ops->service || device->is_resetting)
		return;
	set_short(device, is_short, true);
	device->ops->service(device);
	set_short(device, is_short, false);
}

static void kick(struct virtio_device *device)
{
	if (device->ops->kick)
		device->ops->kick(device);
}

_Static_assert(VIRTIO_MAX_QUEUES <= 64, "a bit each");

/* False: the machine has none left. What there is no budget for is wanted again in ops->service. */
static bool bring_back_for(struct virtio_device *device, struct virtq *q, unsigned *budget)
{
	u32 wanted[VIRTQ_MAX_WANTED];
	unsigned count;

	lock_all(device);
	count = q->nr_wanted;
	memcpy(wanted, q->wanted, sizeof(wanted));
	q->nr_wanted = 0;
	unlock_all(device);
	for (unsigned i = 0; i < count && *budget; i++, --*budget) {
		gpa_t gpa = GPA(device->memory->start.v + wanted[i] * RAM_GRANULE);

		if (!guest_bring_back(device->memory, gpa, 1))
			return false;
	}
	return true;
}

/* Returns the queues that are to hear that there was none. */
static u64 bring_back(struct virtio_device *device, unsigned *budget)
{
	u64 is_short = 0;

	for (unsigned i = 0; i < device->nr_queues; i++) {
		struct virtq *q = &device->queues[i];

		if (__atomic_load_n(&q->nr_wanted, __ATOMIC_RELAXED) &&
		    !bring_back_for(device, q, budget))
			is_short |= BIT(i);
	}
	return is_short;
}

bool virtio_service(struct virtio_device *device, unsigned *budget)
{
	if (__atomic_load_n(&device->needs_service, __ATOMIC_RELAXED)) {
		u64 is_short = unlikely(device->memory->frames) ? bring_back(device, budget) : 0;

		spin_lock(&device->lock);
		serve(device, is_short);
		spin_unlock(&device->lock);
		kick(device);
	}
	if (likely(!__atomic_load_n(&device->is_resetting, __ATOMIC_ACQUIRE)))
		return true;
	lock_all(device);
	if (device->is_resetting) /* another vCPU may have ended it */
		try_to_reset(device);
	unlock_all(device);
	return !__atomic_load_n(&device->is_resetting, __ATOMIC_ACQUIRE);
}

/* --- Interrupts */

/*
 * Called with a full fence between what there is to tell and this. If the bit is set already, the
 * driver has not acknowledged it yet, and will: what it looks at after that it sees, since a fence
 * follows there, too. A driver that acknowledges only after having looked would lose the event
 * whether the bit is set once more or not. So the lock of the VM, and the wire, are left alone.
 */
static bool interrupt(struct virtio_device *device, u32 event)
{
	if (__atomic_load_n(&device->s.interrupt_status, __ATOMIC_RELAXED) & event)
		return false;
	device->vm_ops->interrupt(device, event, 0);
	return true;
}

static void acknowledge(struct virtio_device *device, u32 events)
{
	device->vm_ops->interrupt(device, 0,
				  events & (VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG));
	fence_full(); /* see above */
}

bool virtio_notify_used(struct virtio_device *device, struct virtq *q)
{
	if (!virtio_is_live(device) || !virtq_wants_interrupt(q)) /* which has the fence */
		return false;
	q->interrupts += interrupt(device, VIRTIO_INTERRUPT_USED);
	return true;
}

/* Nothing is sent before DRIVER_OK (2.1.2). */
static void tell_of_config(struct virtio_device *device)
{
	fence_full();
	if (__atomic_load_n(&device->s.status, __ATOMIC_RELAXED) & VIRTIO_DRIVER_OK)
		interrupt(device, VIRTIO_INTERRUPT_CONFIG);
}

void virtio_notify_config(struct virtio_device *device)
{
	show_config(device);
	show(device, VIRTIO_MMIO_CONFIG_GENERATION,
	     __atomic_add_fetch(&device->s.config_generation, 1, __ATOMIC_RELAXED));
	tell_of_config(device);
}

/* The holders of the device's lock and of its receive_lock may come here at once: one is first. */
void virtio_needs_reset(struct virtio_device *device, const char *why)
{
	u32 before = __atomic_fetch_or(&device->s.status, VIRTIO_NEEDS_RESET, __ATOMIC_RELAXED);

	if (before & VIRTIO_NEEDS_RESET)
		return;
	snprintf(device->why, sizeof(device->why), "%s", why);
	show(device, VIRTIO_MMIO_STATUS, before | VIRTIO_NEEDS_RESET);
	tell_of_config(device);
}

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
		try_to_reset(device);
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
	const struct virtq *q = selected_queue(device);

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
	struct virtq *q = selected_queue(device);

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

static void show_config(struct virtio_device *device)
{
	for (u32 offset = 0; offset < device->ops->config_size; offset += 4) {
		u64 value = 0;

		device->ops->read_config(device, offset, MIN(4U, device->ops->config_size - offset),
					 &value);
		show(device, VIRTIO_MMIO_CONFIG + offset, (u32)value);
	}
}

/* InterruptStatus is the VM's to show, under its lock. */
static void show_registers(struct virtio_device *device)
{
	if (!device->shown)
		return;
	for (u32 offset = 0; offset < VIRTIO_MMIO_CONFIG; offset += 4) {
		if (offset != VIRTIO_MMIO_INTERRUPT_STATUS)
			show(device, offset, read_register(device, offset));
	}
	show_config(device);
}

void virtio_device_show(struct virtio_device *device, u32 *page)
{
	lock_all(device);
	device->shown = page;
	show_registers(device);
	unlock_all(device);
}

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

	lock_all(device);
	q = selected_queue(device);
	if (q && !q->s.is_ready)
		s = q->s;
	unlock_all(device);
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
	lock_all(device);
	if (access->offset >= VIRTIO_MMIO_CONFIG)
		access_config(device, access);
	else if (access->len != 4)
		; /* the driver must not (4.2.2.2): reads as 0, as on QEMU */
	else if (!access->is_write)
		access->value = read_register(device, access->offset);
	else if (!device->is_resetting)
		write_register(device, access->offset, (u32)access->value);
	if (access->is_write && !device->is_resetting)
		show_registers(device);
	unlock_all(device);
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
	kick(device);
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
