/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the SBI's dispatch and of hart masks, against a loop over harts. */
#include "unit.h"
#include "sbi/sbi.h"

#include <string.h>

static unsigned calls[SBI_SLOTS];
static u64 last_function;

/* Each extension notes that it was called, in the slot that it should have. */
#define STUB(name, slot)                                               \
	exit_action_t name(struct vcpu *vcpu, u64 function)            \
	{                                                              \
		calls[slot]++;                                         \
		last_function = function;                              \
		return sbi_return(vcpu, SBI_SUCCESS, 0x1000 + (slot)); \
	}

STUB(sbi_base, 0x10)
STUB(sbi_time, 5)
STUB(sbi_ipi, 9)
STUB(sbi_rfence, 3)
STUB(sbi_hsm, 13)
STUB(sbi_srst, 20)
STUB(sbi_dbcn, 14)
STUB(sbi_pmu, 21)
STUB(sbi_sta, 1)
STUB(sbi_legacy, 30)

static struct vm vm;
static struct vcpu vcpu;

/* SBI 2.0 section 3.1: bit n of the mask is hart base + n; base -1: all harts, mask ignored. */
static bool model(unsigned nr_vcpus, u64 mask, u64 base, u64 *targets)
{
	bool all_exist = true;

	*targets = 0;
	for (u64 n = 0; n < 64; n++) {
		unsigned __int128 hart = (unsigned __int128)base + n;

		if (base == UINT64_MAX) {
			if (n < nr_vcpus)
				*targets |= 1ULL << n;
		} else if (mask >> n & 1) {
			if (hart >= nr_vcpus)
				all_exist = false;
			else
				*targets |= 1ULL << hart;
		}
	}
	return all_exist;
}

static void check_mask(unsigned nr_vcpus, u64 mask, u64 base)
{
	u64 targets = 0x5555, expected;
	bool exist = model(nr_vcpus, mask, base, &expected);

	vm.nr_vcpus = nr_vcpus;
	vcpu.vm = &vm;
	if (sbi_hart_mask(&vcpu, mask, base, &targets) != exist)
		fail_msg("%u vCPUs, mask %#lx, base %#lx: %u", nr_vcpus, mask, base, exist);
	if (exist)
		assert_int_equal(targets, expected);
}

static void hart_masks_mean_what_a_loop_says(void **state)
{
	static const u64 bases[] = { 0,
				     1,
				     2,
				     3,
				     7,
				     8,
				     15,
				     30,
				     31,
				     32,
				     33,
				     62,
				     63,
				     64,
				     65,
				     127,
				     BIT(32),
				     BIT(32) - 1,
				     BIT(63),
				     UINT64_MAX - 64,
				     UINT64_MAX - 63,
				     UINT64_MAX - 31,
				     UINT64_MAX - 1,
				     UINT64_MAX };
	static const u64 masks[] = { 0,
				     1,
				     2,
				     3,
				     5,
				     0xff,
				     0x100,
				     BIT(31),
				     BIT(31) - 1,
				     BIT(32),
				     BIT(32) - 1,
				     BIT(33) - 1,
				     BIT(62),
				     BIT(63),
				     UINT64_MAX,
				     UINT64_MAX - 1,
				     0xaaaaaaaaaaaaaaaa };
	struct prng prng = { 0x5eed00d0 };

	(void)state;
	for (unsigned nr_vcpus = 1; nr_vcpus <= VM_MAX_VCPUS; nr_vcpus++) {
		for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
			for (size_t m = 0; m < ARRAY_SIZE(masks); m++)
				check_mask(nr_vcpus, masks[m], bases[b]);
			for (unsigned n = 0; n < 64; n++)
				check_mask(nr_vcpus, BIT(n), bases[b]);
		}
		for (unsigned i = 0; i < 2000; i++)
			check_mask(nr_vcpus, prng_next(&prng) >> prng_below(&prng, 64),
				   prng_below(&prng, 40));
	}
}

static void call(u64 extension, u64 function)
{
	memset(calls, 0, sizeof(calls));
	vcpu.gpr[REG_A0] = vcpu.gpr[REG_A1] = 0xdead;
	vcpu.gpr[REG_A6] = function;
	vcpu.gpr[REG_A7] = extension;
	assert_int_equal(sbi_handle(&vcpu), EXIT_NEXT_4);
}

static void extensions_are_found_and_counted(void **state)
{
	static const struct {
		u64 extension;
		unsigned slot;
		const char *name;
	} extensions[] = {
		{ 0x10, 0x10, "base" },	     { 0x54494d45, 5, "time" },	 { 0x735049, 9, "ipi" },
		{ 0x52464e43, 3, "rfence" }, { 0x48534d, 13, "hsm" },	 { 0x53525354, 20, "srst" },
		{ 0x504d55, 21, "pmu" },     { 0x4442434e, 14, "dbcn" }, { 0x535441, 1, "sta" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
		unsigned slot = extensions[i].slot;

		memset(&vcpu.stats, 0, sizeof(vcpu.stats));
		call(extensions[i].extension, 0xf000000000000042);
		assert_int_equal(calls[slot], 1);
		assert_int_equal(last_function, 0xf000000000000042);
		assert_int_equal(vcpu.stats.sbi[slot], 1);
		assert_string_equal(sbi_slots[slot].name, extensions[i].name);
		assert_true(sbi_is_implemented(extensions[i].extension));
	}
	for (u64 extension = 0; extension <= 8; extension++) {
		call(extension, 0);
		assert_int_equal(calls[30], 1);
		assert_true(sbi_is_implemented(extension));
	}
}

static void others_are_not_supported(void **state)
{
	static const u64 unknown[] = { 9,
				       0xa,
				       0xf,
				       0x11,
				       31,
				       32,
				       0x30,
				       0x53555350,
				       0x43505043,
				       0x4e41434c,
				       0x535442,
				       BIT(32) | 0x10,
				       BIT(63) | 0x54494d45,
				       UINT64_MAX,
				       30,
				       62,
				       63,
				       BIT(32),
				       BIT(32) | 4 };
	struct prng prng = { 0x5eed00d1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown) + 2000; i++) {
		u64 extension = i < ARRAY_SIZE(unknown) ? unknown[i] : prng_next(&prng) >> (i % 60);

		if (extension <= 0x10 && i >= ARRAY_SIZE(unknown))
			continue;
		memset(&vcpu.stats, 0, sizeof(vcpu.stats));
		call(extension, 0);
		assert_int_equal(vcpu.gpr[REG_A0], (u64)SBI_ERR_NOT_SUPPORTED);
		assert_int_equal(vcpu.gpr[REG_A1], 0);
		assert_int_equal(vcpu.stats.sbi[31], 1);
		assert_false(sbi_is_implemented(extension));
		for (unsigned slot = 0; slot < SBI_SLOTS; slot++)
			assert_int_equal(calls[slot], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hart_masks_mean_what_a_loop_says),
		cmocka_unit_test(extensions_are_found_and_counted),
		cmocka_unit_test(others_are_not_supported),
	};

	return RUN_TESTS(tests);
}
