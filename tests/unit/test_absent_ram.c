/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of devices whose guest has given RAM back (mem/guest_frames.h) and uses it for requests: it
 * comes back in the VM's own time, with no lock held, and not too much at once. RAM, queues and
 * devices are real; the machine's devices, the switch, the VM and time are stand-ins.
 */
#include "unit.h"
#include "core/log.h"
#include "core/timer.h"
#include "dev/console.h"
#include "drivers/host_blk.h"
#include "drivers/host_port.h"
#include "drivers/host_rng.h"
#include "fake/pages.h"
#include "virtio/balloon.h"
#include "virtio/blk.h"
#include "virtio/console.h"
#include "virtio/net.h"
#include "virtio/net_device.h"
#include "virtio/rng.h"

#include <stdlib.h>
#include <string.h>

#define START	    0x80000000UL
#define GRANULES    24UL
#define RAM_SIZE    (GRANULES * RAM_GRANULE)
#define GRANULE(n)  (START + (n)*RAM_GRANULE)
#define RINGS(q)    (START + 0x10000UL * (q)) /* in the first granule, which stays */
#define AVAIL	    0x2000UL
#define USED	    0x3000UL
#define QUEUE_SIZE  256U
#define BUDGET	    8U /* granules a turn */
#define FRAME_SIZE  1000U
#define BUFFER_SIZE 1536U
#define W	    VIRTQ_DESC_WRITE

struct host_blk {
	u64 unused;
};

static struct {
	struct guest_memory memory;
	u8 *ram; /* all that the pool has */
	struct ram_piece others[GRANULES];
	unsigned nr_others; /* granules that others have taken out of the pool */
	struct virtio_device *device;
	u16 avail[VIRTIO_MAX_QUEUES], next_desc[VIRTIO_MAX_QUEUES];
	bool is_asked; /* for service */
	struct net_port *port;
	unsigned nr_rooms, nr_sent;
	struct host_blk disk;
	struct host_blk_request *submitted;
	struct host_rng_request *rng;
	struct timer *timer;
	char written[64]; /* to the console */
	unsigned nr_written;
	unsigned nr_wanted, nr_reported;
} f;

/* --- Stand-ins */

u64 fake_csr_read(unsigned csr)
{
	(void)csr;
	return 1;
}

void fake_csr_write(unsigned csr, u64 value)
{
	(void)csr;
	(void)value;
	fail();
}

u64 time_from_ns(u64 ns)
{
	return ns;
}

void timer_start(struct timer *timer, u64 deadline)
{
	timer->deadline = deadline;
	f.timer = timer;
}

void timer_stop(struct timer *timer)
{
	if (f.timer == timer)
		f.timer = NULL;
}

void timer_stop_and_wait(struct timer *timer)
{
	timer_stop(timer);
}

void log_warn(const char *fmt, ...)
{
	(void)fmt;
}

struct net_switch *switch_get(const char *name)
{
	(void)name;
	return (struct net_switch *)&f;
}

void switch_attach(struct net_switch *net, struct net_port *port)
{
	(void)net;
	f.port = port;
}

void switch_detach(struct net_port *port)
{
	assert_ptr_equal(port, f.port);
}

enum net_result switch_send(struct net_port *port, const struct net_frame *frame, u64 cookie)
{
	(void)port;
	(void)cookie;
	assert_int_equal(frame->size, FRAME_SIZE);
	f.nr_sent++;
	return NET_DONE;
}

void switch_flush(struct net_port *port)
{
	(void)port;
}

void switch_has_room(struct net_port *port)
{
	(void)port;
	f.nr_rooms++;
}

struct host_blk *host_blk_find(const char *serial)
{
	(void)serial;
	return &f.disk;
}

void host_blk_info(struct host_blk *disk, struct host_blk_info *info)
{
	(void)disk;
	*info = (struct host_blk_info){ .sectors = GIB(1) / 512, .block_size = 512 };
}

void host_blk_submit(struct host_blk *disk, struct host_blk_request *request)
{
	(void)disk;
	assert_null(f.submitted);
	f.submitted = request;
}

void host_blk_kick(struct host_blk *disk)
{
	(void)disk;
}

bool host_rng_is_there(void)
{
	return true;
}

void host_rng_submit(struct host_rng_request *request)
{
	f.rng = request;
}

bool console_put(void *console, u8 byte)
{
	(void)console;
	f.written[f.nr_written++ % sizeof(f.written)] = (char)byte;
	return true;
}

bool console_get(void *console, u8 *byte)
{
	(void)console;
	*byte = 'x';
	return f.nr_written == 0;
}

struct host_port *host_port_take(const char *name)
{
	(void)name;
	return NULL;
}

void host_port_give_back(struct host_port *port)
{
	(void)port;
}

void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx)
{
	(void)port;
	(void)user;
	(void)ctx;
}

u32 host_port_read(struct host_port *port, void *buf, u32 size)
{
	(void)port;
	(void)buf;
	return size;
}

u32 host_port_write(struct host_port *port, const void *buf, u32 size)
{
	(void)port;
	(void)buf;
	return size;
}

bool host_port_is_open(const struct host_port *port)
{
	return !port;
}

static bool is_locked(const struct spinlock *lock)
{
	return lock && lock->owner != lock->next;
}

bool __real_guest_bring_back(const struct guest_memory *memory, gpa_t gpa, u64 size);
bool __wrap_guest_bring_back(const struct guest_memory *memory, gpa_t gpa, u64 size);

/* Clearing takes long: others would wait for the locks. */
bool __wrap_guest_bring_back(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	assert_false(is_locked(&f.device->lock));
	assert_false(is_locked(f.device->receive_lock));
	return __real_guest_bring_back(memory, gpa, size);
}

/* --- The VM, its RAM, its driver */

static void interrupt(struct virtio_device *device, u32 set, u32 clear)
{
	virtio_set_interrupt_status(device, (device->s.interrupt_status | set) & ~clear);
}

static void ask_for_service(struct virtio_device *device)
{
	(void)device;
	f.is_asked = true;
}

/* Granules that came back until now. */
static u64 came(void)
{
	return f.memory.frames->nr_came;
}

/* The VM's own time, if it was asked for: how many granules came back in it. */
static u64 serve(void)
{
	unsigned budget = BUDGET;
	u64 before = came();

	if (f.is_asked) {
		f.is_asked = false;
		assert_true(virtio_service(f.device, &budget));
		assert_true(came() - before <= BUDGET - budget);
	}
	return came() - before;
}

static void leave(u64 granule)
{
	assert_true(frames_take_out(f.memory.frames, granule * RAM_GRANULE));
	frames_let_go(f.memory.frames, granule * RAM_GRANULE);
}

/* Others take all that there is in the pool, and give it back. */
static void empty_pool(void)
{
	while (ram_pool_take(RAM_GRANULE, &f.others[f.nr_others]))
		f.nr_others++;
}

static void fill_pool(void)
{
	while (f.nr_others)
		ram_pool_give_back(&f.others[--f.nr_others], 1);
}

static void put(u64 gpa, const void *bytes, u64 size)
{
	assert_true(guest_write(&f.memory, GPA(gpa), bytes, size));
}

static u16 used_idx(unsigned q)
{
	u16 idx;

	assert_true(guest_read(&f.memory, GPA(RINGS(q) + USED + VIRTQ_RING_IDX), &idx, 2));
	return idx;
}

static void write_register(u32 offset, u64 value)
{
	struct mmio_access access = { offset, 4, true, value };

	assert_true(virtio_mmio(f.device, &access));
}

static u32 read_register(u32 offset)
{
	struct mmio_access access = { offset, 4, false, 0 };

	assert_true(virtio_mmio(f.device, &access));
	return (u32)access.value;
}

static const char *broken(void)
{
	return read_register(VIRTIO_MMIO_STATUS) & VIRTIO_NEEDS_RESET ? f.device->why : "";
}

static void notify(unsigned q)
{
	write_register(VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void start_queue(unsigned q, u64 rings)
{
	write_register(VIRTIO_MMIO_QUEUE_SEL, q);
	write_register(VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
	write_register(VIRTIO_MMIO_QUEUE_DESC_LOW, rings);
	write_register(VIRTIO_MMIO_QUEUE_DRIVER_LOW, rings + AVAIL);
	write_register(VIRTIO_MMIO_QUEUE_DEVICE_LOW, rings + USED);
	write_register(VIRTIO_MMIO_QUEUE_READY, 1);
}

static void start(struct virtio_device *device)
{
	static const struct virtio_vm_ops vm_ops = { interrupt, ask_for_service };
	u64 features = device->features & ~VIRTIO_F_EVENT_IDX;

	f.device = device;
	device->vm_ops = &vm_ops;
	virtio_device_attach(device, &f.memory);
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (u32 i = 0; i < 2; i++) {
		write_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		write_register(VIRTIO_MMIO_DRIVER_FEATURES, (u32)(features >> 32 * i));
	}
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_FEATURES_OK);
	for (unsigned q = 0; q < device->nr_queues; q++)
		start_queue(q, RINGS(q));
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_DRIVER_OK);
	assert_true(virtio_is_live(device));
}

/* Makes a chain of these buffers available; addr, len and flags are set. */
static void offer(unsigned q, struct virtq_desc *descs, unsigned count)
{
	u16 head = f.next_desc[q];

	for (unsigned i = 0; i < count; i++) {
		u16 index = f.next_desc[q];

		f.next_desc[q] = (u16)((index + 1) % QUEUE_SIZE);
		descs[i].next = f.next_desc[q];
		descs[i].flags |= i + 1 < count ? VIRTQ_DESC_NEXT : 0;
		put(RINGS(q) + 16UL * index, &descs[i], 16);
	}
	put(RINGS(q) + AVAIL + VIRTQ_RING + 2UL * (f.avail[q]++ % QUEUE_SIZE), &head, 2);
	put(RINGS(q) + AVAIL + VIRTQ_RING_IDX, &f.avail[q], 2);
}

static void offer_one(unsigned q, u64 gpa, u32 size, u16 flags)
{
	offer(q, &(struct virtq_desc){ gpa, size, flags, 0 }, 1);
}

static int setup(void **state)
{
	u8 *ram = f.ram;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.ram = ram;
	if (!ram) {
		f.ram = aligned_alloc(RAM_GRANULE, RAM_SIZE);
		assert_non_null(f.ram);
		ram_pool_add(HPA((u64)f.ram), RAM_SIZE);
	}
	memset(f.ram, 0, RAM_SIZE);
	assert_true(guest_memory_take(&f.memory, GPA(START), RAM_SIZE));
	assert_true(guest_memory_allow_holes(&f.memory));
	return 0;
}

/* Nothing is pinned any more. */
static int teardown(void **state)
{
	(void)state;
	fill_pool();
	write_register(VIRTIO_MMIO_STATUS, 0);
	for (u64 i = 0; i < GRANULES; i++)
		assert_int_equal(f.memory.frames->granules[i].pins, 0);
	virtio_device_destroy(f.device);
	guest_memory_give_back(&f.memory);
	assert_int_equal(ram_pool_free(), RAM_SIZE);
	assert_int_equal(fake_pages.in_use, 0);
	return 0;
}

/* --- Networks: the sender's time is not the receiver's */

static int setup_net(void **state)
{
	const struct virtio_net_setup net = { .switch_name = "s",
					      .mac = { 0x52, 0x54, 0, 0, 0, 1 },
					      .host_name = "h" };
	struct virtio_device *device;

	setup(state);
	assert_null(virtio_net_create(&net, &device));
	start(device);
	return 0;
}

/* In another VM's time: nothing comes back in it. */
static bool deliver(void)
{
	static u8 bytes[FRAME_SIZE] = { 0x52, 0x54, 0, 0, 0, 1 };
	struct net_frame frame = { .pieces = { { bytes, HPA(0), FRAME_SIZE } },
				   .nr_pieces = 1,
				   .size = FRAME_SIZE };
	u64 before = came();
	bool done;

	memset(bytes + 6, 0xa5, FRAME_SIZE - 6);
	done = f.port->ops->deliver(f.port, &frame);
	f.port->ops->flush(f.port);
	assert_int_equal(came(), before);
	return done;
}

static void offer_receive_buffer(u64 gpa)
{
	offer_one(NET_RX, gpa, BUFFER_SIZE, W);
}

static void a_receiver_brings_its_buffers_back_itself(void **state)
{
	u8 byte;

	(void)state;
	leave(1);
	offer_receive_buffer(GRANULE(1));
	assert_false(deliver());
	assert_true(f.is_asked);
	assert_int_equal(f.nr_rooms, 0);
	assert_int_equal(serve(), 1);
	assert_int_equal(f.nr_rooms, 1);
	assert_true(deliver());
	assert_int_equal(used_idx(NET_RX), 1);
	assert_true(guest_read(&f.memory, GPA(GRANULE(1) + FRAME_SIZE), &byte, 1));
	assert_int_equal(byte, 0xa5);
	assert_int_equal(serve(), 0);
	assert_string_equal(broken(), "");
}

/* The driver notifies when it has put buffers there: what comes then, from the uplink say, fits. */
static void buffers_come_back_before_a_frame(void **state)
{
	(void)state;
	leave(1);
	leave(2);
	offer_receive_buffer(GRANULE(1));
	offer_receive_buffer(GRANULE(2));
	notify(NET_RX);
	assert_int_equal(came(), 0);
	assert_int_equal(serve(), 2);
	serve();
	assert_false(f.is_asked);
	assert_true(deliver());
	assert_true(deliver());
	assert_int_equal(f.nr_rooms, 0); /* nobody waited */
}

/* A driver that is not asked to notify adds buffers while frames come. */
static void buffers_come_back_ahead(void **state)
{
	(void)state;
	leave(1);
	leave(2);
	for (unsigned i = 0; i < 40; i++)
		offer_receive_buffer(GRANULE(1) + i * BUFFER_SIZE);
	notify(NET_RX);
	serve();
	serve();
	for (unsigned i = 0; i < 40; i++)
		offer_receive_buffer(GRANULE(2) + i * BUFFER_SIZE);
	for (unsigned i = 0; i < 80; i++) {
		assert_true(deliver());
		serve();
	}
	assert_int_equal(came(), 2);
	assert_false(deliver()); /* now there are none */
	assert_false(f.is_asked);
}

static void so_much_comes_back_in_a_turn(void **state)
{
	(void)state;
	for (u64 i = 1; i <= 20; i++) {
		leave(i);
		offer_receive_buffer(GRANULE(i));
	}
	assert_false(deliver());
	assert_int_equal(serve(), 1); /* what the frame met */
	assert_int_equal(f.nr_rooms, 1);
	assert_true(f.is_asked);
	assert_int_equal(serve(), BUDGET); /* and what is ahead */
	assert_int_equal(serve(), BUDGET);
	assert_int_equal(serve(), 19 - 2 * BUDGET);
	serve();
	assert_false(f.is_asked);
	for (unsigned i = 0; i < 20; i++)
		assert_true(deliver());
	assert_int_equal(f.nr_rooms, 1);
}

/* A frame that finds no RAM is as one that finds no buffer; each looks again. */
static void without_ram_a_receiver_has_no_room(void **state)
{
	(void)state;
	leave(1);
	empty_pool();
	offer_receive_buffer(GRANULE(1));
	for (unsigned i = 0; i < 3; i++) {
		assert_false(deliver());
		assert_int_equal(serve(), 0);
		assert_false(f.is_asked); /* not again and again: nobody has it */
		assert_int_equal(f.nr_rooms, 0);
	}
	/* Another hart delivers while this one serves. */
	f.device->queues[NET_RX].is_short = true;
	assert_false(deliver());
	f.device->queues[NET_RX].is_short = false;
	fill_pool();
	assert_false(deliver());
	assert_int_equal(serve(), 1);
	assert_int_equal(f.nr_rooms, 1);
	assert_true(deliver());
	assert_string_equal(broken(), "");
}

/* One who waits for buffers hears of them once they can be used: not when the driver tells. */
static void who_waits_for_room_hears_when_there_is_some(void **state)
{
	(void)state;
	leave(1);
	assert_false(deliver());
	assert_false(f.is_asked);
	offer_receive_buffer(GRANULE(1));
	notify(NET_RX);
	assert_int_equal(f.nr_rooms, 0);
	assert_int_equal(serve(), 1);
	assert_int_equal(f.nr_rooms, 1);
	assert_true(deliver());
}

static void a_frame_is_sent_when_its_ram_is_back(void **state)
{
	(void)state;
	leave(1);
	offer_one(NET_TX, GRANULE(1), 12 + FRAME_SIZE, 0);
	notify(NET_TX);
	assert_int_equal(came(), 0);
	assert_int_equal(serve(), 1);
	assert_int_equal(f.nr_sent, 1);
	assert_int_equal(used_idx(NET_TX), 1);
	assert_false(f.is_asked);
	leave(2);
	empty_pool();
	offer_one(NET_TX, GRANULE(2), 12 + FRAME_SIZE, 0);
	notify(NET_TX);
	serve();
	assert_int_equal(f.nr_sent, 1);
	assert_int_equal(used_idx(NET_TX), 2); /* refused */
	assert_false(f.is_asked);
}

static void a_queue_may_lie_in_what_was_given_back(void **state)
{
	(void)state;
	write_register(VIRTIO_MMIO_STATUS, 0);
	for (u64 i = 1; i < 4; i++)
		leave(i);
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	write_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_register(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_FEATURES_OK);
	start_queue(NET_RX, GRANULE(2) - 0x1000); /* its descriptors are in the granule before */
	assert_true(f.device->queues[NET_RX].s.is_ready);
	assert_int_equal(came(), 2);
	empty_pool();
	start_queue(NET_TX, GRANULE(3));
	assert_false(f.device->queues[NET_TX].s.is_ready);
	assert_string_equal(broken(), "queue in RAM that is gone");
}

/* --- Disks: a completion is anybody's time */

static int setup_blk(void **state)
{
	const struct virtio_blk_setup blk = {
		.vm_name = "v", .host_disk = "d", .serial = "s", .nr_queues = 1
	};
	struct virtio_device *device;

	setup(state);
	assert_null(virtio_blk_create(&blk, &device));
	start(device);
	return 0;
}

#define HEADER (START + 0x40000)

/* A read of one sector, or more, to gpa. */
static void offer_read(u64 gpa, u32 size, u64 status)
{
	const struct virtio_blk_header header = { VIRTIO_BLK_T_IN, 0, 0 };
	struct virtq_desc descs[] = { { HEADER, sizeof(header), 0, 0 },
				      { gpa, size, W, 0 },
				      { status, 1, W, 0 } };

	put(HEADER, &header, sizeof(header));
	offer(0, descs, 3);
}

static void complete(void)
{
	struct host_blk_request *request = f.submitted;
	u64 before = came();

	assert_non_null(request);
	f.submitted = NULL;
	request->done(request, VIRTIO_BLK_S_OK);
	assert_int_equal(came(), before);
}

static u8 status_at(u64 gpa)
{
	u8 status;

	assert_true(guest_read(&f.memory, GPA(gpa), &status, 1));
	return status;
}

static void a_request_begins_when_its_ram_is_back(void **state)
{
	(void)state;
	leave(1);
	leave(2);
	offer_read(GRANULE(1), 512, GRANULE(2));
	notify(0);
	assert_null(f.submitted);
	assert_int_equal(came(), 0);
	assert_int_equal(serve(), 2);
	/* The status byte stays: the completion only stores it. */
	assert_false(frames_take_out(f.memory.frames, 2 * RAM_GRANULE));
	put(GRANULE(2), "\xee", 1);
	complete();
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(status_at(GRANULE(2)), VIRTIO_BLK_S_OK);
	leave(1);
	leave(2);
	assert_false(f.is_asked);
}

static void a_large_request_begins_after_some_turns(void **state)
{
	(void)state;
	for (u64 i = 1; i <= 12; i++)
		leave(i);
	offer_read(GRANULE(1), 12 * RAM_GRANULE, START + 0x50000);
	notify(0);
	assert_int_equal(serve(), BUDGET);
	assert_null(f.submitted);
	assert_true(f.is_asked);
	assert_int_equal(serve(), 12 - BUDGET);
	complete();
	for (unsigned turns = 0; turns < 100 && !used_idx(0); turns++) {
		serve();
		if (f.submitted)
			complete();
	}
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(came(), 12);
}

static void without_ram_a_request_fails(void **state)
{
	(void)state;
	leave(1);
	empty_pool();
	offer_read(GRANULE(1), 512, START + 0x50000);
	put(START + 0x50000, "\xee", 1);
	notify(0);
	assert_int_equal(serve(), 0);
	assert_null(f.submitted);
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(status_at(START + 0x50000), VIRTIO_BLK_S_IOERR);
	assert_false(f.is_asked);
	/* Later ones are waited for again. */
	fill_pool();
	offer_read(GRANULE(1), 512, START + 0x50000);
	assert_true(virtq_has_more(&f.device->queues[0])); /* it does not stand still */
	notify(0);
	assert_int_equal(serve(), 1);
	complete();
	assert_int_equal(status_at(START + 0x50000), VIRTIO_BLK_S_OK);
}

static void without_ram_for_the_status_nothing_can_be_told(void **state)
{
	(void)state;
	leave(1);
	empty_pool();
	offer_read(START + 0x60000, 512, GRANULE(1));
	notify(0);
	serve();
	assert_string_equal(broken(), "status in RAM that is gone");
	assert_null(f.submitted);
	assert_int_equal(used_idx(0), 0);
}

/* One turn of a VM has one budget, however many devices it has. */
static void a_budget_that_is_used_up_brings_nothing_back(void **state)
{
	unsigned budget = 0;

	(void)state;
	leave(1);
	offer_read(GRANULE(1), 512, START + 0x50000);
	notify(0);
	f.is_asked = false;
	virtio_service(f.device, &budget);
	assert_int_equal(came(), 0);
	assert_null(f.submitted);
	assert_int_equal(serve(), 1);
	complete();
}

static void tables_come_back_too(void **state)
{
	const struct virtio_blk_header header = { VIRTIO_BLK_T_IN, 0, 0 };
	struct virtq_desc table[] = { { HEADER, sizeof(header), VIRTQ_DESC_NEXT, 1 },
				      { GRANULE(2), 512, W | VIRTQ_DESC_NEXT, 2 },
				      { START + 0x50000, 1, W, 0 } };

	(void)state;
	put(HEADER, &header, sizeof(header));
	leave(2);
	put(GRANULE(1), table, sizeof(table));
	assert_true(frames_take_out(f.memory.frames, RAM_GRANULE)); /* it is leaving */
	offer_one(0, GRANULE(1), sizeof(table), VIRTQ_DESC_INDIRECT);
	notify(0);
	assert_null(f.submitted);
	serve(); /* the table: as it was */
	assert_int_equal(came(), 0);
	assert_int_equal(serve(), 1);
	complete();
	assert_int_equal(status_at(START + 0x50000), VIRTIO_BLK_S_OK);
	leave(1);
	empty_pool();
	offer_one(0, GRANULE(1), sizeof(table), VIRTQ_DESC_INDIRECT);
	notify(0);
	serve();
	assert_string_equal(broken(), "indirect table in RAM that is gone");
}

/* --- Others */

static void the_next_request_for_randomness_waits_for_its_turn(void **state)
{
	struct host_rng_request *request;
	struct virtio_device *device;

	setup(state);
	assert_null(virtio_rng_create(&device));
	start(device);
	leave(1);
	offer_one(0, START + 0x50000, 64, W);
	offer_one(0, GRANULE(1), 64, W);
	notify(0);
	request = f.rng;
	f.rng = NULL;
	request->done(request, 64); /* an interrupt, in anybody's time */
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(came(), 0);
	assert_null(f.rng);
	assert_int_equal(serve(), 0); /* it finds what is absent */
	assert_int_equal(serve(), 1);
	assert_non_null(f.rng);
	f.rng->done(f.rng, 64);
	assert_int_equal(used_idx(0), 2);
	teardown(state);
}

static void a_console_loses_nothing_in_silence(void **state)
{
	struct virtio_console_setup console = { .vm_name = "v" };
	struct virtio_device *device;

	setup(state);
	assert_null(virtio_console_create(&console, &device));
	start(device);
	serve();
	leave(1);
	leave(2);
	offer_one(1, GRANULE(1), 5, 0);
	notify(1);
	assert_int_equal(f.nr_written, 0);
	assert_int_equal(serve(), 1);
	assert_int_equal(f.nr_written, 5);
	assert_int_equal(used_idx(1), 1);
	assert_string_equal(broken(), "");
	empty_pool();
	offer_one(1, GRANULE(2), 5, 0);
	notify(1);
	serve();
	assert_int_equal(f.nr_written, 5);
	assert_string_equal(broken(), "buffer in RAM that is gone");
	teardown(state);
}

static void a_console_loses_no_input(void **state)
{
	struct virtio_console_setup console = { .vm_name = "v", .reads_console = true };
	struct virtio_device *device;

	setup(state);
	assert_null(virtio_console_create(&console, &device));
	start(device);
	leave(1);
	empty_pool();
	offer_one(0, GRANULE(1), 5, W);
	notify(0);
	serve();
	assert_string_equal(broken(), "buffer in RAM that is gone");
	teardown(state);
}

/* --- The balloon */

static void give_page(void *vm, gpa_t page)
{
	(void)vm;
	(void)page;
}

static bool want_page(void *vm, gpa_t page, unsigned *budget)
{
	(void)vm;
	(void)page;
	f.nr_wanted += *budget != 0;
	return *budget && (*budget)--;
}

static void report(void *vm, gpa_t gpa, u64 size)
{
	(void)vm;
	(void)gpa;
	(void)size;
	f.nr_reported++;
}

static bool flush(void *vm)
{
	(void)vm;
	return true;
}

static void want_all(void *vm)
{
	(void)vm;
}

static u64 present(void *vm)
{
	(void)vm;
	return RAM_SIZE;
}

static int setup_balloon(void **state)
{
	static const struct virtio_balloon_ops ops = { give_page, want_page, report, flush,
						       flush,	  want_all,  present };
	struct virtio_device *device;

	setup(state);
	assert_null(virtio_balloon_create(&ops, &device));
	start(device);
	return 0;
}

static void what_is_reported_as_free_is_not_brought_back(void **state)
{
	(void)state;
	leave(1);
	offer_one(4, GRANULE(1), (u32)RAM_GRANULE, W);
	offer_one(2, GRANULE(1), (u32)RAM_GRANULE, W);
	notify(4);
	serve();
	assert_int_equal(f.nr_reported, 2);
	assert_int_equal(came(), 0);
}

/* Whole chains that fit into the budget, four of them, are still one turn. */
static void what_leaves_the_balloon_comes_back_little_by_little(void **state)
{
	u32 pfns[6] = { 0 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(pfns); i++)
		pfns[i] = (u32)(GRANULE(i + 1) >> 12);
	put(START + 0x50000, pfns, sizeof(pfns));
	for (unsigned i = 0; i < 4; i++)
		offer_one(1, START + 0x50000, sizeof(pfns), 0);
	notify(1);
	assert_int_equal(f.nr_wanted, BUDGET);
	assert_int_equal(used_idx(1), 1);
	assert_non_null(f.timer); /* later */
	f.timer->expired(f.timer);
	serve();
	assert_int_equal(f.nr_wanted, 2 * BUDGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_receiver_brings_its_buffers_back_itself,
						setup_net, teardown),
		cmocka_unit_test_setup_teardown(buffers_come_back_before_a_frame, setup_net,
						teardown),
		cmocka_unit_test_setup_teardown(buffers_come_back_ahead, setup_net, teardown),
		cmocka_unit_test_setup_teardown(so_much_comes_back_in_a_turn, setup_net, teardown),
		cmocka_unit_test_setup_teardown(without_ram_a_receiver_has_no_room, setup_net,
						teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_room_hears_when_there_is_some,
						setup_net, teardown),
		cmocka_unit_test_setup_teardown(a_frame_is_sent_when_its_ram_is_back, setup_net,
						teardown),
		cmocka_unit_test_setup_teardown(a_queue_may_lie_in_what_was_given_back, setup_net,
						teardown),
		cmocka_unit_test_setup_teardown(a_request_begins_when_its_ram_is_back, setup_blk,
						teardown),
		cmocka_unit_test_setup_teardown(a_large_request_begins_after_some_turns, setup_blk,
						teardown),
		cmocka_unit_test_setup_teardown(without_ram_a_request_fails, setup_blk, teardown),
		cmocka_unit_test_setup_teardown(without_ram_for_the_status_nothing_can_be_told,
						setup_blk, teardown),
		cmocka_unit_test_setup_teardown(a_budget_that_is_used_up_brings_nothing_back,
						setup_blk, teardown),
		cmocka_unit_test_setup_teardown(tables_come_back_too, setup_blk, teardown),
		cmocka_unit_test(the_next_request_for_randomness_waits_for_its_turn),
		cmocka_unit_test(a_console_loses_nothing_in_silence),
		cmocka_unit_test(a_console_loses_no_input),
		cmocka_unit_test_setup_teardown(what_is_reported_as_free_is_not_brought_back,
						setup_balloon, teardown),
		cmocka_unit_test_setup_teardown(what_leaves_the_balloon_comes_back_little_by_little,
						setup_balloon, teardown),
	};

	return RUN_TESTS(tests);
}
