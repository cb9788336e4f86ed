/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the driver of a source of randomness, against one of our own. */
#include "unit.h"
#include "drivers/host_rng.h"
#include "drivers/host_virtio.h"
#include "fake/virtio_mmio.h"

#include <string.h>

#define IN_FLIGHT 8U /* as many as the driver says it can */

static struct fake_device *const device = &fake_devices[0];

struct job {
	struct host_rng_request request;
	u8 data[16];
	unsigned done;
	u32 size;
	struct job *then; /* done() submits it */
};

static unsigned nr_done;

static void done(struct host_rng_request *request, u32 size)
{
	struct job *job = container_of(request, struct job, request);

	job->done++;
	job->size = size;
	nr_done++;
	if (job->then)
		host_rng_submit(&job->then->request);
}

static void submit(struct job *job)
{
	memset(job, 0, sizeof(*job));
	job->request.segment = (struct host_segment){ HPA((u64)job->data), sizeof(job->data) };
	job->request.done = done;
	host_rng_submit(&job->request);
	assert_int_equal(job->done, 0);
}

/* Fills the next request, with so many bytes of that value. */
static bool fill(u8 value, u32 size)
{
	struct fake_chain chain;

	if (!fake_pop(device, 0, &chain))
		return false;
	assert_int_equal(chain.nr, 1);
	assert_true(chain.buffers[0].is_writable);
	memset(chain.buffers[0].data, value, size);
	fake_push(device, 0, chain.head, size);
	return true;
}

/* The driver keeps its one device for ever: the tests are steps with the same. */
static void test_nothing_there(void **state)
{
	fake_machine(1);
	host_virtio_init();
	assert_false(host_rng_is_there());
	(void)state;
}

static void test_bring_up(void **state)
{
	fake_machine(2);
	device->id = fake_devices[1].id = VIRTIO_ID_RNG;
	host_virtio_init();
	assert_true(host_rng_is_there());
	assert_true(host_virtio_is_used(0));
	assert_false(host_virtio_is_used(1)); /* one is enough */
	assert_int_equal(fake_devices[1].status, VIRTIO_FAILED);
	fake_complaints = 0;
	(void)state;
}

static void test_fill(void **state)
{
	static struct job job;

	submit(&job);
	assert_true(device->queues[0].notifications > 0);
	assert_true(fill(7, 5));
	fake_deliver_interrupts();
	assert_int_equal(job.done, 1);
	assert_int_equal(job.size, 5);
	assert_int_equal(job.data[4], 7);
	assert_int_equal(job.data[5], 0);
	(void)state;
}

/* More than there are slots: in order, again and again. */
static void test_many(void **state)
{
	static struct job jobs[3 * IN_FLIGHT];

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
			submit(&jobs[i]);
		for (unsigned i = 0; i < ARRAY_SIZE(jobs);) {
			/* All that it has at once, so that one interrupt brings them. */
			while (fill((u8)(i + 1), 16))
				i++;
			fake_deliver_interrupts();
		}
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
			assert_int_equal(jobs[i].done, 1);
			assert_int_equal(jobs[i].data[0], i + 1);
		}
	}
	(void)state;
}

static void test_a_lie_about_the_size(void **state)
{
	static struct job job;
	struct fake_chain chain;

	submit(&job);
	assert_true(fake_pop(device, 0, &chain));
	fake_push(device, 0, chain.head, 17);
	fake_deliver_interrupts();
	assert_int_equal(job.size, 16);
	(void)state;
}

static void test_done_submits(void **state)
{
	static struct job first, second;

	submit(&first);
	second = first;
	first.then = &second;
	second.request.segment.start = HPA((u64)second.data);
	assert_true(fill(1, 16));
	fake_deliver_interrupts();
	assert_int_equal(second.done, 0);
	assert_true(fill(2, 16));
	fake_deliver_interrupts();
	assert_int_equal(second.done, 1);
	assert_int_equal(second.data[0], 2);
	(void)state;
}

static void was_reset(struct fake_device *reset)
{
	assert_int_equal(nr_done, 0); /* until now the memory is the device's */
	(void)reset;
}

static void test_death(void **state)
{
	static struct job jobs[IN_FLIGHT + 3];

	nr_done = 0;
	device->was_reset = was_reset;
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
		submit(&jobs[i]);
	fake_break(device);
	fake_deliver_interrupts();
	fake_fire_timers();
	assert_int_equal(nr_done, ARRAY_SIZE(jobs));
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(jobs[i].size, 0);
	assert_int_equal(device->status, 0);
	assert_int_equal(fake_complaints, 1);
	submit(&jobs[0]);
	submit(&jobs[1]);
	assert_int_equal(fake_fire_timers(), 1);
	assert_int_equal(jobs[0].done + jobs[1].done, 2);
	assert_int_equal(fake_complaints, 1);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_bring_up),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_a_lie_about_the_size),
		cmocka_unit_test(test_done_submits),
		cmocka_unit_test(test_death),
	};

	return RUN_TESTS(tests);
}
