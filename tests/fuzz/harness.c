/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs an input: a VM, and its driver. */
#include "harness.h"
#include "core/timer.h"
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 512

/* --- What may never happen */

void fuzz_check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: does not hold: %s\n", what);
	abort();
}

/* What is freed is watched for a while; each input frees much. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4";
}

/* --- The VM */

static void interrupt(struct virtio_device *device, u32 set, u32 clear)
{
	virtio_set_interrupt_status(device, (device->s.interrupt_status | set) & ~clear);
	fuzz_check(!(device->s.interrupt_status & ~3U), "there are two kinds of interrupts");
}

static bool is_service_asked_for;

static void ask_for_service(struct virtio_device *device)
{
	(void)device;
	is_service_asked_for = true;
}

static const struct virtio_vm_ops vm_ops = { interrupt, ask_for_service };

/* --- Work */

#define MAX_WORK 5000 /* a chain is 1, and so is a copy, and what is pinned */

static unsigned work;
static bool is_racing;

void fuzz_count_work(unsigned amount)
{
	work += amount;
	fuzz_check(work < MAX_WORK, "a vCPU goes on after a while");
}

/*
 * The available index that the device has to know of: since the queue is in use, and as long as
 * nobody has written another there.
 */
static struct {
	u16 idx;
	bool is_known;
	bool is_owed; /* a notification, by the other vCPU */
} told[VIRTIO_MAX_QUEUES];

static unsigned index_of(const struct virtq *q)
{
	const struct virtio_device *device = q->owner;

	return (unsigned)(q - device->queues);
}

bool __real_virtq_enable(struct virtq *q);
bool __wrap_virtq_enable(struct virtq *q);

bool __wrap_virtq_enable(struct virtq *q)
{
	told[index_of(q)].is_known = false;
	return __real_virtq_enable(q);
}

int __real_virtq_pop(struct virtq *q, struct virtq_chain *chain);
int __wrap_virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Whether a driver has to notify that makes its chain number idx available (2.7.7, 2.7.10). */
static bool wants_notification(const struct virtq *q, u16 idx)
{
	u16 event = 0;

	if (!q->s.has_event_idx)
		return !q->s.wants_no_notify;
	guest_read(&machine_ram, GPA(q->s.used + VIRTQ_RING + 8UL * q->s.size), &event, 2);
	return event == idx;
}

/* The ring's entries stay: only its index moves on. */
static void race(const struct virtq *q)
{
	gpa_t at = GPA(q->s.avail + VIRTQ_RING_IDX);
	u16 idx;

	if (!guest_read(&machine_ram, at, &idx, 2))
		return;
	told[index_of(q)].is_owed |= wants_notification(q, idx);
	idx++;
	guest_write(&machine_ram, at, &idx, 2);
	told[index_of(q)].idx = idx;
	told[index_of(q)].is_known = true;
}

int __wrap_virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	int got = __real_virtq_pop(q, chain);

	fuzz_count_work(1);
	if (is_racing && got > 0)
		race(q);
	return got;
}

u32 __real_virtq_copy_from(struct virtq *q, const struct virtq_chain *chain, u32 offset, void *buf,
			   u32 size);
u32 __wrap_virtq_copy_from(struct virtq *q, const struct virtq_chain *chain, u32 offset, void *buf,
			   u32 size);

u32 __wrap_virtq_copy_from(struct virtq *q, const struct virtq_chain *chain, u32 offset, void *buf,
			   u32 size)
{
	fuzz_count_work(1);
	return __real_virtq_copy_from(q, chain, offset, buf, size);
}

/* --- The driver */

static u32 shown[VIRTIO_MMIO_SIZE / 4]; /* of the device that runs */

struct run {
	const struct fuzz_target *target;
	struct virtio_device *device;
	u16 queue_size;
	u64 rings; /* guest physical: where a driver that behaves puts its queues */
	u16 avail_idx[VIRTIO_MAX_QUEUES];
	u16 next_desc[VIRTIO_MAX_QUEUES];
};

/* Reads that are whole registers, or wholly in the configuration. */
static bool is_shown(const struct run *run, const struct mmio_access *access)
{
	u32 end = VIRTIO_MMIO_CONFIG + run->device->ops->config_size;
	u64 value = 0;

	memcpy(&value, (const u8 *)shown + access->offset, access->len);
	if (access->offset < VIRTIO_MMIO_CONFIG ? access->len != 4
						: access->offset + access->len > end)
		return true;
	return value == access->value;
}

static u64 mmio(struct run *run, u32 offset, u8 len, bool is_write, u64 value)
{
	struct mmio_access access = { offset, len, is_write, value };

	fuzz_check(virtio_mmio(run->device, &access), "a register answers");
	fuzz_check(is_write || len == 8 || !(access.value >> 8 * len), "a value has its width");
	fuzz_check(is_write || is_shown(run, &access), "what is read without an exit is the same");
	return access.value;
}

static void write32(struct run *run, u32 offset, u64 value)
{
	mmio(run, offset, 4, true, (u32)value);
}

static void add_to_status(struct run *run, u32 bits)
{
	write32(run, VIRTIO_MMIO_STATUS, mmio(run, VIRTIO_MMIO_STATUS, 4, false, 0) | bits);
}

static unsigned a_queue(const struct run *run, unsigned n)
{
	return n % (run->device->nr_queues + 1) % VIRTIO_MAX_QUEUES; /* or one too many */
}

static u64 desc_of(const struct run *run, unsigned queue)
{
	return run->rings + FUZZ_RINGS_SIZE * queue;
}

static u64 avail_of(const struct run *run, unsigned queue)
{
	return desc_of(run, queue) + VIRTQ_DESC_SIZE(FUZZ_QUEUE_SIZE);
}

static u64 used_of(const struct run *run, unsigned queue)
{
	return ALIGN_UP(avail_of(run, queue) + VIRTQ_AVAIL_SIZE(FUZZ_QUEUE_SIZE), 4);
}

/* Most are RAM; the rest is what drivers should not say. */
static u64 an_address(u32 value)
{
	static const u64 special[] = { 0,
				       0x10001000,
				       FUZZ_RAM_START - 1,
				       FUZZ_RAM_START + FUZZ_RAM_SIZE - 1,
				       FUZZ_RAM_START + FUZZ_RAM_SIZE,
				       UINT64_MAX - 15,
				       UINT64_MAX,
				       1UL << 63 };

	if (value >> 24 == 0xff)
		return special[value % ARRAY_SIZE(special)];
	return FUZZ_RAM_START + value % FUZZ_RAM_SIZE;
}

/* wrong: a driver that does not behave; then c says what is not as it should be, and d what it is.
 */
static void set_up_queue(struct run *run, unsigned queue, const struct fuzz_step *wrong)
{
	u64 parts[] = { desc_of(run, queue), avail_of(run, queue), used_of(run, queue) };
	u32 size = run->queue_size, value = wrong ? (u32)(wrong->d >> 32) : 0;

	if (wrong && wrong->c % 4 < ARRAY_SIZE(parts))
		parts[wrong->c % 4] = an_address(value);
	else if (wrong)
		size = value;
	write32(run, VIRTIO_MMIO_QUEUE_SEL, queue);
	write32(run, VIRTIO_MMIO_QUEUE_NUM, size);
	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		write32(run, VIRTIO_MMIO_QUEUE_DESC_LOW + 16 * i, parts[i]);
		write32(run, VIRTIO_MMIO_QUEUE_DESC_HIGH + 16 * i, parts[i] >> 32);
	}
	machine_poke(parts[0], (u8[FUZZ_RINGS_SIZE]){ 0 }, FUZZ_RINGS_SIZE);
	run->avail_idx[queue] = run->next_desc[queue] = 0;
	write32(run, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void set_up(struct run *run, const struct fuzz_step *step)
{
	u64 features = (step->d & run->device->features) | VIRTIO_F_VERSION_1;

	run->queue_size = (u16)(1U << step->b % 7);
	write32(run, VIRTIO_MMIO_STATUS, 0);
	add_to_status(run, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (u32 i = 0; i < 2; i++) {
		write32(run, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		write32(run, VIRTIO_MMIO_DRIVER_FEATURES, features >> 32 * i);
	}
	add_to_status(run, VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < run->device->nr_queues; i++)
		set_up_queue(run, i, step->c >> 28 == 15 && i == step->a % 4 ? step : NULL);
	add_to_status(run, VIRTIO_DRIVER_OK);
}

static void describe(u64 table, unsigned index, struct virtq_desc desc)
{
	machine_poke(table + 16UL * index, &desc, sizeof(desc));
}

static void offer(struct run *run, unsigned queue, u16 head)
{
	u16 *idx = &run->avail_idx[queue];

	machine_poke(avail_of(run, queue) + VIRTQ_RING + 2UL * (*idx % run->queue_size), &head, 2);
	++*idx;
	machine_poke(avail_of(run, queue) + VIRTQ_RING_IDX, idx, 2);
}

/* What the driver has last written there, if nobody else has. */
static u16 avail_idx(const struct run *run, unsigned queue)
{
	u16 idx = 0;

	guest_read(&machine_ram, GPA(run->device->queues[queue].s.avail + VIRTQ_RING_IDX), &idx, 2);
	return idx;
}

static void notify(struct run *run, unsigned queue)
{
	if (queue < run->device->nr_queues && virtio_is_live(run->device) &&
	    run->device->queues[queue].s.is_ready) {
		told[queue].idx = avail_idx(run, queue);
		told[queue].is_known = true;
	}
	write32(run, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/*
 * A chain as drivers make it. shape: buffers to read (3 bits) and to write (3 bits), in a table
 * (1 bit), then their sizes, 3 bits each in turn. The first to read holds what the target fills in.
 */
static void request(struct run *run, unsigned queue, const struct fuzz_step *step)
{
	static const u32 sizes[] = { 16, 1, 12, 512, 1526, 4096, 20, FUZZ_RAM_SIZE };
	unsigned readable = step->b & 7, count = readable + (step->b >> 3 & 7);
	u16 head = run->next_desc[queue] % run->queue_size;
	bool in_table = step->b >> 6 & 1;
	u64 table = in_table ? FUZZ_TABLES + 0x100UL * (queue % 32) : desc_of(run, queue);
	unsigned at = in_table ? 0 : head;
	u8 bytes[64] = { 0 };
	u32 filled = 12;

	memcpy(bytes, &step->c, 4);
	memcpy(bytes + 4, &step->d, 8);
	if (run->target->fill)
		filled = run->target->fill(queue, step, bytes);
	for (unsigned i = 0; i < count; i++) {
		u32 size = sizes[step->b >> (7 + i % 3 * 3) & 7];
		u64 addr = FUZZ_DATA + 0x2000UL * (i % 8) + 0x40UL * queue;
		unsigned next = in_table ? at + 1 : (at + 1) % run->queue_size;

		if (size == FUZZ_RAM_SIZE)
			addr = FUZZ_RAM_START;
		if (i == 0 && readable) {
			size = step->a & 0x80 ? size : filled;
			machine_poke(addr, bytes, filled);
		}
		describe(table, at,
			 (struct virtq_desc){ addr, size,
					      (u16)((i < readable ? 0 : VIRTQ_DESC_WRITE) |
						    (i + 1 < count ? VIRTQ_DESC_NEXT : 0)),
					      (u16)next });
		at = next;
	}
	if (in_table)
		describe(desc_of(run, queue), head,
			 (struct virtq_desc){ table, 16 * count, VIRTQ_DESC_INDIRECT, 0 });
	run->next_desc[queue] = (u16)(head + (in_table ? 1 : count));
	offer(run, queue, head);
	notify(run, queue);
}

static void reset(struct run *run, const struct fuzz_step *step)
{
	switch (step->a % 4) {
	case 0: write32(run, VIRTIO_MMIO_STATUS, 0); break;
	case 1: virtio_device_reset(run->device); break;
	default:
		write32(run, VIRTIO_MMIO_QUEUE_SEL, a_queue(run, step->b));
		write32(run, step->a % 4 == 2 ? VIRTIO_MMIO_QUEUE_RESET : VIRTIO_MMIO_QUEUE_READY,
			step->a % 4 == 2);
		set_up_queue(run, a_queue(run, step->b), NULL);
	}
}

static void do_step(struct run *run, const struct fuzz_step *step)
{
	unsigned queue = a_queue(run, step->a & 0x7f);
	u8 len = (u8)(1 << (step->a & 3));

	switch (step->kind % FUZZ_NR_KINDS) {
	case FUZZ_WRITE:
	case FUZZ_READ: {
		u32 offset =
			ALIGN_DOWN(step->b % (step->b & 0x8000 ? VIRTIO_MMIO_SIZE : 0x180U), len);
		u64 value = len == 8 ? step->d : step->d & ((1UL << 8 * len) - 1);

		mmio(run, offset, len, step->kind % FUZZ_NR_KINDS == FUZZ_WRITE, value);
		break;
	}
	case FUZZ_POKE:
		machine_poke(FUZZ_RAM_START + step->c % FUZZ_RAM_SIZE, &step->d, len);
		break;
	case FUZZ_DESCRIBE:
		queue = a_queue(run, step->d >> 48 & 0x7f);
		describe(step->d >> 63 ? FUZZ_TABLES + 0x100UL * queue : desc_of(run, queue),
			 step->a % 16,
			 (struct virtq_desc){ an_address((u32)step->d), step->c,
					      step->b & (step->b >> 15 ? 0xffff : 7),
					      (u16)(step->d >> 32) });
		break;
	case FUZZ_OFFER: offer(run, queue, step->b); break;
	case FUZZ_JUMP:
		run->avail_idx[queue] = step->b;
		machine_poke(avail_of(run, queue) + VIRTQ_RING_IDX, &step->b, 2);
		break;
	case FUZZ_REQUEST: request(run, queue, step); break;
	case FUZZ_NOTIFY: notify(run, step->a); break;
	case FUZZ_SETUP: set_up(run, step); break;
	case FUZZ_RESET: reset(run, step); break;
	case FUZZ_SERVICE: virtio_service(run->device, &(unsigned){ 8 }); break;
	case FUZZ_EVENT:
		if (run->target->event)
			run->target->event(run->device, step);
		break;
	case FUZZ_TIME: machine_pass_time(step->c * 10UL); break;
	case FUZZ_RACE: is_racing = step->a & 1; break;
	case FUZZ_LEAVE:
		machine_leave(step->a);
		if (step->b & 1)
			machine_leave(0);
		break;
	case FUZZ_SCARCE:
		if (step->a & 1)
			machine_take_all();
		else
			machine_give_all_back();
		break;
	}
}

static void forget_old_indices(const struct run *run)
{
	for (unsigned i = 0; i < run->device->nr_queues; i++) {
		if (told[i].is_known)
			told[i].is_known = avail_idx(run, i) == told[i].idx;
	}
}

/* The VM does what it is asked for at once, but need not be done with it. */
static void serve(struct run *run)
{
	forget_old_indices(run);
	for (unsigned i = 0; i < 4 && is_service_asked_for; i++) {
		is_service_asked_for = false;
		work = 0;
		virtio_service(run->device, &(unsigned){ 8 });
	}
	forget_old_indices(run);
	fuzz_check(!run->device->lock.is_locked, "the device's lock is free between two exits");
	fuzz_check(!run->device->receive_lock || !run->device->receive_lock->is_locked,
		   "the receive lock is free between two exits");
}

static void notify_owed(struct run *run)
{
	for (unsigned i = 0; i < run->device->nr_queues; i++) {
		if (!told[i].is_owed)
			continue;
		told[i].is_owed = false;
		work = 0;
		write32(run, VIRTIO_MMIO_QUEUE_NOTIFY, i);
		serve(run);
	}
}

static void ignore(void *ctx, const char *name, u64 value)
{
	(void)ctx;
	(void)name;
	(void)value;
}

static void let_pass(struct run *run)
{
	if (run->target->complete_all)
		run->target->complete_all(run->device);
	machine_pass_time(time_from_ns(10000000));
	serve(run);
}

/*
 * Whether a queue neither waits for RAM nor, if it is worked off in any case, has chains that are
 * not given back, or of which the driver has told.
 */
static bool is_worked_off(const struct run *run, unsigned queue)
{
	const struct virtq *q = &run->device->queues[queue];
	u16 left = (u16)(told[queue].idx - q->s.next_avail);

	if (!q->s.is_ready || q->broken || q->is_stopping)
		return true;
	if (q->nr_wanted)
		return false;
	if (!(run->target->eager >> queue & 1))
		return true;
	return !q->in_flight && (!told[queue].is_known || !left || left > q->s.size);
}

static bool is_idle(const struct run *run)
{
	bool is_idle = true;

	for (unsigned i = 0; i < run->device->nr_queues && virtio_is_live(run->device); i++)
		is_idle &= is_worked_off(run, i);
	return is_idle;
}

static void settle(struct run *run)
{
	for (unsigned i = 0; i < 5 || (i < 10000 && !is_idle(run)); i++)
		let_pass(run);
	fuzz_check(is_idle(run), "queues are worked off");
}

/* Before the end, when the machine has all the RAM and the time that it needs. */
static void check_state(struct run *run)
{
	is_racing = false;
	notify_owed(run);
	machine_give_all_back();
	settle(run);
	for (unsigned i = 0; i < run->device->nr_queues; i++) {
		work = 0;
		notify(run, i);
		serve(run);
	}
	settle(run);
	for (u32 offset = 0; offset < VIRTIO_MMIO_CONFIG + 0x40; offset += 4)
		mmio(run, offset, 4, false, 0);
	if (run->device->ops->show)
		run->device->ops->show(run->device, ignore, NULL);
}

/* The end of the VM: when the machine has completed all, a reset must succeed. */
static void finish(struct run *run, unsigned nr_before)
{
	for (unsigned i = 0; !virtio_device_reset(run->device); i++) {
		fuzz_check(i < 1000, "the device becomes quiet");
		let_pass(run);
	}
	virtio_device_destroy(run->device);
	fuzz_check(machine_pages() == nr_before, "all memory is given back");
	if (run->target->end_machine)
		run->target->end_machine();
	machine_end();
}

/* The last byte of an input says what the device is like, the one before it what the RAM is. */
int fuzz_run(const struct fuzz_target *target, const u8 *data, size_t size)
{
	u8 ram = size > 1 ? data[size - 2] : 0, variant = size ? data[size - 1] : 0;
	struct run run = { .target = target,
			   .queue_size = FUZZ_QUEUE_SIZE,
			   .rings = ram & 2 ? FUZZ_RINGS_ACROSS : FUZZ_RINGS };
	struct fuzz_step step;
	unsigned nr_before;

	is_service_asked_for = is_racing = false;
	memset(told, 0, sizeof(told));
	machine_begin(ram & 1);
	if (target->make_machine)
		target->make_machine(variant);
	nr_before = machine_pages();
	run.device = target->create(variant);
	run.device->vm_ops = &vm_ops;
	virtio_device_attach(run.device, &machine_ram);
	memset(shown, 0, sizeof(shown));
	virtio_device_show(run.device, shown);
	for (size_t at = 0; at < size && at < MAX_STEPS * sizeof(step); at += sizeof(step)) {
		memset(&step, 0, sizeof(step));
		memcpy(&step, data + at, MIN(sizeof(step), size - at));
		work = 0;
		do_step(&run, &step);
		serve(&run);
		notify_owed(&run);
	}
	check_state(&run);
	finish(&run, nr_before);
	return 0;
}
