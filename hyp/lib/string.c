/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and string functions. Guest RAM is cleared and images are copied with these: words first.
 */
#include "lib/string.h"
#include "lib/types.h"

/* Words that may alias anything: these functions see memory, not objects. */
typedef u64 __attribute__((may_alias)) word_t;

/* Both are aligned, n is a multiple of 8. */
static void copy_words(u8 *d, const u8 *s, size_t n)
{
	for (; n >= 32; n -= 32, d += 32, s += 32) {
		word_t a = ((const word_t *)s)[0], b = ((const word_t *)s)[1];
		word_t c = ((const word_t *)s)[2], e = ((const word_t *)s)[3];

		((word_t *)d)[0] = a;
		((word_t *)d)[1] = b;
		((word_t *)d)[2] = c;
		((word_t *)d)[3] = e;
	}
	for (; n; n -= 8, d += 8, s += 8)
		*(word_t *)d = *(const word_t *)s;
}

/*
 * Only d is aligned, n is a multiple of 8. Each word is made of two aligned ones, which are read
 * whole: bytes before s and behind its end as well, but no word that has none of ours.
 */
__attribute__((no_sanitize_address)) static void copy_shifted(u8 *d, const u8 *s, size_t n)
{
	const word_t *from = (const word_t *)((uintptr_t)s & ~7UL);
	unsigned right = ((uintptr_t)s & 7) * 8, left = 64 - right;
	word_t first = *from++;

	for (; n >= 16; n -= 16, d += 16, from += 2) {
		word_t second = from[0], third = from[1];

		((word_t *)d)[0] = first >> right | second << left;
		((word_t *)d)[1] = second >> right | third << left;
		first = third;
	}
	if (n)
		*(word_t *)d = first >> right | *from << left;
}

/* Frames of a network have headers of any size: what is copied is mostly not aligned. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;
	size_t words;

	if (n >= 16) {
		for (; (uintptr_t)d & 7; n--)
			*d++ = *s++;
		words = n & ~7UL;
		if ((uintptr_t)s & 7)
			copy_shifted(d, s, words);
		else
			copy_words(d, s, words);
		d += words;
		s += words;
		n -= words;
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
