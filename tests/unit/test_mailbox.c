/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of remote fences: what a range becomes, and what the mailbox loses, which is nothing. */
#include "unit.h"
#include "riscv/fence.h"
#include "vcpu/mailbox.h"
#include "vcpu/vcpu.h"

#include <string.h>

struct call {
	enum fake_fence kind;
	u64 gva, id;
};

static struct call calls[256];
static unsigned nr_calls;
static struct vcpu vcpu, other;
static u64 requested;
static void (*on_fence)(void);

void fake_fence(enum fake_fence kind, u64 gva, u64 id)
{
	assert_true(nr_calls < ARRAY_SIZE(calls));
	calls[nr_calls++] = (struct call){ kind, gva, id };
	if (on_fence)
		on_fence();
}

void vcpu_request_lazily(struct vcpu *to, u64 request)
{
	to->requests |= request;
	requested++;
}

static int setup(void **state)
{
	(void)state;
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&other, 0, sizeof(other));
	nr_calls = 0;
	requested = 0;
	on_fence = NULL;
	return 0;
}

static bool was_called(enum fake_fence kind, u64 gva, u64 id)
{
	for (unsigned i = 0; i < nr_calls; i++) {
		if (calls[i].kind == kind && calls[i].gva == gva && calls[i].id == id)
			return true;
	}
	return false;
}

static void execute(enum fence_kind kind, u64 start, u64 size, u64 asid)
{
	nr_calls = 0;
	fence_execute(&(struct fence){ kind, start, size, asid });
}

static void fetch_fences_are_just_that(void **state)
{
	(void)state;
	execute(FENCE_I, 0, 0, 0);
	assert_int_equal(nr_calls, 1);
	assert_int_equal(calls[0].kind, INSTRUCTION);
}

/* SBI 2.0 chapter 8: start = size = 0, or size = 2^XLEN - 1. */
static void the_whole_space_is_one_fence(void **state)
{
	static const struct {
		u64 start, size;
	} whole[] = { { 0, 0 },
		      { 0, UINT64_MAX },
		      { 0x1000, UINT64_MAX },
		      { 0, BIT(38) },
		      { 0x1000, (FENCE_MAX_PAGES + 1) * 4096 },
		      { 0, UINT64_MAX - 1 },
		      { 0x8000, BIT(63) } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
		execute(FENCE_VMA, whole[i].start, whole[i].size, 7);
		assert_int_equal(nr_calls, 1);
		assert_int_equal(calls[0].kind, VVMA_ALL);
		execute(FENCE_VMA_ASID, whole[i].start, whole[i].size, 7);
		assert_int_equal(nr_calls, 1);
		assert_true(was_called(VVMA_ASID, 0, 7));
	}
}

/* Every page that the range touches is fenced: by itself, or with all. */
static void check_range(u64 start, u64 size)
{
	u64 first = start / 4096, last = (start + size - 1) / 4096;

	for (unsigned by_asid = 0; by_asid < 2; by_asid++) {
		execute(by_asid ? FENCE_VMA_ASID : FENCE_VMA, start, size, 0x3ff);
		if (was_called(by_asid ? VVMA_ASID : VVMA_ALL, 0, by_asid ? 0x3ff : 0))
			continue;
		assert_int_equal(nr_calls, last - first + 1); /* not more than needed */
		for (u64 page = first; page <= last; page++)
			assert_true(was_called(by_asid ? VVMA_GVA_ASID : VVMA_GVA, page * 4096,
					       by_asid ? 0x3ff : 0));
	}
}

static void ranges_cover_each_page_they_touch(void **state)
{
	static const u64 starts[] = {
		0, 1, 4095, 4096, 0x3ffffff000, 0xffffffc000000fff, 0xfffffffffff00000
	};
	static const u64 sizes[] = { 1,	   2,	 4095,	    4096,	   4097,     8191,
				     8192, 8193, 63 * 4096, 64 * 4096 - 1, 64 * 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(sizes); n++)
			check_range(starts[i], sizes[n]);
	}
	check_range(0 - 4096ULL, 4096); /* the last page there is */
	check_range(0 - 1ULL, 1);
	/* One page is not a reason to drop all. */
	execute(FENCE_VMA, 0x5000, 4096, 0);
	assert_true(was_called(VVMA_GVA, 0x5000, 0));
	assert_int_equal(nr_calls, 1);
}

static void fences_wait_in_the_mailbox_in_order(void **state)
{
	(void)state;
	for (u64 i = 0; i < MAILBOX_FENCES; i++) {
		assert_int_equal(mailbox_post(&vcpu, &(struct fence){ FENCE_VMA, 0x1000 * (i + 1),
								      4096, 0 }),
				 i + 1);
		assert_true(vcpu.requests & REQUEST_FENCE);
	}
	assert_int_equal(requested, MAILBOX_FENCES);
	assert_int_equal(nr_calls, 0);
	mailbox_drain(&vcpu);
	assert_int_equal(nr_calls, MAILBOX_FENCES);
	for (u64 i = 0; i < MAILBOX_FENCES; i++)
		assert_int_equal(calls[i].gva, 0x1000 * (i + 1));
	assert_int_equal(vcpu.mailbox.done, MAILBOX_FENCES);
	nr_calls = 0;
	mailbox_drain(&vcpu);
	assert_int_equal(nr_calls, 0);
}

static void a_full_mailbox_fences_everything(void **state)
{
	u64 ticket = 0;

	(void)state;
	for (unsigned i = 0; i < MAILBOX_FENCES + 3; i++)
		ticket = mailbox_post(&vcpu, &(struct fence){ FENCE_VMA, 0x1000, 4096, 0 });
	assert_int_equal(ticket, MAILBOX_FENCES + 3);
	mailbox_drain(&vcpu);
	assert_true(was_called(VVMA_ALL, 0, 0));
	assert_true(was_called(INSTRUCTION, 0, 0)); /* one that was lost may have been this */
	assert_int_equal(vcpu.mailbox.done, ticket);
	/* That is over, then. */
	nr_calls = 0;
	mailbox_post(&vcpu, &(struct fence){ .kind = FENCE_I });
	mailbox_drain(&vcpu);
	assert_int_equal(nr_calls, 1);
	assert_int_equal(calls[0].kind, INSTRUCTION);
}

/* The SBI's firmware events: each kind is counted by the vCPU that gets it. */
static void what_is_received_is_counted(void **state)
{
	(void)state;
	assert_int_equal(fence_event(FENCE_I), FW_FENCE_I_SENT);
	assert_int_equal(fence_event(FENCE_VMA), FW_SFENCE_VMA_SENT);
	assert_int_equal(fence_event(FENCE_VMA_ASID), FW_SFENCE_VMA_ASID_SENT);
	mailbox_post(&vcpu, &(struct fence){ .kind = FENCE_I });
	mailbox_post(&vcpu, &(struct fence){ FENCE_VMA, 0x1000, 4096, 0 });
	mailbox_post(&vcpu, &(struct fence){ FENCE_VMA, 0x1000, 4096, 0 });
	mailbox_post(&vcpu, &(struct fence){ FENCE_VMA_ASID, 0x1000, 4096, 5 });
	mailbox_drain(&vcpu);
	assert_int_equal(vcpu.stats.fw_events[FW_FENCE_I_RECEIVED], 1);
	assert_int_equal(vcpu.stats.fw_events[FW_SFENCE_VMA_RECEIVED], 2);
	assert_int_equal(vcpu.stats.fw_events[FW_SFENCE_VMA_ASID_RECEIVED], 1);
	assert_int_equal(vcpu.stats.fw_events[FW_SFENCE_VMA_SENT], 0);
}

static void a_reset_answers_who_waits(void **state)
{
	u64 ticket;

	(void)state;
	for (unsigned i = 0; i < MAILBOX_FENCES; i++)
		mailbox_post(&vcpu, &(struct fence){ .kind = FENCE_I });
	ticket = mailbox_post(&vcpu, &(struct fence){ .kind = FENCE_I });
	mailbox_reset(&vcpu.mailbox);
	assert_int_equal(vcpu.mailbox.done, ticket);
	mailbox_drain(&vcpu);
	assert_int_equal(nr_calls, 0);
}

static void done_and_absent_are_not_waited_for(void **state)
{
	static struct hart hart;
	u64 ticket;

	(void)state;
	ticket = mailbox_post(&other, &(struct fence){ .kind = FENCE_I });
	mailbox_wait(&vcpu, &other, ticket); /* on no hart: before its next instruction */
	other.hart = &hart;
	mailbox_drain(&other);
	mailbox_wait(&vcpu, &other, ticket);
	assert_int_equal(nr_calls, 1);
}

/* The other one waits for us, as we for it. */
static void drain_other(void)
{
	on_fence = NULL;
	mailbox_drain(&other);
}

static void two_that_wait_for_each_other_go_on(void **state)
{
	static struct hart hart;
	u64 ticket;

	(void)state;
	other.hart = &hart;
	vcpu.hart = &hart;
	ticket = mailbox_post(&other, &(struct fence){ .kind = FENCE_I });
	mailbox_post(&vcpu, &(struct fence){ FENCE_VMA, 0x4000, 4096, 0 });
	on_fence = drain_other; /* when its fence is done here, the other goes on */
	mailbox_wait(&vcpu, &other, ticket);
	assert_true(was_called(VVMA_GVA, 0x4000, 0));
	assert_int_equal(vcpu.mailbox.done, 1);
	assert_false(vcpu.requests & REQUEST_FENCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fetch_fences_are_just_that, setup),
		cmocka_unit_test_setup(the_whole_space_is_one_fence, setup),
		cmocka_unit_test_setup(ranges_cover_each_page_they_touch, setup),
		cmocka_unit_test_setup(fences_wait_in_the_mailbox_in_order, setup),
		cmocka_unit_test_setup(a_full_mailbox_fences_everything, setup),
		cmocka_unit_test_setup(what_is_received_is_counted, setup),
		cmocka_unit_test_setup(a_reset_answers_who_waits, setup),
		cmocka_unit_test_setup(done_and_absent_are_not_waited_for, setup),
		cmocka_unit_test_setup(two_that_wait_for_each_other_go_on, setup),
	};

	return RUN_TESTS(tests);
}
