/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of a guest: the part that is the same for all, and its registers (virtio 1.2
 * sections 2.1 to 2.6, 3.1, and 4.2: virtio over MMIO, version 2).
 *
 * Locks: a device has one of its own, taken by its registers' handler and by virtio_service().
 * Inside it the lock of the VM may be taken (interrupts), and a driver's (requests to the real
 * device). Who completes a request, or delivers a frame, takes it anew; never with the lock of a VM
 * held. RAM that the guest has given back comes back without a lock: clearing it takes long.
 */
#ifndef DOPPEL_VIRTIO_DEVICE_H
#define DOPPEL_VIRTIO_DEVICE_H

#include "dev/mmio.h"
#include "lib/spinlock.h"
#include "virtio/virtq.h"

#define VIRTIO_MMIO_SIZE  0x1000UL
#define VIRTIO_MAX_QUEUES 34U /* of one device; blk: a queue a vCPU */
#define VIRTIO_NAME_SIZE  32

struct virtio_device;

struct virtio_device_ops {
	u32 id;		  /* VIRTIO_ID_* */
	const char *type; /* "blk" */
	u32 size;	  /* bytes of the struct that create() makes */
	u32 more_pages;	  /* that it takes beside that */

	/*
	 * All with the device's lock held, and with its receive_lock, except for notify, service
	 * and read_config. Those that a device does not need may be NULL.
	 */

	/* Whether it can work with these features, of which all were offered. NULL: with any. */
	bool (*accepts)(struct virtio_device *device, u64 features);
	/* The driver is ready (DRIVER_OK). */
	void (*start)(struct virtio_device *device);
	/*
	 * Everything the driver set is forgotten. No queue is in use any more: what is in flight is
	 * not to be answered when it comes back. Not called before is_quiet() says true.
	 */
	void (*reset)(struct virtio_device *device);
	/* Whether nothing is in flight that reads or writes guest RAM. */
	bool (*is_quiet)(struct virtio_device *device);
	/*
	 * The driver has taken one queue back. If chains of it are in flight it is stopping until
	 * they have been pushed: those that wait for nothing but the device are to be pushed now.
	 */
	void (*stop_queue)(struct virtio_device *device, unsigned queue);
	/*
	 * Look at the queue: the driver has put chains there. Works off a bounded number. A queue
	 * that it leaves broken makes the device need a reset.
	 */
	void (*notify)(struct virtio_device *device, unsigned queue);
	/* virtio_ask_for_service() was called. */
	void (*service)(struct virtio_device *device);
	/* Configuration space: an access inside its size; the value is zero-extended. */
	void (*read_config)(struct virtio_device *device, u32 offset, u32 size, u64 *value);
	void (*write_config)(struct virtio_device *device, u32 offset, u32 size, u64 value);
	u32 config_size; /* bytes */

	/* Without the device's lock. */

	/*
	 * After notify and service: tells the real device, and other guests, what these have for
	 * them. That takes long where a register is emulated: nobody shall wait for the lock.
	 */
	void (*kick)(struct virtio_device *device);
	/* Frees what its create() has made, the device itself included; it is reset. */
	void (*destroy)(struct virtio_device *device);
	/* What there is to know of it, beyond its queues; for users: names of a-z and -, numbers.
	 */
	void (*show)(struct virtio_device *device,
		     void (*emit)(void *ctx, const char *name, u64 value), void *ctx);
};

/* What the driver has set: all that a snapshot needs, with the queues'. */
struct virtio_device_state {
	u64 driver_features;
	bool wants_unknown; /* a feature beyond those 64 */
	u32 status;
	u32 device_features_sel, driver_features_sel, queue_sel, shm_sel;
	u32 interrupt_status; /* under the lock of the VM */
	u32 config_generation;
};

/* What a device asks of its VM. All of it may be called with the device's lock held. */
struct virtio_vm_ops {
	/* interrupt_status |= set, &= ~clear, and the wire follows; takes the lock of the VM. */
	void (*interrupt)(struct virtio_device *device, u32 set, u32 clear);
	/* One of the VM's vCPUs calls virtio_service() soon, in its own time. */
	void (*ask_for_service)(struct virtio_device *device);
};

struct virtio_device {
	struct spinlock lock;
	/* A second lock for a receive queue that others fill; NULL: none. Taken inside the first.
	 */
	struct spinlock *receive_lock;
	const struct virtio_device_ops *ops;
	const struct virtio_vm_ops *vm_ops;
	void *vm; /* for vm_ops: struct vm */
	struct guest_memory *memory;
	unsigned irq; /* source of the guest's PLIC */
	gpa_t base;
	u32 *shown;		     /* virtio_device_show(); NULL: nothing */
	char name[VIRTIO_NAME_SIZE]; /* as users call it: the node's name */
	u64 features;		     /* offered */
	bool needs_service;	     /* atomic */
	bool is_resetting; /* the driver, or the VM, wants it reset, and it is not quiet yet */
	char why[64];	   /* it needs a reset; "" */
	struct virtio_device_state s;
	unsigned nr_queues;
	struct virtq queues[VIRTIO_MAX_QUEUES];
};

/*
 * Prepares a device with 1 to VIRTIO_MAX_QUEUES queues, in the state after reset (2.4). The rest of
 * the struct is cleared memory. Features of queues, and VIRTIO_F_VERSION_1, are always offered;
 * `features` are the device's own.
 */
void virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops,
			u64 features, unsigned nr_queues);

/* Connects it with its VM: the fields of which the VM has set. */
void virtio_device_attach(struct virtio_device *device, struct guest_memory *memory);

/*
 * From now on `page`, of VIRTIO_MMIO_SIZE, holds what a read of each register would give: a guest
 * that has it mapped reads without an exit, and finds bytes where a narrow access finds 0. It is
 * written here and never read, so that it does not matter what an emulator lets the guest do to it.
 */
void virtio_device_show(struct virtio_device *device, u32 *page);

/* Gives it back; it is reset, and attached to nothing. */
void virtio_device_destroy(struct virtio_device *device);

/* The guest's accesses: an mmio_handler that takes the device's lock itself. */
bool virtio_mmio(void *device, struct mmio_access *access);

/*
 * Power-on state. False: something is in flight, call again; nothing new will be begun meanwhile.
 * No lock held.
 */
bool virtio_device_reset(struct virtio_device *device);

/*
 * Brings back RAM that its queues want, as many granules as *budget says, and takes them off that;
 * calls ops->service if it was asked for; ends a reset that had to wait. False: it still has to. No
 * lock held; in the VM's own time.
 */
bool virtio_service(struct virtio_device *device, unsigned *budget);

/* Asks for that. Any lock. */
void virtio_ask_for_service(struct virtio_device *device);

/* --- For the devices. Lock of the device (for a receive queue: its lock) held. */

static inline bool virtio_has(const struct virtio_device *device, u64 feature)
{
	return (device->s.driver_features & feature) == feature;
}

/* Whether requests may be worked on: DRIVER_OK, and neither broken nor being reset (2.1.2). */
static inline bool virtio_is_live(const struct virtio_device *device)
{
	return (device->s.status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK &&
	       !device->is_resetting;
}

/* For virtio_vm_ops.interrupt: with the lock of the VM held, before the wire is driven. */
static inline void virtio_set_interrupt_status(struct virtio_device *device, u32 status)
{
	__atomic_store_n(&device->s.interrupt_status, status, __ATOMIC_RELAXED);
	if (device->shown)
		__atomic_store_n(&device->shown[VIRTIO_MMIO_INTERRUPT_STATUS / 4], status,
				 __ATOMIC_RELAXED);
}

/*
 * Interrupts the guest, if the driver wants to hear of what was pushed to that queue. True: it
 * will look at all of its queues (4.2.3.4), and see what was pushed before the call.
 */
bool virtio_notify_used(struct virtio_device *device, struct virtq *q);

/* The configuration has changed: a new generation, and an interrupt after DRIVER_OK (2.3, 2.5). */
void virtio_notify_config(struct virtio_device *device);

/*
 * The driver has broken a rule: the device stops and says so (DEVICE_NEEDS_RESET, 2.1.2). why, of
 * which 63 characters are kept, is what the user is shown; with a broken queue it is q->broken.
 */
void virtio_needs_reset(struct virtio_device *device, const char *why);

#endif
