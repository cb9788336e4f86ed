/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of a guest's disk, for its tests. */
#include "blk_fixture.h"
#include "core/log.h"
#include "fake/pages.h"

#include <stdlib.h>
#include <string.h>

struct fixture f;

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

struct timer *started;

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

bool guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	u64 offset = gpa.v - memory->start.v;

	return offset <= memory->size && size <= memory->size - offset;
}

u8 *at(u64 gpa)
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

bool virtio_notify_used(struct virtio_device *device, struct virtq *q)
{
	bool wants = virtq_wants_interrupt(q);

	assert_ptr_equal(device, f.device);
	f.interrupts += wants;
	return wants;
}

void virtio_needs_reset(struct virtio_device *device, const char *why)
{
	assert_non_null(why);
	device->s.status |= VIRTIO_NEEDS_RESET;
	f.resets++;
}

/* --- The driver */

u8 pattern(u64 sector, unsigned offset)
{
	return (u8)(sector * 7 + offset + 1);
}

void complete(unsigned index, u8 status)
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

void complete_all(void)
{
	while (f.disk.nr_waiting)
		complete(0, VIRTIO_BLK_S_OK);
}

static u64 desc_at(unsigned queue)
{
	return RINGS + queue * 0x10000UL;
}

u64 avail_at(unsigned queue)
{
	return desc_at(queue) + 0x4000;
}

u64 used_at(unsigned queue)
{
	return desc_at(queue) + 0x8000;
}

void write16(u64 gpa, u16 value)
{
	memcpy(at(gpa), &value, 2);
}

u16 read16(u64 gpa)
{
	u16 value;

	memcpy(&value, at(gpa), 2);
	return value;
}

u16 offer(unsigned queue, const struct virtq_desc *buffers, unsigned count)
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

void notify(unsigned queue)
{
	f.device->ops->notify(f.device, queue);
	f.device->ops->kick(f.device);
}

bool notify_if_wanted(unsigned queue)
{
	bool wanted = !(read16(used_at(queue)) & VIRTQ_USED_NO_NOTIFY);

	if (wanted)
		notify(queue);
	return wanted;
}

u64 header(u32 type, u64 sector)
{
	static unsigned next;
	struct virtio_blk_header h = { type, 0, sector };
	u64 gpa = HEADERS + 16 * (next++ % 256);

	memcpy(at(gpa), &h, sizeof(h));
	return gpa;
}

u64 status_of(unsigned number)
{
	return STATUSES + number;
}

struct virtq_desc readable(u64 gpa, u32 size)
{
	return (struct virtq_desc){ gpa, size, 0, 0 };
}

struct virtq_desc writable(u64 gpa, u32 size)
{
	return (struct virtq_desc){ gpa, size, VIRTQ_DESC_WRITE, 0 };
}

void offer_transfer(unsigned queue, u32 type, u64 sector, u64 data, u32 size, unsigned number)
{
	struct virtq_desc buffers[] = {
		readable(header(type, sector), 16),
		type == VIRTIO_BLK_T_IN ? writable(data, size) : readable(data, size),
		writable(status_of(number), 1),
	};

	*at(status_of(number)) = UNWRITTEN;
	offer(queue, buffers, 3);
}

void expect_status(unsigned number, u8 status)
{
	assert_int_equal(*at(status_of(number)), status);
}

u32 take_used(unsigned queue)
{
	struct virtq_used_elem elem;

	assert_int_not_equal(read16(used_at(queue) + 2), f.used[queue]);
	memcpy(&elem, at(used_at(queue) + 4 + 8 * (f.used[queue]++ % QUEUE_SIZE)), 8);
	return elem.len;
}

unsigned nr_used(unsigned queue)
{
	return (u16)(read16(used_at(queue) + 2) - f.used[queue]);
}

u8 run(const struct virtq_desc *buffers, unsigned count)
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

u8 run_transfer(u32 type, u64 sector, u64 data, u32 size)
{
	struct virtq_desc buffers[] = {
		readable(header(type, sector), 16),
		type == VIRTIO_BLK_T_IN ? writable(data, size) : readable(data, size),
		writable(status_of(0), 1),
	};

	return run(buffers, 3);
}

void expect_pattern(u64 gpa, u64 sector, u32 size)
{
	for (u32 i = 0; i < size; i++)
		assert_int_equal(*at(gpa + i), pattern(sector + i / SECTOR, i % SECTOR));
}

void offer_flush(unsigned number)
{
	struct virtq_desc buffers[] = { readable(header(VIRTIO_BLK_T_FLUSH, 0), 16),
					writable(status_of(number), 1) };

	*at(status_of(number)) = UNWRITTEN;
	offer(0, buffers, 2);
}

u8 run_range(u32 type, u64 sector, u32 sectors, u32 flags)
{
	struct virtio_blk_range range = { sector, sectors, flags };
	struct virtq_desc buffers[] = { readable(header(type, 0), 16), readable(DATA, 16),
					writable(status_of(0), 1) };

	memcpy(at(DATA), &range, 16);
	return run(buffers, 3);
}

void service(void)
{
	f.device->ops->service(f.device);
	f.device->ops->kick(f.device);
}

void serve(void)
{
	bool was_asked_for = f.services != 0;

	f.services = 0;
	if (was_asked_for)
		service();
}

static u64 counter_value;
static void emit(void *ctx, const char *name, u64 value)
{
	if (strcmp(ctx, name) == 0)
		counter_value = value;
}

u64 counter(const char *name)
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

const struct virtio_blk_setup usual = {
	.vm_name = "vm0", .host_disk = "d3", .serial = "DATA1", .nr_queues = 2
};

void attach(const struct virtio_blk_setup *setup, u64 refused_features)
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

int setup(void **state)
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

int setup_usual(void **state)
{
	setup(state);
	attach(&usual, 0);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	if (f.device) {
		expect_nothing_left();
		f.device->ops->reset(f.device);
		f.device->ops->destroy(f.device);
	}
	assert_int_equal(fake_pages.in_use, 0);
	assert_int_equal(f.granules, 0);
	assert_null(started);
	free(f.piece[0]);
	free(f.piece[1]);
	return 0;
}
