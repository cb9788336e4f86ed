/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of ISA strings. */
#include "unit.h"
#include "riscv/isa.h"

#include <string.h>

static const char isa[] = "rv64imafdch_zic_zicbom_zicboz_zicsr_zba_sstc_ssstateen_svinval";

static void names_are_found_whole(void **state)
{
	static const char *const there[] = { "i",     "m",   "a",    "f",	  "d",
					     "c",     "h",   "zic",  "zicbom",	  "zicboz",
					     "zicsr", "zba", "sstc", "ssstateen", "svinval" };
	static const char *const missing[] = { "v",	 "r",	   "z",		"s",	    "6",
					       "_",	 "",	   "zi",	"zicb",	    "zicbo",
					       "zicbop", "zicsr_", "_zicsr",	"icsr",	    "zb",
					       "sst",	 "ss",	   "svinva",	"svinvall", "svin",
					       "im",	 "rv64",   "zicsr_zba", "imafdch",  "ma" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
		if (!isa_has(isa, there[i]))
			fail_msg("%s", there[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		if (isa_has(isa, missing[i]))
			fail_msg("%s", missing[i]);
	}
}

static void short_strings_have_little(void **state)
{
	(void)state;
	assert_false(isa_has("", "i"));
	assert_false(isa_has("", "zicsr"));
	assert_false(isa_has("rv", "v")); /* the base is no extension */
	assert_false(isa_has("rv64", "v"));
	assert_true(isa_has("rv64v", "v"));
	assert_false(isa_has("rv64i_", "zicsr"));
	assert_true(isa_has("rv64i_zicsr", "zicsr"));
	assert_true(isa_has("rv64i__zicsr_", "zicsr"));
	assert_true(isa_has("rv64_sstc", "sstc"));
}

static void check_remove(const char *from, const char *extension, const char *expected)
{
	char text[128];

	strcpy(text, from);
	isa_remove(text, extension);
	assert_string_equal(text, expected);
}

static void names_are_taken_out(void **state)
{
	(void)state;
	check_remove("rv64imafdch_zicsr_sstc", "h", "rv64imafdc_zicsr_sstc");
	check_remove("rv64imafdch_zicsr_sstc", "i", "rv64mafdch_zicsr_sstc");
	check_remove("rv64imafdch_zicsr_sstc", "zicsr", "rv64imafdch_sstc");
	check_remove("rv64imafdch_zicsr_sstc", "sstc", "rv64imafdch_zicsr");
	check_remove("rv64ih", "h", "rv64i");
	check_remove("rv64i_sstc", "sstc", "rv64i");
	/* What is not there changes nothing, least of all what begins alike. */
	check_remove("rv64imafdc_zicbom", "v", "rv64imafdc_zicbom");
	check_remove("rv64imafdc_zicbom", "zic", "rv64imafdc_zicbom");
	check_remove("rv64imafdc_zicbom_zic", "zic", "rv64imafdc_zicbom");
	check_remove("rv64imafdc_zic_zicbom", "zicbom", "rv64imafdc_zic");
	check_remove("rv64imafdc_zicbom", "zicbomx", "rv64imafdc_zicbom");
	check_remove("rv64", "v", "rv64");
	check_remove("", "h", "");
}

static void check_list(const char *from, const char *expected, size_t length)
{
	char list[256];

	memset(list, 0x55, sizeof(list));
	assert_int_equal(isa_to_list(from, list, sizeof(list)), length);
	assert_memory_equal(list, expected, length);
	assert_int_equal(list[length], 0x55);
}

static void lists_hold_each_name(void **state)
{
	(void)state;
	check_list("rv64imafdc_zicsr_sstc", "i\0m\0a\0f\0d\0c\0zicsr\0sstc", 12 + 6 + 5);
	check_list("rv64i", "i", 2);
	check_list("rv64i_zba", "i\0zba", 6);
	check_list("rv64", "", 0);
	check_list("rv", "", 0);
	check_list("", "", 0);
}

static void lists_fit_or_are_refused(void **state)
{
	static const char *const strings[] = { "rv64i", "rv64imafdcv", "rv64i_a_b_c_d_e", isa };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		char full[256];
		size_t length = isa_to_list(strings[i], full, sizeof(full));

		assert_true(length > 0);
		for (size_t size = 0; size <= 2 * strlen(strings[i]); size++) {
			char list[256];
			size_t got;

			memset(list, 0x55, sizeof(list));
			got = isa_to_list(strings[i], list, size);
			assert_true(got == 0 || (got == length && got <= size));
			if (got)
				assert_memory_equal(list, full, got);
			assert_int_equal(list[size], 0x55);
		}
		/* Twice the string's length is always enough. */
		assert_int_equal(isa_to_list(strings[i], full, 2 * strlen(strings[i])), length);
	}
}

/* Removing each name of the list, one after another, leaves the base. */
static void every_name_of_the_list_is_one(void **state)
{
	char text[sizeof(isa)], list[2 * sizeof(isa)];
	size_t length = isa_to_list(isa, list, sizeof(list));

	(void)state;
	strcpy(text, isa);
	for (const char *name = list; name < list + length; name += strlen(name) + 1) {
		assert_true(isa_has(text, name));
		isa_remove(text, name);
		assert_false(isa_has(text, name));
	}
	assert_string_equal(text, "rv64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_whole),
		cmocka_unit_test(short_strings_have_little),
		cmocka_unit_test(names_are_taken_out),
		cmocka_unit_test(lists_hold_each_name),
		cmocka_unit_test(lists_fit_or_are_refused),
		cmocka_unit_test(every_name_of_the_list_is_one),
	};

	return RUN_TESTS(tests);
}
