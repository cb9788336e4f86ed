/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the JSON writer: exact text. tests/monitor/script.t reads it with Python's parser. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* The functions have libc's names: here they get others, and libc's stay what they are. */
#define snprintf  doppel_snprintf
#define vsnprintf doppel_vsnprintf
#include "lib/format.c"
#include "monitor/json.c"
#undef snprintf
#undef vsnprintf

static char text[400];
static size_t length;

static void collect(void *ctx, char c)
{
	(void)ctx;
	assert_true(length < sizeof(text) - 1);
	text[length++] = c;
	text[length] = '\0';
}

static struct json begin_text(void)
{
	struct json json;

	length = 0;
	text[0] = '\0';
	json_init(&json, collect, NULL);
	return json;
}

static void values_and_commas(void **state)
{
	struct json json = begin_text();

	(void)state;
	json_begin_object(&json, NULL);
	json_string(&json, "name", "linux");
	json_number(&json, "exits", UINT64_MAX);
	json_bool(&json, "on", true);
	json_bool(&json, "off", false);
	json_string(&json, "reason", NULL);
	json_end_object(&json);
	assert_string_equal(text, "{\"name\":\"linux\",\"exits\":18446744073709551615,\"on\":true,"
				  "\"off\":false,\"reason\":null}");
}

static void nesting(void **state)
{
	struct json json = begin_text();

	(void)state;
	json_begin_array(&json, NULL);
	json_begin_object(&json, NULL);
	json_begin_array(&json, "empty");
	json_end_array(&json);
	json_begin_object(&json, "o");
	json_number(&json, "n", 0);
	json_end_object(&json);
	json_number(&json, "m", 1);
	json_end_object(&json);
	json_begin_object(&json, NULL);
	json_end_object(&json);
	json_number(&json, NULL, 2);
	json_string(&json, NULL, "s");
	json_end_array(&json);
	assert_string_equal(text, "[{\"empty\":[],\"o\":{\"n\":0},\"m\":1},{},2,\"s\"]");
}

static void strings_are_escaped(void **state)
{
	struct json json = begin_text();

	(void)state;
	json_string(&json, NULL, "a\"b\\c/d");
	assert_string_equal(text, "\"a\\\"b\\\\c/d\"");
	json = begin_text();
	json_string(&json, "k\n", "\t\r\x01\x1f\x7f");
	assert_string_equal(text, "\"k\\u000a\":\"\\u0009\\u000d\\u0001\\u001f\\u007f\"");
	json = begin_text();
	json_string(&json, NULL, "\x80\xff");
	assert_string_equal(text, "\"\\ufffd\\ufffd\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_commas),
		cmocka_unit_test(nesting),
		cmocka_unit_test(strings_are_escaped),
	};
	return RUN_TESTS(tests);
}
