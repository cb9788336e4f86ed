/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of timers: two harts with a queue each, and what their hardware is programmed for. */
#include "unit.h"
#include "core/hart.h"
#include "core/timer.h"
#include "riscv/firmware.h"

#include <string.h>

#define NR 2U

struct hart harts[MACHINE_MAX_HARTS];
unsigned nr_harts = NR;
struct hart *hart_in_tp;
struct machine machine = { .timebase_hz = 10000000 };

static u64 now, hardware[NR];
static unsigned calls; /* of the firmware */

static unsigned self(void)
{
	return (unsigned)(this_hart() - harts);
}

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_TIME);
	return now;
}

void fake_csr_write(unsigned csr, u64 value)
{
	assert_int_equal(csr, CSR_STIMECMP);
	hardware[self()] = value;
}

void firmware_set_timer(u64 deadline)
{
	hardware[self()] = deadline;
	calls++;
}

void hart_send_due_kicks(void)
{
}

static unsigned nr_expired;

static void expired(struct timer *timer)
{
	(void)timer;
	nr_expired++;
}

static struct timer a, b;

static int start(bool has_sstc)
{
	memset(harts, 0, sizeof(harts));
	strcpy(machine.isa, has_sstc ? "rv64imac_sstc" : "rv64imac");
	now = 1000;
	nr_expired = calls = 0;
	a = b = (struct timer){ .expired = expired };
	for (unsigned i = 0; i < NR; i++) {
		harts[i].online = true;
		hart_in_tp = &harts[i];
		timer_probe();
		timer_queue_init(&harts[i].timers);
		assert_true(hardware[i] == TIME_NEVER);
	}
	hart_in_tp = &harts[0];
	calls = 0;
	return 0;
}

static void they_fire_in_order(void **state)
{
	(void)state;
	start(true);
	timer_start(&b, 3000);
	timer_start(&a, 2000);
	assert_int_equal(hardware[0], 2000);
	now = 2000;
	timer_interrupt();
	assert_int_equal(nr_expired, 1);
	assert_int_equal(hardware[0], 3000);
	now = 5000;
	timer_interrupt();
	assert_int_equal(nr_expired, 2);
	assert_true(hardware[0] == TIME_NEVER);
	assert_int_equal(timer_count(), 0);
}

/* The hardware does not interrupt for what has been stopped. */
static void stopping_takes_it_out_of_the_hardware(void **state)
{
	(void)state;
	start(true);
	timer_start(&a, 2000);
	timer_start(&b, 3000);
	timer_stop(&a);
	assert_int_equal(hardware[0], 3000);
	timer_start(&b, 9000);
	assert_int_equal(hardware[0], 9000);
	timer_stop(&b);
	assert_true(hardware[0] == TIME_NEVER);
}

/* If another hart stops it, the hardware stays early until its own hart tidies up. */
static void another_hart_stops_it(void **state)
{
	(void)state;
	start(true);
	timer_start(&a, 2000);
	timer_start(&b, 3000);
	hart_in_tp = &harts[1];
	timer_stop(&a);
	assert_int_equal(hardware[0], 2000);
	timer_tidy();
	assert_int_equal(hardware[0], 2000);
	hart_in_tp = &harts[0];
	timer_tidy();
	assert_int_equal(hardware[0], 3000);
	assert_int_equal(timer_count(), 1);
}

/* Without Sstc each change is a call of the firmware: it comes early, and finds nothing to do. */
static void without_sstc_it_stays(void **state)
{
	(void)state;
	start(false);
	timer_start(&a, 2000);
	assert_int_equal(calls, 1);
	timer_stop(&a);
	timer_tidy();
	assert_int_equal(calls, 1);
	now = 2000;
	timer_interrupt();
	assert_int_equal(nr_expired, 0);
	assert_int_equal(calls, 2);
	assert_true(hardware[0] == TIME_NEVER);
}

/* The deadline of a guest is never forgotten. */
static void the_deadline_of_a_guest_stays(void **state)
{
	(void)state;
	start(true);
	timer_set_guest_deadline(4000);
	timer_start(&a, 2000);
	timer_stop(&a);
	assert_int_equal(hardware[0], 4000);
	now = 4000;
	timer_interrupt();
	assert_true(hardware[0] == TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_fire_in_order),
		cmocka_unit_test(stopping_takes_it_out_of_the_hardware),
		cmocka_unit_test(another_hart_stops_it),
		cmocka_unit_test(without_sstc_it_stays),
		cmocka_unit_test(the_deadline_of_a_guest_stays),
	};

	return RUN_TESTS(tests);
}
