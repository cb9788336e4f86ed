/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The balloon: that only RAM is spoken of, and what becomes of it, but for the G-stage, which is
 * the VM's.
 */
#include "harness.h"
#include "virtio/balloon.h"

static struct virtio_device *balloon;
static bool is_scarce;	    /* the machine has no RAM to give */
static unsigned on_its_way; /* calls of collect() until a batch is done */

/* NULL: all RAM stays. */
static struct guest_frames *frames(void)
{
	return balloon->memory->frames;
}

static void check_ram(u64 gpa, u64 size)
{
	fuzz_count_work(1);
	fuzz_check(gpa - FUZZ_RAM_START < FUZZ_RAM_SIZE &&
			   size <= FUZZ_RAM_SIZE - (gpa - FUZZ_RAM_START),
		   "it is RAM");
}

/* RAM that devices use stays, whatever the guest says of it. */
static void give_page(void *vm, gpa_t page)
{
	u64 offset = page.v - FUZZ_RAM_START;

	(void)vm;
	check_ram(page.v, KIB(4));
	fuzz_check(!on_its_way, "one batch after the other");
	if (frames() && frames_give_page(frames(), offset))
		frames_take_out(frames(), offset);
}

static bool want_page(void *vm, gpa_t page, unsigned *budget)
{
	u64 offset = page.v - FUZZ_RAM_START;

	(void)vm;
	check_ram(page.v, KIB(4));
	if (frames()) {
		frames_want_page(frames(), offset);
		if (!frames_is_present(frames(), offset) && !*budget)
			return false;
		*budget -= !frames_is_present(frames(), offset);
		return guest_bring_back(balloon->memory, page, 1);
	}
	return !is_scarce;
}

static void report(void *vm, gpa_t gpa, u64 size)
{
	u64 start = ALIGN_UP(gpa.v, RAM_GRANULE), end = ALIGN_DOWN(gpa.v + size, RAM_GRANULE);

	(void)vm;
	check_ram(gpa.v, size);
	fuzz_check(!on_its_way, "one batch after the other");
	for (; frames() && start < end; start += RAM_GRANULE)
		frames_take_out(frames(), start - FUZZ_RAM_START);
}

static bool flush(void *vm)
{
	(void)vm;
	return !on_its_way;
}

static bool collect(void *vm)
{
	(void)vm;
	on_its_way -= on_its_way != 0;
	for (u64 offset = 0; frames() && !on_its_way && offset < FUZZ_RAM_SIZE;
	     offset += RAM_GRANULE)
		frames_let_go(frames(), offset);
	return !on_its_way;
}

static void want_all(void *vm)
{
	(void)vm;
	if (frames())
		frames_want_all(frames());
}

static u64 present(void *vm)
{
	(void)vm;
	return guest_memory_present(balloon->memory);
}

static const struct virtio_balloon_ops ops = { give_page, want_page, report, flush,
					       collect,	  want_all,  present };

static struct virtio_device *create(u8 variant)
{
	is_scarce = variant & 1;
	on_its_way = 0;
	fuzz_check(!virtio_balloon_create(&ops, &balloon), "it is made");
	return balloon;
}

static void event(struct virtio_device *device, const struct fuzz_step *step)
{
	switch (step->a % 3) {
	case 0: virtio_balloon_set_target(device, step->d); break;
	case 1: is_scarce = step->b & 1; break;
	case 2: on_its_way = step->b % 4; break;
	}
}

static void complete_all(struct virtio_device *device)
{
	(void)device;
	is_scarce = false;
	on_its_way = 0;
}

/* Page numbers: three of RAM, one that may be anything. */
static u32 fill(unsigned queue, const struct fuzz_step *step, u8 *bytes)
{
	const u32 pfns[] = { (FUZZ_RAM_START >> 12) + step->c % (FUZZ_RAM_SIZE >> 12),
			     (FUZZ_RAM_START >> 12), (u32)(FUZZ_RAM_START >> 12) + 31,
			     (u32)step->d };

	(void)queue;
	__builtin_memcpy(bytes, pfns, sizeof(pfns));
	return sizeof(pfns);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct fuzz_target target = {
		.create = create,
		.event = event,
		.complete_all = complete_all,
		.fill = fill,
		.eager = UINT64_MAX,
	};

	return fuzz_run(&target, data, size);
}
