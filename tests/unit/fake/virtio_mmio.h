/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with virtio-mmio devices, for tests of their drivers: registers as in virtio 1.2
 * section 4.2, and the device's side of split queues. The test says what a device does. All that
 * the specification demands of a driver is asserted where it can be seen.
 */
#ifndef DOPPEL_FAKE_VIRTIO_MMIO_H
#define DOPPEL_FAKE_VIRTIO_MMIO_H

#include "lib/virtio_abi.h"

#define FAKE_MAX_QUEUES	 80
#define FAKE_MAX_BUFFERS 256
#define FAKE_SOURCE(i)	 (1U + (i)) /* interrupt of transport i */

struct fake_queue {
	u32 max, size;
	bool is_ready;
	u64 desc, avail, used;
	u16 next_avail, next_used;
	u16 signalled;	 /* next_used when the driver was last interrupted, or wanted none */
	bool wants_none; /* notifications */
	unsigned notifications;
};

struct fake_device {
	u32 magic, version, id;
	u64 features; /* offered */
	u8 config[256];
	u32 config_size, config_generation;
	/* Called at a notification; NULL: the test looks for itself. */
	void (*notified)(struct fake_device *device, unsigned queue);
	void (*was_reset)(struct fake_device *device);
	bool refuses_features, ignores_reset;
	/* Changes the configuration in the middle of a read of 64 bits; so many times. */
	unsigned config_races;

	u64 driver_features;
	u32 status, features_sel, driver_features_sel, queue_sel, interrupt_status;
	unsigned interrupts; /* raised, in all */
	unsigned resets;
	struct fake_queue queues[FAKE_MAX_QUEUES];
};

struct fake_buffer {
	u8 *data;
	u32 size;
	bool is_writable;
};

struct fake_chain {
	u16 head;
	bool is_indirect;
	unsigned nr;
	struct fake_buffer buffers[FAKE_MAX_BUFFERS];
};

extern struct fake_device fake_devices[8];

/* Puts devices 0 to count - 1 into the machine, all modern, with queues of up to 256. */
void fake_machine(unsigned count);

/* The next chain that the driver has made available; false: there is none. */
bool fake_pop(struct fake_device *device, unsigned queue, struct fake_chain *chain);

/* Completes it, and interrupts if the driver wants that. True: it did. */
bool fake_push(struct fake_device *device, unsigned queue, u16 head, u32 written);

/* Whether the device wants notifications, as it says in the used ring. */
void fake_want_notifications(struct fake_device *device, unsigned queue, bool wants);

/* Raises an interrupt, calls the handlers of all that are pending. */
void fake_raise(struct fake_device *device, u32 causes);
void fake_deliver_interrupts(void);

/* The device has broken (2.1.2). */
void fake_break(struct fake_device *device);

/* Timers of the hypervisor: started is not fired. Returns how many fired. */
unsigned fake_fire_timers(void);
extern u64 fake_time;

/* Lines that were logged as warnings or errors. */
extern unsigned fake_complaints;

#endif
