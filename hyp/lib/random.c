/* SPDX-License-Identifier: BSD-2-Clause */
/* ChaCha20 (RFC 8439 section 2.3) as a random generator with fast key erasure. */
#include "lib/random.h"
#include "lib/string.h"

static u32 rotate(u32 x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter_round(u32 *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

static void next_block(struct random *random, u32 out[16])
{
	memcpy(out, random->state, 64);
	for (int i = 0; i < 10; i++) {
		quarter_round(out, 0, 4, 8, 12);
		quarter_round(out, 1, 5, 9, 13);
		quarter_round(out, 2, 6, 10, 14);
		quarter_round(out, 3, 7, 11, 15);
		quarter_round(out, 0, 5, 10, 15);
		quarter_round(out, 1, 6, 11, 12);
		quarter_round(out, 2, 7, 8, 13);
		quarter_round(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += random->state[i];
	random->state[12]++;
}

void random_seed(struct random *random, const void *seed, size_t size)
{
	static const u32 constants[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	const u8 *bytes = seed;

	memset(random, 0, sizeof(*random));
	memcpy(random->state, constants, sizeof(constants));
	for (size_t i = 0; i < size; i++) {
		((u8 *)&random->state[4])[i % 32] ^= bytes[i];
		if (i % 32 == 31 || i == size - 1)
			random_bytes(random, NULL, 0); /* stir: the next 32 bytes meet a new key */
	}
}

void random_bytes(struct random *random, void *buf, size_t size)
{
	u32 block[16];
	u8 *out = buf;

	while (size) {
		size_t n = MIN(size, sizeof(block));

		next_block(random, block);
		memcpy(out, block, n);
		out += n;
		size -= n;
	}
	next_block(random, block);
	memcpy(&random->state[4], block, 32);
}
