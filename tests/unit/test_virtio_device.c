/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what all virtio devices have in common: registers, status, features, reset. */
#include "unit.h"
#include "virtio/device.h"
#include "virtio_driver.h"

#define R(name) VIRTIO_MMIO_##name

#define QUEUE(n) (RAM_START + KIB(16) * (n))
#define DATA	 (RAM_START + MIB(1))

#define FEATURES (VIRTIO_BLK_F_RO | VIRTIO_BLK_F_FLUSH)
#define OFFERED                                                                        \
	(FEATURES | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | \
	 VIRTIO_F_RING_RESET)

#define CONFIG_SIZE 22 /* no multiple of 8 */

/* A device with three queues that gives chains back when it is told to. */
struct fixture {
	struct virtio_device device;
	struct spinlock receive_lock;
	struct guest_memory memory;
	struct driver driver; /* of queue 1 */
	struct virtq_chain chain;
	unsigned starts, resets, stops, notifications, services;
	unsigned raised, requests; /* of the VM */
	bool wire;
	unsigned last_queue;
	bool is_busy, dislikes, works;
	u8 config[CONFIG_SIZE];
	u32 shown[VIRTIO_MMIO_SIZE / 4];
};

static struct fixture *fixture_of(struct virtio_device *device)
{
	return container_of(device, struct fixture, device);
}

static bool is_locked(const struct spinlock *lock)
{
	return lock->owner != lock->next;
}

/* Every op but notify, service and read_config has both locks. */
static struct fixture *locked_twice(struct virtio_device *device)
{
	struct fixture *f = fixture_of(device);

	assert_true(is_locked(&device->lock));
	assert_true(is_locked(&f->receive_lock));
	return f;
}

static struct fixture *locked_once(struct virtio_device *device)
{
	struct fixture *f = fixture_of(device);

	assert_true(is_locked(&device->lock));
	assert_false(is_locked(&f->receive_lock));
	return f;
}

static bool accepts(struct virtio_device *device, u64 features)
{
	return !(locked_twice(device)->dislikes && features & VIRTIO_BLK_F_RO);
}

static void start(struct virtio_device *device)
{
	struct fixture *f = locked_twice(device);

	assert_true(virtio_is_live(device));
	f->starts++;
}

static void reset(struct virtio_device *device)
{
	struct fixture *f = locked_twice(device);

	assert_false(f->is_busy);
	for (unsigned i = 0; i < device->nr_queues; i++)
		assert_false(device->queues[i].s.is_ready);
	f->resets++;
}

static bool is_quiet(struct virtio_device *device)
{
	return !locked_twice(device)->is_busy;
}

static void stop_queue(struct virtio_device *device, unsigned queue)
{
	struct fixture *f = locked_twice(device);

	assert_int_equal(device->queues[queue].is_stopping, device->queues[queue].in_flight != 0);
	f->stops++;
	f->last_queue = queue;
}

static void notify(struct virtio_device *device, unsigned queue)
{
	struct fixture *f = locked_once(device);
	struct virtq *q = &device->queues[queue];

	f->notifications++;
	f->last_queue = queue;
	while (f->works && virtq_pop(q, &f->chain) > 0)
		virtq_push(q, f->chain.head, f->chain.writable);
	virtio_notify_used(device, q);
}

static void service(struct virtio_device *device)
{
	locked_once(device)->services++;
}

static void read_config(struct virtio_device *device, u32 offset, u32 size, u64 *value)
{
	struct fixture *f = fixture_of(device);

	assert_true(is_locked(&device->lock));
	assert_true(offset + size <= CONFIG_SIZE);
	memcpy(value, f->config + offset, size);
}

static void write_config(struct virtio_device *device, u32 offset, u32 size, u64 value)
{
	struct fixture *f = locked_twice(device);

	assert_true(offset + size <= CONFIG_SIZE);
	assert_int_equal(size < 8 ? value >> 8 * size : 0, 0);
	memcpy(f->config + offset, &value, size);
}

static void destroy(struct virtio_device *device)
{
	fixture_of(device)->starts = 1000;
}

static const struct virtio_device_ops ops = {
	.id = VIRTIO_ID_BLOCK,
	.type = "test",
	.accepts = accepts,
	.start = start,
	.reset = reset,
	.is_quiet = is_quiet,
	.stop_queue = stop_queue,
	.notify = notify,
	.service = service,
	.read_config = read_config,
	.write_config = write_config,
	.config_size = CONFIG_SIZE,
	.destroy = destroy,
};

/* One that needs nothing. */
static const struct virtio_device_ops few_ops = { .id = VIRTIO_ID_RNG, .type = "few" };

static void interrupt(struct virtio_device *device, u32 set, u32 clear)
{
	struct fixture *f = fixture_of(device);

	virtio_set_interrupt_status(device, (device->s.interrupt_status | set) & ~clear);
	f->raised += set != 0;
	f->wire = device->s.interrupt_status != 0;
}

static void ask_for_service(struct virtio_device *device)
{
	fixture_of(device)->requests++;
}

static const struct virtio_vm_ops vm_ops = { interrupt, ask_for_service };

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	ram_make(&f.memory);
	for (unsigned i = 0; i < CONFIG_SIZE; i++)
		f.config[i] = (u8)(0x11 * (i + 1));
	f.works = true;
	f.device.vm_ops = &vm_ops;
	f.device.receive_lock = &f.receive_lock;
	virtio_device_init(&f.device, &ops, FEATURES, 3);
	virtio_device_attach(&f.device, &f.memory);
	virtio_device_show(&f.device, f.shown);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_false(is_locked(&f->device.lock));
	assert_false(is_locked(&f->receive_lock));
	f->is_busy = false;
	assert_true(virtio_device_reset(&f->device));
	virtio_device_destroy(&f->device);
	assert_int_equal(f->starts, 1000);
	ram_free(&f->memory);
	return 0;
}

/* --- The driver's accesses */

/* What the guest reads without an exit is what it would read with one. */
static void check_shown(const struct fixture *f, u32 offset, u8 len, u64 value)
{
	u64 shown = 0;

	if (!f->device.shown)
		return;
	memcpy(&shown, (const u8 *)f->shown + offset, len);
	if (offset < R(CONFIG) ? len == 4 : offset + len <= R(CONFIG) + CONFIG_SIZE)
		assert_int_equal(shown, value);
}

static u64 read_wide(struct fixture *f, u32 offset, u8 len)
{
	struct mmio_access access = { .offset = offset, .len = len, .value = 0xdeadbeefdeadbeef };

	assert_true(virtio_mmio(&f->device, &access));
	check_shown(f, offset, len, access.value);
	return access.value;
}

static void write_wide(struct fixture *f, u32 offset, u8 len, u64 value)
{
	struct mmio_access access = {
		.offset = offset, .len = len, .is_write = true, .value = value
	};

	assert_true(virtio_mmio(&f->device, &access));
}

static u32 read32(struct fixture *f, u32 offset)
{
	return (u32)read_wide(f, offset, 4);
}

static void write32(struct fixture *f, u32 offset, u32 value)
{
	write_wide(f, offset, 4, value);
}

static u64 offered(struct fixture *f)
{
	u64 features;

	write32(f, R(DEVICE_FEATURES_SEL), 1);
	features = (u64)read32(f, R(DEVICE_FEATURES)) << 32;
	write32(f, R(DEVICE_FEATURES_SEL), 0);
	return features | read32(f, R(DEVICE_FEATURES));
}

static void take_features(struct fixture *f, u64 features)
{
	write32(f, R(DRIVER_FEATURES_SEL), 1);
	write32(f, R(DRIVER_FEATURES), (u32)(features >> 32));
	write32(f, R(DRIVER_FEATURES_SEL), 0);
	write32(f, R(DRIVER_FEATURES), (u32)features);
}

/* Sets a bit as drivers do, and looks whether it is there. */
static bool set_status(struct fixture *f, u32 bit)
{
	write32(f, R(STATUS), read32(f, R(STATUS)) | bit);
	return read32(f, R(STATUS)) & bit;
}

static bool negotiate(struct fixture *f, u64 features)
{
	write32(f, R(STATUS), 0);
	assert_int_equal(read32(f, R(STATUS)), 0);
	assert_true(set_status(f, VIRTIO_ACKNOWLEDGE));
	assert_true(set_status(f, VIRTIO_DRIVER));
	take_features(f, features);
	return set_status(f, VIRTIO_FEATURES_OK);
}

static void write_address(struct fixture *f, u32 low, u64 address)
{
	write32(f, low, (u32)address);
	write32(f, low + 4, (u32)(address >> 32));
}

static bool enable_queue(struct fixture *f, unsigned queue, u16 size)
{
	write32(f, R(QUEUE_SEL), queue);
	write32(f, R(QUEUE_NUM), size);
	write_address(f, R(QUEUE_DESC_LOW), QUEUE(queue));
	write_address(f, R(QUEUE_DRIVER_LOW), QUEUE(queue) + KIB(4));
	write_address(f, R(QUEUE_DEVICE_LOW), QUEUE(queue) + KIB(8));
	write32(f, R(QUEUE_READY), 1);
	return read32(f, R(QUEUE_READY)) == 1;
}

static void make_driver(struct fixture *f, u16 size)
{
	f->driver = (struct driver){ &f->memory,	QUEUE(1), QUEUE(1) + KIB(4),
				     QUEUE(1) + KIB(8), size,	  0 };
	ram_write(&f->memory, f->driver.avail, (u8[600]){ 0 }, 600);
	ram_write(&f->memory, f->driver.used, (u8[2100]){ 0 }, 2100);
}

/* All that a driver does before its first request, which is for queue 1. */
static void go_live(struct fixture *f, u64 features)
{
	assert_true(negotiate(f, features | VIRTIO_F_VERSION_1));
	make_driver(f, 8);
	assert_true(enable_queue(f, 1, 8));
	assert_true(set_status(f, VIRTIO_DRIVER_OK));
	f->raised = 0;
}

static void offer(struct fixture *f, u16 index)
{
	driver_describe(&f->driver, f->driver.desc, index, DATA, 16, VIRTQ_DESC_WRITE, 0);
	driver_offer(&f->driver, index);
}

static void offer_nonsense(struct fixture *f)
{
	driver_offer(&f->driver, 0xffff);
}

/* --- What can be read */

static void it_says_what_it_is(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read32(f, R(MAGIC)), 0x74726976);
	assert_int_equal(read32(f, R(VERSION)), 2);
	assert_int_equal(read32(f, R(DEVICE_ID)), VIRTIO_ID_BLOCK);
	assert_int_equal(read32(f, R(VENDOR_ID)), 0x70706f44);
	assert_int_equal(read32(f, R(STATUS)), 0);
	assert_int_equal(offered(f), OFFERED);
	for (u32 select = 2; select != 0; select <<= 1) { /* words that do not exist */
		write32(f, R(DEVICE_FEATURES_SEL), select);
		assert_int_equal(read32(f, R(DEVICE_FEATURES)), 0);
	}
}

static void there_is_no_shared_memory(void **state)
{
	struct fixture *f = *state;

	for (u32 region = 0; region < 3; region++) {
		write32(f, R(SHM_SEL), region);
		assert_int_equal(read32(f, R(SHM_LEN_LOW)), UINT32_MAX);
		assert_int_equal(read32(f, R(SHM_LEN_HIGH)), UINT32_MAX);
		assert_int_equal(read32(f, R(SHM_BASE_LOW)), UINT32_MAX);
		assert_int_equal(read32(f, R(SHM_BASE_HIGH)), UINT32_MAX);
	}
}

/* All offsets and widths: a value that config[] has, or 0. */
static void the_configuration_is_read_at_every_offset_and_width(void **state)
{
	struct fixture *f = *state;

	for (u8 len = 1; len <= 8; len *= 2) {
		for (u32 offset = 0; offset < VIRTIO_MMIO_SIZE - R(CONFIG); offset += len) {
			u64 want = 0;

			if (len == 8) { /* two reads */
				for (u32 half = offset; half < offset + 8; half += 4) {
					if (half + 4 <= CONFIG_SIZE)
						memcpy((u8 *)&want + half - offset,
						       f->config + half, 4);
				}
			} else if (offset + len <= CONFIG_SIZE) {
				memcpy(&want, f->config + offset, len);
			}
			assert_int_equal(read_wide(f, R(CONFIG) + offset, len), want);
		}
	}
}

static void the_configuration_is_written_at_every_offset_and_width(void **state)
{
	struct fixture *f = *state;
	u8 want[CONFIG_SIZE];

	for (u8 len = 1; len <= 8; len *= 2) {
		for (u32 offset = 0; offset < VIRTIO_MMIO_SIZE - R(CONFIG); offset += len) {
			u64 value = 0x8182838485868788 + offset;
			u32 part = MIN(len, 4);

			memcpy(want, f->config, CONFIG_SIZE);
			for (u32 at = offset; at < offset + len; at += part) {
				if (at + part <= CONFIG_SIZE)
					memcpy(want + at, (u8 *)&value + at - offset, part);
			}
			write_wide(f, R(CONFIG) + offset, len,
				   len < 8 ? value & ((1UL << 8 * len) - 1) : value);
			assert_memory_equal(f->config, want, CONFIG_SIZE);
		}
	}
}

/* Registers have 32 bits. Narrower, they read as 0 and are not written; 8 bytes are two registers.
 */
static void registers_of_other_widths(void **state)
{
	struct fixture *f = *state;

	for (u32 offset = 0; offset < R(CONFIG); offset += 4) {
		for (u8 len = 1; len <= 2; len++) {
			assert_int_equal(read_wide(f, offset, len), 0);
			write_wide(f, offset, len, 1);
		}
	}
	assert_int_equal(read32(f, R(STATUS)), 0);
	assert_int_equal(f->notifications, 0);
	for (u32 offset = 0; offset < R(CONFIG); offset += 8)
		assert_int_equal(read_wide(f, offset, 8),
				 (u64)read32(f, offset + 4) << 32 | read32(f, offset));

	go_live(f, 0);
	offer(f, 0);
	write_wide(f, R(QUEUE_NOTIFY), 2, 1);
	assert_int_equal(f->notifications, 0);
	write_wide(f, R(QUEUE_NOTIFY), 8, 1); /* this is one of 4 bytes, and another */
	assert_int_equal(f->notifications, 1);
	assert_int_equal(read_wide(f, R(INTERRUPT_STATUS), 2), 0);
	write_wide(f, R(INTERRUPT_ACK), 1, 1);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), VIRTIO_INTERRUPT_USED);

	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
	write32(f, R(QUEUE_SEL), 1);
	write_wide(f, R(QUEUE_DESC_LOW), 8, 0x1122334455667788);
	assert_int_equal(f->device.queues[1].s.desc, 0x1122334455667788);
}

/* Registers that only can be written read as 0; those that only can be read do not change. */
static void registers_of_the_other_direction(void **state)
{
	static const u32 write_only[] = { R(DEVICE_FEATURES_SEL), R(DRIVER_FEATURES),
					  R(DRIVER_FEATURES_SEL), R(QUEUE_SEL),
					  R(QUEUE_NUM),		  R(QUEUE_NOTIFY),
					  R(INTERRUPT_ACK),	  R(QUEUE_DESC_LOW),
					  R(QUEUE_DESC_HIGH),	  R(QUEUE_DRIVER_LOW),
					  R(QUEUE_DRIVER_HIGH),	  R(QUEUE_DEVICE_LOW),
					  R(QUEUE_DEVICE_HIGH),	  R(SHM_SEL) };
	static const u32 read_only[] = {
		R(MAGIC),	    R(VERSION),	      R(DEVICE_ID),	   R(VENDOR_ID),
		R(DEVICE_FEATURES), R(QUEUE_NUM_MAX), R(INTERRUPT_STATUS), R(CONFIG_GENERATION),
		R(SHM_LEN_LOW)
	};
	struct fixture *f = *state;

	go_live(f, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(write_only); i++)
		assert_int_equal(read32(f, write_only[i]), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
		u32 before = read32(f, read_only[i]);

		write32(f, read_only[i], ~before);
		assert_int_equal(read32(f, read_only[i]), before);
	}
}

static void change_config(struct fixture *f)
{
	spin_lock(&f->device.lock);
	f->config[8]++;
	virtio_notify_config(&f->device);
	spin_unlock(&f->device.lock);
	read32(f, R(CONFIG) + 8);
}

static void the_generation_changes_with_the_configuration(void **state)
{
	struct fixture *f = *state;
	u32 before = read32(f, R(CONFIG_GENERATION));

	change_config(f);
	assert_int_not_equal(read32(f, R(CONFIG_GENERATION)), before);
	assert_int_equal(f->raised, 0); /* not before DRIVER_OK */
	go_live(f, 0);
	before = read32(f, R(CONFIG_GENERATION));
	change_config(f);
	assert_int_not_equal(read32(f, R(CONFIG_GENERATION)), before);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), VIRTIO_INTERRUPT_CONFIG);
	assert_int_equal(f->raised, 1);

	/* A reset does not bring an old generation back. */
	before = read32(f, R(CONFIG_GENERATION));
	write32(f, R(STATUS), 0);
	assert_int_equal(read32(f, R(CONFIG_GENERATION)), before);
}

/* --- Features and status */

static void features_are_taken_if_they_were_offered(void **state)
{
	struct fixture *f = *state;

	assert_true(negotiate(f, OFFERED));
	assert_true(virtio_has(&f->device, OFFERED));
	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
	assert_false(virtio_has(&f->device, VIRTIO_BLK_F_RO));
	for (unsigned bit = 0; bit < 64; bit++) {
		u64 features = BIT(bit) | VIRTIO_F_VERSION_1;

		assert_int_equal(negotiate(f, features), (OFFERED & features) == features);
	}
}

static void features_that_were_never_offered(void **state)
{
	struct fixture *f = *state;

	assert_false(negotiate(f, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_DISCARD));
	assert_int_equal(read32(f, R(STATUS)), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	take_features(f, VIRTIO_F_VERSION_1); /* it may ask for less */
	assert_true(set_status(f, VIRTIO_FEATURES_OK));

	write32(f, R(STATUS), 0);
	take_features(f, VIRTIO_F_VERSION_1);
	for (u32 select = 2; select < 5; select++) { /* bits of 64 and above */
		write32(f, R(DRIVER_FEATURES_SEL), select);
		write32(f, R(DRIVER_FEATURES), 1);
		assert_false(set_status(f, VIRTIO_FEATURES_OK));
		write32(f, R(DRIVER_FEATURES), 0);
	}
	assert_true(set_status(f, VIRTIO_FEATURES_OK));
	assert_int_equal(f->device.s.driver_features, VIRTIO_F_VERSION_1);
}

static void a_driver_without_version_1(void **state)
{
	struct fixture *f = *state;

	assert_false(negotiate(f, OFFERED & ~VIRTIO_F_VERSION_1));
	assert_false(negotiate(f, 0));
}

static void features_that_the_device_does_not_like_together(void **state)
{
	struct fixture *f = *state;

	f->dislikes = true;
	assert_false(negotiate(f, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO));
	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
}

static void features_written_after_features_ok(void **state)
{
	struct fixture *f = *state;

	assert_true(negotiate(f, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO));
	take_features(f, OFFERED);
	assert_true(set_status(f, VIRTIO_FEATURES_OK));
	assert_int_equal(f->device.s.driver_features, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO);
}

static void status_written_out_of_order(void **state)
{
	struct fixture *f = *state;

	assert_false(set_status(f, VIRTIO_DRIVER_OK));
	assert_false(set_status(f, VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK));
	assert_int_equal(f->starts, 0);
	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
	assert_true(set_status(f, VIRTIO_DRIVER_OK));
	assert_int_equal(f->starts, 1);
	assert_true(set_status(f, VIRTIO_DRIVER_OK)); /* again: nothing */
	assert_int_equal(f->starts, 1);
}

static void status_bits_stay(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	write32(f, R(STATUS), VIRTIO_ACKNOWLEDGE);
	assert_int_equal(read32(f, R(STATUS)), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER |
						       VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	assert_true(set_status(f, VIRTIO_FAILED));
}

/* Bits that are the device's, or nobody's. */
static void status_bits_that_drivers_do_not_set(void **state)
{
	struct fixture *f = *state;

	assert_false(set_status(f, VIRTIO_NEEDS_RESET));
	assert_false(set_status(f, 16));
	assert_false(set_status(f, 32));
	assert_false(set_status(f, 0xffffff00));
}

/* --- Queues */

static void queues_that_do_not_exist(void **state)
{
	struct fixture *f = *state;

	assert_true(negotiate(f, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET));
	for (u32 queue = 0; queue < 3; queue++) {
		write32(f, R(QUEUE_SEL), queue);
		assert_int_equal(read32(f, R(QUEUE_NUM_MAX)), VIRTQ_MAX_SIZE);
	}
	for (u32 queue = 3; queue; queue <<= 1) {
		assert_false(enable_queue(f, queue, 8));
		assert_int_equal(read32(f, R(QUEUE_NUM_MAX)), 0);
		write32(f, R(QUEUE_RESET), 1);
		assert_int_equal(read32(f, R(QUEUE_RESET)), 0);
	}
}

static void queues_are_set_up_after_features(void **state)
{
	struct fixture *f = *state;

	assert_false(enable_queue(f, 1, 8));
	assert_int_equal(read32(f, R(STATUS)) & VIRTIO_NEEDS_RESET, 0);
	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
	assert_true(enable_queue(f, 1, 8));
	assert_false(f->device.queues[1].s.has_indirect);
	assert_false(f->device.queues[1].s.has_event_idx);
	assert_true(negotiate(f, OFFERED));
	assert_true(enable_queue(f, 1, 8));
	assert_true(f->device.queues[1].s.has_indirect);
	assert_true(f->device.queues[1].s.has_event_idx);
}

static void registers_of_a_queue_that_is_ready(void **state)
{
	struct fixture *f = *state;
	struct virtq_state before;

	go_live(f, 0);
	offer(f, 0);
	write32(f, R(QUEUE_NOTIFY), 1);
	before = f->device.queues[1].s;
	assert_int_equal(before.next_avail, 1);
	write32(f, R(QUEUE_NUM), 4);
	for (u32 offset = R(QUEUE_DESC_LOW); offset <= R(QUEUE_DEVICE_HIGH); offset += 4)
		write32(f, offset, 0x12345670);
	write32(f, R(QUEUE_READY), 1);
	assert_memory_equal(&f->device.queues[1].s, &before, sizeof(before));
}

/* Its faults are all in test_virtq.c. */
static void queues_that_cannot_be(void **state)
{
	static const u32 sizes[] = { 0, 3, 512, 65536 + 8, 0x80000008 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_true(negotiate(f, VIRTIO_F_VERSION_1));
		assert_true(enable_queue(f, 0, 8));
		write32(f, R(QUEUE_READY), 0);
		write32(f, R(QUEUE_NUM), sizes[i]);
		write32(f, R(QUEUE_READY), 1);
		assert_int_equal(read32(f, R(QUEUE_READY)), 0);
		assert_int_equal(read32(f, R(STATUS)) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
		assert_string_equal(f->device.why, "queue size");
		assert_int_equal(f->raised, 0); /* before DRIVER_OK */
	}
	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
	assert_string_equal(f->device.why, "");
	write32(f, R(QUEUE_SEL), 0);
	write_address(f, R(QUEUE_DEVICE_LOW), 0x10001000); /* over MMIO */
	write32(f, R(QUEUE_READY), 1);
	assert_string_equal(f->device.why, "queue outside RAM");
	f->starts = 0;
	set_status(f, VIRTIO_DRIVER_OK);
	assert_int_equal(f->starts, 0); /* it does not begin like that */
}

static void notifications_reach_the_device(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	offer(f, 3);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(f->notifications, 1);
	assert_int_equal(f->last_queue, 1);
	assert_int_equal(driver_used_idx(&f->driver), 1);
	assert_int_equal(driver_used(&f->driver, 0).id, 3);
	assert_int_equal(driver_used(&f->driver, 0).len, 16);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), VIRTIO_INTERRUPT_USED);
	assert_int_equal(f->device.queues[1].notifications, 1);
	assert_int_equal(f->device.queues[1].interrupts, 1);
}

static void notifications_that_do_not_count(void **state)
{
	struct fixture *f = *state;

	assert_true(negotiate(f, VIRTIO_F_VERSION_1));
	assert_true(enable_queue(f, 1, 8));
	write32(f, R(QUEUE_NOTIFY), 1); /* before DRIVER_OK */
	assert_int_equal(f->notifications, 0);
	go_live(f, 0);
	write32(f, R(QUEUE_NOTIFY), 3); /* there are three */
	write32(f, R(QUEUE_NOTIFY), 34);
	write32(f, R(QUEUE_NOTIFY), 65537);
	write32(f, R(QUEUE_NOTIFY), UINT32_MAX);
	assert_int_equal(f->notifications, 0);
	write32(f, R(QUEUE_NOTIFY), 0); /* it was not set up: nothing there */
	assert_int_equal(driver_used_idx(&f->driver), 0);
	assert_int_equal(read32(f, R(STATUS)) & VIRTIO_NEEDS_RESET, 0);
}

static void a_broken_queue_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	offer_nonsense(f);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(read32(f, R(STATUS)) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), VIRTIO_INTERRUPT_CONFIG);
	assert_string_equal(f->device.why, "next out of range");
	assert_int_equal(f->raised, 1);
	write32(f, R(QUEUE_NOTIFY), 1); /* it stands still */
	assert_int_equal(f->notifications, 1);
	virtio_needs_reset(&f->device, "another reason"); /* the first one stays */
	assert_string_equal(f->device.why, "next out of range");
	assert_int_equal(f->raised, 1);

	assert_true(negotiate(f, VIRTIO_F_VERSION_1)); /* the reset mends it */
	assert_true(set_status(f, VIRTIO_DRIVER_OK));
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(read32(f, R(STATUS)) & VIRTIO_NEEDS_RESET, 0);
	go_live(f, 0);
	offer(f, 0);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(driver_used_idx(&f->driver), 1);
}

/* --- Interrupts */

static void an_interrupt_that_is_pending_is_not_raised_again(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	for (u16 i = 0; i < 3; i++) {
		offer(f, i);
		write32(f, R(QUEUE_NOTIFY), 1);
	}
	assert_int_equal(f->raised, 1);
	assert_int_equal(f->device.queues[1].interrupts, 1);
	write32(f, R(INTERRUPT_ACK), VIRTIO_INTERRUPT_CONFIG); /* another bit */
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), VIRTIO_INTERRUPT_USED);
	change_config(f);
	assert_int_equal(f->raised, 2);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), 3);
	write32(f, R(INTERRUPT_ACK), UINT32_MAX);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), 0);
	offer(f, 3);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(f->raised, 3);
}

static void an_interrupt_that_nobody_wants_is_not_raised(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	driver_set_flags(&f->driver, VIRTQ_AVAIL_NO_INTERRUPT);
	offer(f, 0);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(f->raised, 0);
	assert_int_equal(driver_used_idx(&f->driver), 1);
}

/* --- Reset */

static void a_reset_clears_everything(void **state)
{
	struct fixture *f = *state;

	go_live(f, FEATURES);
	offer(f, 0);
	write32(f, R(QUEUE_NOTIFY), 1);
	change_config(f);
	assert_true(f->wire);
	write32(f, R(STATUS), 0);
	assert_int_equal(read32(f, R(STATUS)), 0);
	assert_int_equal(read32(f, R(INTERRUPT_STATUS)), 0);
	assert_false(f->wire);
	assert_int_equal(f->device.s.driver_features, 0);
	assert_int_equal(f->device.s.queue_sel, 0);
	write32(f, R(QUEUE_SEL), 1);
	assert_int_equal(read32(f, R(QUEUE_READY)), 0);
	assert_int_equal(f->device.queues[1].s.desc, 0);
	assert_int_equal(f->device.queues[1].s.next_used, 0);
	assert_int_equal(f->device.queues[1].s.size, VIRTQ_MAX_SIZE);
	assert_int_equal(f->device.queues[1].chains, 1); /* counters stay */
	assert_int_equal(offered(f), OFFERED);
}

static void a_reset_waits_until_the_device_is_quiet(void **state)
{
	struct fixture *f = *state;
	unsigned resets;

	go_live(f, 0);
	resets = f->resets;
	f->is_busy = true;
	write32(f, R(STATUS), 0);
	assert_true(f->device.is_resetting);
	assert_false(virtio_is_live(&f->device));
	assert_int_not_equal(read32(f, R(STATUS)), 0); /* not done (2.4.2) */

	/* Meanwhile nothing can be begun or changed, and nobody is interrupted. */
	virtq_push(&f->device.queues[1], 0, 0);
	virtio_notify_used(&f->device, &f->device.queues[1]);
	assert_int_equal(f->raised, 0);
	offer(f, 0);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(f->notifications, 0);
	write32(f, R(STATUS), 0xff);
	write32(f, R(QUEUE_READY), 0);
	write32(f, R(QUEUE_SEL), 2);
	write32(f, R(CONFIG), 0);
	assert_int_equal(read32(f, R(QUEUE_READY)), 1);
	assert_int_not_equal(f->config[0], 0);
	virtio_ask_for_service(&f->device);
	assert_int_equal(f->requests, 1);
	assert_false(virtio_service(&f->device, &(unsigned){ 8 }));
	assert_false(virtio_device_reset(&f->device));
	assert_int_equal(f->resets, resets);
	assert_int_equal(f->services, 0);

	f->is_busy = false;
	assert_true(virtio_service(&f->device, &(unsigned){ 8 }));
	assert_int_equal(f->resets, resets + 1);
	assert_false(f->device.is_resetting);
	assert_int_equal(read32(f, R(STATUS)), 0);
	assert_true(virtio_service(&f->device, &(unsigned){ 8 }));
	assert_int_equal(f->resets, resets + 1);
	go_live(f, 0);
}

static void service_comes_when_it_is_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_true(virtio_service(&f->device, &(unsigned){ 8 }));
	assert_int_equal(f->services, 0);
	virtio_ask_for_service(&f->device);
	virtio_ask_for_service(&f->device);
	assert_int_equal(f->requests, 2); /* a vCPU that was asked may have gone off */
	assert_true(virtio_service(&f->device, &(unsigned){ 8 }));
	assert_true(virtio_service(&f->device, &(unsigned){ 8 }));
	assert_int_equal(f->services, 1);
}

/* --- One queue alone (2.6.1) */

static void a_queue_is_reset_under_load(void **state)
{
	struct fixture *f = *state;

	go_live(f, VIRTIO_F_RING_RESET);
	f->works = false;
	for (u16 i = 0; i < 3; i++)
		offer(f, i);
	assert_int_equal(virtq_pop(&f->device.queues[1], &f->chain), 1);
	write32(f, R(QUEUE_SEL), 1);
	write32(f, R(QUEUE_RESET), 1);
	assert_int_equal(read32(f, R(QUEUE_RESET)), 1);
	assert_int_equal(read32(f, R(QUEUE_READY)), 1);
	assert_int_equal(f->stops, 1);
	assert_int_equal(f->last_queue, 1);
	write32(f, R(QUEUE_RESET), 1); /* once more changes nothing */
	write32(f, R(QUEUE_READY), 1);
	write32(f, R(QUEUE_READY), 0);
	write32(f, R(QUEUE_DESC_LOW), 0x1230);
	assert_int_equal(f->stops, 1);
	f->works = true;
	write32(f, R(QUEUE_NOTIFY), 1); /* finds nothing */
	assert_int_equal(driver_used_idx(&f->driver), 0);
	virtq_push(&f->device.queues[1], 0, 0);
	virtio_notify_used(&f->device, &f->device.queues[1]);
	assert_int_equal(read32(f, R(QUEUE_RESET)), 0);
	assert_int_equal(read32(f, R(QUEUE_READY)), 0);
	assert_int_equal(driver_used_idx(&f->driver), 0);
	assert_int_equal(f->raised, 0);

	make_driver(f, 4); /* in another size; it begins at 0 */
	assert_true(enable_queue(f, 1, 4));
	offer(f, 2);
	write32(f, R(QUEUE_NOTIFY), 1);
	assert_int_equal(driver_used_idx(&f->driver), 1);
	assert_int_equal(driver_used(&f->driver, 0).id, 2);
	assert_int_equal(read32(f, R(STATUS)) & VIRTIO_NEEDS_RESET, 0);
}

static void a_queue_is_reset_only_if_negotiated(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	write32(f, R(QUEUE_SEL), 1);
	write32(f, R(QUEUE_RESET), 1);
	assert_int_equal(read32(f, R(QUEUE_READY)), 1);
	assert_int_equal(f->stops, 0);
	go_live(f, VIRTIO_F_RING_RESET);
	write32(f, R(QUEUE_RESET), 0); /* 1 is what resets */
	assert_int_equal(read32(f, R(QUEUE_READY)), 1);
	write32(f, R(QUEUE_RESET), 1);
	assert_int_equal(read32(f, R(QUEUE_READY)), 0); /* at once: nothing is in flight */
	assert_int_equal(f->stops, 1);
	assert_int_equal(read32(f, R(QUEUE_RESET)), 0);
}

static void a_queue_that_is_not_ready_any_more(void **state)
{
	struct fixture *f = *state;

	go_live(f, 0);
	f->works = false;
	offer(f, 0);
	assert_int_equal(virtq_pop(&f->device.queues[1], &f->chain), 1);
	write32(f, R(QUEUE_SEL), 1);
	write32(f, R(QUEUE_READY), 0);
	assert_int_equal(read32(f, R(QUEUE_READY)), 1); /* not yet */
	assert_int_equal(read32(f, R(QUEUE_RESET)), 0); /* which was not negotiated */
	assert_int_equal(f->stops, 1);
	virtq_push(&f->device.queues[1], 0, 0);
	assert_int_equal(read32(f, R(QUEUE_READY)), 0);
	assert_int_equal(driver_used_idx(&f->driver), 0);
}

/* --- A device that has hardly any ops */

static void what_a_device_does_not_need_may_be_missing(void **state)
{
	struct fixture *f = *state;

	virtio_device_init(&f->device, &few_ops, 0, 3);
	f->device.receive_lock = NULL;
	f->device.shown = NULL;
	go_live(f, VIRTIO_F_RING_RESET);
	for (u32 offset = 0; offset < VIRTIO_MMIO_SIZE; offset += 4) {
		read32(f, offset);
		if (offset != R(STATUS) && offset != R(QUEUE_READY))
			write32(f, offset, 1);
	}
	virtio_ask_for_service(&f->device);
	assert_true(virtio_service(&f->device, &(unsigned){ 8 }));
	write32(f, R(STATUS), 0);
	assert_int_equal(read32(f, R(STATUS)), 0);
	virtio_device_init(&f->device, &ops, FEATURES, 3);
	f->device.receive_lock = &f->receive_lock;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_what_it_is),
		TEST(there_is_no_shared_memory),
		TEST(the_configuration_is_read_at_every_offset_and_width),
		TEST(the_configuration_is_written_at_every_offset_and_width),
		TEST(registers_of_other_widths),
		TEST(registers_of_the_other_direction),
		TEST(the_generation_changes_with_the_configuration),
		TEST(features_are_taken_if_they_were_offered),
		TEST(features_that_were_never_offered),
		TEST(a_driver_without_version_1),
		TEST(features_that_the_device_does_not_like_together),
		TEST(features_written_after_features_ok),
		TEST(status_written_out_of_order),
		TEST(status_bits_stay),
		TEST(status_bits_that_drivers_do_not_set),
		TEST(queues_that_do_not_exist),
		TEST(queues_are_set_up_after_features),
		TEST(registers_of_a_queue_that_is_ready),
		TEST(queues_that_cannot_be),
		TEST(notifications_reach_the_device),
		TEST(notifications_that_do_not_count),
		TEST(a_broken_queue_needs_a_reset),
		TEST(an_interrupt_that_is_pending_is_not_raised_again),
		TEST(an_interrupt_that_nobody_wants_is_not_raised),
		TEST(a_reset_clears_everything),
		TEST(a_reset_waits_until_the_device_is_quiet),
		TEST(service_comes_when_it_is_asked_for),
		TEST(a_queue_is_reset_under_load),
		TEST(a_queue_is_reset_only_if_negotiated),
		TEST(a_queue_that_is_not_ready_any_more),
		TEST(what_a_device_does_not_need_may_be_missing),
	};

	return RUN_TESTS(tests);
}
