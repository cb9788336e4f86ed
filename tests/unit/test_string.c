/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of memory and string functions, against libc's. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* Here they get other names, and libc's stay what they are. */
#define memcpy	doppel_memcpy
#define memmove doppel_memmove
#define memset	doppel_memset
#define memcmp	doppel_memcmp
#define strlen	doppel_strlen
#define strnlen doppel_strnlen
#define strcmp	doppel_strcmp
#define strncmp doppel_strncmp
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp

#define SIZE 160

static void fill(u8 *buffer, struct prng *prng)
{
	for (unsigned i = 0; i < SIZE; i++)
		buffer[i] = (u8)prng_next(prng);
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

/* Every alignment of both sides, every size: words and bytes. */
static void memcpy_copies(void **state)
{
	struct prng prng = { 0x5eed0080 };
	u8 from[SIZE] __attribute__((aligned(8))), ours[SIZE] __attribute__((aligned(8)));
	u8 theirs[SIZE];

	(void)state;
	for (unsigned a = 0; a < 9; a++) {
		for (unsigned b = 0; b < 9; b++) {
			for (unsigned n = 0; n < 100; n++) {
				fill(from, &prng);
				fill(ours, &prng);
				memcpy(theirs, ours, SIZE);
				memcpy(theirs + a, from + b, n);
				assert_ptr_equal(doppel_memcpy(ours + a, from + b, n), ours + a);
				assert_memory_equal(ours, theirs, SIZE);
			}
		}
	}
}

static void memmove_copies_what_overlaps(void **state)
{
	struct prng prng = { 0x5eed0081 };
	u8 ours[SIZE] __attribute__((aligned(8))), theirs[SIZE];

	(void)state;
	for (unsigned a = 0; a < 40; a++) {
		for (unsigned b = 0; b < 40; b++) {
			for (unsigned n = 0; n < 100; n += 1 + n / 24) {
				fill(ours, &prng);
				memcpy(theirs, ours, SIZE);
				memmove(theirs + a, theirs + b, n);
				assert_ptr_equal(doppel_memmove(ours + a, ours + b, n), ours + a);
				assert_memory_equal(ours, theirs, SIZE);
			}
		}
	}
}

static void memset_fills(void **state)
{
	static const int bytes[] = { 0, 1, 0x80, 0xff, 0x1a5, -1 };
	struct prng prng = { 0x5eed0082 };
	u8 ours[SIZE] __attribute__((aligned(8))), theirs[SIZE];

	(void)state;
	for (unsigned a = 0; a < 9; a++) {
		for (unsigned n = 0; n < 120; n++) {
			int byte = bytes[n % ARRAY_SIZE(bytes)];

			fill(ours, &prng);
			memcpy(theirs, ours, SIZE);
			memset(theirs + a, byte, n);
			assert_ptr_equal(doppel_memset(ours + a, byte, n), ours + a);
			assert_memory_equal(ours, theirs, SIZE);
		}
	}
}

/* Blocks that end where the heap block ends: the sanitizer sees what reads or writes on. */
static void nothing_reaches_beyond(void **state)
{
	(void)state;
	for (size_t n = 0; n < 70; n++) {
		u8 *a = malloc(n ? n : 1), *b = malloc(n ? n : 1);

		doppel_memset(a, 1, n);
		doppel_memcpy(b, a, n);
		assert_int_equal(doppel_memcmp(a, b, n), 0);
		doppel_memmove(a, b, n);
		assert_int_equal(doppel_strnlen((char *)a, n), n);
		assert_int_equal(doppel_strncmp((char *)a, (char *)b, n), 0);
		if (n) {
			a[n - 1] = '\0';
			b[n - 1] = '\0';
			assert_int_equal(doppel_strlen((char *)a), n - 1);
			assert_int_equal(doppel_strcmp((char *)a, (char *)b), 0);
		}
		free(a);
		free(b);
	}
}

static void memcmp_compares(void **state)
{
	struct prng prng = { 0x5eed0083 };

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		u8 a[12], b[12];
		size_t n = prng_below(&prng, 13);

		for (unsigned k = 0; k < 12; k++) {
			a[k] = (u8)(prng_below(&prng, 3) * 0x7f);
			b[k] = prng_below(&prng, 8) ? a[k] : (u8)prng_next(&prng);
		}
		assert_int_equal(sign(doppel_memcmp(a, b, n)), sign(memcmp(a, b, n)));
	}
}

/* Short strings of few characters, some with the top bit set: many are alike. */
static void random_string(struct prng *prng, char *text, size_t size)
{
	static const char characters[] = { 'a', 'b', (char)0xe4, (char)0xff, 1 };
	size_t length = prng_below(prng, (u32)size);

	memset(text, 'x', size);
	for (size_t i = 0; i < length; i++)
		text[i] = characters[prng_below(prng, prng_below(prng, 2) ? 1 : 5)];
	text[length] = '\0';
}

static void strings_are_measured_and_compared(void **state)
{
	struct prng prng = { 0x5eed0084 };

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		char a[8], b[8];
		size_t n = prng_below(&prng, 10);

		random_string(&prng, a, sizeof(a));
		random_string(&prng, b, sizeof(b));
		assert_int_equal(doppel_strlen(a), strlen(a));
		assert_int_equal(doppel_strnlen(a, n), strnlen(a, n));
		assert_int_equal(sign(doppel_strcmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sign(doppel_strncmp(a, b, n)), sign(strncmp(a, b, n)));
	}
	assert_int_equal(doppel_strnlen("abc", SIZE_MAX), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memcpy_copies),
		cmocka_unit_test(memmove_copies_what_overlaps),
		cmocka_unit_test(memset_fills),
		cmocka_unit_test(nothing_reaches_beyond),
		cmocka_unit_test(memcmp_compares),
		cmocka_unit_test(strings_are_measured_and_compared),
	};

	return RUN_TESTS(tests);
}
