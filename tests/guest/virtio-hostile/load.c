/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that is at work: what is in flight comes to its end, or leaves no trace. */
#include "hostile.h"
#include "sbi.h"

#define TRIES 200 /* until something is in flight when it matters */

static bool wait_for_load(struct disk *d, u32 done)
{
	u64 start = rdtime();

	while ((done = disk_take_load(d, done)) != LOAD_ALL) {
		if (rdtime() - start > 10000 * MS)
			return false;
	}
	return true;
}

#define MARK  0x5a5a5a5a5a5a5a5aUL
#define MARKS 256 /* over all of the buffers: writing them takes no time in which a disk ends */

static volatile u64 *mark_at(unsigned i)
{
	return (volatile u64 *)(LOAD + (i + 1) * (LOAD_SIZE / MARKS) - 8);
}

/* From now on the device leaves that memory alone, although it goes on with other things. */
static bool is_left_alone(void)
{
	bool good = true;

	for (unsigned i = 0; i < MARKS; i++)
		*mark_at(i) = MARK;
	for (unsigned i = 0; i < 20; i++)
		good &= disk_works();
	for (unsigned i = 0; i < MARKS; i++)
		good &= *mark_at(i) == MARK;
	return good;
}

static void reset_device(void)
{
	virtio_reset(&disk.device);
}

static void reset_queue(void)
{
	virtio_write(&disk.device, VIRTIO_QUEUE_RESET, 1);
	while (virtio_read(&disk.device, VIRTIO_QUEUE_RESET))
		;
}

static void take_queue(void)
{
	virtio_write(&disk.device, VIRTIO_QUEUE_READY, 0);
	while (virtio_read(&disk.device, VIRTIO_QUEUE_READY))
		;
}

/* Breaks the queue behind the requests that it has; they are in flight until the reset. */
static void break_and_reset(void)
{
	virtq_offer(&disk.q, 65535);
	virtio_notify(&disk.device, 0);
	virtio_reset(&disk.device);
}

static void end_under_load(const char *what, void (*end)(void))
{
	bool is_busy = false;

	for (unsigned i = 0; i < TRIES && !is_busy; i++) {
		disk_open(&disk, 0, VIRTIO_F_RING_RESET);
		disk_load(&disk);
		is_busy = disk_take_load(&disk, 0) != LOAD_ALL;
		end();
	}
	if (!is_busy)
		print("BAD %s: the disk was never busy\n", what);
	outcome("load", what, is_left_alone() ? "memory is left alone after it" : "written to");
}

/* Without waiting in between: each is a reset while the one before it still works. */
static void reset_again_and_again(void)
{
	for (unsigned i = 0; i < 50; i++) {
		disk_open(&disk, 0, 0);
		disk_load(&disk);
	}
	virtio_reset(&disk.device);
	outcome("load", "50 resets under load",
		is_left_alone() ? "memory is left alone after it" : "written to");
}

/* --- Pages that the disk is writing to are reported as free */

static bool report_load(struct virtio *balloon, struct virtq *q)
{
	struct virtq_used used;

	virtq_set(q, 0, (void *)LOAD, LOAD_SIZE, VIRTQ_WRITE, 0);
	virtq_offer(q, 0);
	virtio_notify(balloon, BALLOON_REPORTING);
	return virtq_wait(q, &used);
}

/* What is not in flight any more may be gone; all else must be right. */
static void report_under_load(void)
{
	static struct virtq q;
	struct virtio balloon;
	u32 done = LOAD_ALL;
	bool good = true;

	require(virtio_find(VIRTIO_BALLOON, 0, &balloon) &&
			virtio_negotiate(&balloon, VIRTIO_F_VERSION_1 | BALLOON_F_REPORTING),
		"a balloon");
	virtq_start(&q, &balloon, BALLOON_REPORTING, 8);
	virtio_go(&balloon);
	for (unsigned i = 0; i < TRIES && done == LOAD_ALL; i++) {
		disk_open(&disk, 0, 0);
		disk_load(&disk);
		report_load(&balloon, &q);
		done = disk_take_load(&disk, 0);
		good &= wait_for_load(&disk, done);
	}
	for (unsigned i = 0; i < 8; i++) {
		if (!(done >> i & 1))
			good &= disk_load_is_right(i);
	}
	if (done == LOAD_ALL)
		print("BAD the disk was never busy when pages were reported\n");
	outcome("load", "pages that a disk writes to are reported free",
		good ? "they stay" : "they are lost");
	virtio_reset(&balloon);
}

/* RAM survives a reboot: a word before LOAD says that it has been. */
void attack_by_reboot(void)
{
	const u64 magic = 0x4eb007edUL;
	volatile u64 *was_here = (volatile u64 *)(LOAD - 8);

	if (*was_here != magic) {
		*was_here = magic;
		require(disk_open(&disk, 0, 0), "a disk");
		disk_load(&disk);
		sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_COLD_REBOOT, 0);
	}
	outcome("load", "reboot", is_left_alone() ? "memory is left alone after it" : "written to");
}

void attack_under_load(void)
{
	end_under_load("device reset", reset_device);
	end_under_load("queue reset", reset_queue);
	end_under_load("queue taken back", take_queue);
	end_under_load("queue broken, device reset", break_and_reset);
	reset_again_and_again();
	report_under_load();
}
