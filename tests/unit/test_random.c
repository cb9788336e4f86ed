/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the random generator: ChaCha20's published block, key erasure, seeds. */
#include "unit.h"
#include "lib/random.h"

#include <string.h>

/* RFC 8439 section 2.3.2: key 00 to 1f, counter 1, nonce 000000090000004a00000000. */
static const struct random rfc_state = { {
	0x61707865,
	0x3320646e,
	0x79622d32,
	0x6b206574,
	0x03020100,
	0x07060504,
	0x0b0a0908,
	0x0f0e0d0c,
	0x13121110,
	0x17161514,
	0x1b1a1918,
	0x1f1e1d1c,
	0x00000001,
	0x09000000,
	0x4a000000,
	0x00000000,
} };

static const u8 rfc_block[64] = {
	0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
	0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
	0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
	0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
	0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
};

static void the_published_block_comes_out(void **state)
{
	struct random random = rfc_state;
	u8 block[64];

	(void)state;
	random_bytes(&random, block, sizeof(block));
	assert_memory_equal(block, rfc_block, sizeof(block));

	/* Parts of it, by calls for less. */
	for (size_t n = 1; n < 64; n++) {
		u8 part[65];

		random = rfc_state;
		memset(part, 0x55, sizeof(part));
		random_bytes(&random, part, n);
		assert_memory_equal(part, rfc_block, n);
		assert_int_equal(part[n], 0x55);
	}
}

static void longer_output_counts_blocks(void **state)
{
	struct random random = rfc_state, second = rfc_state;
	u8 blocks[200], block[64];

	(void)state;
	random_bytes(&random, blocks, sizeof(blocks));
	assert_memory_equal(blocks, rfc_block, 64);
	second.state[12] = 2;
	random_bytes(&second, block, 64);
	assert_memory_equal(blocks + 64, block, 64);
	assert_memory_not_equal(blocks + 64, blocks, 64);
}

static void the_key_is_forgotten(void **state)
{
	struct random random = rfc_state, next = rfc_state;
	u8 block[64], key_block[64];

	(void)state;
	random_bytes(&random, block, 64);
	assert_memory_not_equal(&random.state[4], &rfc_state.state[4], 32);
	/* Nor is the new key anything that was given out: it is of the block behind. */
	next.state[12] = 2;
	random_bytes(&next, key_block, 64);
	assert_memory_equal(&random.state[4], key_block, 32);
	for (unsigned i = 0; i + 32 <= 64; i++)
		assert_memory_not_equal(block + i, &random.state[4], 32);
	/* Constants and nonce stay. */
	assert_memory_equal(random.state, rfc_state.state, 16);
	assert_memory_equal(&random.state[13], &rfc_state.state[13], 12);
	/* A call for nothing stirs too. */
	next = random;
	random_bytes(&random, NULL, 0);
	assert_memory_not_equal(&random.state[4], &next.state[4], 32);
}

static void nothing_repeats(void **state)
{
	static u64 values[4096];
	struct random random;

	(void)state;
	random_seed(&random, "seed", 4);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
		random_bytes(&random, &values[i], sizeof(values[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		for (unsigned n = 0; n < i; n++)
			assert_true(values[i] != values[n]);
	}
	/* Each bit is set about half of the time: 2048 of 4096, give or take 8 deviations of 32. */
	for (unsigned bit = 0; bit < 64; bit++) {
		unsigned ones = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
			ones += values[i] >> bit & 1;
		assert_in_range(ones, 2048 - 256, 2048 + 256);
	}
}

static u64 first_of(const void *seed, size_t size)
{
	struct random random;
	u64 value;

	random_seed(&random, seed, size);
	random_bytes(&random, &value, sizeof(value));
	return value;
}

static void every_byte_of_a_seed_counts(void **state)
{
	u64 values[2 * 150 + 1];
	unsigned count = 0;
	u8 seed[150];

	(void)state;
	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (u8)(i * 37);
	for (size_t size = 0; size <= sizeof(seed); size++)
		values[count++] = first_of(seed, size);
	for (unsigned i = 0; i < sizeof(seed); i++) {
		seed[i] ^= 0x10;
		values[count++] = first_of(seed, sizeof(seed));
		seed[i] ^= 0x10;
	}
	for (unsigned i = 0; i < count; i++) {
		for (unsigned n = 0; n < i; n++)
			assert_true(values[i] != values[n]);
	}
	/* The same seed, the same numbers. */
	assert_true(first_of(seed, sizeof(seed)) == values[sizeof(seed)]);
}

static void halves_of_a_long_seed_do_not_cancel(void **state)
{
	u8 twice[64], other[64];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		twice[i] = (u8)(i % 32);
		other[i] = (u8)(i % 32 + 100);
	}
	assert_true(first_of(twice, 64) != first_of(other, 64));
	assert_true(first_of(twice, 64) != first_of(twice, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_block_comes_out),
		cmocka_unit_test(longer_output_counts_blocks),
		cmocka_unit_test(the_key_is_forgotten),
		cmocka_unit_test(nothing_repeats),
		cmocka_unit_test(every_byte_of_a_seed_counts),
		cmocka_unit_test(halves_of_a_long_seed_do_not_cancel),
	};

	return RUN_TESTS(tests);
}
