/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of a guest: what is the same for all, but for the registers (transport.c).
 * Numbers in parentheses are sections of virtio 1.2.
 */
#include "virtio/device.h"
#include "lib/format.h"
#include "lib/string.h"
#include "riscv/io.h"
#include "virtio/transport.h"

#define COMMON_FEATURES \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET)

/* --- Life */

static void clear_queue(struct virtq *q)
{
	virtq_disable(q);
	q->s = (struct virtq_state){ .size = VIRTQ_MAX_SIZE };
}

/* Perhaps with no more than the queue's own lock: the registers may be another queue's. */
static void queue_is_free(struct virtq *q)
{
	struct virtio_device *device = q->owner;

	if (q != virtio_selected_queue(device))
		return;
	virtio_show(device, VIRTIO_MMIO_QUEUE_READY, 0);
	virtio_show(device, VIRTIO_MMIO_QUEUE_RESET, 0);
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

void virtio_lock_all(struct virtio_device *device)
{
	spin_lock(&device->lock);
	if (device->receive_lock)
		spin_lock(device->receive_lock);
}

void virtio_unlock_all(struct virtio_device *device)
{
	if (device->receive_lock)
		spin_unlock(device->receive_lock);
	spin_unlock(&device->lock);
}

bool virtio_try_to_reset(struct virtio_device *device)
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
	virtio_show_registers(device); /* before the vCPU that waits for it goes on */
	__atomic_store_n(&device->is_resetting, false, __ATOMIC_RELEASE);
	return true;
}

bool virtio_device_reset(struct virtio_device *device)
{
	bool done;

	virtio_lock_all(device);
	done = virtio_try_to_reset(device);
	virtio_unlock_all(device);
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

_Static_assert(VIRTIO_MAX_QUEUES <= 64, "a bit each");

/* False: the machine has none left. What there is no budget for is wanted again in ops->service. */
static bool bring_back_for(struct virtio_device *device, struct virtq *q, unsigned *budget)
{
	u32 wanted[VIRTQ_MAX_WANTED];
	unsigned count;

	virtio_lock_all(device);
	count = q->nr_wanted;
	memcpy(wanted, q->wanted, sizeof(wanted));
	q->nr_wanted = 0;
	virtio_unlock_all(device);
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
		virtio_kick(device);
	}
	if (likely(!__atomic_load_n(&device->is_resetting, __ATOMIC_ACQUIRE)))
		return true;
	virtio_lock_all(device);
	if (device->is_resetting) /* another vCPU may have ended it */
		virtio_try_to_reset(device);
	virtio_unlock_all(device);
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
	virtio_show_config(device);
	virtio_show(device, VIRTIO_MMIO_CONFIG_GENERATION,
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
	virtio_show(device, VIRTIO_MMIO_STATUS, before | VIRTIO_NEEDS_RESET);
	tell_of_config(device);
}
