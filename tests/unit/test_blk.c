/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the guest's disk, on real queues. Guest RAM, the real disk and the VM are stand-ins: RAM
 * counts pins and can be in small pieces or have holes; the disk completes what the test says, in
 * its order, and moves the data then.
 */
#include "unit.h"
#include "core/log.h"
#include "core/timer.h"
#include "drivers/host_blk.h"
#include "mem/page.h"
#include "virtio/blk.h"

#include <stdlib.h>
#include <string.h>

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
#define NR_IN_FLIGHT 64 /* requests of one disk that are worked on */

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
	unsigned pages; /* that the device has */
	unsigned interrupts, services, resets, warnings, granules;
	u64 now;
	u16 avail[2]; /* how many chains were made available, for each queue */
	u16 used[2];  /* how many of those that came back were looked at */
	unsigned next_desc[2];
};

static struct fixture f;

/* --- Stand-ins */

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_TIME);
	return f.now;
}

void fake_csr_write(unsigned csr, u64 value)
{
	(void)csr;
	(void)value;
	fail();
}

u64 time_from_ns(u64 ns)
{
	return ns / (1000000000 / HZ);
}

static struct timer *started;

void timer_start(struct timer *timer, u64 deadline)
{
	started = timer;
	timer->deadline = deadline;
}

void timer_stop(struct timer *timer)
{
	if (started == timer)
		started = NULL;
}

void timer_stop_and_wait(struct timer *timer)
{
	timer_stop(timer);
}

void *page_alloc(unsigned order)
{
	void *pages = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

	f.pages += 1U << order;
	return memset(pages, 0, PAGE_SIZE << order);
}

void page_free(void *pages, unsigned order)
{
	f.pages -= 1U << order;
	free(pages);
}

unsigned page_order(u64 size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

bool guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	u64 offset = gpa.v - memory->start.v;

	return offset <= memory->size && size <= memory->size - offset;
}

static u8 *at(u64 gpa)
{
	assert_in_range(gpa, RAM_BASE, RAM_BASE + RAM_SIZE - 1);
	return gpa < BORDER ? f.piece[0] + (gpa - RAM_BASE) : f.piece[1] + (gpa - BORDER);
}

static void count_pins(u64 gpa, u64 size, int step)
{
	for (u64 i = (gpa - RAM_BASE) / 512; i <= (gpa - RAM_BASE + size - 1) / 512; i++) {
		assert_true(step > 0 || f.pins[i]);
		f.pins[i] += (unsigned)step;
	}
}

u64 guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa)
{
	u64 end = gpa.v < BORDER ? BORDER : RAM_BASE + RAM_SIZE;

	if (!size || !guest_memory_contains(memory, gpa, size))
		return 0;
	if (f.hole && gpa.v / 4096 == f.hole / 4096)
		return 0;
	if (f.max_pin)
		end = MIN(end, ALIGN_DOWN(gpa.v, f.max_pin) + f.max_pin);
	if (f.hole > gpa.v)
		end = MIN(end, f.hole);
	size = MIN(size, end - gpa.v);
	count_pins(gpa.v, size, 1);
	*hpa = HPA((u64)at(gpa.v));
	return size;
}

void guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size)
{
	assert_true(size && guest_memory_contains(memory, gpa, size));
	count_pins(gpa.v, size, -1);
}

void *guest_window(hpa_t hpa)
{
	return (void *)hpa.v;
}

bool guest_write(const struct guest_memory *memory, gpa_t gpa, const void *buf, u64 size)
{
	assert_true(guest_memory_contains(memory, gpa, size));
	for (u64 i = 0; i < size; i++)
		*at(gpa.v + i) = ((const u8 *)buf)[i];
	return true;
}

bool guest_read(const struct guest_memory *memory, gpa_t gpa, void *buf, u64 size)
{
	assert_true(guest_memory_contains(memory, gpa, size));
	for (u64 i = 0; i < size; i++)
		((u8 *)buf)[i] = *at(gpa.v + i);
	return true;
}

void log_warn(const char *fmt, ...)
{
	(void)fmt;
	f.warnings++;
}

unsigned ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES])
{
	assert_int_equal(size, RAM_GRANULE);
	f.granules++;
	pieces[0] = (struct ram_piece){ HPA((u64)aligned_alloc(PAGE_SIZE, size)), size };
	return 1;
}

void ram_pool_give_back(const struct ram_piece *pieces, unsigned count)
{
	assert_int_equal(count, 1);
	f.granules--;
	free((void *)pieces[0].start.v);
}

struct host_blk *host_blk_find(const char *serial)
{
	return strcmp(serial, f.disk.info.serial) == 0 ? &f.disk : NULL;
}

void host_blk_info(struct host_blk *disk, struct host_blk_info *info)
{
	*info = disk->info;
}

void host_blk_submit(struct host_blk *disk, struct host_blk_request *request)
{
	u64 size = 0;

	assert_true(disk->nr_waiting < MAX_WAIT);
	assert_in_range(request->nr_segments, 0, HOST_BLK_MAX_SEGMENTS);
	for (unsigned i = 0; i < request->nr_segments; i++)
		size += request->segments[i].size;
	if (request->op == HOST_BLK_READ || request->op == HOST_BLK_WRITE) {
		assert_int_equal(size, request->nr_sectors * SECTOR);
		assert_int_not_equal(size, 0);
	} else {
		assert_int_equal(size, 0);
	}
	assert_in_range(request->sector, 0, SECTORS);
	assert_in_range(request->nr_sectors, 0, SECTORS - request->sector);
	disk->nr_submitted++;
	disk->waiting[disk->nr_waiting++] = request;
}

void host_blk_kick(struct host_blk *disk)
{
	disk->nr_kicked = disk->nr_waiting;
}

void virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops,
			u64 features, unsigned nr_queues)
{
	device->ops = ops;
	device->features = features;
	device->nr_queues = nr_queues;
}

void virtio_ask_for_service(struct virtio_device *device)
{
	assert_ptr_equal(device, f.device);
	f.services++;
}

void virtio_notify_used(struct virtio_device *device, struct virtq *q)
{
	assert_ptr_equal(device, f.device);
	if (virtq_wants_interrupt(q))
		f.interrupts++;
}

void virtio_needs_reset(struct virtio_device *device, const char *why)
{
	assert_non_null(why);
	device->s.status |= VIRTIO_NEEDS_RESET;
	f.resets++;
}

/* --- What a test does */

static u8 pattern(u64 sector, unsigned offset)
{
	return (u8)(sector * 7 + offset + 1);
}

/* The disk completes what was submitted as number index of those that wait. */
static void complete(unsigned index, u8 status)
{
	struct host_blk *disk = &f.disk;
	struct host_blk_request *request = disk->waiting[index];
	u8 *content = disk->content + request->sector * SECTOR;

	assert_true(index < disk->nr_kicked);
	for (unsigned i = index; i + 1 < disk->nr_waiting; i++)
		disk->waiting[i] = disk->waiting[i + 1];
	disk->nr_waiting--;
	disk->nr_kicked--;
	for (unsigned i = 0; i < request->nr_segments && !status; i++) {
		const struct host_segment *segment = &request->segments[i];

		if (request->op == HOST_BLK_READ)
			memcpy((void *)segment->start.v, content, segment->size);
		else
			memcpy(content, (void *)segment->start.v, segment->size);
		content += segment->size;
	}
	if (request->op == HOST_BLK_WRITE_ZEROES && !status)
		memset(content, 0, request->nr_sectors * SECTOR);
	request->done(request, status);
}

static void complete_all(void)
{
	while (f.disk.nr_waiting)
		complete(0, VIRTIO_BLK_S_OK);
}

static u64 desc_at(unsigned queue)
{
	return RINGS + queue * 0x10000UL;
}

static u64 avail_at(unsigned queue)
{
	return desc_at(queue) + 0x4000;
}

static u64 used_at(unsigned queue)
{
	return desc_at(queue) + 0x8000;
}

static void write16(u64 gpa, u16 value)
{
	memcpy(at(gpa), &value, 2);
}

static u16 read16(u64 gpa)
{
	u16 value;

	memcpy(&value, at(gpa), 2);
	return value;
}

/* Gives a chain to the device; nobody tells it. */
static u16 offer(unsigned queue, const struct virtq_desc *buffers, unsigned count)
{
	u16 head = (u16)(f.next_desc[queue] % QUEUE_SIZE);

	for (unsigned i = 0; i < count; i++) {
		u16 index = (u16)(f.next_desc[queue]++ % QUEUE_SIZE);
		struct virtq_desc desc = buffers[i];

		desc.flags |= i + 1 < count ? VIRTQ_DESC_NEXT : 0;
		desc.next = (u16)(f.next_desc[queue] % QUEUE_SIZE);
		memcpy(at(desc_at(queue) + 16 * index), &desc, 16);
	}
	write16(avail_at(queue) + 4 + 2 * (f.avail[queue] % QUEUE_SIZE), head);
	write16(avail_at(queue) + 2, ++f.avail[queue]);
	return head;
}

static void notify(unsigned queue)
{
	f.device->ops->notify(f.device, queue);
	f.device->ops->kick(f.device);
}

/* As the driver does, if the device wants it. */
static bool notify_if_wanted(unsigned queue)
{
	bool wanted = !(read16(used_at(queue)) & VIRTQ_USED_NO_NOTIFY);

	if (wanted)
		notify(queue);
	return wanted;
}

static u64 header(u32 type, u64 sector)
{
	static unsigned next;
	struct virtio_blk_header h = { type, 0, sector };
	u64 gpa = HEADERS + 16 * (next++ % 256);

	memcpy(at(gpa), &h, sizeof(h));
	return gpa;
}

static u64 status_of(unsigned number)
{
	return STATUSES + number;
}

static struct virtq_desc readable(u64 gpa, u32 size)
{
	return (struct virtq_desc){ gpa, size, 0, 0 };
}

static struct virtq_desc writable(u64 gpa, u32 size)
{
	return (struct virtq_desc){ gpa, size, VIRTQ_DESC_WRITE, 0 };
}

static void service(void)
{
	f.device->ops->service(f.device);
	f.device->ops->kick(f.device);
}

/* A request of the usual form; the status goes to number 0..255. */
static void offer_transfer(unsigned queue, u32 type, u64 sector, u64 data, u32 size,
			   unsigned number)
{
	struct virtq_desc buffers[] = {
		readable(header(type, sector), 16),
		type == VIRTIO_BLK_T_IN ? writable(data, size) : readable(data, size),
		writable(status_of(number), 1),
	};

	*at(status_of(number)) = UNWRITTEN;
	offer(queue, buffers, 3);
}

static void expect_status(unsigned number, u8 status)
{
	assert_int_equal(*at(status_of(number)), status);
}

/* The next chain that came back, and how many bytes it says were written. */
static u32 take_used(unsigned queue)
{
	struct virtq_used_elem elem;

	assert_int_not_equal(read16(used_at(queue) + 2), f.used[queue]);
	memcpy(&elem, at(used_at(queue) + 4 + 8 * (f.used[queue]++ % QUEUE_SIZE)), 8);
	return elem.len;
}

static unsigned nr_used(unsigned queue)
{
	return (u16)(read16(used_at(queue) + 2) - f.used[queue]);
}

/* One chain: the status that it ends with, or UNWRITTEN; it must come back at once or be begun. */
static u8 run(const struct virtq_desc *buffers, unsigned count)
{
	const struct virtq_desc *last = &buffers[count - 1];
	u64 status = last->addr + last->len - 1;

	*at(status) = UNWRITTEN;
	offer(0, buffers, count);
	notify(0);
	complete_all();
	if (f.resets)
		return UNWRITTEN;
	assert_int_equal(nr_used(0), 1);
	take_used(0);
	return *at(status);
}

static u8 run_transfer(u32 type, u64 sector, u64 data, u32 size)
{
	struct virtq_desc buffers[] = {
		readable(header(type, sector), 16),
		type == VIRTIO_BLK_T_IN ? writable(data, size) : readable(data, size),
		writable(status_of(0), 1),
	};

	return run(buffers, 3);
}

static u64 counter_value;
static void emit(void *ctx, const char *name, u64 value)
{
	if (strcmp(ctx, name) == 0)
		counter_value = value;
}

static u64 counter(const char *name)
{
	counter_value = UINT64_MAX;
	f.device->ops->show(f.device, emit, (void *)name);
	assert_int_not_equal(counter_value, UINT64_MAX);
	return counter_value;
}

static void expect_nothing_left(void)
{
	for (unsigned i = 0; i < f.device->nr_queues; i++)
		virtq_disable(&f.device->queues[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(f.pins); i++)
		assert_int_equal(f.pins[i], 0);
	assert_int_equal(counter("in-flight"), 0);
	assert_true(f.device->ops->is_quiet(f.device));
}

/* --- Set-up */

static const struct virtio_blk_setup usual = {
	.vm_name = "vm0", .host_disk = "d3", .serial = "DATA1", .nr_queues = 2
};

static void attach(const struct virtio_blk_setup *setup, u64 refused_features)
{
	assert_null(virtio_blk_create(setup, &f.device));
	f.device->memory = &f.memory;
	f.device->s.driver_features = f.device->features & ~refused_features;
	f.device->s.status = VIRTIO_DRIVER_OK;
	for (unsigned i = 0; i < setup->nr_queues; i++) {
		struct virtq *q = &f.device->queues[i];

		q->memory = &f.memory;
		q->s = (struct virtq_state){ .desc = desc_at(i),
					     .avail = avail_at(i),
					     .used = used_at(i),
					     .size = QUEUE_SIZE,
					     .has_indirect = true };
		assert_true(virtq_enable(q));
	}
}

static int setup(void **state)
{
	(void)state;
	f = (struct fixture){ .memory = { .start = GPA(RAM_BASE), .size = RAM_SIZE } };
	for (unsigned i = 0; i < 2; i++) {
		f.piece[i] = aligned_alloc(4096, PIECE_SIZE);
		memset(f.piece[i], 0, PIECE_SIZE);
	}
	f.disk.info = (struct host_blk_info){ .serial = "d3",
					      .sectors = SECTORS,
					      .block_size = 512,
					      .has_flush = true,
					      .has_discard = true,
					      .has_write_zeroes = true,
					      .max_discard_sectors = 2048,
					      .max_write_zeroes_sectors = 1024 };
	for (u64 i = 0; i < SECTORS * SECTOR; i++)
		f.disk.content[i] = pattern(i / SECTOR, i % SECTOR);
	started = NULL;
	return 0;
}

static int setup_usual(void **state)
{
	setup(state);
	attach(&usual, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (f.device) {
		expect_nothing_left();
		f.device->ops->reset(f.device);
		f.device->ops->destroy(f.device);
	}
	assert_int_equal(f.pages, 0);
	assert_int_equal(f.granules, 0);
	assert_null(started);
	free(f.piece[0]);
	free(f.piece[1]);
	return 0;
}

/* --- Reading and writing */

static void expect_pattern(u64 gpa, u64 sector, u32 size)
{
	for (u32 i = 0; i < size; i++)
		assert_int_equal(*at(gpa + i), pattern(sector + i / SECTOR, i % SECTOR));
}

static void a_read_goes_into_the_guests_buffer(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_IN, 5, DATA, 8 * SECTOR, 0);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 1);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_READ);
	assert_int_equal(f.disk.waiting[0]->sector, 5);
	assert_int_equal(f.disk.waiting[0]->nr_segments, 1);
	assert_int_equal(f.disk.waiting[0]->segments[0].start.v, (u64)at(DATA));
	assert_int_equal(f.pins[(DATA - RAM_BASE) / 512], 1);
	assert_int_equal(nr_used(0), 0);
	expect_status(0, UNWRITTEN);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(0, VIRTIO_BLK_S_OK);
	assert_int_equal(f.pins[(DATA - RAM_BASE) / 512], 0);
	assert_int_equal(take_used(0), 8 * SECTOR + 1);
	assert_int_equal(f.interrupts, 1);
	expect_pattern(DATA, 5, 8 * SECTOR);
	assert_int_equal(counter("reads"), 1);
	assert_int_equal(counter("bytes-read"), 8 * SECTOR);
}

static void a_write_comes_from_the_guests_buffer(void **state)
{
	(void)state;
	memset(at(DATA), 0x5a, 2 * SECTOR);
	offer_transfer(0, VIRTIO_BLK_T_OUT, SECTORS - 2, DATA, 2 * SECTOR, 0);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->segments[0].start.v, (u64)at(DATA));
	assert_int_equal(nr_used(0), 0);
	complete_all();
	expect_status(0, VIRTIO_BLK_S_OK);
	assert_int_equal(take_used(0), 1);
	assert_int_equal(f.disk.nr_submitted, 1); /* the driver flushes, not we */
	for (u64 i = 0; i < 2 * SECTOR; i++)
		assert_int_equal(f.disk.content[(SECTORS - 2) * SECTOR + i], 0x5a);
	assert_int_equal(f.disk.content[(SECTORS - 2) * SECTOR - 1],
			 pattern(SECTORS - 3, SECTOR - 1));
}

/* 2.7.4: how the driver divides a request into buffers means nothing. */
static void buffers_may_be_anything(void **state)
{
	u64 h = header(VIRTIO_BLK_T_IN, 9);
	struct virtq_desc split[] = {
		readable(h, 1),	     readable(h + 1, 14),	 readable(h + 15, 1),
		writable(DATA, 100), writable(DATA + 100, 1000), writable(DATA + 1100, 436 + 1),
	};
	struct virtq_desc joined[] = { readable(DATA, 16 + 100), readable(DATA + 116, 412),
				       writable(status_of(3), 1) };
	struct virtio_blk_header write = { VIRTIO_BLK_T_OUT, 0, 77 };

	(void)state;
	assert_int_equal(run(split, 6), VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 9, 3 * SECTOR);

	memset(at(DATA), 0x33, 4096);
	memcpy(at(DATA), &write, 16);
	assert_int_equal(run(joined, 3), VIRTIO_BLK_S_OK);
	for (u64 i = 0; i < SECTOR; i++)
		assert_int_equal(f.disk.content[77 * SECTOR + i], 0x33);
	assert_int_equal(f.disk.content[78 * SECTOR], pattern(78, 0));
}

static void a_buffer_may_lie_in_two_pieces_of_ram(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, BORDER - 700, 4 * SECTOR, 0);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->nr_segments, 2);
	assert_int_equal(f.disk.waiting[0]->segments[0].size, 700);
	complete_all();
	take_used(0);
	expect_status(0, VIRTIO_BLK_S_OK);
	expect_pattern(BORDER - 700, 0, 4 * SECTOR);
}

static void an_indirect_table_holds_the_most_buffers(void **state)
{
	struct virtq_desc table[226] = { readable(header(VIRTIO_BLK_T_IN, 1), 16) };
	struct virtq_desc desc = { TABLES, 0, VIRTQ_DESC_INDIRECT, 0 };

	(void)state;
	for (unsigned i = 0; i < 224; i++)
		table[1 + i] = writable(DATA + 512 * i, 512);
	table[225] = writable(status_of(1), 1);
	for (unsigned i = 0; i < 225; i++) {
		table[i].flags |= VIRTQ_DESC_NEXT;
		table[i].next = (u16)(i + 1);
	}
	memcpy(at(TABLES), table, sizeof(table));
	desc.len = sizeof(table);
	offer(0, &desc, 1);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->nr_segments, 224);
	complete_all();
	assert_int_equal(take_used(0), 224 * 512 + 1);
	expect_status(1, VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 1, 224 * 512);
}

/* seg_max (5.2.4): more than that is the driver's mistake. */
static void more_buffers_than_offered_are_refused(void **state)
{
	struct virtq_desc buffers[227] = { readable(header(VIRTIO_BLK_T_IN, 0), 16) };

	(void)state;
	for (unsigned i = 0; i < 225; i++)
		buffers[1 + i] = writable(DATA + 512 * i, 512);
	buffers[226] = writable(status_of(1), 1);
	assert_int_equal(run(buffers, 227), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
}

/* RAM of which every page is somewhere else: more segments than the real disk takes at once. */
static void a_fragmented_request_is_done_in_several_steps(void **state)
{
	const u32 size = 700 * 512;

	(void)state;
	f.max_pin = 512;
	offer_transfer(0, VIRTIO_BLK_T_IN, 10, DATA, size, 0);
	notify(0);
	for (unsigned step = 0; step < 3; step++) {
		assert_int_equal(nr_used(0), 0);
		assert_int_equal(f.disk.nr_waiting, 1);
		complete(0, VIRTIO_BLK_S_OK);
	}
	assert_int_equal(take_used(0), size + 1);
	expect_status(0, VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 10, size);
	assert_int_equal(f.disk.nr_submitted, 3);
}

static void an_error_ends_a_request_of_several_steps(void **state)
{
	(void)state;
	f.max_pin = 512;
	offer_transfer(0, VIRTIO_BLK_T_IN, 10, DATA, 700 * 512, 0);
	notify(0);
	complete(0, VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_waiting, 0);
	assert_int_equal(take_used(0), 0);
	expect_status(0, VIRTIO_BLK_S_IOERR);
}

/* 254 segments of 500 bytes each are no whole number of sectors. */
static void segments_that_end_within_a_sector_are_refused(void **state)
{
	struct virtq_desc buffers[226] = { readable(header(VIRTIO_BLK_T_IN, 0), 16) };

	(void)state;
	f.max_pin = 512;
	for (unsigned i = 0; i < 224; i++)
		buffers[1 + i] =
			writable(DATA + 1024 * i + 100, i == 223 ? 512 * 140 - 223 * 300 : 300);
	for (unsigned i = 1; i < 100; i++)
		buffers[i].addr += 512 - 100 - 150; /* across a border of 512 bytes */
	buffers[225] = writable(status_of(1), 1);
	assert_int_equal(run(buffers, 226), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void memory_that_is_gone_is_an_error(void **state)
{
	(void)state;
	f.hole = DATA + 8192;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA + 8192, 4096), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
	/* What comes before it may be transferred; the request fails all the same. */
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 65536), VIRTIO_BLK_S_IOERR);
	f.hole = 0;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 65536), VIRTIO_BLK_S_OK);
}

static void a_transfer_of_nothing_is_done(void **state)
{
	struct virtq_desc read[] = { readable(header(VIRTIO_BLK_T_IN, 5), 16),
				     writable(status_of(0), 1) };
	struct virtq_desc write[] = { readable(header(VIRTIO_BLK_T_OUT, 5), 16),
				      writable(status_of(0), 1) };

	(void)state;
	assert_int_equal(run(read, 2), VIRTIO_BLK_S_OK);
	assert_int_equal(run(write, 2), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void nothing_outside_the_disk_is_reached(void **state)
{
	static const struct {
		u64 sector;
		u32 size;
	} bad[] = {
		{ SECTORS, SECTOR }, { SECTORS - 1, 2 * SECTOR }, { SECTORS + 1, SECTOR },
		{ 0, MIB(2) + 512 }, { UINT64_MAX, SECTOR },	  { UINT64_MAX / 512, SECTOR },
		{ BIT(55), SECTOR }, { BIT(63), 2 * SECTOR },	  { UINT64_MAX - 1, 4 * SECTOR },
	};
	static const u32 types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT };

	(void)state;
	f.disk.nr_submitted = 0;
	for (unsigned t = 0; t < 2; t++) {
		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
			assert_int_equal(run_transfer(types[t], bad[i].sector, RAM_BASE + 0x100000,
						      bad[i].size),
					 VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, SECTORS - 1, DATA, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(counter("errors"), 2 * ARRAY_SIZE(bad));
}

static void data_is_whole_sectors(void **state)
{
	static const u32 bad[] = { 1, 511, 513, 1000, 65535 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, bad[i]),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, bad[i]),
				 VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void what_the_disk_says_is_what_the_guest_sees(void **state)
{
	static const u8 statuses[] = { VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, i);
		notify(0);
		complete(0, statuses[i]);
		take_used(0);
		expect_status(i, statuses[i]);
	}
	assert_int_equal(counter("errors"), 1);
	assert_int_equal(counter("unsupported"), 1);
}

/* --- Requests that are none */

static void a_header_that_is_too_short_is_an_error(void **state)
{
	struct virtq_desc none[] = { writable(DATA, 513) };
	struct virtq_desc of_15[] = { readable(header(VIRTIO_BLK_T_IN, 0), 15),
				      writable(DATA, 513) };

	(void)state;
	assert_int_equal(run(none, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(of_15, 2), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void without_room_for_a_status_the_device_stops(void **state)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_OUT, 0), 16),
					readable(DATA, 512) };

	(void)state;
	offer(0, buffers, 2);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 1);
	notify(0);
	assert_int_equal(f.resets, 1);
	assert_int_equal(f.disk.nr_submitted, 0);
	expect_status(1, UNWRITTEN); /* what comes behind it is not looked at */
}

static void a_broken_queue_stops_the_device(void **state)
{
	struct virtq_desc outside[] = { readable(header(VIRTIO_BLK_T_IN, 0), 16),
					writable(RAM_BASE + RAM_SIZE - 100, 512) };

	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 1);
	offer(0, outside, 2);
	notify(0);
	assert_int_equal(f.resets, 1);
	assert_int_equal(f.disk.nr_waiting, 1); /* that came before */
	complete_all();
}

static void unknown_types_are_unsupported(void **state)
{
	static const u32 types[] = { 2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 24, 0x100, 0xffffffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		assert_int_equal(run_transfer(types[i], 0, DATA, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(counter("unsupported"), ARRAY_SIZE(types));
}

/* --- Other requests */

static void the_id_is_padded(void **state)
{
	static const u8 want[20] = "DATA1";
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_GET_ID, 0), 16),
					writable(DATA, 20), writable(status_of(0), 1) };
	struct virtq_desc split[] = { readable(header(VIRTIO_BLK_T_GET_ID, 0), 16),
				      writable(DATA, 3), writable(DATA + 3, 18) };

	(void)state;
	memset(at(DATA), UNWRITTEN, 32);
	assert_int_equal(run(buffers, 3), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(DATA), want, 20);
	assert_int_equal(*at(DATA + 20), UNWRITTEN);
	memset(at(DATA), UNWRITTEN, 32);
	assert_int_equal(run(split, 3), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(DATA), want, 20);
	for (u32 size = 1; size < 64; size++) {
		memset(at(DATA), UNWRITTEN, 64);
		buffers[1].len = size;
		assert_int_equal(run(buffers, 3),
				 size == 20 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
		assert_int_equal(*at(DATA), size == 20 ? 'D' : UNWRITTEN);
	}
}

static void an_id_of_20_bytes_has_no_end(void **state)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_GET_ID, 0), 16),
					writable(DATA, 20), writable(status_of(0), 1) };
	struct virtio_blk_setup s = usual;

	(void)state;
	s.serial = "abcdefghijklmnopqrstuvwxyz";
	attach(&s, 0);
	assert_int_equal(run(buffers, 3), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(DATA), "abcdefghijklmnopqrst\0", 21);
}

static void offer_flush(unsigned number)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_FLUSH, 0), 16),
					writable(status_of(number), 1) };

	*at(status_of(number)) = UNWRITTEN;
	offer(0, buffers, 2);
}

/* Completed when the real disk has completed it, no sooner, and as it has. */
static void a_flush_is_the_real_disks(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 1);
	offer_flush(2);
	offer_flush(3);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 3);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_WRITE);
	assert_int_equal(f.disk.waiting[1]->op, HOST_BLK_FLUSH);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(2, UNWRITTEN);
	complete(0, VIRTIO_BLK_S_IOERR);
	expect_status(2, VIRTIO_BLK_S_IOERR);
	expect_status(3, UNWRITTEN);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(3, VIRTIO_BLK_S_OK);
	assert_int_equal(nr_used(0), 3);
	assert_int_equal(counter("flushes"), 2);
}

/* 5.2.6.2: a driver that cannot flush expects that what is written is stable. */
static void without_flushes_a_write_is_stable_when_it_is_done(void **state)
{
	(void)state;
	attach(&usual, VIRTIO_BLK_F_FLUSH);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 1);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 1);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(1, UNWRITTEN);
	assert_int_equal(f.disk.nr_waiting, 1);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_FLUSH);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(1, VIRTIO_BLK_S_OK);

	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 2);
	notify(0);
	complete(0, VIRTIO_BLK_S_OK);
	complete(0, VIRTIO_BLK_S_IOERR);
	expect_status(2, VIRTIO_BLK_S_IOERR);

	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 3);
	notify(0);
	complete(0, VIRTIO_BLK_S_IOERR);
	expect_status(3, VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.disk.nr_waiting, 0);

	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 4);
	notify(0);
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(4, VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_waiting, 0);

	offer_flush(5); /* it has not accepted them */
	notify(0);
	expect_status(5, VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(nr_used(0), 5);
}

static void a_disk_without_cache_has_no_flush(void **state)
{
	(void)state;
	f.disk.info.has_flush = false;
	attach(&usual, 0);
	assert_false(f.device->features & VIRTIO_BLK_F_FLUSH);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 0);
	offer_flush(1);
	notify(0);
	complete_all();
	expect_status(0, VIRTIO_BLK_S_OK);
	expect_status(1, VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 1);
}

static u8 run_range(u32 type, u64 sector, u32 sectors, u32 flags)
{
	struct virtio_blk_range range = { sector, sectors, flags };
	struct virtq_desc buffers[] = { readable(header(type, 0), 16), readable(DATA, 16),
					writable(status_of(0), 1) };

	memcpy(at(DATA), &range, 16);
	return run(buffers, 3);
}

static void ranges_are_bounded(void **state)
{
	static const struct {
		u32 type;
		u64 sector;
		u32 sectors, flags;
		u8 status;
	} cases[] = {
		{ VIRTIO_BLK_T_DISCARD, 0, 2048, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_DISCARD, 0, 2049, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, 8, 1, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, 0, 8, 2, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, SECTORS - 8, 8, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_DISCARD, SECTORS - 8, 9, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, UINT64_MAX, 2, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 1024, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 1024, 1, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 1025, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0x80000000, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_WRITE_ZEROES, SECTORS - 1, 2, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_WRITE_ZEROES, BIT(63), 1, 0, VIRTIO_BLK_S_IOERR },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned before = f.disk.nr_submitted;

		assert_int_equal(
			run_range(cases[i].type, cases[i].sector, cases[i].sectors, cases[i].flags),
			cases[i].status);
		assert_int_equal(f.disk.nr_submitted - before, cases[i].status == VIRTIO_BLK_S_OK);
	}
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 0, 0), VIRTIO_BLK_S_OK);
}

static void zeroes_are_written_and_may_unmap(void **state)
{
	struct virtio_blk_range range = { 5, 2, VIRTIO_BLK_RANGE_UNMAP };
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_WRITE_ZEROES, 0), 16),
					readable(DATA, 16), writable(status_of(0), 1) };

	(void)state;
	memcpy(at(DATA), &range, 16);
	offer(0, buffers, 3);
	notify(0);
	assert_int_equal(f.disk.waiting[0]->op, HOST_BLK_WRITE_ZEROES);
	assert_int_equal(f.disk.waiting[0]->sector, 5);
	assert_int_equal(f.disk.waiting[0]->nr_sectors, 2);
	assert_true(f.disk.waiting[0]->may_unmap);
	complete_all();
	take_used(0);
	assert_int_equal(f.disk.content[5 * SECTOR], 0);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 9, 1, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.content[9 * SECTOR], 0);
	assert_int_equal(f.disk.content[8 * SECTOR], pattern(8, 0));
}

/* One range, of 16 bytes: max_discard_seg says so. */
static void a_range_is_16_bytes(void **state)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_DISCARD, 0), 16),
					readable(DATA, 16), writable(status_of(0), 1) };

	(void)state;
	memset(at(DATA), 0, 64);
	for (u32 size = 1; size <= 48; size++) {
		buffers[1].len = size;
		assert_int_equal(run(buffers, 3),
				 size == 16 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
	}
}

static void what_was_not_accepted_is_unsupported(void **state)
{
	(void)state;
	attach(&usual, VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 0);
}

static void expect_read_only(void)
{
	assert_true(f.device->features & VIRTIO_BLK_F_RO);
	assert_false(f.device->features & (VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES));
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

static void read_only_as_described(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.is_read_only = true;
	attach(&s, 0);
	expect_read_only();
}

static void read_only_as_the_real_disk_even_if_the_driver_ignores_it(void **state)
{
	(void)state;
	f.disk.info.is_read_only = true;
	attach(&usual, VIRTIO_BLK_F_RO);
	expect_read_only();
}

/* --- Many at a time */

static void requests_are_done_in_any_order(void **state)
{
	struct prng prng = { 1234 };

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		offer_transfer(i % 2, VIRTIO_BLK_T_IN, i, DATA + 4096 * i, 4 * SECTOR, i);
	notify(0);
	notify(1);
	assert_int_equal(f.disk.nr_waiting, 32);
	while (f.disk.nr_waiting)
		complete(prng_below(&prng, f.disk.nr_waiting), VIRTIO_BLK_S_OK);
	assert_int_equal(nr_used(0), 16);
	assert_int_equal(nr_used(1), 16);
	for (unsigned i = 0; i < 32; i++) {
		expect_status(i, VIRTIO_BLK_S_OK);
		expect_pattern(DATA + 4096 * i, i, 4 * SECTOR);
	}
}

/* The VM's own time has come, if it was asked for. */
static void serve(void)
{
	bool was_asked_for = f.services != 0;

	f.services = 0;
	if (was_asked_for)
		service();
}

/*
 * Those for which there is no room are begun when others are done: nobody notifies again. Not by
 * who completes, whose time it may not be, but in the VM's own.
 */
static void what_waits_is_begun_when_there_is_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 80; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA + 512 * i, SECTOR, i);
	offer_transfer(1, VIRTIO_BLK_T_IN, 80, DATA + 512 * 80, SECTOR, 80);
	notify(0);
	notify(1);
	assert_int_equal(f.disk.nr_waiting, NR_IN_FLIGHT);
	assert_int_equal(counter("in-flight"), NR_IN_FLIGHT);
	for (unsigned i = 0; i < 81; i++) {
		assert_int_equal(f.disk.nr_waiting, MIN(NR_IN_FLIGHT, 81 - i));
		complete(0, VIRTIO_BLK_S_OK);
		assert_int_equal(f.disk.nr_waiting, MIN(NR_IN_FLIGHT, 81 - i) - 1);
		serve();
	}
	assert_int_equal(nr_used(0), 80);
	assert_int_equal(nr_used(1), 1);
	for (unsigned i = 0; i < 81; i++)
		expect_pattern(DATA + 512 * i, i, SECTOR);
}

/* Notifications are off while the queue is worked off, and on again when it is empty. */
static void the_driver_notifies_only_of_what_is_not_seen(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA + 512 * i, SECTOR, i);
	assert_true(notify_if_wanted(0));
	offer_transfer(0, VIRTIO_BLK_T_IN, 70, DATA, SECTOR, 70);
	assert_false(notify_if_wanted(0)); /* it is seen when there is room */
	complete_all();
	serve();
	complete_all();
	assert_int_equal(nr_used(0), 71);
	offer_transfer(0, VIRTIO_BLK_T_IN, 71, DATA, SECTOR, 71);
	assert_true(notify_if_wanted(0));
	complete_all();
	assert_int_equal(nr_used(0), 72);
}

/* The guest goes on after so many; the rest is for the VM's own time. */
static void work_at_a_time_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		struct virtq_desc buffers[] = { readable(header(99, 0), 16),
						writable(status_of(i), 1) };

		offer(0, buffers, 2);
	}
	notify(0);
	assert_int_equal(nr_used(0), 64);
	assert_int_equal(f.services, 1);
	service();
	assert_int_equal(nr_used(0), 80);
	assert_int_equal(f.services, 1);
	assert_int_equal(counter("in-flight"), 0);
}

static void a_driver_that_polls_gets_no_interrupt(void **state)
{
	(void)state;
	write16(avail_at(0), VIRTQ_AVAIL_NO_INTERRUPT);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(f.interrupts, 0);
}

/* --- Reset */

static void a_reset_waits_for_the_real_disk(void **state)
{
	(void)state;
	f.max_pin = 512;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 700 * 512, 0); /* of several steps */
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 512, 1);
	notify(0);
	f.device->is_resetting = true;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 512, 2);
	assert_false(f.device->ops->is_quiet(f.device));
	complete(1, VIRTIO_BLK_S_OK);
	assert_false(f.device->ops->is_quiet(f.device));
	assert_int_equal(f.services, 0);
	complete(0, VIRTIO_BLK_S_OK);
	assert_true(f.device->ops->is_quiet(f.device));
	assert_int_equal(f.services, 1);
	assert_int_equal(f.disk.nr_waiting, 0); /* no further step, no new request */
	for (unsigned i = 0; i < 3; i++)
		expect_status(i, UNWRITTEN);
	assert_int_equal(nr_used(0), 0);
}

static void a_reset_forgets_what_waits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA + 512 * i, SECTOR, i);
	notify(0);
	f.device->is_resetting = true;
	complete_all();
	f.device->ops->reset(f.device);
	virtq_disable(&f.device->queues[0]);
	f.device->is_resetting = false;
	f.device->queues[0].s.next_avail = f.device->queues[0].s.next_used = 0;
	f.avail[0] = f.used[0] = 0;
	f.next_desc[0] = 0;
	write16(used_at(0) + 2, 0);
	assert_true(virtq_enable(&f.device->queues[0]));
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 3, DATA, 512), VIRTIO_BLK_S_OK);
	expect_pattern(DATA, 3, 512);
}

/* --- Limits */

static void requests_a_second_are_limited(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.rate_iops = 100; /* 10 at first */
	attach(&s, 0);
	for (unsigned i = 0; i < 15; i++)
		offer_transfer(0, VIRTIO_BLK_T_IN, i, DATA, SECTOR, i);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 10);
	complete_all();
	assert_int_equal(f.disk.nr_submitted, 10);
	assert_non_null(started);
	assert_int_equal(started->deadline, HZ / 100);
	f.now = HZ / 100;
	started->expired(started);
	assert_int_equal(f.services, 1);
	service();
	assert_int_equal(f.disk.nr_submitted, 11);
	f.now = HZ;
	service();
	assert_int_equal(f.disk.nr_submitted, 15);
	complete_all();
	assert_int_equal(nr_used(0), 15);
	assert_true(counter("rate-limited") >= 2);
	timer_stop(started);
}

static void bytes_a_second_are_limited(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.rate_bytes = 10 * 4096;
	attach(&s, 0);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 8 * SECTOR, 0);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 16 * SECTOR, 1);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, SECTOR, 2);
	notify(0);
	assert_int_equal(f.disk.nr_submitted, 1);
	f.now = HZ / 10 - HZ / 1000; /* nearly all is back: enough to begin */
	service();
	assert_int_equal(f.disk.nr_submitted, 2);
	f.now = 2 * HZ / 10 - HZ / 1000;
	service();
	assert_int_equal(f.disk.nr_submitted, 2); /* the large one is being paid off */
	f.now = 3 * HZ / 10;
	service();
	assert_int_equal(f.disk.nr_submitted, 3);
	complete_all();
	if (started)
		timer_stop(started);
}

/* A reset leaves no timer behind. */
static void a_reset_stops_the_timer(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.rate_iops = 1;
	attach(&s, 0);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, SECTOR, 0);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, SECTOR, 1);
	notify(0);
	complete_all();
	assert_non_null(started);
	f.device->ops->reset(f.device);
	assert_null(started);
}

/* --- With an overlay */

static int setup_overlay(void **state)
{
	struct virtio_blk_setup s = usual;

	setup(state);
	s.overlay = MIB(2) + 1;
	/* The base may be able to do nothing but be read. */
	f.disk.info.is_read_only = true;
	f.disk.info.has_flush = f.disk.info.has_discard = f.disk.info.has_write_zeroes = false;
	attach(&s, 0);
	assert_false(f.device->features & VIRTIO_BLK_F_RO);
	return 0;
}

/* The base is read, and only read. */
static void expect_base_unchanged(void)
{
	for (u64 i = 0; i < SECTORS * SECTOR; i++)
		assert_int_equal(f.disk.content[i], pattern(i / SECTOR, i % SECTOR));
}

static void what_is_written_over_the_base_is_read_again(void **state)
{
	(void)state;
	memset(at(DATA), 0x77, 3 * SECTOR);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 10, DATA, 3 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 0);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 8, DATA, 8 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 2); /* what lies before, and behind */
	expect_pattern(DATA, 8, 2 * SECTOR);
	for (u64 i = 0; i < 3 * SECTOR; i++)
		assert_int_equal(*at(DATA + 2 * SECTOR + i), 0x77);
	expect_pattern(DATA + 5 * SECTOR, 13, 3 * SECTOR);
	assert_int_equal(counter("overlay-bytes"), MIB(2));
	expect_base_unchanged();
}

/* Every other sector is the overlay's: more parts than the real disk gets at a time. */
static void runs_are_read_in_several_steps(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		memset(at(DATA), 0x80 + (int)i, SECTOR);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 2 * i, DATA, SECTOR),
				 VIRTIO_BLK_S_OK);
	}
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, BORDER - 10 * SECTOR - 100, 40 * SECTOR, 1);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 4);
	complete_all();
	expect_status(1, VIRTIO_BLK_S_OK);
	assert_int_equal(take_used(0), 40 * SECTOR + 1);
	for (unsigned i = 0; i < 20; i++) {
		u64 gpa = BORDER - 10 * SECTOR - 100 + 2 * i * SECTOR;

		assert_int_equal(*at(gpa), 0x80 + i);
		assert_int_equal(*at(gpa + SECTOR - 1), 0x80 + i);
		expect_pattern(gpa + SECTOR, 2 * i + 1, SECTOR);
	}
}

static void an_error_of_the_base_is_the_guests(void **state)
{
	(void)state;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 1, DATA, SECTOR), VIRTIO_BLK_S_OK);
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, 4 * SECTOR, 1);
	notify(0);
	assert_int_equal(f.disk.nr_waiting, 2);
	complete(1, VIRTIO_BLK_S_IOERR);
	expect_status(1, UNWRITTEN); /* the other part still uses its memory */
	complete(0, VIRTIO_BLK_S_OK);
	expect_status(1, VIRTIO_BLK_S_IOERR);
	take_used(0);
}

/* 256 KiB at most are copied while the guest waits; the rest is done in its own time. */
static void copying_at_a_time_is_bounded(void **state)
{
	const u32 size = 600 * 1024;
	unsigned services = 0;

	(void)state;
	for (u32 i = 0; i < size; i++)
		*at(DATA + i) = (u8)(i / 999);
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, size, 1);
	offer_flush(2);
	notify(0);
	expect_status(1, UNWRITTEN);
	expect_status(2, VIRTIO_BLK_S_OK); /* nothing that was done waits for it */
	while (!nr_used(0) || *at(status_of(1)) == UNWRITTEN) {
		assert_true(f.services > 0);
		assert_true(++services < 3);
		serve();
	}
	assert_int_equal(services, 2);
	expect_status(1, VIRTIO_BLK_S_OK);
	assert_int_equal(nr_used(0), 2);
	take_used(0);
	take_used(0);
	for (u32 i = 0; i < size; i++)
		*at(DATA + i) = 0;
	offer_transfer(0, VIRTIO_BLK_T_IN, 0, DATA, size, 1);
	notify(0);
	while (!nr_used(0))
		service();
	take_used(0);
	for (u32 i = 0; i < size; i++)
		assert_int_equal(*at(DATA + i), (u8)(i / 999));
	assert_int_equal(f.disk.nr_submitted, 0);
}

/* The first is done when just as much has been copied as may be: the second is not forgotten. */
static void what_still_waits_asks_again(void **state)
{
	const u32 size = 512 * 1024;

	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, size, 1);
	offer_transfer(0, VIRTIO_BLK_T_OUT, size / SECTOR, DATA + size, SECTOR, 2);
	notify(0);
	serve();
	expect_status(1, VIRTIO_BLK_S_OK);
	expect_status(2, UNWRITTEN);
	serve();
	expect_status(2, VIRTIO_BLK_S_OK);
	assert_int_equal(f.services, 0);
	take_used(0);
	take_used(0);
}

static void a_reset_forgets_what_is_half_copied(void **state)
{
	(void)state;
	offer_transfer(0, VIRTIO_BLK_T_OUT, 0, DATA, 600 * 1024, 1);
	notify(0);
	assert_int_equal(counter("in-flight"), 1);
	f.device->is_resetting = true;
	assert_true(f.device->ops->is_quiet(f.device));
	f.device->ops->reset(f.device);
	expect_status(1, UNWRITTEN);
	assert_int_equal(nr_used(0), 0);
	assert_int_equal(counter("in-flight"), 0);
}

static void discarded_and_zeroed_sectors_are_zeroes(void **state)
{
	static const u32 types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		memset(at(DATA), 0x55, 16 * SECTOR);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 16 * SECTOR),
				 VIRTIO_BLK_S_OK);
		assert_int_equal(run_range(types[i], 1, SECTORS - 2, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 0, DATA, 24 * SECTOR),
				 VIRTIO_BLK_S_OK);
		for (u64 b = 0; b < 24 * SECTOR; b++)
			assert_int_equal(*at(DATA + b), b < SECTOR ? 0x55 : 0);
		assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, SECTORS - 1, DATA, SECTOR),
				 VIRTIO_BLK_S_OK);
		expect_pattern(DATA, SECTORS - 1, SECTOR);
	}
	expect_base_unchanged();
}

/* Nor does a driver without flushes make any. */
static void no_flush_reaches_the_base(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.overlay = MIB(2);
	attach(&s, VIRTIO_BLK_F_FLUSH);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.nr_submitted, 0);
}

/* 2 MiB: the 511th chunk has no place, nor has anything after it. One warning is enough. */
static void a_full_overlay_fails_writes_and_reads_on(void **state)
{
	unsigned written = 0;

	(void)state;
	memset(at(DATA), 0x66, 4096);
	while (run_transfer(VIRTIO_BLK_T_OUT, written * 8, DATA, 4096) == VIRTIO_BLK_S_OK)
		written++;
	assert_int_equal(written, 510); /* a page is the granule's, one the leaf */
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, written * 8, DATA, 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.warnings, 1);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 509 * 8, DATA, 8192), VIRTIO_BLK_S_OK);
	assert_int_equal(*at(DATA + 4095), 0x66);
	expect_pattern(DATA + 4096, 510 * 8, 4096);
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	expect_base_unchanged();
}

static void memory_that_is_gone_is_not_copied(void **state)
{
	(void)state;
	f.hole = DATA + 4096;
	assert_int_equal(run_transfer(VIRTIO_BLK_T_OUT, 0, DATA, 8192), VIRTIO_BLK_S_IOERR);
	f.hole = 0;
	/* What was not written reads as zeroes: no rubbish of another VM. */
	assert_int_equal(run_transfer(VIRTIO_BLK_T_IN, 8, DATA, 4096), VIRTIO_BLK_S_OK);
	for (u64 i = 0; i < 4096; i++)
		assert_int_equal(*at(DATA + i), 0);
}

/* --- What it says of itself */

static u64 config(u32 offset, u32 size)
{
	u64 value = UINT64_MAX;

	f.device->ops->read_config(f.device, offset, size, &value);
	return value;
}

#define CONFIG(field)                                     \
	config(offsetof(struct virtio_blk_config, field), \
	       sizeof(((struct virtio_blk_config *)0)->field))

static void the_configuration_is_the_real_disks(void **state)
{
	(void)state;
	f.disk.info.block_size = 4096;
	attach(&usual, 0);
	assert_int_equal(CONFIG(capacity), SECTORS);
	assert_int_equal(CONFIG(seg_max), 224);
	assert_int_equal(CONFIG(blk_size), 4096);
	assert_int_equal(CONFIG(num_queues), 2);
	assert_int_equal(CONFIG(max_discard_sectors), 2048);
	assert_int_equal(CONFIG(max_discard_seg), 1);
	assert_int_equal(CONFIG(discard_sector_alignment), 8);
	assert_int_equal(CONFIG(max_write_zeroes_sectors), 1024);
	assert_int_equal(CONFIG(max_write_zeroes_seg), 1);
	assert_int_equal(CONFIG(write_zeroes_may_unmap), 1);
	assert_int_equal(config(0, 4), SECTORS);
	assert_int_equal(config(1, 1), SECTORS >> 8);
	assert_int_equal(config(63, 1), 0);
	assert_int_equal(f.device->ops->config_size, 64);
}

static void features_are_what_there_is(void **state)
{
	static const u64 all = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
			       VIRTIO_BLK_F_MQ | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
	struct virtio_blk_setup s = usual;

	(void)state;
	attach(&usual, 0);
	assert_int_equal(f.device->features & 0xffffff, all);
	teardown(NULL);
	setup(NULL);
	s.nr_queues = 1;
	f.disk.info.has_discard = f.disk.info.has_write_zeroes = f.disk.info.has_flush = false;
	attach(&s, 0);
	assert_int_equal(f.device->features & 0xffffff,
			 VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE);
}

static void a_disk_that_is_not_there_is_told_of(void **state)
{
	struct virtio_blk_setup s = usual;

	(void)state;
	s.host_disk = "d4";
	assert_non_null(strstr(virtio_blk_create(&s, &f.device), "no disk"));
	assert_null(f.device);
}

/* Anything that may stand in a chain: nothing breaks, and all of it comes back. */
static void random_requests_all_come_back(void **state)
{
	struct prng prng = { 20260101 };
	unsigned offered = 0;

	(void)state;
	for (unsigned round = 0; round < 3000 && !f.resets; round++) {
		struct virtq_desc buffers[8];
		unsigned count = 0, nr_readable = prng_below(&prng, 4);
		static const u32 sizes[] = { 1, 15, 16, 20, 21, 32, 496, 511, 512, 1024, 4096 };
		u64 h = header(prng_below(&prng, 16), prng_below(&prng, 3)
							      ? prng_below(&prng, SECTORS + 2)
							      : prng_next(&prng));

		if (nr_readable)
			buffers[count++] =
				readable(h, prng_below(&prng, 8) ? 16 : 1 + prng_below(&prng, 16));
		while (count < nr_readable)
			buffers[count++] = readable(DATA + prng_below(&prng, 65536),
						    sizes[prng_below(&prng, ARRAY_SIZE(sizes))]);
		for (unsigned i = prng_below(&prng, 4); i; i--)
			buffers[count++] = writable(DATA + 131072 + prng_below(&prng, 65536),
						    sizes[prng_below(&prng, ARRAY_SIZE(sizes))]);
		buffers[count++] = writable(status_of(round % 256), 1);
		offer(0, buffers, count);
		offered++;
		if (prng_below(&prng, 2))
			notify(0);
		while (f.disk.nr_kicked && (prng_below(&prng, 3) || f.avail[0] - f.used[0] > 24)) {
			complete(prng_below(&prng, f.disk.nr_kicked),
				 (u8)(prng_below(&prng, 9) == 0));
			while (nr_used(0))
				take_used(0);
		}
		while (nr_used(0))
			take_used(0);
		if (f.avail[0] - f.used[0] > 24)
			notify(0);
	}
	notify(0);
	complete_all();
	assert_int_equal(f.resets, 0);
	assert_int_equal(read16(used_at(0) + 2), offered);
}

#define USUAL(test) cmocka_unit_test_setup_teardown(test, setup_usual, teardown)
#define OVER(test)  cmocka_unit_test_setup_teardown(test, setup_overlay, teardown)
#define OWN(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		USUAL(a_read_goes_into_the_guests_buffer),
		USUAL(a_write_comes_from_the_guests_buffer),
		USUAL(buffers_may_be_anything),
		USUAL(a_buffer_may_lie_in_two_pieces_of_ram),
		USUAL(an_indirect_table_holds_the_most_buffers),
		USUAL(more_buffers_than_offered_are_refused),
		USUAL(a_fragmented_request_is_done_in_several_steps),
		USUAL(an_error_ends_a_request_of_several_steps),
		USUAL(segments_that_end_within_a_sector_are_refused),
		USUAL(memory_that_is_gone_is_an_error),
		USUAL(a_transfer_of_nothing_is_done),
		USUAL(nothing_outside_the_disk_is_reached),
		USUAL(data_is_whole_sectors),
		USUAL(what_the_disk_says_is_what_the_guest_sees),
		USUAL(a_header_that_is_too_short_is_an_error),
		USUAL(without_room_for_a_status_the_device_stops),
		USUAL(a_broken_queue_stops_the_device),
		USUAL(unknown_types_are_unsupported),
		USUAL(the_id_is_padded),
		OWN(an_id_of_20_bytes_has_no_end),
		USUAL(a_flush_is_the_real_disks),
		OWN(without_flushes_a_write_is_stable_when_it_is_done),
		OWN(a_disk_without_cache_has_no_flush),
		USUAL(ranges_are_bounded),
		USUAL(zeroes_are_written_and_may_unmap),
		USUAL(a_range_is_16_bytes),
		OWN(what_was_not_accepted_is_unsupported),
		OWN(read_only_as_described),
		OWN(read_only_as_the_real_disk_even_if_the_driver_ignores_it),
		USUAL(requests_are_done_in_any_order),
		USUAL(what_waits_is_begun_when_there_is_room),
		USUAL(the_driver_notifies_only_of_what_is_not_seen),
		USUAL(work_at_a_time_is_bounded),
		USUAL(a_driver_that_polls_gets_no_interrupt),
		USUAL(a_reset_waits_for_the_real_disk),
		USUAL(a_reset_forgets_what_waits),
		OWN(requests_a_second_are_limited),
		OWN(bytes_a_second_are_limited),
		OWN(a_reset_stops_the_timer),
		OVER(what_is_written_over_the_base_is_read_again),
		OVER(runs_are_read_in_several_steps),
		OVER(an_error_of_the_base_is_the_guests),
		OVER(copying_at_a_time_is_bounded),
		OVER(what_still_waits_asks_again),
		OVER(a_reset_forgets_what_is_half_copied),
		OVER(discarded_and_zeroed_sectors_are_zeroes),
		OWN(no_flush_reaches_the_base),
		OVER(a_full_overlay_fails_writes_and_reads_on),
		OVER(memory_that_is_gone_is_not_copied),
		OWN(the_configuration_is_the_real_disks),
		OWN(features_are_what_there_is),
		OWN(a_disk_that_is_not_there_is_told_of),
		USUAL(random_requests_all_come_back),
	};

	return RUN_TESTS(tests);
}
