/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two harts that know nothing of each other: one sets devices up, uses them and resets them, the
 * other writes to their registers and rings whatever comes to its mind.
 */
#include "hostile.h"

#define ROUNDS	   150
#define TRANSPORTS 7
#define TRANSPORT  0x10001000UL /* the first */
#define ACK	   0x064
#define FRAME_SIZE 200

static volatile bool is_over;

static void disturb_device(u64 any)
{
	const struct virtio device = { TRANSPORT + any % TRANSPORTS * VIRTIO_REGISTERS };
	u64 value = any >> 32;

	switch (any >> 8 & 15) {
	case 0: virtio_write(&device, VIRTIO_STATUS, 0); break;
	case 1: virtio_write(&device, VIRTIO_STATUS, value & 15); break;
	case 2: virtio_write(&device, VIRTIO_QUEUE_SEL, value & 3); break;
	case 3: virtio_write(&device, VIRTIO_QUEUE_READY, value & 1); break;
	case 4: virtio_write(&device, VIRTIO_QUEUE_RESET, 1); break;
	case 5: virtio_write(&device, ACK, 3); break;
	case 6: virtio_read(&device, VIRTIO_CONFIG + (value & 15) * 4); break;
	default: virtio_write(&device, VIRTIO_QUEUE_NOTIFY, value & 3); break;
	}
}

/*
 * Chains of disk_load() change while the disk looks at them. No buffer becomes longer but those in
 * LOAD: behind the others is this program.
 */
static void disturb_queue(u64 any)
{
	volatile struct virtq_desc *desc = &disk.q.desc[any % 24];

	switch (any >> 8 & 7) {
	case 0: desc->flags ^= (u16)(any >> 16 & 3); break;
	case 1: desc->next = (u16)(any >> 16 & 63); break;
	case 2: disk.q.desc[any % 8 * 3 + 1].len = (u32)(any >> 16) % (2 * GRANULE); break;
	case 3: *(volatile u16 *)&disk.q.avail.idx += 1; break;
	default: break;
	}
}

static void disturb(u64 hart)
{
	u64 random = 0xd157 + hart;

	while (!is_over) {
		disturb_device(random_next(&random));
		disturb_queue(random_next(&random));
	}
}

/* Nothing is waited for in these: the other hart may have reset the device. */

static void use_nic(struct nic *nic, u64 number)
{
	u8 to[6];

	if (!nic_open(nic, 0, 0))
		return;
	nic_address(to, NEIGHBOUR_A);
	nic_frame(nic, to, ATTACK, number, FRAME_SIZE);
	virtq_set(&nic->tx, 0, nic->sent, NIC_HEADER + FRAME_SIZE, 0, 0);
	for (unsigned i = 0; i < 16; i++)
		virtq_offer(&nic->tx, 0);
	virtio_notify(&nic->device, 1);
}

/* One chain with one buffer, for a device and a queue. */
static void use_device(u32 id, u64 features, unsigned queue, struct virtq *q, u64 buffer, u32 size)
{
	struct virtio device;

	if (!virtio_find(id, 0, &device) ||
	    !virtio_negotiate(&device, VIRTIO_F_VERSION_1 | features))
		return;
	virtq_start(q, &device, queue, 8);
	virtio_go(&device);
	virtq_set(q, 0, (void *)buffer, size, VIRTQ_WRITE, 0);
	virtq_offer(q, 0);
	virtio_notify(&device, queue);
}

static void use_devices(struct nic *nic, u64 *random)
{
	static struct virtq reports, bytes;
	u64 any = random_next(random);

	if (disk_open(&disk, 0, VIRTIO_F_RING_RESET))
		disk_load(&disk);
	use_nic(nic, any);
	use_device(VIRTIO_RNG, 0, 0, &bytes, LOAD + any % LOAD_SIZE, 4096);
	use_device(VIRTIO_BALLOON, BALLOON_F_REPORTING, BALLOON_REPORTING, &reports, LOAD,
		   LOAD_SIZE);
	*(volatile u64 *)(LOAD + (any >> 8) % LOAD_SIZE / 8 * 8) = any;
}

void attack_from_two_harts(struct nic *nic)
{
	u64 random = 0x2aa2, other = hart_nth(1);

	use_devices(nic, &random);
	require(hart_start(other, disturb, other) == 0, "a second hart");
	for (unsigned i = 0; i < ROUNDS; i++)
		use_devices(nic, &random);
	is_over = true;
	require(hart_wait_stopped(other), "the second hart stops");
	outcome("two harts", "one uses devices, one disturbs them",
		disk_works() && nic_open(nic, 0, 0) ? "they work after a reset" : "broken");
}
