/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the queue walker: what a driver may do, and what it may not. */
#include "unit.h"
#include "virtio/virtq.h"
#include "virtio_driver.h"

#define QUEUE RAM_START
#define TABLE (RAM_START + KIB(64)) /* indirect */
#define DATA  (RAM_START + MIB(1))

struct fixture {
	struct guest_memory memory;
	struct virtq q;
	struct driver driver;
	struct virtq_chain chain;
};

/* --- Pins, which must be given back exactly; and a hook where the walker checks a buffer. */

static struct {
	u64 gpa, size;
} pins[16];

static void (*while_checking)(struct fixture *f);
static struct fixture *checked;
static u64 hole = UINT64_MAX; /* what is pinned from there on, is not there */

bool __real_guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size);
bool __wrap_guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size);
u64 __real_guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa);
u64 __wrap_guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa);
void __wrap_guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size);

bool __wrap_guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	if (while_checking)
		while_checking(checked);
	return __real_guest_memory_contains(memory, gpa, size);
}

static unsigned pin_index(u64 gpa, u64 size)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pins); i++) {
		if (pins[i].gpa == gpa && pins[i].size == size)
			return i;
	}
	fail_msg("pin of 0x%lx, %lu bytes: not found, or too many", gpa, size);
	return 0;
}

u64 __wrap_guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa)
{
	u64 count = gpa.v < hole ? __real_guest_pin(memory, gpa, size, hpa) : 0;

	if (count) {
		unsigned i = pin_index(0, 0);

		pins[i].gpa = gpa.v;
		pins[i].size = count;
	}
	return count;
}

void __wrap_guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size)
{
	unsigned i = pin_index(gpa.v, size);

	(void)memory;
	pins[i].gpa = pins[i].size = 0;
}

static unsigned count_pins(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(pins); i++)
		count += pins[i].size != 0;
	return count;
}

/* --- Set-up */

static void place(struct fixture *f, u16 size, u64 desc, u64 avail, u64 used)
{
	f->driver = (struct driver){ &f->memory, desc, avail, used, size, 0 };
	f->q.s = (struct virtq_state){
		.desc = desc, .avail = avail, .used = used, .size = size, .has_indirect = true
	};
}

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	ram_make(&f.memory);
	f.q.memory = &f.memory;
	place(&f, 256, QUEUE, QUEUE + KIB(4), QUEUE + KIB(8));
	assert_true(virtq_enable(&f.q));
	while_checking = NULL;
	hole = UINT64_MAX;
	checked = &f;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	while_checking = NULL;
	virtq_disable(&f->q);
	assert_int_equal(count_pins(), 0);
	ram_free(&f->memory);
	return 0;
}

/* The queue begins anew, with nothing available. */
static void restart(struct fixture *f)
{
	virtq_disable(&f->q);
	ram_write(&f->memory, f->driver.avail, (u8[4]){ 0 }, 4);
	ram_write(&f->memory, f->driver.used, (u8[4]){ 0 }, 4);
	f->driver.avail_idx = 0;
	f->q.s.next_avail = f->q.s.next_used = f->q.s.signalled_used = 0;
	assert_true(virtq_enable(&f->q));
}

static void restart_at(struct fixture *f, u16 size, u64 desc, u64 avail, u64 used)
{
	virtq_disable(&f->q);
	place(f, size, desc, avail, used);
	restart(f);
}

static void describe(struct fixture *f, u16 index, u64 addr, u32 len, u16 flags, u16 next)
{
	driver_describe(&f->driver, f->driver.desc, index, addr, len, flags, next);
}

static void describe_in_table(struct fixture *f, u16 index, u64 addr, u32 len, u16 flags, u16 next)
{
	driver_describe(&f->driver, TABLE, index, addr, len, flags, next);
}

/* A simple chain at that index: 16 bytes to read. */
static void offer_simple(struct fixture *f, u16 index)
{
	describe(f, index, DATA, 16, 0, 0);
	driver_offer(&f->driver, index);
}

static void pop(struct fixture *f)
{
	assert_int_equal(virtq_pop(&f->q, &f->chain), 1);
}

static void check_buffer(const struct fixture *f, unsigned index, u64 gpa, u32 size)
{
	assert_int_equal(f->chain.buffers[index].gpa.v, gpa);
	assert_int_equal(f->chain.buffers[index].size, size);
}

/* --- What a driver may do */

static void a_chain_is_what_the_driver_wrote(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(virtq_pop(&f->q, &f->chain), 0);
	assert_false(virtq_has_more(&f->q));
	describe(f, 7, DATA, 16, VIRTQ_DESC_NEXT, 200);
	describe(f, 200, RAM_END - 512, 512, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, 3);
	describe(f, 3, RAM_START, 1, VIRTQ_DESC_WRITE, 999); /* no next: its number is nothing */
	driver_offer(&f->driver, 7);
	assert_true(virtq_has_more(&f->q));
	pop(f);
	assert_int_equal(f->chain.head, 7);
	assert_int_equal(f->chain.nr_readable, 1);
	assert_int_equal(f->chain.nr_writable, 2);
	assert_int_equal(f->chain.readable, 16);
	assert_int_equal(f->chain.writable, 513);
	check_buffer(f, 0, DATA, 16);
	check_buffer(f, 1, RAM_END - 512, 512);
	check_buffer(f, 2, RAM_START, 1);
	assert_int_equal(virtq_pop(&f->q, &f->chain), 0);
	assert_null(f->q.broken);
	assert_int_equal(f->q.chains, 1);
	assert_int_equal(f->q.bytes, 16);
}

/* Direct descriptors first, then a table of them: with WRITE, which is ignored there (2.7.5.3.2).
 */
static void a_table_may_follow_direct_descriptors(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, DATA, 8, VIRTQ_DESC_NEXT, 1);
	describe(f, 1, TABLE, 160, VIRTQ_DESC_INDIRECT | VIRTQ_DESC_WRITE, 0);
	describe_in_table(f, 0, DATA + 8, 24, VIRTQ_DESC_NEXT, 9);
	describe_in_table(f, 9, DATA + 64, 32, VIRTQ_DESC_WRITE, 0);
	driver_offer(&f->driver, 0);
	pop(f);
	assert_int_equal(f->chain.nr_readable, 2);
	assert_int_equal(f->chain.nr_writable, 1);
	check_buffer(f, 0, DATA, 8);
	check_buffer(f, 1, DATA + 8, 24);
	check_buffer(f, 2, DATA + 64, 32);
	assert_int_equal(count_pins(), 3); /* the queue's own */
}

static void chains_may_be_as_long_as_the_limit(void **state)
{
	struct fixture *f = *state;

	for (u16 i = 0; i < VIRTQ_MAX_BUFFERS; i++)
		describe(f, i, DATA + i, 1, i == 255 ? 0 : VIRTQ_DESC_NEXT, (i + 1) % 256);
	driver_offer(&f->driver, 0);
	pop(f);
	assert_int_equal(f->chain.nr_readable, VIRTQ_MAX_BUFFERS);
	check_buffer(f, 255, DATA + 255, 1);
}

/* Sends `count` chains through and compares everything; indices pass 65535. */
static void echo(struct fixture *f, unsigned count)
{
	struct prng prng = { 4711 };

	for (unsigned i = 0; i < count; i++) {
		u16 size = f->driver.size, head = prng_below(&prng, size);
		u16 other = (head + 1) % size;
		u32 len = 1 + prng_below(&prng, 5000), written = prng_below(&prng, 5000);
		u64 gpa = RAM_SPLIT - 2500 + prng_below(&prng, 100);

		describe(f, head, gpa, len, size > 1 ? VIRTQ_DESC_NEXT : 0, other);
		if (size > 1)
			describe(f, other, gpa + 9, 2 * len, VIRTQ_DESC_WRITE, head);
		driver_offer(&f->driver, head);
		pop(f);
		assert_int_equal(f->chain.head, head);
		check_buffer(f, 0, gpa, len);
		if (size > 1)
			check_buffer(f, 1, gpa + 9, 2 * len);
		virtq_push(&f->q, head, written);
		assert_int_equal(driver_used_idx(&f->driver), (u16)(i + 1));
		assert_int_equal(driver_used(&f->driver, (u16)i).id, head);
		assert_int_equal(driver_used(&f->driver, (u16)i).len, written);
		assert_int_equal(virtq_pop(&f->q, &f->chain), 0);
	}
	assert_null(f->q.broken);
}

static void indices_wrap(void **state)
{
	static const u16 sizes[] = { 1, 2, 256 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		restart_at(f, sizes[i], QUEUE, QUEUE + KIB(4), QUEUE + KIB(8));
		echo(f, 70000);
	}
}

/* Every place where the boundary between two pieces of RAM can cut the parts of a queue. */
static void a_queue_may_lie_in_two_pieces_of_ram(void **state)
{
	struct fixture *f = *state;

	for (u64 back = 0; back <= VIRTQ_DESC_SIZE(16); back += 16) {
		restart_at(f, 16, RAM_SPLIT - back, QUEUE, QUEUE + KIB(1));
		echo(f, 40);
	}
	for (u64 back = 0; back <= VIRTQ_AVAIL_SIZE(16); back += 2) {
		restart_at(f, 16, QUEUE, RAM_SPLIT - back, QUEUE + KIB(1));
		echo(f, 40);
	}
	for (u64 back = 0; back <= VIRTQ_USED_SIZE(16); back += 4) {
		restart_at(f, 16, QUEUE, QUEUE + KIB(1), RAM_SPLIT - back);
		echo(f, 40);
	}
}

/* Tables need no alignment, and may lie anywhere. */
static void a_table_may_lie_anywhere(void **state)
{
	struct fixture *f = *state;

	for (u64 back = 0; back <= 64; back++) {
		u64 table = RAM_SPLIT - back;

		restart(f);
		describe(f, 0, table, 64, VIRTQ_DESC_INDIRECT, 0);
		for (u16 i = 0; i < 4; i++)
			driver_describe(&f->driver, table, i, DATA + i * 100, i + 1,
					i == 3 ? 0 : VIRTQ_DESC_NEXT, i + 1);
		driver_offer(&f->driver, 0);
		pop(f);
		assert_int_equal(f->chain.nr_readable, 4);
		for (u16 i = 0; i < 4; i++)
			check_buffer(f, i, DATA + i * 100, i + 1);
	}
}

static void a_chain_can_be_put_back(void **state)
{
	struct fixture *f = *state;

	for (u16 i = 0; i < 3; i++)
		offer_simple(f, i);
	pop(f);
	pop(f);
	virtq_unpop(&f->q);
	virtq_unpop(&f->q);
	for (u16 i = 0; i < 3; i++) {
		pop(f);
		assert_int_equal(f->chain.head, i);
	}
	assert_int_equal(f->q.chains, 3);
	assert_int_equal(f->q.in_flight, 3);
}

/* --- What it may not do: the queue is broken, and stands still */

static void check_broken(struct fixture *f, const char *why)
{
	u16 used_idx = driver_used_idx(&f->driver);

	assert_int_equal(virtq_pop(&f->q, &f->chain), -1);
	assert_non_null(f->q.broken);
	assert_string_equal(f->q.broken, why);
	assert_int_equal(virtq_pop(&f->q, &f->chain), -1);
	assert_false(virtq_has_more(&f->q));
	assert_false(virtq_enable_notify(&f->q));
	virtq_push(&f->q, 0, 1);
	assert_false(virtq_wants_interrupt(&f->q));
	assert_int_equal(driver_used_idx(&f->driver), used_idx);
	virtq_disable(&f->q);
	assert_int_equal(virtq_pop(&f->q, &f->chain), 0);
	restart(f);
	offer_simple(f, 0);
	pop(f); /* and is whole again after it was set up anew */
	restart(f);
}

/* The chain of descriptor 0 is offered. */
static void check_offer_breaks(struct fixture *f, const char *why)
{
	driver_offer(&f->driver, 0);
	check_broken(f, why);
}

static void loops(void **state)
{
	struct fixture *f = *state;

	describe(f, 5, DATA, 1, VIRTQ_DESC_NEXT, 5);
	driver_offer(&f->driver, 5);
	check_broken(f, "chain too long");

	for (u16 i = 0; i < 3; i++)
		describe(f, i, DATA, 1, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, (i + 1) % 3);
	driver_offer(&f->driver, 1);
	check_broken(f, "chain too long");

	describe(f, 0, TABLE, 32, VIRTQ_DESC_INDIRECT, 0);
	describe_in_table(f, 0, DATA, 1, VIRTQ_DESC_NEXT, 1);
	describe_in_table(f, 1, DATA, 1, VIRTQ_DESC_NEXT, 0);
	check_offer_breaks(f, "chain too long");
}

static void chains_over_the_limit(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, DATA, 1, VIRTQ_DESC_NEXT, 1);
	describe(f, 1, TABLE, 16 * 256, VIRTQ_DESC_INDIRECT, 0);
	for (u16 i = 0; i < 256; i++)
		describe_in_table(f, i, DATA, 1, i == 255 ? 0 : VIRTQ_DESC_NEXT, i + 1);
	check_offer_breaks(f, "chain too long");
}

static void indices_out_of_range(void **state)
{
	static const u16 wrong[] = { 256, 257, 0x8000, 0xffff };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		driver_offer(&f->driver, wrong[i]);
		check_broken(f, "next out of range");

		describe(f, 0, DATA, 1, VIRTQ_DESC_NEXT, wrong[i]);
		check_offer_breaks(f, "next out of range");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		describe(f, 0, TABLE, 64, VIRTQ_DESC_INDIRECT, 0);
		describe_in_table(f, 0, DATA, 1, VIRTQ_DESC_NEXT, i ? wrong[i] : 4);
		check_offer_breaks(f, "next out of range");
	}
}

static void tables_in_tables(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, TABLE, 32, VIRTQ_DESC_INDIRECT, 0);
	describe_in_table(f, 0, DATA, 1, VIRTQ_DESC_NEXT, 1);
	describe_in_table(f, 1, TABLE, 32, VIRTQ_DESC_INDIRECT, 0);
	check_offer_breaks(f, "indirect in indirect table");
}

static void tables_with_a_next(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, TABLE, 16, VIRTQ_DESC_INDIRECT | VIRTQ_DESC_NEXT, 1);
	describe(f, 1, DATA, 1, 0, 0);
	describe_in_table(f, 0, DATA, 1, 0, 0);
	check_offer_breaks(f, "next after indirect table");
}

static void tables_that_were_not_negotiated(void **state)
{
	struct fixture *f = *state;

	f->q.s.has_indirect = false;
	describe(f, 0, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
	describe_in_table(f, 0, DATA, 1, 0, 0);
	check_offer_breaks(f, "indirect table not negotiated");
}

static void tables_of_impossible_sizes(void **state)
{
	static const u32 wrong[] = { 0, 1, 15, 17, 24, 0xffffffff };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		describe(f, 0, TABLE, wrong[i], VIRTQ_DESC_INDIRECT, 0);
		describe_in_table(f, 0, DATA, 1, 0, 0);
		check_offer_breaks(f, "size of indirect table");
	}
}

/* Places that are not RAM, for something of 64 bytes. */
static const u64 outside[] = {
	0,	 0x10001000,  RAM_START - 64,  RAM_START - 16, RAM_END - 48,
	RAM_END, 0x180000000, UINT64_MAX - 63, 1UL << 63,      UINT64_MAX - 15
};

static void tables_outside_ram(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		describe(f, 0, outside[i], 64, VIRTQ_DESC_INDIRECT, 0);
		check_offer_breaks(f, "indirect table outside RAM");
	}
	hole = TABLE + 4096; /* more of it is pinned only if it is used */
	describe(f, 0, TABLE, 16 * 1024, VIRTQ_DESC_INDIRECT, 0);
	describe_in_table(f, 0, DATA, 1, VIRTQ_DESC_NEXT, 255);
	describe_in_table(f, 255, DATA, 1, 0, 0);
	driver_offer(&f->driver, 0);
	pop(f);
	restart(f);
	describe_in_table(f, 255, DATA, 1, VIRTQ_DESC_NEXT, 256);
	check_offer_breaks(f, "indirect table outside RAM");
	hole = UINT64_MAX;

	describe(f, 0, TABLE, 0xfffffff0, VIRTQ_DESC_INDIRECT, 0);
	describe_in_table(f, 0, DATA, 1, 0, 0);
	check_offer_breaks(f, "indirect table outside RAM");
}

static void buffers_outside_ram(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		describe(f, 0, outside[i], 64, i & 1 ? VIRTQ_DESC_WRITE : 0, 0);
		check_offer_breaks(f, "buffer outside RAM");

		describe(f, 0, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
		describe_in_table(f, 0, outside[i], 64, 0, 0);
		check_offer_breaks(f, "buffer outside RAM");
	}
}

static void lengths_of_nearly_4_gib(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, RAM_START, 0xffffffff, 0, 0);
	check_offer_breaks(f, "buffer outside RAM");
	describe(f, 0, RAM_START, 2 * RAM_HALF + 1, 0, 0);
	check_offer_breaks(f, "buffer outside RAM");
}

/* 128 times all of RAM are 4 GiB; a byte less is a chain. */
static void lengths_that_add_up_to_4_gib(void **state)
{
	struct fixture *f = *state;

	for (u16 write = 0; write <= VIRTQ_DESC_WRITE; write += VIRTQ_DESC_WRITE) {
		for (u16 i = 0; i < 128; i++)
			describe(f, i, RAM_START, 2 * RAM_HALF,
				 write | (i < 127 ? VIRTQ_DESC_NEXT : 0), i + 1);
		check_offer_breaks(f, "chain over 4 GiB");

		for (u16 i = 0; i < 128; i++)
			describe(f, i, RAM_START, 2 * RAM_HALF - (i == 127),
				 write | (i < 127 ? VIRTQ_DESC_NEXT : 0), i + 1);
		driver_offer(&f->driver, 0);
		pop(f);
		assert_int_equal(f->chain.readable + f->chain.writable, 0xffffffff);
		restart(f);
	}
}

static void buffers_of_0_bytes(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, DATA, 16, VIRTQ_DESC_NEXT, 1);
	describe(f, 1, DATA, 0, VIRTQ_DESC_WRITE, 0);
	check_offer_breaks(f, "buffer of 0 bytes");
}

static void writable_before_readable(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, DATA, 16, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, 1);
	describe(f, 1, DATA, 16, 0, 0);
	check_offer_breaks(f, "readable after writable buffer");
}

static void available_indices_that_jump(void **state)
{
	static const u16 jumps[] = { 257, 0x8000, 65535 };
	struct fixture *f = *state;

	describe(f, 0, DATA, 16, 0, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(jumps); i++) {
		driver_set_avail_idx(&f->driver, jumps[i]);
		check_broken(f, "available index jumped");
		/* Also when something looks there before it is popped. */
		driver_set_avail_idx(&f->driver, jumps[i]);
		virtq_has_more(&f->q);
		check_broken(f, "available index jumped");
	}
	driver_set_avail_idx(&f->driver, 256); /* so many there can be */
	pop(f);
}

/* No more chains can be in flight than there are descriptors. */
static void chains_that_are_made_available_twice(void **state)
{
	struct fixture *f = *state;

	restart_at(f, 4, QUEUE, QUEUE + KIB(4), QUEUE + KIB(8));
	for (u16 i = 0; i < 4; i++) {
		offer_simple(f, 0);
		pop(f);
	}
	offer_simple(f, 0);
	check_broken(f, "chain made available twice");

	for (u16 i = 0; i < 4; i++) {
		offer_simple(f, i);
		pop(f);
	}
	virtq_push(&f->q, 2, 0);
	offer_simple(f, 2);
	pop(f);
}

/* The driver changes a descriptor while it is being checked: what was checked is what counts. */
static void turn_the_descriptor(struct fixture *f)
{
	describe(f, 0, UINT64_MAX - 100, 0xffffffff, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, 0xffff);
}

/* The table is checked first, and what it holds is read after that. */
static void turn_the_table(struct fixture *f)
{
	static unsigned checks;

	if (++checks < 2)
		return;
	turn_the_descriptor(f);
	describe_in_table(f, 0, UINT64_MAX - 100, 0xffffffff, VIRTQ_DESC_INDIRECT, 0xffff);
}

static void values_that_change_while_they_are_checked(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, DATA, 16, 0, 0);
	driver_offer(&f->driver, 0);
	while_checking = turn_the_descriptor;
	pop(f);
	while_checking = NULL;
	check_buffer(f, 0, DATA, 16);
	assert_int_equal(f->chain.readable, 16);

	describe(f, 0, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
	describe_in_table(f, 0, DATA, 16, 0, 0);
	driver_offer(&f->driver, 0);
	while_checking = turn_the_table;
	pop(f);
	while_checking = NULL;
	check_buffer(f, 0, DATA, 16);
	assert_int_equal(f->chain.nr_readable, 1);
}

/* --- Where a queue can be */

static void queues_that_are_refused(void **state)
{
	static const struct {
		u16 size;
		u64 desc, avail, used;
		const char *why;
	} wrong[] = {
		{ 0, QUEUE, QUEUE + KIB(4), QUEUE + KIB(8), "queue size" },
		{ 3, QUEUE, QUEUE + KIB(4), QUEUE + KIB(8), "queue size" },
		{ 257, QUEUE, QUEUE + KIB(4), QUEUE + KIB(8), "queue size" },
		{ 512, QUEUE, QUEUE + KIB(16), QUEUE + KIB(24), "queue size" },
		{ 0x8000, QUEUE, QUEUE + MIB(1), QUEUE + MIB(2), "queue size" },
		{ 256, QUEUE + 8, QUEUE + KIB(8), QUEUE + KIB(12), "queue misaligned" },
		{ 256, QUEUE, QUEUE + KIB(8) + 1, QUEUE + KIB(12), "queue misaligned" },
		{ 256, QUEUE, QUEUE + KIB(8), QUEUE + KIB(12) + 2, "queue misaligned" },
		{ 256, 0x10001000, QUEUE, QUEUE + KIB(4), "queue outside RAM" },
		{ 256, QUEUE, 0, QUEUE + KIB(4), "queue outside RAM" },
		{ 256, QUEUE, QUEUE + KIB(4), UINT64_MAX - 3, "queue outside RAM" },
		{ 256, RAM_END - 4080, QUEUE, QUEUE + KIB(4), "queue outside RAM" },
		{ 256, RAM_START - 16, QUEUE, QUEUE + KIB(4), "queue outside RAM" },
		{ 256, QUEUE, RAM_END - 516, QUEUE + KIB(4), "queue outside RAM" },
		{ 256, QUEUE, QUEUE + KIB(4), RAM_END - 2052, "queue outside RAM" },
		{ 256, QUEUE, QUEUE, QUEUE + KIB(8), "queue over itself" },
		{ 256, QUEUE, QUEUE + 4094, QUEUE + KIB(8), "queue over itself" },
		{ 256, QUEUE, QUEUE + KIB(8), QUEUE + 4092, "queue over itself" },
		{ 256, QUEUE, QUEUE + KIB(4), QUEUE + KIB(4) + 516, "queue over itself" },
		{ 256, QUEUE, QUEUE + KIB(8), QUEUE + KIB(8) - 2052, "queue over itself" },
	};
	struct fixture *f = *state;

	virtq_disable(&f->q);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		place(f, wrong[i].size, wrong[i].desc, wrong[i].avail, wrong[i].used);
		assert_false(virtq_enable(&f->q));
		assert_string_equal(f->q.broken, wrong[i].why);
		assert_false(f->q.s.is_ready);
		assert_int_equal(virtq_pop(&f->q, &f->chain), -1);
		assert_int_equal(count_pins(), 0);
	}
	/* As tight as it can be: one after the other, up to the last byte but one. */
	place(f, 256, RAM_END - 2056 - 520 - 4096, RAM_END - 2056 - 520, RAM_END - 2056);
	assert_true(IS_ALIGNED(f->q.s.desc, 16));
	restart(f);
	echo(f, 600);
	/* The other way round; and what is adjacent does not overlap. */
	restart_at(f, 256, RAM_SPLIT, RAM_SPLIT - 518, RAM_SPLIT + 4096);
	echo(f, 600);
}

/* RAM that left, and does not come back (mem/guest_frames.h). */
static void queues_that_are_not_there(void **state)
{
	struct fixture *f = *state;

	virtq_disable(&f->q);
	for (hole = QUEUE; hole <= QUEUE + KIB(8); hole += KIB(4)) {
		assert_false(virtq_enable(&f->q));
		assert_string_equal(f->q.broken, "queue in RAM that is gone");
		assert_int_equal(count_pins(), 0);
	}
	place(f, 256, RAM_SPLIT - 64, QUEUE, QUEUE + KIB(4));
	hole = RAM_SPLIT;
	assert_false(virtq_enable(&f->q));
	assert_int_equal(count_pins(), 0);
}

/* --- Used entries, interrupts, notifications */

static void entries_that_are_filled_show_together(void **state)
{
	struct fixture *f = *state;

	for (u16 i = 0; i < 3; i++) {
		offer_simple(f, i);
		pop(f);
	}
	virtq_fill(&f->q, 0, 0, 100);
	virtq_fill(&f->q, 1, 1, 101);
	virtq_fill(&f->q, 2, 2, 102);
	assert_int_equal(driver_used_idx(&f->driver), 0);
	assert_int_equal(f->q.in_flight, 3);
	virtq_publish(&f->q, 3);
	assert_int_equal(driver_used_idx(&f->driver), 3);
	assert_int_equal(f->q.in_flight, 0);
	for (u16 i = 0; i < 3; i++) {
		assert_int_equal(driver_used(&f->driver, i).id, i);
		assert_int_equal(driver_used(&f->driver, i).len, 100 + i);
	}
	assert_int_equal(f->q.bytes, 3 * 16 + 303);
}

static void send_one(struct fixture *f)
{
	offer_simple(f, 0);
	pop(f);
	virtq_push(&f->q, 0, 0);
}

static void interrupts_follow_the_flag(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_wants_interrupt(&f->q)); /* nothing was pushed */
	send_one(f);
	assert_true(virtq_wants_interrupt(&f->q));
	assert_false(virtq_wants_interrupt(&f->q));
	driver_set_flags(&f->driver, VIRTQ_AVAIL_NO_INTERRUPT);
	driver_set_used_event(&f->driver, 1); /* counts only if negotiated */
	send_one(f);
	assert_false(virtq_wants_interrupt(&f->q));
	driver_set_flags(&f->driver, 0);
	send_one(f);
	assert_true(virtq_wants_interrupt(&f->q));
}

/* An interrupt exactly when the entry that the driver named was among those pushed (2.7.7.2). */
static void interrupts_follow_the_event_index(void **state)
{
	struct fixture *f = *state;
	struct prng prng = { 99 };
	unsigned said_yes = 0;

	f->q.s.has_event_idx = true;
	driver_set_flags(&f->driver, VIRTQ_AVAIL_NO_INTERRUPT); /* does not count */
	for (unsigned round = 0; round < 70000; round++) {
		u16 before = f->q.s.next_used, count = 1 + prng_below(&prng, 4);
		u16 event = before + prng_below(&prng, 8) - 2;
		bool is_named = false;

		driver_set_used_event(&f->driver, event);
		for (u16 i = 0; i < count; i++) {
			is_named |= f->q.s.next_used == event;
			send_one(f);
		}
		assert_int_equal(virtq_wants_interrupt(&f->q), is_named);
		said_yes += is_named;
	}
	assert_in_range(said_yes, 10000, 60000);
}

static void notifications_are_stopped_by_the_flag(void **state)
{
	struct fixture *f = *state;

	virtq_disable_notify(&f->q);
	assert_int_equal(driver_used_flags(&f->driver), VIRTQ_USED_NO_NOTIFY);
	assert_false(virtq_enable_notify(&f->q));
	assert_int_equal(driver_used_flags(&f->driver), 0);
	virtq_disable_notify(&f->q);
	offer_simple(f, 0); /* without a word */
	assert_true(virtq_enable_notify(&f->q));
	pop(f);
	assert_false(virtq_enable_notify(&f->q));
}

static void notifications_are_asked_for_by_the_event_index(void **state)
{
	struct fixture *f = *state;

	f->q.s.has_event_idx = true;
	for (unsigned i = 0; i < 3; i++)
		send_one(f);
	virtq_disable_notify(&f->q);
	assert_int_equal(driver_used_flags(&f->driver), 0); /* (2.7.10.2) */
	assert_int_equal(driver_avail_event(&f->driver), 0);
	assert_false(virtq_enable_notify(&f->q));
	assert_int_equal(driver_avail_event(&f->driver), 3);
	offer_simple(f, 0);
	assert_true(virtq_enable_notify(&f->q));
	pop(f);
	assert_false(virtq_enable_notify(&f->q));
	assert_int_equal(driver_avail_event(&f->driver), 4);
	assert_int_equal(driver_used_flags(&f->driver), 0);
}

/* --- Stopping */

static void a_queue_stops_when_nothing_is_in_flight(void **state)
{
	struct fixture *f = *state;

	for (u16 i = 0; i < 3; i++)
		offer_simple(f, i);
	pop(f);
	pop(f);
	virtq_stop(&f->q);
	assert_true(f->q.is_stopping);
	assert_int_equal(count_pins(), 3);
	assert_int_equal(virtq_pop(&f->q, &f->chain), 0);
	assert_false(virtq_has_more(&f->q));
	virtq_push(&f->q, 1, 16);
	assert_true(f->q.s.is_ready);
	virtq_push(&f->q, 0, 16);
	assert_false(f->q.s.is_ready);
	assert_false(f->q.is_stopping);
	assert_int_equal(count_pins(), 0);
	assert_int_equal(driver_used_idx(&f->driver), 0); /* it was not written to */
	virtq_push(&f->q, 0, 16);			  /* harmless */
	assert_int_equal(driver_used_idx(&f->driver), 0);

	restart(f);
	offer_simple(f, 0);
	pop(f);
	virtq_stop(&f->q);
	virtq_unpop(&f->q);
	assert_false(f->q.s.is_ready);

	restart(f);
	virtq_stop(&f->q); /* at once */
	assert_false(f->q.s.is_ready);
}

/* --- Copying */

static void copies_cross_buffers_and_pieces(void **state)
{
	struct fixture *f = *state;
	struct prng prng = { 5 };
	u8 bytes[4096], got[4096];

	for (unsigned round = 0; round < 2000; round++) {
		u16 readable = 1 + prng_below(&prng, 6), writable = 1 + prng_below(&prng, 6);
		u64 gpa = RAM_SPLIT - 3000;
		u32 total[2] = { 0, 0 }, offset, size, want;

		for (u16 i = 0; i < readable + writable; i++) {
			u32 len = 1 + prng_below(&prng, 400);

			describe(f, i, gpa, len,
				 (i < readable ? 0 : VIRTQ_DESC_WRITE) |
					 (i + 1 < readable + writable ? VIRTQ_DESC_NEXT : 0),
				 i + 1);
			gpa += len; /* they follow each other: simple to compare */
			total[i >= readable] += len;
		}
		driver_offer(&f->driver, 0);
		pop(f);

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)prng_next(&prng);
		ram_write(&f->memory, RAM_SPLIT - 3000, bytes, total[0] + total[1]);
		offset = prng_below(&prng, total[0] + 20);
		size = prng_below(&prng, 3000);
		want = offset < total[0] ? MIN(size, total[0] - offset) : 0;
		memset(got, 0, sizeof(got));
		assert_int_equal(virtq_copy_from(&f->q, &f->chain, offset, got, size), want);
		assert_memory_equal(got, bytes + offset, want);
		assert_int_equal(got[want], 0);

		offset = prng_below(&prng, total[1] + 20);
		want = offset < total[1] ? MIN(size, total[1] - offset) : 0;
		memset(got, 0xa5, sizeof(got));
		assert_int_equal(virtq_copy_to(&f->q, &f->chain, offset, got, size), want);
		memset(bytes + total[0] + MIN(offset, total[1]), 0xa5, want);
		ram_read(&f->memory, RAM_SPLIT - 3000, got, sizeof(got));
		assert_memory_equal(got, bytes, total[0] + total[1]);
		virtq_push(&f->q, 0, want);
	}
}

/* A part of the buffers is not there, though others behind it are. */
static void a_copy_ends_at_what_is_not_there(void **state)
{
	struct fixture *f = *state;
	u8 bytes[64];

	describe(f, 0, DATA, 16, VIRTQ_DESC_NEXT, 1);
	describe(f, 1, DATA + KIB(4), 16, VIRTQ_DESC_NEXT, 2);
	describe(f, 2, DATA - KIB(4), 16, 0, 0);
	driver_offer(&f->driver, 0);
	pop(f);
	assert_int_equal(virtq_copy_from(&f->q, &f->chain, 0, bytes, sizeof(bytes)), 48);
	hole = DATA + KIB(4);
	assert_int_equal(virtq_copy_from(&f->q, &f->chain, 0, bytes, sizeof(bytes)), 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_is_what_the_driver_wrote),
		TEST(a_table_may_follow_direct_descriptors),
		TEST(chains_may_be_as_long_as_the_limit),
		TEST(indices_wrap),
		TEST(a_queue_may_lie_in_two_pieces_of_ram),
		TEST(a_table_may_lie_anywhere),
		TEST(a_chain_can_be_put_back),
		TEST(loops),
		TEST(chains_over_the_limit),
		TEST(indices_out_of_range),
		TEST(tables_in_tables),
		TEST(tables_with_a_next),
		TEST(tables_that_were_not_negotiated),
		TEST(tables_of_impossible_sizes),
		TEST(tables_outside_ram),
		TEST(buffers_outside_ram),
		TEST(lengths_of_nearly_4_gib),
		TEST(lengths_that_add_up_to_4_gib),
		TEST(buffers_of_0_bytes),
		TEST(writable_before_readable),
		TEST(available_indices_that_jump),
		TEST(chains_that_are_made_available_twice),
		TEST(values_that_change_while_they_are_checked),
		TEST(queues_that_are_refused),
		TEST(queues_that_are_not_there),
		TEST(entries_that_are_filled_show_together),
		TEST(interrupts_follow_the_flag),
		TEST(interrupts_follow_the_event_index),
		TEST(notifications_are_stopped_by_the_flag),
		TEST(notifications_are_asked_for_by_the_event_index),
		TEST(a_queue_stops_when_nothing_is_in_flight),
		TEST(copies_cross_buffers_and_pieces),
		TEST(a_copy_ends_at_what_is_not_there),
	};

	return RUN_TESTS(tests);
}
