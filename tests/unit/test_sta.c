/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of steal time: what the guest finds in its memory, and when. */
#include "unit.h"
#include "vcpu/sta.h"
#include "vcpu/vcpu.h"

#include <stdlib.h>
#include <string.h>

#define START 0x80000000ULL
#define AT    (START + 64)

struct fixture {
	struct guest_memory memory;
	struct vcpu vcpu;
	u8 *ram;
};

u64 time_to_ns(u64 ticks)
{
	return ticks * 100;
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .memory = {
				      .start = GPA(START), .size = RAM_GRANULE, .nr_pieces = 1 } };
	f.ram = malloc(RAM_GRANULE);
	assert_non_null(f.ram);
	memset(f.ram, 0xaa, RAM_GRANULE);
	f.memory.pieces[0] = (struct ram_piece){ HPA((u64)f.ram), RAM_GRANULE };
	f.vcpu.memory = &f.memory;
	f.vcpu.stats.stolen_ticks = 1000;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	return 0;
}

static bool all_are(const u8 *bytes, size_t count, u8 value)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

/* All 64 bytes are as the specification says, and nothing beside them was touched. */
static void check_told(const struct fixture *f, u32 sequence, u64 steal)
{
	const u8 *here = f->ram + AT - START;
	u32 got_sequence;
	u64 got_steal;

	memcpy(&got_sequence, here, 4);
	memcpy(&got_steal, here + 8, 8);
	assert_int_equal(got_sequence, sequence);
	assert_int_equal(got_steal, steal);
	assert_true(all_are(here + 4, 4, 0));
	assert_true(all_are(here + 16, 48, 0));
	assert_true(all_are(f->ram, AT - START, 0xaa));
	assert_true(all_are(here + 64, 4096, 0xaa));
}

static void what_was_stolen_is_told(void **state)
{
	struct fixture *f = *state;
	u64 stolen = 0;

	assert_true(sta_start(&f->vcpu, GPA(AT)));
	check_told(f, 0, 0);
	for (u32 n = 1; n < 1000; n++) { /* the sequence passes a byte's limit */
		f->vcpu.stats.stolen_ticks += n;
		stolen += n;
		sta_update(&f->vcpu);
		check_told(f, 2 * n, stolen * 100);
		sta_update(&f->vcpu); /* nothing new */
		check_told(f, 2 * n, stolen * 100);
	}
}

static void nothing_is_told_while_it_is_off(void **state)
{
	struct fixture *f = *state;

	f->vcpu.stats.stolen_ticks += 7;
	sta_update(&f->vcpu); /* never on */
	assert_true(all_are(f->ram, 4096, 0xaa));

	assert_true(sta_start(&f->vcpu, GPA(AT)));
	f->vcpu.stats.stolen_ticks += 7;
	sta_update(&f->vcpu);
	check_told(f, 2, 700);
	sta_stop(&f->vcpu);
	f->vcpu.stats.stolen_ticks += 7;
	sta_update(&f->vcpu);
	check_told(f, 2, 700);

	/* Again from the beginning. */
	assert_true(sta_start(&f->vcpu, GPA(AT)));
	check_told(f, 0, 0);
	f->vcpu.stats.stolen_ticks += 5;
	sta_update(&f->vcpu);
	check_told(f, 2, 500);
}

static void it_moves(void **state)
{
	struct fixture *f = *state;

	assert_true(sta_start(&f->vcpu, GPA(START + 8192)));
	assert_true(sta_start(&f->vcpu, GPA(AT)));
	f->vcpu.stats.stolen_ticks += 3;
	sta_update(&f->vcpu);
	check_told(f, 2, 300);
	assert_true(all_are(f->ram + 8192, 64, 0)); /* and is not written any more */
}

static void what_the_guest_writes_there_is_overwritten(void **state)
{
	struct fixture *f = *state;

	assert_true(sta_start(&f->vcpu, GPA(AT)));
	memset(f->ram + AT - START, 0xff, 16);
	memset(f->ram + AT - START + 4, 0, 4);
	f->vcpu.stats.stolen_ticks++;
	sta_update(&f->vcpu);
	check_told(f, 2, 100);
}

static void only_ram_will_do(void **state)
{
	static const u64 outside[] = {
		0,	    START - 64,	    START + RAM_GRANULE, START + RAM_GRANULE - 32,
		0x10000000, UINT64_MAX - 63
	};
	struct fixture *f = *state;

	assert_true(sta_start(&f->vcpu, GPA(AT)));
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++)
		assert_false(sta_start(&f->vcpu, GPA(outside[i])));
	f->vcpu.stats.stolen_ticks++;
	sta_update(&f->vcpu);
	check_told(f, 2, 100); /* as before */
	assert_true(sta_start(&f->vcpu, GPA(START + RAM_GRANULE - 64)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_stolen_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_told_while_it_is_off, setup, teardown),
		cmocka_unit_test_setup_teardown(it_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_guest_writes_there_is_overwritten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(only_ram_will_do, setup, teardown),
	};

	return RUN_TESTS(tests);
}
