/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and string functions. Guest RAM is cleared and images are copied with these: words first.
 */
#include "lib/string.h"
#include "lib/types.h"

/* Words that may alias anything: these functions see memory, not objects. */
typedef u64 __attribute__((may_alias)) word_t;
typedef u32 __attribute__((may_alias)) half_word_t;

static bool both_aligned(const void *a, const void *b, size_t size)
{
	return (((uintptr_t)a | (uintptr_t)b) & (size - 1)) == 0;
}

/* Images in a device tree are aligned to 4 bytes only. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (both_aligned(d, s, sizeof(word_t))) {
		for (; n >= 32; n -= 32, d += 32, s += 32) {
			word_t a = ((const word_t *)s)[0], b = ((const word_t *)s)[1];
			word_t c = ((const word_t *)s)[2], e = ((const word_t *)s)[3];

			((word_t *)d)[0] = a;
			((word_t *)d)[1] = b;
			((word_t *)d)[2] = c;
			((word_t *)d)[3] = e;
		}
	} else if (both_aligned(d, s, sizeof(half_word_t))) {
		for (; n >= 4; n -= 4, d += 4, s += 4)
			*(half_word_t *)d = *(const half_word_t *)s;
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(dst, src, n);
	while (n--)
		d[n] = s[n];
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	u8 *d = dst;
	u64 word = (u8)byte * 0x0101010101010101ULL;

	for (; n && ((uintptr_t)d & 7); n--)
		*d++ = (u8)byte;
	for (; n >= 32; n -= 32, d += 32) {
		((word_t *)d)[0] = word;
		((word_t *)d)[1] = word;
		((word_t *)d)[2] = word;
		((word_t *)d)[3] = word;
	}
	while (n--)
		*d++ = (u8)byte;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--, a++, b++)
		;
	return n ? (u8)*a - (u8)*b : 0;
}
