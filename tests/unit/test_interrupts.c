/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of where the interrupts of the machine's devices go. */
#include "unit.h"
#include "vcpu/interrupts.h"
#include "core/hart.h"
#include "platform/qemu-virt/plic.h"
#include "riscv/csr.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE 3U
#define NR     3U

struct hart harts[MACHINE_MAX_HARTS];
unsigned nr_harts = NR;
struct hart *hart_in_tp;

static bool enabled[NR]; /* the source, for the hart's context */
static bool is_pending, is_claimed;
static unsigned nr_handled[NR];
static struct hart *kicks; /* whom the handler kicks, or NULL */

static unsigned hart_of(unsigned context)
{
	assert_in_range(context, 10, 10 + NR - 1);
	return context - 10;
}

void plic_enable(unsigned context, unsigned source)
{
	assert_int_equal(source, SOURCE);
	enabled[hart_of(context)] = true;
}

void plic_disable(unsigned context, unsigned source)
{
	assert_int_equal(source, SOURCE);
	assert_false(is_claimed); /* completion by one that is not enabled is ignored */
	enabled[hart_of(context)] = false;
}

unsigned plic_claim(unsigned context)
{
	if (!is_pending || !enabled[hart_of(context)])
		return 0;
	is_pending = false;
	is_claimed = true;
	return SOURCE;
}

void plic_complete(unsigned context, unsigned source)
{
	assert_int_equal(source, SOURCE);
	assert_true(enabled[hart_of(context)]);
	is_claimed = false;
}

void timer_interrupt(void)
{
}

void panic_stop_if_requested(void)
{
}

void panic(const char *format, ...)
{
	fail_msg("%s", format);
	abort();
}

u64 fake_csr_read(unsigned csr)
{
	(void)csr;
	return 0;
}

void fake_csr_write(unsigned csr, u64 value)
{
	(void)csr;
	(void)value;
}

static void handler(unsigned source)
{
	assert_int_equal(source, SOURCE);
	nr_handled[this_hart() - harts]++;
	if (kicks)
		this_hart()->kicked = kicks;
}

/* Each hart for which the source is enabled is interrupted; who comes first has it. */
static void interrupt(struct hart *waiter)
{
	is_pending = true;
	for (unsigned i = 0; i < NR; i++) {
		hart_in_tp = &harts[i];
		kicks = waiter != hart_in_tp ? waiter : NULL;
		if (enabled[i])
			interrupts_handle(IRQ_S_EXT);
	}
	assert_false(is_pending);
}

static int start(bool may_move)
{
	memset(nr_handled, 0, sizeof(nr_handled));
	memset(enabled, 0, sizeof(enabled));
	for (unsigned i = 0; i < NR; i++)
		harts[i] = (struct hart){ .index = i, .plic_context = 10 + i };
	interrupts_enable(SOURCE, handler, &harts[0], may_move);
	return 0;
}

static void expect_route(unsigned hart)
{
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(enabled[i], i == hart);
}

static void they_follow_who_waits(void **state)
{
	(void)state;
	start(true);
	for (unsigned i = 0; i < 20; i++)
		interrupt(&harts[2]);
	expect_route(2);
	assert_int_equal(nr_handled[0] + nr_handled[2], 20);
	assert_in_range(nr_handled[0], 2, 10);
	for (unsigned i = 0; i < 20; i++)
		interrupt(&harts[1]);
	expect_route(1);
}

/* Two who wait in turns, or one who is not always elsewhere, do not make them go to and fro. */
static void they_stay_when_it_changes(void **state)
{
	(void)state;
	start(true);
	for (unsigned i = 0; i < 100; i++)
		interrupt(&harts[1 + i % 2]);
	expect_route(0);
	for (unsigned i = 0; i < 100; i++)
		interrupt(i % 4 ? &harts[1] : &harts[0]);
	expect_route(0);
	assert_int_equal(nr_handled[0], 200);
}

static void some_never_move(void **state)
{
	(void)state;
	start(false);
	for (unsigned i = 0; i < 100; i++)
		interrupt(&harts[2]);
	expect_route(0);
}

/* A kick that had nothing to do with the interrupt does not count. */
static void older_kicks_do_not_count(void **state)
{
	(void)state;
	start(true);
	for (unsigned i = 0; i < 100; i++) {
		harts[0].kicked = &harts[2];
		interrupt(NULL);
	}
	expect_route(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_follow_who_waits),
		cmocka_unit_test(they_stay_when_it_changes),
		cmocka_unit_test(some_never_move),
		cmocka_unit_test(older_kicks_do_not_count),
	};

	return RUN_TESTS(tests);
}
