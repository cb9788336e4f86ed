/* SPDX-License-Identifier: BSD-2-Clause */
/* The source of randomness. */
#include "drivers/host_rng.h"
#include "harness.h"
#include "machine.h"
#include "virtio/rng.h"

#include <string.h>

static struct host_rng_request *submitted;

bool host_rng_is_there(void)
{
	return true;
}

void host_rng_submit(struct host_rng_request *request)
{
	fuzz_check(!submitted, "one request at a time");
	fuzz_check(request->segment.size &&
			   machine_is_pinned(request->segment.start, request->segment.size),
		   "it is pinned RAM");
	submitted = request;
}

static void complete(u32 size)
{
	struct host_rng_request *request = submitted;

	if (!request)
		return;
	fuzz_check(machine_is_pinned(request->segment.start, request->segment.size),
		   "it is pinned RAM until the end");
	memset((void *)request->segment.start.v, 0x5a, request->segment.size);
	submitted = NULL;
	request->done(request, 1 + size % request->segment.size);
}

static struct virtio_device *create(u8 variant)
{
	struct virtio_device *device;

	(void)variant;
	submitted = NULL;
	fuzz_check(!virtio_rng_create(&device), "it is made");
	return device;
}

static void event(struct virtio_device *device, const struct fuzz_step *step)
{
	(void)device;
	complete(step->c);
}

static void complete_all(struct virtio_device *device)
{
	(void)device;
	complete(0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct fuzz_target target = {
		.create = create, .event = event, .complete_all = complete_all, .eager = 1
	};

	return fuzz_run(&target, data, size);
}
