/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of a guest's disk, for its tests: real queues in guest RAM, a real disk and a VM that
 * are stand-ins. RAM counts pins and can be in small pieces or have holes; the disk completes what
 * the test says, in its order, and moves the data then.
 */
#ifndef DOPPEL_UNIT_BLK_FIXTURE_H
#define DOPPEL_UNIT_BLK_FIXTURE_H

#include "unit.h"
#include "core/timer.h"
#include "drivers/host_blk.h"
#include "virtio/blk.h"

/* Guest RAM: two pieces, between which the host has something else. */
#define RAM_BASE   0x80000000UL
#define PIECE_SIZE MIB(2)
#define RAM_SIZE   (2 * PIECE_SIZE)
#define BORDER	   (RAM_BASE + PIECE_SIZE)

#define SECTOR	 VIRTIO_BLK_SECTOR
#define SECTORS	 4096U
#define MAX_WAIT 128

/* Where the test puts things. */
#define RINGS	     RAM_BASE /* 64 KiB a queue */
#define HEADERS	     (RAM_BASE + 0x40000)
#define STATUSES     (RAM_BASE + 0x50000)
#define TABLES	     (RAM_BASE + 0x60000) /* indirect: 4 KiB a request */
#define DATA	     (RAM_BASE + 0x180000)
#define UNWRITTEN    0xee
#define HZ	     10000000UL
#define QUEUE_SIZE   256U
#define NR_IN_FLIGHT 64U /* requests of one disk that are worked on */

struct host_blk {
	struct host_blk_info info;
	u8 content[SECTORS * SECTOR];
	struct host_blk_request *waiting[MAX_WAIT];
	unsigned nr_waiting, nr_kicked;
	unsigned nr_submitted;
};

struct fixture {
	struct guest_memory memory;
	u8 *piece[2];
	unsigned pins[RAM_SIZE / 512];
	u64 max_pin; /* so fragmented is RAM */
	u64 hole;    /* guest physical, of 4 KiB; 0: none */
	struct host_blk disk;
	struct virtio_device *device;
	unsigned interrupts, services, resets, warnings, granules;
	u64 now;
	u16 avail[2]; /* how many chains were made available, for each queue */
	u16 used[2];  /* how many of those that came back were looked at */
	unsigned next_desc[2];
};

extern struct fixture f;
extern struct timer *started; /* NULL: none is */

/* A byte of guest RAM. */
u8 *at(u64 gpa);
void write16(u64 gpa, u16 value);
u16 read16(u64 gpa);

/* What the disk holds at first. */
u8 pattern(u64 sector, unsigned offset);
void expect_pattern(u64 gpa, u64 sector, u32 size);

/* The disk completes what was submitted as number index of those that wait; or all. */
void complete(unsigned index, u8 status);
void complete_all(void);

/* --- The driver */

u64 avail_at(unsigned queue);
u64 used_at(unsigned queue);

struct virtq_desc readable(u64 gpa, u32 size);
struct virtq_desc writable(u64 gpa, u32 size);

/* Writes a header, and tells where; where the status number 0..255 is. */
u64 header(u32 type, u64 sector);
u64 status_of(unsigned number);
void expect_status(unsigned number, u8 status);

/* Gives a chain to the device; nobody tells it. */
u16 offer(unsigned queue, const struct virtq_desc *buffers, unsigned count);

/* The same for a request of the usual form; the status goes to that number. */
void offer_transfer(unsigned queue, u32 type, u64 sector, u64 data, u32 size, unsigned number);

/* A flush; the status goes to that number. */
void offer_flush(unsigned number);

void notify(unsigned queue);

/* As the driver does, if the device wants it. */
bool notify_if_wanted(unsigned queue);

/* Chains that came back; the next of them, and how many bytes it says were written. */
unsigned nr_used(unsigned queue);
u32 take_used(unsigned queue);

/* One chain: the status that it ends with, or UNWRITTEN; it must come back at once or be begun. */
u8 run(const struct virtq_desc *buffers, unsigned count);
u8 run_transfer(u32 type, u64 sector, u64 data, u32 size);
u8 run_range(u32 type, u64 sector, u32 sectors, u32 flags);

/* The VM's own time has come; or has come if it was asked for. */
void service(void);
void serve(void);

/* What the device shows by that name. */
u64 counter(const char *name);

/* --- Set-up: a world without a disk of the guest's, or with the usual one */

extern const struct virtio_blk_setup usual;

/* Makes that disk; its driver takes the features that are offered, but for some. */
void attach(const struct virtio_blk_setup *setup, u64 refused_features);

int setup(void **state);
int setup_usual(void **state);

/* Nothing is in flight, pinned, or not given back. */
int teardown(void **state);

#define USUAL(test) cmocka_unit_test_setup_teardown(test, setup_usual, teardown)
#define OWN(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
