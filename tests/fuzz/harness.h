/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing of virtio devices: an input is a program for a hostile driver and for the real machine
 * behind the device. One thread runs it. What may never happen, whatever the input:
 *
 *   - an access outside the guest's RAM, or to RAM that the guest has given back, or any other
 *     mistake that the sanitizers see;
 *   - a lock taken twice, a register that does not answer, a vCPU that is kept for ever;
 *   - after the machine has completed what it has, a device that does not become quiet, a queue
 *     that waits for RAM or is not worked off, a page of guest RAM that stays pinned, memory or a
 *     timer that is not given back.
 *
 * A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput(), which calls fuzz_run().
 */
#ifndef DOPPEL_FUZZ_HARNESS_H
#define DOPPEL_FUZZ_HARNESS_H

#include "virtio/device.h"

/* Guest RAM: 8 granules, which are small here, in several pieces of the machine's. */
#define FUZZ_RAM_START 0x80000000UL
#define FUZZ_RAM_SIZE  KIB(128)

/* Where a driver that behaves has put its queues, one after the other; and what it sends. */
#define FUZZ_QUEUE_SIZE	  64U /* at most */
#define FUZZ_RINGS	  FUZZ_RAM_START
#define FUZZ_RINGS_ACROSS (FUZZ_RAM_START + RAM_GRANULE - 0x80) /* the first in two granules */
#define FUZZ_RINGS_SIZE	  0x800UL				/* of one queue */
#define FUZZ_TABLES	  (FUZZ_RAM_START + 0x5000UL)
#define FUZZ_DATA	  (FUZZ_RAM_START + 0x8000UL)

/* One step of an input: 16 bytes. What is missing at the input's end is 0. */
struct fuzz_step {
	u8 kind; /* enum fuzz_kind, modulo FUZZ_NR_KINDS */
	u8 a;
	u16 b;
	u32 c;
	u64 d;
};

enum fuzz_kind {
	FUZZ_WRITE,    /* MMIO: a width, b offset, d value */
	FUZZ_READ,     /* MMIO: a width, b offset */
	FUZZ_POKE,     /* RAM: a width, c where, d value */
	FUZZ_DESCRIBE, /* a descriptor: a index, b flags, c length, d address, next, queue or table
			*/
	FUZZ_OFFER,    /* makes b available in queue a */
	FUZZ_JUMP,     /* sets the available index of queue a to b */
	FUZZ_REQUEST,  /* a chain as drivers make it in queue a: b shape, c and d what it says */
	FUZZ_NOTIFY,   /* queue a */
	FUZZ_SETUP,    /* a whole driver's start: b queue size, d features; c >> 28 == 15: queue a
			* is set up wrongly */
	FUZZ_RESET,    /* a: by the driver, of a queue, or of the machine */
	FUZZ_SERVICE,  /* in the VM's own time */
	FUZZ_EVENT,    /* of the real machine: what the target makes of it */
	FUZZ_TIME,     /* c microseconds pass; timers fire */
	FUZZ_RACE,     /* a & 1: another vCPU makes each chain available again that is popped, and
			* notifies if the device wants that */
	FUZZ_LEAVE,    /* RAM: a bit of a for each granule; b & 1: at once, else with the next step
			* of this kind; and those of the last are gone */
	FUZZ_SCARCE,   /* a & 1: the machine has no RAM to give; else it has some again */
	FUZZ_NR_KINDS
};

struct fuzz_target {
	/* Makes the machine anew; its memory is given back by the harness. May be NULL. */
	void (*make_machine)(u8 variant);
	/* What it has started ends: after the device. May be NULL. */
	void (*end_machine)(void);
	/* Makes the device, without virtio_device_attach(); bits of `variant` say what it has. */
	struct virtio_device *(*create)(u8 variant);
	/* Something happens in the real machine. May be NULL. */
	void (*event)(struct virtio_device *device, const struct fuzz_step *step);
	/* All that is in flight in the machine is completed. May be NULL. */
	void (*complete_all)(struct virtio_device *device);
	/*
	 * The first bytes of a request of FUZZ_REQUEST, and their number, at most 64. May be NULL:
	 * c and d as they are.
	 */
	u32 (*fill)(unsigned queue, const struct fuzz_step *step, u8 *bytes);
	/* A bit for each queue that is worked off when the driver notifies, in any case. */
	u64 eager;
};

int fuzz_run(const struct fuzz_target *target, const u8 *data, size_t size);

/* Ends the program, with what was expected, unless it holds. */
void fuzz_check(bool holds, const char *what);

/* Counts what is done until the vCPU goes on: that has a bound, whatever other vCPUs do. */
void fuzz_count_work(unsigned amount);

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
