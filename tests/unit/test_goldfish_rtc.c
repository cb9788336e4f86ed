/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the clock of the day. */
#include "unit.h"
#include "dev/goldfish_rtc.h"

#define TIME_LOW	0x00
#define TIME_HIGH	0x04
#define ALARM_LOW	0x08
#define ALARM_HIGH	0x0c
#define IRQ_ENABLED	0x10
#define CLEAR_ALARM	0x14
#define ALARM_STATUS	0x18
#define CLEAR_INTERRUPT 0x1c

#define START 0x17f0123456789abcULL /* host time at the start of each test, ns */

struct fixture {
	struct goldfish_rtc rtc;
	u64 now;
	u64 timer; /* host time at which the alarm is asked for; GOLDFISH_RTC_NEVER */
	bool irq;
};

static u64 host_now(void *ctx)
{
	struct fixture *f = ctx;

	return f->now;
}

static void set_timer(void *ctx, u64 ns_from_now)
{
	struct fixture *f = ctx;

	f->timer = ns_from_now == GOLDFISH_RTC_NEVER ? GOLDFISH_RTC_NEVER : f->now + ns_from_now;
}

static void set_irq(void *ctx, unsigned source, bool level)
{
	struct fixture *f = ctx;

	assert_int_equal(source, GOLDFISH_RTC_IRQ);
	f->irq = level;
}

static int setup(void **state)
{
	static const struct goldfish_rtc_ops ops = { .now_ns = host_now, .set_alarm = set_timer };
	static struct fixture f;

	f = (struct fixture){ .now = START, .timer = GOLDFISH_RTC_NEVER };
	goldfish_rtc_init(&f.rtc, (struct irq_line){ set_irq, &f, GOLDFISH_RTC_IRQ }, &ops, &f);
	*state = &f;
	return 0;
}

static u32 read_reg(struct fixture *f, u32 offset)
{
	struct mmio_access access = { offset, 4, false, ~0ULL };

	assert_true(goldfish_rtc_mmio(&f->rtc, &access));
	assert_true(access.value <= UINT32_MAX);
	return (u32)access.value;
}

static void write_reg(struct fixture *f, u32 offset, u32 value)
{
	struct mmio_access access = { offset, 4, true, value };

	assert_true(goldfish_rtc_mmio(&f->rtc, &access));
}

static u64 read_time(struct fixture *f)
{
	u64 low = read_reg(f, TIME_LOW);

	return (u64)read_reg(f, TIME_HIGH) << 32 | low;
}

static void write_alarm(struct fixture *f, u64 time)
{
	write_reg(f, ALARM_HIGH, (u32)(time >> 32));
	write_reg(f, ALARM_LOW, (u32)time);
}

/* Time passes, and the host's timer does its duty. */
static void advance(struct fixture *f, u64 ns)
{
	f->now += ns;
	if (f->timer <= f->now) {
		f->timer = GOLDFISH_RTC_NEVER;
		goldfish_rtc_alarm_fired(&f->rtc);
	}
}

static void time_is_the_hosts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_time(f), START);
	f->now += 12345;
	assert_int_equal(read_time(f), START + 12345);
}

static void low_half_latches_the_high_half(void **state)
{
	struct fixture *f = *state;

	f->now = 0x1ffffffffULL;
	assert_int_equal(read_reg(f, TIME_LOW), 0xffffffff);
	f->now++;
	assert_int_equal(read_reg(f, TIME_HIGH), 1);
	assert_int_equal(read_reg(f, TIME_LOW), 0);
	assert_int_equal(read_reg(f, TIME_HIGH), 2);
}

static void guest_sets_the_time(void **state)
{
	struct fixture *f = *state;

	write_reg(f, TIME_HIGH, 0x1234);
	write_reg(f, TIME_LOW, 0x80000000);
	assert_int_equal(read_time(f), 0x123480000000ULL);
	f->now += 7;
	assert_int_equal(read_time(f), 0x123480000007ULL);
	goldfish_rtc_reset(&f->rtc);
	assert_int_equal(read_time(f), 0x123480000007ULL);
}

static void alarm_interrupts_when_its_time_comes(void **state)
{
	struct fixture *f = *state;

	write_reg(f, IRQ_ENABLED, 1);
	write_alarm(f, START + 1000);
	assert_int_equal(f->timer, START + 1000);
	assert_int_equal(read_reg(f, ALARM_STATUS), 1);
	assert_int_equal(read_reg(f, ALARM_LOW), (u32)(START + 1000));
	assert_int_equal(read_reg(f, ALARM_HIGH), (u32)((START + 1000) >> 32));
	advance(f, 999);
	assert_false(f->irq);
	advance(f, 1);
	assert_true(f->irq);
	assert_int_equal(read_reg(f, ALARM_STATUS), 0);
	write_reg(f, CLEAR_INTERRUPT, 1);
	assert_false(f->irq);
}

static void alarm_in_the_past_interrupts_at_once(void **state)
{
	struct fixture *f = *state;

	write_reg(f, IRQ_ENABLED, 1);
	write_alarm(f, START);
	assert_true(f->irq);
	assert_int_equal(read_reg(f, ALARM_STATUS), 0);
	assert_int_equal(f->timer, GOLDFISH_RTC_NEVER);
}

static void only_the_low_half_sets_the_alarm(void **state)
{
	struct fixture *f = *state;

	write_reg(f, ALARM_HIGH, 0xffffffff);
	assert_int_equal(read_reg(f, ALARM_STATUS), 0);
	assert_int_equal(f->timer, GOLDFISH_RTC_NEVER);
}

static void alarm_can_be_cleared(void **state)
{
	struct fixture *f = *state;

	write_reg(f, IRQ_ENABLED, 1);
	write_alarm(f, START + 1000);
	write_reg(f, CLEAR_ALARM, 1);
	assert_int_equal(read_reg(f, ALARM_STATUS), 0);
	assert_int_equal(f->timer, GOLDFISH_RTC_NEVER);
	f->now += 2000;
	goldfish_rtc_alarm_fired(&f->rtc); /* was on its way already */
	assert_false(f->irq);
}

static void interrupt_waits_until_it_is_enabled(void **state)
{
	struct fixture *f = *state;

	write_alarm(f, START + 10);
	advance(f, 10);
	assert_false(f->irq);
	write_reg(f, IRQ_ENABLED, 0xffffffff);
	assert_true(f->irq);
	assert_int_equal(read_reg(f, IRQ_ENABLED), 1);
	write_reg(f, IRQ_ENABLED, 0xfffffffe);
	assert_false(f->irq);
	assert_int_equal(read_reg(f, IRQ_ENABLED), 0);
}

static void early_timer_is_asked_again(void **state)
{
	struct fixture *f = *state;

	write_reg(f, IRQ_ENABLED, 1);
	write_alarm(f, START + 1000);
	f->now += 400;
	f->timer = GOLDFISH_RTC_NEVER;
	goldfish_rtc_alarm_fired(&f->rtc);
	assert_false(f->irq);
	assert_int_equal(f->timer, START + 1000);
}

static void alarm_follows_the_guests_clock(void **state)
{
	struct fixture *f = *state;
	u64 alarm = START + 0x300000000ULL;

	write_reg(f, IRQ_ENABLED, 1);
	write_alarm(f, alarm);
	/* One unit of the upper half forward, and the alarm is that much nearer. */
	write_reg(f, TIME_HIGH, (u32)(START >> 32) + 1);
	assert_int_equal(f->timer, START + 0x200000000ULL);
	assert_false(f->irq);
	write_reg(f, TIME_HIGH, (u32)(alarm >> 32));
	assert_true(f->irq);
}

static void reset_silences_it(void **state)
{
	struct fixture *f = *state;

	write_reg(f, IRQ_ENABLED, 1);
	write_alarm(f, START);
	assert_true(f->irq);
	write_alarm(f, START + 1000);
	goldfish_rtc_reset(&f->rtc);
	assert_false(f->irq);
	assert_int_equal(f->timer, GOLDFISH_RTC_NEVER);
	assert_int_equal(read_reg(f, ALARM_STATUS), 0);
	assert_int_equal(read_reg(f, ALARM_LOW), 0);
	assert_int_equal(read_reg(f, IRQ_ENABLED), 0);
	write_reg(f, IRQ_ENABLED, 1);
	assert_false(f->irq);
}

static void only_words_within_the_registers(void **state)
{
	struct fixture *f = *state;

	for (unsigned is_write = 0; is_write < 2; is_write++) {
		for (u8 len = 1; len <= 8; len = (u8)(len * 2)) {
			struct mmio_access access = { IRQ_ENABLED, len, is_write, 0 };

			assert_int_equal(goldfish_rtc_mmio(&f->rtc, &access), len == 4);
		}
		struct mmio_access last = { 0x20, 4, is_write, 0xffffffff };
		struct mmio_access behind = { 0x24, 4, is_write, 0xffffffff };
		struct mmio_access far_behind = { 0xffc, 4, is_write, 0xffffffff };

		assert_true(goldfish_rtc_mmio(&f->rtc, &last));
		assert_false(goldfish_rtc_mmio(&f->rtc, &behind));
		assert_false(goldfish_rtc_mmio(&f->rtc, &far_behind));
	}
	assert_int_equal(read_reg(f, 0x20), 0);
	assert_int_equal(read_reg(f, CLEAR_ALARM), 0);
	assert_int_equal(read_reg(f, CLEAR_INTERRUPT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(time_is_the_hosts, setup),
		cmocka_unit_test_setup(low_half_latches_the_high_half, setup),
		cmocka_unit_test_setup(guest_sets_the_time, setup),
		cmocka_unit_test_setup(alarm_interrupts_when_its_time_comes, setup),
		cmocka_unit_test_setup(alarm_in_the_past_interrupts_at_once, setup),
		cmocka_unit_test_setup(only_the_low_half_sets_the_alarm, setup),
		cmocka_unit_test_setup(alarm_can_be_cleared, setup),
		cmocka_unit_test_setup(interrupt_waits_until_it_is_enabled, setup),
		cmocka_unit_test_setup(early_timer_is_asked_again, setup),
		cmocka_unit_test_setup(alarm_follows_the_guests_clock, setup),
		cmocka_unit_test_setup(reset_silences_it, setup),
		cmocka_unit_test_setup(only_words_within_the_registers, setup),
	};

	return RUN_TESTS(tests);
}
