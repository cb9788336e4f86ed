/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the driver of a disk, against a disk of our own. */
#include "unit.h"
#include "drivers/host_blk.h"
#include "drivers/host_virtio.h"
#include "fake/pages.h"
#include "fake/virtio_mmio.h"

#include <stdlib.h>
#include <string.h>

#define SECTORS	  256U
#define IN_FLIGHT 64U /* as many as the driver says it can */

#define ALL_FEATURES                                                             \
	(VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES | \
	 VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE)

/* The disk, and what it is told to do. */
static struct {
	struct fake_device *device;
	u8 data[SECTORS * 512];
	char serial[21];
	bool holds;	  /* requests wait until the test completes them */
	bool is_silent;	  /* it does not even look */
	u8 forced_status; /* not 0: no request is done, this is the answer */
	struct fake_chain held[IN_FLIGHT + 1];
	unsigned nr_held;
	u32 last_range_flags;
} fake;

static struct host_blk *disk;
static u32 seg_max = HOST_BLK_MAX_SEGMENTS;

/* Leaving a disk that does not come up alone means to leave its memory alone. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* Copies between the chain's buffers from `first` to the last but one, and the disk. */
static u8 transfer(const struct fake_chain *chain, u64 sector, bool is_write, u32 *written)
{
	u64 at = sector * 512;

	for (unsigned i = 1; i < chain->nr - 1; i++) {
		const struct fake_buffer *buffer = &chain->buffers[i];

		if (at + buffer->size > sizeof(fake.data))
			return VIRTIO_BLK_S_IOERR;
		assert_int_equal(buffer->is_writable, !is_write);
		if (is_write)
			memcpy(fake.data + at, buffer->data, buffer->size);
		else
			memcpy(buffer->data, fake.data + at, buffer->size);
		at += buffer->size;
	}
	*written += is_write ? 0 : (u32)(at - sector * 512);
	return VIRTIO_BLK_S_OK;
}

static u8 clear(const struct fake_chain *chain)
{
	struct virtio_blk_range range;

	assert_int_equal(chain->nr, 3);
	assert_int_equal(chain->buffers[1].size, sizeof(range));
	assert_false(chain->buffers[1].is_writable);
	memcpy(&range, chain->buffers[1].data, sizeof(range));
	fake.last_range_flags = range.flags;
	memset(fake.data + range.sector * 512, 0, range.num_sectors * 512UL);
	return VIRTIO_BLK_S_OK;
}

static u8 execute(const struct fake_chain *chain, u32 *written)
{
	struct virtio_blk_header header;

	memcpy(&header, chain->buffers[0].data, sizeof(header));
	if (fake.forced_status)
		return fake.forced_status;
	switch (header.type) {
	case VIRTIO_BLK_T_IN: return transfer(chain, header.sector, false, written);
	case VIRTIO_BLK_T_OUT: return transfer(chain, header.sector, true, written);
	case VIRTIO_BLK_T_FLUSH:
		assert_int_equal(chain->nr, 2);
		assert_int_equal(header.sector, 0); /* 5.2.6.1 */
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		assert_int_equal(chain->buffers[1].size, VIRTIO_BLK_ID_SIZE);
		memcpy(chain->buffers[1].data, fake.serial, VIRTIO_BLK_ID_SIZE);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES: return clear(chain);
	default: fail_msg("request type %u", header.type); return 0;
	}
}

static void complete(const struct fake_chain *chain)
{
	const struct fake_buffer *last = &chain->buffers[chain->nr - 1];
	u32 written = 1;
	u8 status = execute(chain, &written);

	assert_int_equal(chain->buffers[0].size, sizeof(struct virtio_blk_header));
	assert_false(chain->buffers[0].is_writable);
	assert_true(last->is_writable);
	assert_int_equal(last->size, 1);
	if (status != 0xff)
		*last->data = status;
	fake_push(fake.device, 0, chain->head, written);
}

static void notified(struct fake_device *device, unsigned queue)
{
	struct fake_chain chain;

	assert_int_equal(queue, 0);
	while (!fake.is_silent && fake_pop(device, 0, &chain)) {
		if (!fake.holds) {
			complete(&chain);
			continue;
		}
		assert_true(fake.nr_held < IN_FLIGHT);
		fake.held[fake.nr_held++] = chain;
	}
}

/* Completes a request that is held. */
static void complete_held(unsigned which)
{
	complete(&fake.held[which]);
	fake.held[which] = fake.held[--fake.nr_held];
}

static void try_to_start(const char *serial, u64 features)
{
	struct virtio_blk_config config = {
		.capacity = SECTORS,
		.seg_max = seg_max,
		.blk_size = 4096,
		.max_discard_sectors = 77,
		.max_write_zeroes_sectors = 88,
	};

	fake.device = &fake_devices[0];
	fake.device->id = VIRTIO_ID_BLOCK;
	fake.device->features |= features;
	fake.device->config_size = sizeof(config);
	fake.device->notified = notified;
	memcpy(fake.device->config, &config, sizeof(config));
	strncpy(fake.serial, serial, sizeof(fake.serial));
	host_virtio_init();
}

static void start(const char *serial, u64 features)
{
	unsigned before = 0;

	while (host_blk_get(before))
		before++;
	memset(&fake, 0, sizeof(fake));
	fake_machine(1);
	try_to_start(serial, features);
	disk = host_blk_get(before);
	assert_non_null(disk);
	assert_int_equal(fake_complaints, 0);
}

struct job {
	struct host_blk_request request;
	struct host_segment segments[HOST_BLK_MAX_SEGMENTS];
	u8 data[HOST_BLK_MAX_SEGMENTS * 512];
	unsigned done;
	u8 status;
	struct job *then; /* done() submits it */
};

static unsigned nr_done;

static void done(struct host_blk_request *request, u8 status)
{
	struct job *job = container_of(request, struct job, request);

	job->done++;
	job->status = status;
	nr_done++;
	if (job->then) {
		host_blk_submit(disk, &job->then->request);
		host_blk_kick(disk);
	}
}

static void prepare(struct job *job, enum host_blk_op op, u64 sector, unsigned nr_segments)
{
	memset(job, 0, sizeof(*job));
	for (unsigned i = 0; i < nr_segments; i++)
		job->segments[i] = (struct host_segment){ HPA((u64)job->data + i * 512), 512 };
	job->request = (struct host_blk_request){
		.op = op,
		.sector = sector,
		.nr_sectors = 8,
		.segments = job->segments,
		.nr_segments = nr_segments,
		.done = done,
	};
}

static void submit(struct job *job)
{
	host_blk_submit(disk, &job->request);
	assert_int_equal(job->done, 0);
}

/* One request from the beginning to the end. */
static u8 run(struct job *job)
{
	submit(job);
	host_blk_kick(disk);
	fake_deliver_interrupts();
	fake_fire_timers();
	assert_int_equal(job->done, 1);
	return job->status;
}

static u8 run_op(enum host_blk_op op)
{
	static struct job job;

	prepare(&job, op, 0, op == HOST_BLK_READ || op == HOST_BLK_WRITE ? 1 : 0);
	return run(&job);
}

static void test_bring_up(void **state)
{
	struct host_blk_info info;

	start("d0", ALL_FEATURES);
	assert_ptr_equal(host_blk_find("d0"), disk);
	assert_null(host_blk_find("d"));
	host_blk_info(disk, &info);
	assert_string_equal(info.serial, "d0");
	assert_int_equal(info.sectors, SECTORS);
	assert_int_equal(info.block_size, 4096);
	assert_true(info.has_flush && info.has_discard && info.has_write_zeroes);
	assert_false(info.is_read_only);
	assert_int_equal(info.max_discard_sectors, 77);
	assert_int_equal(info.max_write_zeroes_sectors, 88);

	start("twenty characters it", VIRTIO_BLK_F_RO); /* no NUL behind it */
	assert_ptr_equal(host_blk_find("twenty characters it"), disk);
	host_blk_info(disk, &info);
	assert_true(info.is_read_only);
	assert_int_equal(info.block_size, 512);
	assert_false(info.has_flush || info.has_discard || info.has_write_zeroes);
	(void)state;
}

/* Whether a disk comes up. */
static bool comes_up(void)
{
	unsigned before = 0;

	while (host_blk_get(before))
		before++;
	try_to_start("x", ALL_FEATURES);
	return host_blk_get(before) != NULL;
}

static void begin_again(void)
{
	memset(&fake, 0, sizeof(fake));
	fake_machine(1);
}

static void test_left_alone(void **state)
{
	begin_again();
	fake_devices[0].features &= ~VIRTIO_F_INDIRECT_DESC;
	assert_false(comes_up());
	assert_int_equal(fake_complaints, 1);
	assert_int_equal(fake_devices[0].status, VIRTIO_FAILED);
	assert_false(host_virtio_is_used(0));

	begin_again();
	fake.is_silent = true;
	assert_false(comes_up());
	assert_int_equal(fake_complaints, 1);

	begin_again();
	fake_devices[0].queues[0].max = 128;
	assert_false(comes_up());
	assert_int_equal(fake_complaints, 1);

	begin_again();
	seg_max = 126;
	assert_false(comes_up());
	seg_max = HOST_BLK_MAX_SEGMENTS;
	assert_int_equal(fake_complaints, 1);

	begin_again();
	fake_devices[0].refuses_features = true;
	assert_false(comes_up());
	assert_int_equal(fake_complaints, 1);

	begin_again();
	fake_devices[0].version = 1;
	assert_false(comes_up());
	assert_int_equal(fake_complaints, 1);
	assert_int_equal(fake_devices[0].resets, 0);

	begin_again();
	fake_devices[0].magic = 0;
	assert_false(comes_up());
	assert_int_equal(fake_complaints, 0);

	/* No device, of either kind: nothing to be said. */
	fake_machine(2);
	fake_devices[1].version = 1;
	host_virtio_init();
	assert_int_equal(fake_complaints, 0);
	assert_int_equal(fake_devices[0].resets + fake_devices[1].resets, 0);
	(void)state;
}

static void test_no_name(void **state)
{
	struct host_blk_info info;
	unsigned before = 0;

	while (host_blk_get(before))
		before++;
	begin_again();
	fake.forced_status = VIRTIO_BLK_S_UNSUPP;
	assert_true(comes_up());
	host_blk_info(host_blk_get(before), &info);
	assert_string_equal(info.serial, "");
	(void)state;
}

static void test_write_and_read(void **state)
{
	static struct job job;
	struct host_blk_info info;

	start("a", ALL_FEATURES);
	prepare(&job, HOST_BLK_WRITE, 3,
		200); /* its interrupt is also that for the serial number */
	for (unsigned i = 0; i < 200 * 512; i++)
		job.data[i] = (u8)(i * 7 + i / 512);
	assert_int_equal(run(&job), VIRTIO_BLK_S_OK);
	assert_memory_equal(fake.data + 3 * 512, job.data, 200 * 512);

	memmove(fake.data, fake.data + 3 * 512, 512 * 200);
	prepare(&job, HOST_BLK_READ, 1, 199);
	assert_int_equal(run(&job), VIRTIO_BLK_S_OK);
	assert_memory_equal(fake.data + 512, job.data, 199 * 512);

	host_blk_info(disk, &info);
	assert_int_equal(info.reads, 1);
	assert_int_equal(info.bytes_read, 199 * 512);
	assert_int_equal(info.writes, 1);
	assert_int_equal(info.bytes_written, 200 * 512);
	assert_int_equal(info.errors, 0);
	assert_int_equal(info.interrupts, 2);
	(void)state;
}

static void test_longest_request(void **state)
{
	static struct job job;

	start("longest", ALL_FEATURES);
	prepare(&job, HOST_BLK_WRITE, 0, HOST_BLK_MAX_SEGMENTS);
	job.data[253 * 512] = 9;
	assert_int_equal(run(&job), VIRTIO_BLK_S_OK);
	assert_int_equal(fake.data[253 * 512], 9);
	(void)state;
}

static void test_other_operations(void **state)
{
	static struct job job;
	struct host_blk_info info;

	start("b", ALL_FEATURES);
	memset(fake.data, 5, sizeof(fake.data));
	assert_int_equal(run_op(HOST_BLK_FLUSH), VIRTIO_BLK_S_OK);
	prepare(&job, HOST_BLK_DISCARD, 2, 0);
	job.request.may_unmap = true; /* means nothing here, and 5.2.6.1 forbids to pass it on */
	assert_int_equal(run(&job), VIRTIO_BLK_S_OK);
	assert_int_equal(fake.last_range_flags, 0);
	assert_int_equal(fake.data[2 * 512 - 1], 5);
	assert_int_equal(fake.data[2 * 512], 0);
	assert_int_equal(fake.data[10 * 512 - 1], 0);
	assert_int_equal(fake.data[10 * 512], 5);
	prepare(&job, HOST_BLK_WRITE_ZEROES, 20, 0);
	job.request.may_unmap = true;
	assert_int_equal(run(&job), VIRTIO_BLK_S_OK);
	assert_int_equal(fake.last_range_flags, VIRTIO_BLK_RANGE_UNMAP);
	job.request.may_unmap = false;
	job.done = 0;
	assert_int_equal(run(&job), VIRTIO_BLK_S_OK);
	assert_int_equal(fake.last_range_flags, 0);
	assert_int_equal(fake.data[20 * 512], 0);
	host_blk_info(disk, &info);
	assert_int_equal(info.flushes, 1);
	assert_int_equal(info.others, 3);
	(void)state;
}

/* What the device has not offered does not reach it. */
static void test_without_features(void **state)
{
	start("c", 0);
	fake.holds = true;
	assert_int_equal(run_op(HOST_BLK_FLUSH), VIRTIO_BLK_S_OK);
	assert_int_equal(run_op(HOST_BLK_DISCARD), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_op(HOST_BLK_WRITE_ZEROES), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(fake.nr_held, 0);
	(void)state;
}

static u8 run_at(enum host_blk_op op, u64 sector, unsigned nr_sectors)
{
	static struct job job;

	prepare(&job, op, sector, op == HOST_BLK_READ || op == HOST_BLK_WRITE ? nr_sectors : 0);
	job.request.nr_sectors = nr_sectors;
	return run(&job);
}

/* Nor does what is beyond the end, whatever the numbers. */
static void test_the_end(void **state)
{
	static const enum host_blk_op ops[] = { HOST_BLK_READ, HOST_BLK_WRITE, HOST_BLK_DISCARD,
						HOST_BLK_WRITE_ZEROES };

	start("end", ALL_FEATURES);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		assert_int_equal(run_at(ops[i], SECTORS - 2, 2), VIRTIO_BLK_S_OK);
		assert_int_equal(run_at(ops[i], SECTORS - 1, 1), VIRTIO_BLK_S_OK);
		fake.holds = true;
		assert_int_equal(run_at(ops[i], SECTORS - 1, 2), VIRTIO_BLK_S_IOERR);
		assert_int_equal(run_at(ops[i], SECTORS, 1), VIRTIO_BLK_S_IOERR);
		assert_int_equal(run_at(ops[i], UINT64_MAX, 1), VIRTIO_BLK_S_IOERR);
		assert_int_equal(run_at(ops[i], UINT64_MAX / 512 + 1, 1), VIRTIO_BLK_S_IOERR);
		assert_int_equal(fake.nr_held, 0);
		fake.holds = false;
	}
	assert_int_equal(run_at(HOST_BLK_DISCARD, 1, UINT32_MAX), VIRTIO_BLK_S_IOERR);
	(void)state;
}

static void test_read_only(void **state)
{
	start("read-only", ALL_FEATURES | VIRTIO_BLK_F_RO);
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_OK);
	assert_int_equal(run_op(HOST_BLK_FLUSH), VIRTIO_BLK_S_OK);
	fake.holds = true;
	assert_int_equal(run_op(HOST_BLK_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_op(HOST_BLK_DISCARD), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_op(HOST_BLK_WRITE_ZEROES), VIRTIO_BLK_S_IOERR);
	assert_int_equal(fake.nr_held, 0);
	(void)state;
}

static void test_errors_are_passed_on(void **state)
{
	struct host_blk_info info;

	start("errors", ALL_FEATURES);
	fake.forced_status = VIRTIO_BLK_S_IOERR;
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_IOERR);
	fake.forced_status = VIRTIO_BLK_S_UNSUPP;
	assert_int_equal(run_op(HOST_BLK_FLUSH), VIRTIO_BLK_S_UNSUPP);
	fake.forced_status = 3; /* nobody knows it */
	assert_int_equal(run_op(HOST_BLK_WRITE), VIRTIO_BLK_S_IOERR);
	fake.forced_status = 0;
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_OK);
	fake.forced_status = 0xff; /* not written at all */
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_IOERR);
	fake.forced_status = 0;
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_OK);
	host_blk_info(disk, &info);
	assert_int_equal(info.errors, 4);
	(void)state;
}

/* More requests than slots: they wait, go out in order, and come back in any. */
static void test_full(void **state)
{
	static struct job jobs[3 * IN_FLIGHT];
	struct prng prng = { 99 };
	unsigned issued = IN_FLIGHT;

	start("full", ALL_FEATURES);
	fake.holds = true;
	nr_done = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		prepare(&jobs[i], HOST_BLK_WRITE, i, 1);
		jobs[i].data[0] = (u8)(i + 1);
		submit(&jobs[i]);
	}
	host_blk_kick(disk);
	assert_int_equal(fake.nr_held, IN_FLIGHT);
	while (fake.nr_held) {
		struct virtio_blk_header header;
		unsigned done_before = nr_done;

		complete_held(prng_below(&prng, fake.nr_held));
		fake_deliver_interrupts();
		assert_int_equal(nr_done, done_before + 1);
		if (issued == ARRAY_SIZE(jobs))
			continue;
		/* The slot went to the next in line, and the device was told. */
		memcpy(&header, fake.held[fake.nr_held - 1].buffers[0].data, sizeof(header));
		assert_int_equal(header.sector, issued++);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		assert_int_equal(jobs[i].done, 1);
		assert_int_equal(jobs[i].status, VIRTIO_BLK_S_OK);
		assert_int_equal(fake.data[i * 512], (u8)(i + 1));
	}
	(void)state;
}

static void test_one_interrupt_for_many(void **state)
{
	static struct job jobs[10];
	unsigned before, notifications;

	start("batch", ALL_FEATURES);
	fake_deliver_interrupts();
	fake.holds = true;
	notifications = fake.device->queues[0].notifications;
	before = fake.device->interrupts;
	for (unsigned i = 0; i < 10; i++) {
		prepare(&jobs[i], HOST_BLK_READ, i, 1);
		submit(&jobs[i]);
	}
	assert_int_equal(fake.device->queues[0].notifications, notifications);
	host_blk_kick(disk);
	assert_int_equal(fake.device->queues[0].notifications, notifications + 1);
	while (fake.nr_held)
		complete_held(0);
	nr_done = 0;
	fake_deliver_interrupts();
	assert_int_equal(nr_done, 10);
	assert_int_equal(fake.device->interrupts, before + 1);
	(void)state;
}

static void test_done_submits(void **state)
{
	static struct job first, second;

	start("again", ALL_FEATURES);
	prepare(&first, HOST_BLK_READ, 0, 1);
	prepare(&second, HOST_BLK_READ, 1, 1);
	first.then = &second;
	assert_int_equal(run(&first), VIRTIO_BLK_S_OK);
	fake_deliver_interrupts();
	assert_int_equal(second.done, 1);
	(void)state;
}

static void test_poll(void **state)
{
	static struct job job;

	start("poll", ALL_FEATURES);
	for (unsigned i = 0; i < 3; i++) {
		prepare(&job, HOST_BLK_READ, 0, 1);
		submit(&job);
		host_blk_poll(disk);
		host_blk_kick(disk);
		host_blk_poll(disk);
		assert_int_equal(job.done, 1);
	}
	/* The interrupt that finds nothing asks for the next. */
	fake_deliver_interrupts();
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_OK);
	(void)state;
}

static void was_reset(struct fake_device *device)
{
	assert_int_equal(nr_done, 0); /* until now the memory is the device's */
	(void)device;
}

static void check_death(void (*kill)(void))
{
	static struct job jobs[IN_FLIGHT + 3];
	struct host_blk_info info;

	fake.holds = true;
	fake.device->was_reset = was_reset;
	nr_done = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		prepare(&jobs[i], HOST_BLK_WRITE, i, 1);
		submit(&jobs[i]);
	}
	host_blk_kick(disk);
	kill();
	fake_deliver_interrupts();
	assert_int_equal(nr_done, ARRAY_SIZE(jobs));
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		assert_int_equal(jobs[i].done, 1);
		assert_int_equal(jobs[i].status, VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(fake.device->status, 0);
	assert_int_equal(fake_complaints, 1);
	/* And so it stays. */
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_op(HOST_BLK_FLUSH), VIRTIO_BLK_S_IOERR);
	prepare(&jobs[0], HOST_BLK_READ, 0, 1);
	prepare(&jobs[1], HOST_BLK_READ, 0, 1);
	submit(&jobs[0]);
	submit(&jobs[1]);
	assert_int_equal(fake_fire_timers(), 1);
	assert_int_equal(jobs[0].done + jobs[1].done, 2);
	host_blk_poll(disk);
	fake_raise(fake.device, VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG);
	fake_deliver_interrupts();
	assert_int_equal(fake_complaints, 1);
	host_blk_info(disk, &info);
	assert_int_equal(info.errors, ARRAY_SIZE(jobs) + 4);
}

static void needs_reset(void)
{
	fake_break(fake.device);
}

static void returns_nonsense(void)
{
	fake_push(fake.device, 0, 4711, 0);
	fake_raise(fake.device, VIRTIO_INTERRUPT_USED);
}

static void is_gone(void)
{
	fake.device->status = 0;
	fake_raise(fake.device, VIRTIO_INTERRUPT_CONFIG);
}

static void test_death(void **state)
{
	start("needs-reset", ALL_FEATURES);
	check_death(needs_reset);
	start("nonsense", ALL_FEATURES);
	check_death(returns_nonsense);
	start("gone", ALL_FEATURES);
	check_death(is_gone);
	(void)state;
}

static void test_resize(void **state)
{
	struct host_blk_info info;
	u64 capacity = SECTORS / 2;

	start("resize", ALL_FEATURES);
	memcpy(fake.device->config, &capacity, sizeof(capacity));
	fake_raise(fake.device, VIRTIO_INTERRUPT_CONFIG);
	fake_deliver_interrupts();
	host_blk_info(disk, &info);
	assert_int_equal(info.sectors, SECTORS / 2);
	assert_int_equal(run_op(HOST_BLK_READ), VIRTIO_BLK_S_OK);
	assert_int_equal(run_at(HOST_BLK_READ, SECTORS / 2, 1), VIRTIO_BLK_S_IOERR);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bring_up),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_longest_request),
		cmocka_unit_test(test_other_operations),
		cmocka_unit_test(test_without_features),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_errors_are_passed_on),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_one_interrupt_for_many),
		cmocka_unit_test(test_done_submits),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_resize),
	};

	return RUN_TESTS(tests);
}
