/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of VMID generations: no two VMs ever share an identifier within one. */
#include "unit.h"
#include "stage2/vmid.h"

#define NR_VMS 40

/* Random VMs ask for their identifier; each is new or unchanged, and nobody else has it. */
static void check_pool(unsigned bits, unsigned rounds)
{
	struct prng prng = { 0x5eed0010 + bits };
	struct vmid vmids[NR_VMS] = { 0 };
	struct vmid_pool pool;
	u64 generation = 0;

	vmid_pool_init(&pool, bits);
	for (unsigned i = 0; i < rounds; i++) {
		struct vmid *vmid = &vmids[prng_below(&prng, NR_VMS)], before = *vmid;
		u64 current = vmid_refresh(&pool, vmid);

		assert_true(current == generation || current == generation + 1);
		assert_true(current > 0); /* 0 is that of VMs and harts that have none */
		assert_int_equal(vmid->generation, current);
		assert_true(vmid->id < BIT(bits));
		if (before.generation == current)
			assert_int_equal(vmid->id, before.id);
		for (unsigned n = 0; n < NR_VMS; n++) {
			if (&vmids[n] != vmid && vmids[n].generation == current)
				assert_int_not_equal(vmids[n].id, vmid->id);
		}
		generation = current;
	}
}

static void no_two_share_an_identifier(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits <= 14; bits++)
		check_pool(bits, 3000);
}

static void enough_identifiers_last_for_ever(void **state)
{
	struct vmid vmids[64] = { 0 };
	struct vmid_pool pool;

	(void)state;
	vmid_pool_init(&pool, 6);
	for (unsigned i = 0; i < 64 * 10; i++)
		assert_int_equal(vmid_refresh(&pool, &vmids[i % 64]), 1);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(vmids[i].id, i);
}

static void one_more_begins_a_generation(void **state)
{
	struct vmid vmids[5] = { 0 };
	struct vmid_pool pool;

	(void)state;
	vmid_pool_init(&pool, 2);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vmid_refresh(&pool, &vmids[i]), 1);
	assert_int_equal(vmid_refresh(&pool, &vmids[4]), 2);
	assert_int_equal(vmids[4].id, 0);
	/* The others keep what they have until they come again. */
	assert_int_equal(vmids[3].generation, 1);
	assert_int_equal(vmid_refresh(&pool, &vmids[3]), 2);
	assert_int_equal(vmids[3].id, 1);
	assert_int_equal(vmid_refresh(&pool, &vmids[4]), 2);
	assert_int_equal(vmids[4].id, 0);
}

static void without_vmids_every_change_is_a_generation(void **state)
{
	struct vmid a = { 0 }, b = { 0 };
	struct vmid_pool pool;

	(void)state;
	vmid_pool_init(&pool, 0);
	assert_int_equal(vmid_refresh(&pool, &a), 1);
	assert_int_equal(vmid_refresh(&pool, &a), 1);
	assert_int_equal(vmid_refresh(&pool, &b), 2);
	assert_int_equal(vmid_refresh(&pool, &a), 3);
	assert_int_equal(a.id, 0);
	assert_int_equal(b.id, 0);
}

static void all_of_fourteen_bits_are_used(void **state)
{
	struct vmid_pool pool;

	(void)state;
	vmid_pool_init(&pool, 14);
	for (unsigned i = 0; i < 1 << 14; i++) {
		struct vmid vmid = { 0 };

		assert_int_equal(vmid_refresh(&pool, &vmid), 1);
		assert_int_equal(vmid.id, i);
	}
	assert_int_equal(vmid_refresh(&pool, &(struct vmid){ 0 }), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_share_an_identifier),
		cmocka_unit_test(enough_identifiers_last_for_ever),
		cmocka_unit_test(one_more_begins_a_generation),
		cmocka_unit_test(without_vmids_every_change_is_a_generation),
		cmocka_unit_test(all_of_fourteen_bits_are_used),
	};

	return RUN_TESTS(tests);
}
