/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the power switch. */
#include "unit.h"
#include "dev/syscon.h"

struct calls {
	unsigned poweroffs;
	unsigned resets;
	bool failed;
	u16 code;
};

static void note_poweroff(void *ctx, bool failed, u16 code)
{
	struct calls *calls = ctx;

	calls->poweroffs++;
	calls->failed = failed;
	calls->code = code;
}

static void note_reset(void *ctx)
{
	struct calls *calls = ctx;

	calls->resets++;
}

static const struct syscon_ops ops = { .poweroff = note_poweroff, .reset = note_reset };

/* One write to a fresh device, and what came of it. */
static bool write_reg(struct calls *calls, u32 offset, u8 len, u64 value)
{
	struct mmio_access access = { offset, len, true, value };
	struct syscon syscon;

	*calls = (struct calls){ 0 };
	syscon_init(&syscon, &ops, calls);
	return syscon_mmio(&syscon, &access);
}

static void pass_powers_off(void **state)
{
	struct calls calls;

	(void)state;
	assert_true(write_reg(&calls, 0, 4, 0x5555));
	assert_int_equal(calls.poweroffs, 1);
	assert_false(calls.failed);
	assert_int_equal(calls.code, 0);
	assert_int_equal(calls.resets, 0);

	/* A code means nothing here. */
	assert_true(write_reg(&calls, 0, 4, 0x00075555));
	assert_int_equal(calls.poweroffs, 1);
	assert_false(calls.failed);
	assert_int_equal(calls.code, 0);
}

static void fail_powers_off_with_its_code(void **state)
{
	struct calls calls;

	(void)state;
	assert_true(write_reg(&calls, 0, 4, 0xbeef3333));
	assert_int_equal(calls.poweroffs, 1);
	assert_true(calls.failed);
	assert_int_equal(calls.code, 0xbeef);
	assert_int_equal(calls.resets, 0);
}

static void reset_resets(void **state)
{
	struct calls calls;

	(void)state;
	assert_true(write_reg(&calls, 0, 4, 0x7777));
	assert_int_equal(calls.resets, 1);
	assert_int_equal(calls.poweroffs, 0);
}

static void halfword_writes_work(void **state)
{
	struct calls calls;

	(void)state;
	assert_true(write_reg(&calls, 0, 2, 0x3333));
	assert_int_equal(calls.poweroffs, 1);
	assert_true(calls.failed);
	assert_int_equal(calls.code, 0);
}

static void other_values_and_offsets_do_nothing(void **state)
{
	struct calls calls;

	(void)state;
	assert_true(write_reg(&calls, 0, 4, 0));
	assert_int_equal(calls.poweroffs + calls.resets, 0);
	assert_true(write_reg(&calls, 0, 4, 0x55550000));
	assert_int_equal(calls.poweroffs + calls.resets, 0);
	assert_true(write_reg(&calls, 4, 4, 0x5555));
	assert_int_equal(calls.poweroffs + calls.resets, 0);
	assert_true(write_reg(&calls, 2, 2, 0x7777));
	assert_int_equal(calls.poweroffs + calls.resets, 0);
}

static void other_widths_fault(void **state)
{
	struct calls calls;

	(void)state;
	assert_false(write_reg(&calls, 0, 1, 0x55));
	assert_false(write_reg(&calls, 0, 8, 0x5555));
	assert_int_equal(calls.poweroffs + calls.resets, 0);
}

static void reads_give_zero(void **state)
{
	static const struct {
		u8 len;
		bool works;
	} widths[] = { { 1, false }, { 2, true }, { 4, true }, { 8, false } };
	struct calls calls = { 0 };
	struct syscon syscon;

	(void)state;
	syscon_init(&syscon, &ops, &calls);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		struct mmio_access access = { 0, widths[i].len, false, 0x5555 };

		assert_int_equal(syscon_mmio(&syscon, &access), widths[i].works);
		if (widths[i].works)
			assert_int_equal(access.value, 0);
	}
	assert_int_equal(calls.poweroffs + calls.resets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pass_powers_off),
		cmocka_unit_test(fail_powers_off_with_its_code),
		cmocka_unit_test(reset_resets),
		cmocka_unit_test(halfword_writes_work),
		cmocka_unit_test(other_values_and_offsets_do_nothing),
		cmocka_unit_test(other_widths_fault),
		cmocka_unit_test(reads_give_zero),
	};

	return RUN_TESTS(tests);
}
