/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the power button: the registers of the port, and the keyboard behind it. */
#include "unit.h"
#include "dev/power_button.h"

#define DATA	0x0
#define CONTROL 0x4

#define RE	 0x1
#define RI	 0x100
#define RVALID	 0x8000
#define ONE_BYTE 0x18000 /* RAVAIL 1, RVALID */

/* What a press is: E0 37 down, E0 F0 37 up. */
static const u8 press[] = { 0xe0, 0x37, 0xe0, 0xf0, 0x37 };

struct fixture {
	struct power_button button;
	bool irq;
	unsigned changes; /* of the wire */
};

static void set_irq(void *ctx, unsigned source, bool level)
{
	struct fixture *f = ctx;

	assert_int_equal(source, POWER_BUTTON_IRQ);
	f->irq = level;
	f->changes++;
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	power_button_init(&f.button, (struct irq_line){ set_irq, &f, POWER_BUTTON_IRQ });
	*state = &f;
	return 0;
}

static u32 read_reg(struct fixture *f, u32 offset)
{
	struct mmio_access access = { offset, 4, false, ~0ULL };

	assert_true(power_button_mmio(&f->button, &access));
	assert_int_equal(access.value >> 32, 0);
	return (u32)access.value;
}

static void write_reg(struct fixture *f, u32 offset, u32 value)
{
	struct mmio_access access = { offset, 4, true, value };

	assert_true(power_button_mmio(&f->button, &access));
}

/* Reads all that is there, and compares. */
static void check_bytes(struct fixture *f, const u8 *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(read_reg(f, DATA), (count - i) << 16 | RVALID | bytes[i]);
	assert_int_equal(read_reg(f, DATA), 0);
}

#define CHECK_BYTES(f, ...) \
	check_bytes(f, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void a_press_is_a_scan_code_and_an_interrupt(void **state)
{
	struct fixture *f = *state;

	write_reg(f, CONTROL, RE);
	assert_false(f->irq);
	assert_int_equal(read_reg(f, CONTROL), RE);
	assert_true(power_button_press(&f->button));
	assert_true(f->irq);
	assert_int_equal(read_reg(f, CONTROL), RE | RI);
	for (size_t i = 0; i < sizeof(press); i++) {
		assert_true(f->irq); /* until all was read */
		assert_int_equal(read_reg(f, DATA), (5 - i) << 16 | RVALID | press[i]);
	}
	assert_false(f->irq);
	assert_int_equal(f->changes, 2);
	assert_int_equal(read_reg(f, CONTROL), RE);
	assert_int_equal(read_reg(f, DATA), 0);
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;

	/* The port is not open. */
	assert_false(power_button_press(&f->button));
	assert_int_equal(read_reg(f, DATA), 0);

	/* The keyboard was turned off; each of three commands turns it on again. */
	write_reg(f, CONTROL, RE);
	for (unsigned i = 0; i < 3; i++) {
		static const u8 enable[] = { 0xf4, 0xf6, 0xff };

		write_reg(f, DATA, 0xf5);
		CHECK_BYTES(f, 0xfa);
		assert_false(power_button_press(&f->button));
		assert_false(f->irq);
		assert_int_equal(read_reg(f, DATA), 0);
		write_reg(f, DATA, enable[i]);
		while (read_reg(f, DATA)) {
		}
		assert_true(power_button_press(&f->button));
		check_bytes(f, press, sizeof(press));
	}

	/* The port was closed again. */
	write_reg(f, CONTROL, 0);
	assert_false(power_button_press(&f->button));
}

static void presses_that_nobody_reads_are_whole(void **state)
{
	struct fixture *f = *state;
	u8 three[15];

	write_reg(f, CONTROL, RE);
	for (unsigned round = 0; round < 20; round++) { /* the FIFO goes round */
		for (size_t i = 0; i < sizeof(three); i++)
			three[i] = press[i % 5];
		assert_true(power_button_press(&f->button));
		assert_true(power_button_press(&f->button));
		assert_true(power_button_press(&f->button));
		assert_false(power_button_press(&f->button));
		check_bytes(f, three, sizeof(three));
	}
}

static void the_interrupt_follows_its_enable(void **state)
{
	struct fixture *f = *state;

	write_reg(f, DATA, 0xee);
	assert_false(f->irq);
	assert_int_equal(read_reg(f, CONTROL), 0);
	write_reg(f, CONTROL, RE);
	assert_true(f->irq);
	write_reg(f, CONTROL, ~(u32)RE);
	assert_false(f->irq);
	assert_int_equal(read_reg(f, CONTROL), 0);
	assert_int_equal(read_reg(f, DATA), ONE_BYTE | 0xee);
	write_reg(f, CONTROL, ~0U);
	assert_int_equal(read_reg(f, CONTROL), RE);
	assert_false(f->irq);
}

static void commands_are_answered(void **state)
{
	struct fixture *f = *state;

	write_reg(f, DATA, 0xf2);
	CHECK_BYTES(f, 0xfa, 0xab, 0x83);
	write_reg(f, DATA, 0xff);
	CHECK_BYTES(f, 0xfa, 0xaa);
	write_reg(f, DATA, 0xee);
	CHECK_BYTES(f, 0xee);
	write_reg(f, DATA, 0x80); /* no command */
	CHECK_BYTES(f, 0xfe);
	write_reg(f, DATA, 0x00);
	CHECK_BYTES(f, 0xfe);
	write_reg(f, DATA, 0xffffff00 | 0xf4); /* the register has eight bits */
	CHECK_BYTES(f, 0xfa);
}

static void arguments_belong_to_their_command(void **state)
{
	static const u8 with_argument[] = { 0xed, 0xf0, 0xf3 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(with_argument); i++) {
		write_reg(f, DATA, with_argument[i]);
		CHECK_BYTES(f, 0xfa);
		write_reg(f, DATA, 0x02);
		CHECK_BYTES(f, 0xfa);
		write_reg(f, DATA, 0x02);
		CHECK_BYTES(f, 0xfe); /* one argument only */
	}
	write_reg(f, DATA, 0xf0);
	write_reg(f, DATA, 0x00);
	CHECK_BYTES(f, 0xfa, 0xfa, 0x02); /* the set of scan codes */
	write_reg(f, DATA, 0xed);
	write_reg(f, DATA, 0x00);
	CHECK_BYTES(f, 0xfa, 0xfa);

	/* A command where an argument should be is obeyed, and the first one forgotten. */
	write_reg(f, DATA, 0xed);
	write_reg(f, DATA, 0xee);
	CHECK_BYTES(f, 0xfa, 0xee);
	write_reg(f, DATA, 0x02);
	CHECK_BYTES(f, 0xfe);
}

static void a_full_fifo_drops_answers_whole(void **state)
{
	struct fixture *f = *state;
	u8 echoes[16];

	for (unsigned i = 0; i < 14; i++)
		write_reg(f, DATA, 0xee);
	write_reg(f, DATA, 0xf2);
	for (unsigned i = 0; i < 5; i++)
		write_reg(f, DATA, 0xee);
	for (size_t i = 0; i < sizeof(echoes); i++)
		echoes[i] = 0xee;
	check_bytes(f, echoes, sizeof(echoes));
}

static void other_widths_fault_other_offsets_do_nothing(void **state)
{
	static const u8 widths[] = { 1, 2, 8 };
	struct fixture *f = *state;

	write_reg(f, DATA, 0xee);
	for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
		for (unsigned write = 0; write < 2; write++) {
			struct mmio_access access = { DATA, widths[i], write, 0xee };

			assert_false(power_button_mmio(&f->button, &access));
		}
	}
	for (u32 offset = 8; offset < POWER_BUTTON_SIZE; offset += 4) {
		write_reg(f, offset, 0xee);
		assert_int_equal(read_reg(f, offset), 0);
	}
	CHECK_BYTES(f, 0xee);
}

static void reset_forgets_all(void **state)
{
	struct fixture *f = *state;

	write_reg(f, CONTROL, RE);
	write_reg(f, DATA, 0xf5);
	write_reg(f, DATA, 0xed);
	assert_true(f->irq);
	power_button_reset(&f->button);
	assert_false(f->irq);
	assert_int_equal(read_reg(f, CONTROL), 0);
	assert_int_equal(read_reg(f, DATA), 0);
	write_reg(f, CONTROL, RE);
	write_reg(f, DATA, 0x02); /* no argument any more */
	CHECK_BYTES(f, 0xfe);
	assert_true(power_button_press(&f->button)); /* and the keyboard is on */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_press_is_a_scan_code_and_an_interrupt, setup),
		cmocka_unit_test_setup(nobody_listens, setup),
		cmocka_unit_test_setup(presses_that_nobody_reads_are_whole, setup),
		cmocka_unit_test_setup(the_interrupt_follows_its_enable, setup),
		cmocka_unit_test_setup(commands_are_answered, setup),
		cmocka_unit_test_setup(arguments_belong_to_their_command, setup),
		cmocka_unit_test_setup(a_full_fifo_drops_answers_whole, setup),
		cmocka_unit_test_setup(other_widths_fault_other_offsets_do_nothing, setup),
		cmocka_unit_test_setup(reset_forgets_all, setup),
	};

	return RUN_TESTS(tests);
}
