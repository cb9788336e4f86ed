/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of formatting, against the host's printf for what both understand. */
#include "unit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The functions have libc's names: here they get others, and libc's stay what they are. */
#define snprintf  doppel_snprintf
#define vsnprintf doppel_vsnprintf
#include "lib/format.c"
#undef snprintf
#undef vsnprintf

/* Formats with both, into buffers of several sizes; compares text, end and returned length. */
#define CHECK(...)                                                                      \
	do {                                                                            \
		static const size_t sizes[] = { 0, 1, 2, 3, 8, 20, 200 };               \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(sizes); i_++) {                     \
			char ours[201], theirs[201];                                    \
			memset(ours, 0x55, sizeof(ours));                               \
			memset(theirs, 0x55, sizeof(theirs));                           \
			assert_int_equal(doppel_snprintf(ours, sizes[i_], __VA_ARGS__), \
					 snprintf(theirs, sizes[i_], __VA_ARGS__));     \
			assert_memory_equal(ours, theirs, sizeof(ours));                \
		}                                                                       \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

static void plain_text(void **state)
{
	(void)state;
	CHECK("");
	CHECK("text");
	CHECK("100%% of %%");
	CHECK("%s", "a longer text that some of the buffers do not hold");
	CHECK("%c%c%c", 'a', '%', 'z');
	CHECK("<%3c|%-3c>", 'a', 'b');
}

static void numbers(void **state)
{
	static const int ints[] = { 0, 1, -1, 9, 10, -10, 255, 123456789, INT_MAX, INT_MIN };
	static const long longs[] = { 0, -1, 10000000000, LONG_MAX, LONG_MIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		CHECK("%d", ints[i]);
		CHECK("%u", (unsigned)ints[i]);
		CHECK("%x", (unsigned)ints[i]);
		CHECK("<%5d|%-5d|%05d>", ints[i], ints[i], ints[i]);
		CHECK("<%3x|%-12x|%016x>", (unsigned)ints[i], (unsigned)ints[i], (unsigned)ints[i]);
		CHECK("<%*d|%-*d|%0*d>", 7, ints[i], 7, ints[i], 7, ints[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(longs); i++) {
		CHECK("%ld %lu %lx", longs[i], (unsigned long)longs[i], (unsigned long)longs[i]);
		CHECK("%zu %zx", (size_t)longs[i], (size_t)longs[i]);
		CHECK("%lld %llu", (long long)longs[i], (unsigned long long)longs[i]);
		CHECK("<%25ld|%-25ld|%025ld|%1ld>", longs[i], longs[i], longs[i], longs[i]);
	}
	/* A number without l has 32 bits, whatever the register holds above them. */
	CHECK("%d %u %x", (int)0x80000000, 0xffffffffU, 0xdeadbeefU);
}

static void strings(void **state)
{
	static const char not_terminated[3] = { 'a', 'b', 'c' };

	(void)state;
	CHECK("<%s>", "");
	CHECK("<%10s|%-10s|%2s>", "abc", "abc", "abc");
	CHECK("<%.2s|%.0s|%.9s>", "abc", "abc", "abc");
	CHECK("<%6.2s|%-6.2s>", "abc", "abc");
	CHECK("<%.*s>", 3, not_terminated);
	CHECK("<%.*s|%.*s>", 0, not_terminated, -1, "all of it");
	CHECK("<%*.*s|%-*.*s>", 6, 2, "abc", 6, 2, "abc");
	CHECK("<%.3s>", not_terminated);
}

static void many_arguments(void **state)
{
	(void)state;
	CHECK("%s:%d: %c%05x [%-8s] %lu %zu%%", "file.c", 42, 'q', 0xabU, "left", 1UL << 63,
	      (size_t)77);
	CHECK("%d %d %d %d %d %d %d %d %ld %s", 1, 2, 3, 4, 5, 6, 7, 8, -9L, "ten");
}

static void random_numbers(void **state)
{
	static const char *const formats[] = { "%ld",	  "%lu",    "%lx",    "%24ld",
					       "%-24lx|", "%024ld", "%024lx", "%3ld" };
	struct prng prng = { 0x5eed0070 };

	(void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	for (unsigned i = 0; i < 20000; i++) {
		const char *fmt = formats[i % ARRAY_SIZE(formats)];
		long value = (long)(prng_next(&prng) >> prng_below(&prng, 64));
		char ours[64], theirs[64];

		if (i & 16)
			value = -value;
		assert_int_equal(doppel_snprintf(ours, sizeof(ours), fmt, value),
				 snprintf(theirs, sizeof(theirs), fmt, value));
		assert_string_equal(ours, theirs);
	}
#pragma GCC diagnostic pop
}

/* What it does not understand ends the text: the arguments' types are unknown from there on. */
static void unknown_formats_end_the_text(void **state)
{
	static const char *const formats[] = { "ab%",  "ab%l", "ab%-",	 "ab%5",
					       "ab%.", "ab%f", "ab%n%s", "ab%q%d" };
	char text[32];

	(void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		/* On the heap, so that the sanitizer sees a read behind the end. */
		char *fmt = strdup(formats[i]);

		assert_int_equal(doppel_snprintf(text, sizeof(text), fmt), 2);
		assert_string_equal(text, "ab");
		free(fmt);
	}
#pragma GCC diagnostic pop
}

static void collect(void *ctx, char c)
{
	char *text = ctx;
	size_t length = strlen(text);

	text[length] = c;
	text[length + 1] = '\0';
}

static void format_to(char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(collect, text, fmt, args);
	/* The list is the caller's still: format() has used a copy. */
	assert_int_equal(va_arg(args, int), 1);
	va_end(args);
}

static void a_sink_gets_each_byte(void **state)
{
	char text[32] = "";

	(void)state;
	format_to(text, "%d-%s", 1, "two");
	assert_string_equal(text, "1-two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text),
		cmocka_unit_test(numbers),
		cmocka_unit_test(strings),
		cmocka_unit_test(many_arguments),
		cmocka_unit_test(random_numbers),
		cmocka_unit_test(unknown_formats_end_the_text),
		cmocka_unit_test(a_sink_gets_each_byte),
	};

	return RUN_TESTS(tests);
}
