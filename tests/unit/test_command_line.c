/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what the monitor makes of a line: words, numbers, names of vCPUs, alternatives. */
#include "unit.h"
#include "monitor/command_line.h"

#include <stdio.h>
#include <string.h>

static struct words words;
static char line[256];

static const char *split(const char *text)
{
	assert_true(strlen(text) < sizeof(line));
	strcpy(line, text);
	return command_split(line, &words);
}

/* The words, each in brackets. */
static void expect_words(const char *text, const char *want)
{
	char got[600] = "";

	assert_null(split(text));
	for (unsigned i = 0; i < words.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "[%s]", words.word[i]);
	assert_string_equal(got, want);
}

static void words_are_split(void **state)
{
	(void)state;
	expect_words("", "");
	expect_words(" \t ", "");
	expect_words("vms", "[vms]");
	expect_words("  info\tlinux  ", "[info][linux]");
	expect_words("a b c d e f g h i j k l m n o p",
		     "[a][b][c][d][e][f][g][h][i][j][k][l][m][n][o][p]");
}

static void quotes_keep_spaces(void **state)
{
	(void)state;
	expect_words("send a \"two words\"", "[send][a][two words]");
	expect_words("\"\" x", "[][x]");
	expect_words("\"\"", "[]");
	expect_words("a\"b c\"d", "[ab cd]");
	expect_words("\"a\"\"b\" \"c\"", "[ab][c]");
	expect_words("\"say \\\"hi\\\" \\\\ \\n\\t\\x\"", "[say \"hi\" \\ \n\tx]");
	expect_words("back\\slash", "[back\\slash]");
}

static void bad_lines_are_refused(void **state)
{
	(void)state;
	assert_non_null(strstr(split("send a \"no end"), "quote"));
	assert_non_null(strstr(split("\""), "quote"));
	assert_non_null(strstr(split("\"ends in \\\""), "quote"));
	assert_non_null(strstr(split("\"\\"), "quote"));
	assert_non_null(strstr(split("a b c d e f g h i j k l m n o p q"), "more words"));
}

/* Whatever is typed, words stay inside the line and are terminated there. */
static void random_lines_stay_inside(void **state)
{
	static const char alphabet[] = "ab \t\"\\n";
	struct prng prng = { 0x5eed0300 };
	unsigned good = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char text[40];
		u32 length = prng_below(&prng, sizeof(text));

		for (u32 n = 0; n < length; n++)
			text[n] = alphabet[prng_below(&prng, sizeof(alphabet) - 1)];
		text[length] = '\0';
		memset(line, 'x', sizeof(line));
		if (split(text))
			continue;
		good++;
		for (unsigned n = 0; n < words.count; n++) {
			assert_true(words.word[n] >= line && words.word[n] <= line + length);
			assert_true(words.word[n] + strlen(words.word[n]) <= line + length);
		}
	}
	assert_true(good > 1000);
}

static void numbers_are_read(void **state)
{
	static const struct {
		const char *word;
		u64 number;
	} good[] = {
		{ "0", 0 },
		{ "42", 42 },
		{ "007", 7 },
		{ "0x0", 0 },
		{ "0xffffffff80200000", 0xffffffff80200000 },
		{ "0XaBc", 0xabc },
		{ "18446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
	};
	static const char *const bad[] = { "",
					   "x",
					   "0x",
					   "12a",
					   "-1",
					   "+1",
					   " 1",
					   "1 ",
					   "1K",
					   "0xg",
					   "1.0",
					   "18446744073709551616",
					   "99999999999999999999",
					   "0x10000000000000000" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		u64 number = 1;

		assert_true(command_number(good[i].word, &number));
		assert_int_equal(number, good[i].number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u64 number = 77;

		assert_false(command_number(bad[i], &number));
		assert_int_equal(number, 77);
	}
}

static void sizes_are_read(void **state)
{
	u64 size = 77;

	(void)state;
	assert_false(command_size("", &size) || command_size("K", &size) ||
		     command_size("1k", &size) || command_size("1KB", &size) ||
		     command_size("17179869184G", &size) || command_size("1T", &size));
	assert_int_equal(size, 77);
	assert_true(command_size("64", &size));
	assert_int_equal(size, 64);
	assert_true(command_size("4K", &size));
	assert_int_equal(size, 4096);
	assert_true(command_size("0x10M", &size));
	assert_int_equal(size, MIB(16));
	assert_true(command_size("17179869183G", &size));
	assert_int_equal(size, GIB(17179869183));
}

static void thousandths_are_read(void **state)
{
	static const struct {
		const char *word;
		u64 number;
	} good[] = {
		{ "0", 0 },	   { "10", 10000 }, { "0.5", 500 }, { "1.25", 1250 },
		{ "1.125", 1125 }, { "00.001", 1 }, { "0.0", 0 },   { "1000000", 1000000000 }
	};
	static const char *const bad[] = { "",	     ".5",	"5.",
					   "1.2345", "-1",	"1s",
					   "1.5s",   "1000001", "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		u64 number = 1;

		assert_true(command_thousandths(good[i].word, &number));
		assert_int_equal(number, good[i].number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u64 number = 77;

		assert_false(command_thousandths(bad[i], &number));
		assert_int_equal(number, 77);
	}
}

static void vcpus_are_named(void **state)
{
	char plain[] = "linux", with[] = "linux.3", none[] = "linux.", word[] = "linux.x";
	u64 vcpu = 9;

	(void)state;
	assert_true(command_vm_and_vcpu(plain, &vcpu));
	assert_string_equal(plain, "linux");
	assert_int_equal(vcpu, 9);
	assert_true(command_vm_and_vcpu(with, &vcpu));
	assert_string_equal(with, "linux");
	assert_int_equal(vcpu, 3);
	assert_false(command_vm_and_vcpu(none, &vcpu));
	assert_false(command_vm_and_vcpu(word, &vcpu));
}

static void alternatives_are_found(void **state)
{
	char out[8];

	(void)state;
	assert_true(command_is_one_of("on", "on|off|show"));
	assert_true(command_is_one_of("show", "on|off|show"));
	assert_false(command_is_one_of("o", "on|off|show"));
	assert_false(command_is_one_of("off|show", "on|off|show"));
	assert_false(command_is_one_of("", "on|off|show"));

	assert_true(command_alternative("on|off|show", "o", 0, out, sizeof(out)));
	assert_string_equal(out, "on");
	assert_true(command_alternative("on|off|show", "o", 1, out, sizeof(out)));
	assert_string_equal(out, "off");
	assert_false(command_alternative("on|off|show", "o", 2, out, sizeof(out)));
	assert_true(command_alternative("PERCENT|off", "", 0, out, sizeof(out)));
	assert_string_equal(out, "off");
	assert_false(command_alternative("PERCENT|off", "", 1, out, sizeof(out)));
	assert_false(command_alternative("too-long-a-word", "", 0, out, sizeof(out)));
	assert_false(command_alternative("on", "onward", 0, out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split),
		cmocka_unit_test(quotes_keep_spaces),
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(random_lines_stay_inside),
		cmocka_unit_test(numbers_are_read),
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(thousandths_are_read),
		cmocka_unit_test(vcpus_are_named),
		cmocka_unit_test(alternatives_are_found),
	};
	return RUN_TESTS(tests);
}
