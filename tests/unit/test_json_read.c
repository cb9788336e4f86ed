/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the JSON reader: what is JSON, what is not, and that no byte behind the text is read. */
#include "unit.h"
#include "monitor/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On a heap block of exactly its size, which the sanitizer guards. */
static bool reads(const char *text, enum json_type type)
{
	size_t length = strlen(text);
	char *copy = malloc(length ? length : 1);
	struct json_value value;
	bool done;

	memcpy(copy, text, length);
	done = json_read(copy, length, &value) && value.type == type;
	free(copy);
	return done;
}

static void every_type_is_read(void **state)
{
	(void)state;
	assert_true(reads("{}", JSON_OBJECT));
	assert_true(reads(" { \"a\" : [ 1 , -2.5e+3 , null ] , \"b\":{} } ", JSON_OBJECT));
	assert_true(reads("[]", JSON_ARRAY));
	assert_true(reads("\"a\\u00e4\\n\\\"\"", JSON_STRING));
	assert_true(reads("0", JSON_NUMBER));
	assert_true(reads("-0.5E-7", JSON_NUMBER));
	assert_true(reads("true", JSON_TRUE));
	assert_true(reads("false", JSON_FALSE));
	assert_true(reads("\tnull\r\n", JSON_NULL));
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{\"a\":1,}",
		"\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12g4\"",
		"\"\\u12",
		"\"\\ud800\\u1\"",
		"-",
		"1.",
		"1e",
		"01",
		"tru",
		"nul",
		"truex",
		"1 2",
		"\"a\nb\"",
		"{\"a\":1}}",
		"[[[[[[[[[[1]]]]]]]]]]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_value value;
		char *copy = strdup(bad[i]);

		if (json_read(copy, strlen(copy), &value))
			fail_msg("\"%s\" was read", bad[i]);
		free(copy);
	}
	assert_true(reads("[[[[[[[[1]]]]]]]]", JSON_ARRAY)); /* as deep as it may be */
}

static void members_and_elements_are_found(void **state)
{
	static const char text[] =
		"{\"x\":{\"a\":1},\"a\" : [ \"p,]\" , {\"q\":2}, 3 ],\"b\":true}";
	struct json_value message, a, element;

	(void)state;
	assert_true(json_read(text, strlen(text), &message));
	a = json_member(&message, "a");
	assert_int_equal(a.type, JSON_ARRAY);
	element = json_element(&a, 1);
	assert_int_equal(json_member(&element, "q").type, JSON_NUMBER);
	element = json_element(&a, 2);
	assert_memory_equal(element.text, "3", 1);
	assert_int_equal(element.length, 1);
	assert_int_equal(json_element(&a, 3).type, JSON_NOTHING);
	assert_int_equal(json_member(&message, "b").type, JSON_TRUE);
	assert_int_equal(json_member(&message, "c").type, JSON_NOTHING);
	/* Of what is not there, and of what has no members. */
	element = json_member(&message, "c");
	assert_int_equal(json_member(&element, "a").type, JSON_NOTHING);
	assert_int_equal(json_element(&element, 0).type, JSON_NOTHING);
	assert_int_equal(json_member(&a, "a").type, JSON_NOTHING);
}

static const char *decoded(const char *text, size_t size)
{
	static char result[64];
	struct json_value value;

	assert_true(json_read(text, strlen(text), &value));
	return json_text(&value, result, size) ? result : NULL;
}

static void strings_are_decoded(void **state)
{
	(void)state;
	assert_string_equal(decoded("\"\"", 1), "");
	assert_string_equal(decoded("\"a\\\"b\\\\\\/\\b\\f\\n\\r\\t\"", 64), "a\"b\\/\b\f\n\r\t");
	assert_string_equal(decoded("\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\"", 64),
			    "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_string_equal(decoded("\"\\ud83dx\\udc00\"", 64), "\xef\xbf\xbdx\xef\xbf\xbd");
	assert_string_equal(decoded("\"\xc3\xa4\"", 64), "\xc3\xa4");
	assert_string_equal(decoded("\"abc\"", 4), "abc");
	assert_null(decoded("\"abc\"", 3));
	assert_null(decoded("\"\\u20ac\"", 3));
	assert_null(decoded("\"a\\u0000b\"", 64));
	assert_null(decoded("1", 64));
}

/* Any bytes: nothing is read behind the end, and what is accepted can be walked through. */
static void random_texts_do_no_harm(void **state)
{
	static const char pieces[] = "{}[]:,\"\\u0a1e-+.tfn \x80";

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 200000; round++) {
		size_t length = (size_t)rand() % 24;
		char *text = malloc(length ? length : 1), word[8];
		struct json_value value, inner;

		for (size_t i = 0; i < length; i++)
			text[i] = pieces[(size_t)rand() % (sizeof(pieces) - 1)];
		if (json_read(text, length, &value)) {
			inner = json_member(&value, "a");
			(void)json_text(&inner, word, sizeof(word));
			inner = json_element(&value, 1);
			(void)json_text(&inner, word, sizeof(word));
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(members_and_elements_are_found),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(random_texts_do_no_harm),
	};

	return RUN_TESTS(tests);
}
