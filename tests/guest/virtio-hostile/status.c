/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers: the status out of order, features that were not offered, and everything at once. */
#include "access.h"
#include "hostile.h"

#define ALL_BUT_NEGOTIATED (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK)

#define MISSING		  40	       /* a queue; more than any device has */
#define MISSING_TRANSPORT 0x10008000UL /* behind seven devices */
#define CONFIG_SIZE	  0x80	       /* more than any device has */

#define FEATURE_UNOFFERED BIT(37)
#define BLK_F_RO	  BIT(5)
#define NET_F_HOST_TSO4	  BIT(11)
#define NET_F_GUEST_TSO6  BIT(8)
#define NET_F_CTRL_RX	  BIT(18)

static u32 status_of(const struct virtio *device)
{
	return virtio_read(device, VIRTIO_STATUS);
}

static void end_case(const char *device, const char *what, const char *how)
{
	outcome(device, what, how);
	if (!disk_works())
		print("BAD %s: %s: the disk does not work after it\n", device, what);
}

/* --- Status (2.1, 3.1.1) */

/* Whether the device took a request that was waiting in its queue. */
static const char *ending_if_any(void)
{
	if (status_of(&disk.device) & VIRTIO_NEEDS_RESET)
		return NEEDS_RESET;
	return disk.q.used.idx ? DONE : IGNORED;
}

/* A queue with a request that is complete, and the device told of it. */
static void ask(void)
{
	static u64 data[SECTOR / 8];

	virtq_start(&disk.q, &disk.device, 0, DISK_QUEUE_SIZE);
	disk.header = (struct blk_header){ BLK_IN, 0, SECTORS }; /* refused, and so at once */
	virtq_set(&disk.q, 0, &disk.header, sizeof(disk.header), VIRTQ_NEXT, 1);
	virtq_set(&disk.q, 1, data, SECTOR, VIRTQ_NEXT | VIRTQ_WRITE, 2);
	virtq_set(&disk.q, 2, &disk.status, 1, VIRTQ_WRITE, 0);
	virtq_offer(&disk.q, 0);
	virtio_notify(&disk.device, 0);
}

static void ask_after_reset(void)
{
	virtio_reset(&disk.device);
	ask();
	end_case("status", "a request after reset", ending_if_any());
}

static void ask_before_driver_ok(void)
{
	virtio_negotiate(&disk.device, VIRTIO_F_VERSION_1);
	ask();
	end_case("status", "a request before DRIVER_OK", ending_if_any());
}

static void ask_without_features_ok(void)
{
	virtio_reset(&disk.device);
	virtio_write(&disk.device, VIRTIO_STATUS, ALL_BUT_NEGOTIATED);
	ask();
	end_case("status", "a request without FEATURES_OK", ending_if_any());
}

static void go_without_features_ok(void)
{
	virtio_reset(&disk.device);
	virtio_write(&disk.device, VIRTIO_STATUS, ALL_BUT_NEGOTIATED);
	end_case("status", "DRIVER_OK without FEATURES_OK",
		 status_of(&disk.device) & VIRTIO_DRIVER_OK ? "set" : NOT_SET);
}

static void set_needs_reset(void)
{
	disk_works();
	virtio_add_status(&disk.device, VIRTIO_NEEDS_RESET);
	end_case("status", "NEEDS_RESET written",
		 status_of(&disk.device) & VIRTIO_NEEDS_RESET ? "set" : NOT_SET);
}

static void clear_bits(void)
{
	u32 before;

	disk_works();
	before = status_of(&disk.device);
	virtio_write(&disk.device, VIRTIO_STATUS, VIRTIO_ACKNOWLEDGE);
	end_case("status", "bits cleared that were set",
		 status_of(&disk.device) == before ? IGNORED : "cleared");
}

/* --- Features (2.2) */

static void try_features(const char *name, u32 id, const char *what, u64 features)
{
	struct virtio device;

	virtio_find(id, 0, &device);
	end_case(name, what, virtio_negotiate(&device, features) ? "accepted" : NOT_SET);
}

static void try_features_above_63(void)
{
	virtio_reset(&disk.device);
	virtio_write(&disk.device, VIRTIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	virtio_write_features(&disk.device, VIRTIO_F_VERSION_1);
	virtio_write(&disk.device, VIRTIO_DRIVER_FEATURES_SEL, 2);
	virtio_write(&disk.device, VIRTIO_DRIVER_FEATURES, 1);
	virtio_add_status(&disk.device, VIRTIO_FEATURES_OK);
	end_case("feature", "number 64",
		 status_of(&disk.device) & VIRTIO_FEATURES_OK ? "accepted" : NOT_SET);
}

/* With the feature the second queue reset would stop the queue. */
static void change_features(void)
{
	disk_works();
	virtio_write_features(&disk.device, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET);
	virtio_write(&disk.device, VIRTIO_QUEUE_RESET, 1);
	end_case("feature", "changed after FEATURES_OK",
		 virtio_read(&disk.device, VIRTIO_QUEUE_READY) ? IGNORED : "changed");
}

/* --- Queues that are in use, or not there */

static void move_queue(void)
{
	static struct virtq elsewhere;
	static u64 data[SECTOR / 8];

	disk_works();
	virtio_place_queue(&disk.device, 0, 8, (u64)elsewhere.desc, (u64)&elsewhere.avail, UART);
	end_case("queue", "moved while it is in use",
		 disk_do(&disk, BLK_IN, 9, data, SECTOR) == 0 && disk_is_base(data, 9, 1)
			 ? IGNORED
			 : "moved");
}

static void use_missing_queue(void)
{
	bool is_there;

	disk_works();
	virtio_place_queue(&disk.device, MISSING, 8, RAM, RAM + 4096, RAM + 8192);
	is_there = virtio_read(&disk.device, VIRTIO_QUEUE_NUM_MAX) != 0 ||
		   virtio_read(&disk.device, VIRTIO_QUEUE_READY) != 0;
	virtio_notify(&disk.device, MISSING);
	virtio_notify(&disk.device, UINT32_MAX);
	if (status_of(&disk.device) & VIRTIO_NEEDS_RESET)
		end_case("queue", "one that the device does not have", NEEDS_RESET);
	else
		end_case("queue", "one that the device does not have",
			 is_there ? "there" : IGNORED);
}

void attack_status(void)
{
	ask_after_reset();
	ask_before_driver_ok();
	ask_without_features_ok();
	go_without_features_ok();
	set_needs_reset();
	clear_bits();
	try_features("feature", VIRTIO_BLOCK, "not VERSION_1", 0);
	try_features("feature", VIRTIO_BLOCK, "one that does not exist",
		     VIRTIO_F_VERSION_1 | FEATURE_UNOFFERED);
	try_features("feature", VIRTIO_BLOCK, "one that is not offered",
		     VIRTIO_F_VERSION_1 | BLK_F_RO);
	try_features("feature", VIRTIO_BLOCK, "all", -1UL);
	try_features("feature", VIRTIO_NET, "HOST_TSO4 without CSUM",
		     VIRTIO_F_VERSION_1 | NET_F_HOST_TSO4);
	try_features("feature", VIRTIO_NET, "GUEST_TSO6 without GUEST_CSUM",
		     VIRTIO_F_VERSION_1 | NET_F_GUEST_TSO6);
	try_features("feature", VIRTIO_NET, "CTRL_RX without CTRL_VQ",
		     VIRTIO_F_VERSION_1 | NET_F_CTRL_RX);
	try_features_above_63();
	change_features();
	move_queue();
	use_missing_queue();
}

/* --- All registers (4.2.2) */

/* An access reads what its bytes read, misaligned or not: registers are read like memory. */
static bool is_config_even(const struct virtio *device)
{
	bool good = true;

	for (unsigned width = 1; width <= 3; width++) {
		for (u64 at = VIRTIO_CONFIG; at < VIRTIO_CONFIG + CONFIG_SIZE; at++) {
			struct trap trap = access_load(width, device->base + at);
			u64 bytes = 0;

			for (unsigned i = 0; i < BIT(width); i++)
				bytes |= access_load(0, device->base + at + i).value << 8 * i;
			good &= trap.cause == NO_TRAP && trap.value == bytes;
		}
	}
	return good;
}

/*
 * Whether each was taken, or ignored: none traps. A console's bytes in an emergency would be seen:
 * it is left out.
 */
static bool scribble(const struct virtio *device, u64 *random)
{
	bool good = true;

	for (unsigned i = 0; i < 1000; i++) {
		u64 any = random_next(random);
		unsigned width = any & 3;
		u64 at = (any >> 8) % (any & 4 ? 0x140 : VIRTIO_REGISTERS) & ~(BIT(width) - 1);

		good &= access_store(width, device->base + at,
				     any & 8 ? any >> 40 : (any >> 40) % 16)
				.cause == NO_TRAP;
	}
	return good;
}

void attack_registers(void)
{
	static const struct {
		u32 id;
		const char *name;
	} kinds[] = {
		{ VIRTIO_NET, "net" }, { VIRTIO_BLOCK, "disk" },      { VIRTIO_CONSOLE, "console" },
		{ VIRTIO_RNG, "rng" }, { VIRTIO_BALLOON, "balloon" },
	};
	u64 random = 0x40571e;
	struct trap trap = access_load(2, MISSING_TRANSPORT);

	outcome("register", "of a device that is not there",
		trap.cause == CAUSE_LOAD_ACCESS ? "access fault" : "read");

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct virtio device;

		virtio_find(kinds[i].id, 0, &device);
		end_case(kinds[i].name, "configuration read at every offset and width",
			 is_config_even(&device) ? "one byte, one value" : "differs");
		if (kinds[i].id == VIRTIO_CONSOLE)
			continue;
		end_case(kinds[i].name, "1000 random writes to registers",
			 scribble(&device, &random) && virtio_negotiate(&device, VIRTIO_F_VERSION_1)
				 ? "reset, and it works"
				 : "broken");
	}
}
