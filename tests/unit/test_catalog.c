/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the catalog: which VMs a description has, and what of the whole tree is refused. */
#include "unit.h"
#include "lib/fdt_writer.h"
#include "vm/catalog.h"

#include <stdlib.h>
#include <string.h>

static u8 *blob;
static size_t blob_size;
static struct fdt_writer writer;
static char error[VM_ERROR_SIZE];

static void begin(void)
{
	blob_size = MIB(2);
	blob = malloc(blob_size);
	assert_non_null(blob);
	fdt_writer_init(&writer, blob, blob_size);
	fdt_begin_node(&writer, "");
}

static void begin_good(void)
{
	begin();
	fdt_put_string(&writer, "compatible", "doppel,vms");
}

static void put_image(const char *name, const char *data)
{
	fdt_begin_node(&writer, name);
	fdt_put_bytes(&writer, "data", data, strlen(data));
	fdt_end_node(&writer);
}

static void put_vm(const char *name, const char *kernel_image)
{
	fdt_begin_node(&writer, name);
	fdt_put_string(&writer, "compatible", "doppel,vm");
	fdt_put_u32(&writer, "vcpus", 1);
	fdt_put_string(&writer, "memory", "64M");
	fdt_put_string(&writer, "kernel-image", kernel_image);
	fdt_end_node(&writer);
}

static void put_images(void)
{
	fdt_begin_node(&writer, "images");
	put_image("a", "kernel a");
	put_image("b", "kernel b");
	fdt_end_node(&writer);
}

/* Ends the tree and opens it in a buffer of its exact size. Returns what catalog_check() says. */
static const char *opened(void)
{
	struct fdt fdt;
	int size;

	fdt_end_node(&writer);
	size = fdt_writer_finish(&writer);
	assert_true(size > 0);
	blob = realloc(blob, (size_t)size);
	assert_int_equal(fdt_open(&fdt, blob, (size_t)size), FDT_OK);
	catalog_open(&fdt);
	memset(&fdt, 0x55, sizeof(fdt)); /* the catalog has its own */
	return catalog_check(error);
}

static int close_blob(void **state)
{
	(void)state;
	free(blob);
	blob = NULL;
	return 0;
}

static void expect_refusal(const char *what)
{
	const char *problem = opened();

	if (!problem || !strstr(problem, what))
		fail_msg("\"%s\" does not say \"%s\"", problem ? problem : "(none)", what);
	assert_true(strlen(problem) < VM_ERROR_SIZE - 1); /* all of the sentence was said */
	close_blob(NULL);
}

static void vms_are_found_among_images(void **state)
{
	struct vm_description d;
	int at = FDT_NONE;

	(void)state;
	begin_good();
	put_vm("one", "b");
	put_images();
	put_vm("two", "a");
	assert_null(opened());
	assert_string_equal(catalog_next(&at), "one");
	assert_string_equal(catalog_next(&at), "two");
	assert_null(catalog_next(&at));
	assert_null(catalog_read("two", &d, error));
	assert_string_equal(d.name, "two");
	assert_memory_equal(d.kernel.data, "kernel a", 8);
	assert_null(catalog_read("one", &d, error));
	assert_memory_equal(d.kernel.data, "kernel b", 8);
	assert_null(catalog_script());
}

static void unknown_names_are_refused(void **state)
{
	static const char *const names[] = {
		"three",  "",	   "on",
		"images", "one@0", "a-name-that-is-much-longer-than-any-name-of-a-vm"
	};
	struct vm_description d;

	(void)state;
	begin_good();
	put_images();
	put_vm("one", "a");
	assert_null(opened());
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_ptr_equal(catalog_read(names[i], &d, error), error);
		assert_non_null(strstr(error, "is not described"));
	}
}

static void an_empty_description_has_none(void **state)
{
	int at = FDT_NONE;

	(void)state;
	begin_good();
	assert_null(opened());
	assert_null(catalog_next(&at));
}

static void the_script_is_one_string(void **state)
{
	static char text[SCRIPT_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[SCRIPT_MAX] = '\0';
	begin_good();
	fdt_put_string(&writer, "script", text);
	assert_null(opened());
	assert_string_equal(catalog_script(), text);
	close_blob(NULL);

	text[SCRIPT_MAX] = 'x';
	text[SCRIPT_MAX + 1] = '\0';
	begin_good();
	fdt_put_string(&writer, "script", text);
	expect_refusal("script must be one string of at most 1048576 bytes");
	begin_good();
	fdt_put_bytes(&writer, "script", "vms\0quit", 9);
	expect_refusal("script");
	begin_good();
	fdt_put_bytes(&writer, "script", "vms", 3);
	expect_refusal("script");
}

static void the_root_is_checked(void **state)
{
	(void)state;
	begin();
	expect_refusal("doppel,vms");
	begin();
	fdt_put_string(&writer, "compatible", "doppel,vm");
	expect_refusal("doppel,vms");
	begin_good();
	fdt_put_empty(&writer, "colour");
	expect_refusal("unknown property colour");
}

static void names_differ(void **state)
{
	(void)state;
	begin_good();
	put_images();
	put_vm("one", "a");
	put_vm("two", "a");
	put_vm("one", "b");
	expect_refusal("VM one: the name is given twice");
	begin_good();
	fdt_begin_node(&writer, "images");
	put_image("a", "x");
	put_image("a", "y");
	fdt_end_node(&writer);
	expect_refusal("image a: the name is given twice");
}

static void images_are_checked(void **state)
{
	(void)state;
	begin_good();
	fdt_begin_node(&writer, "images");
	fdt_put_empty(&writer, "a");
	fdt_end_node(&writer);
	expect_refusal("images: unknown property a");
	begin_good();
	fdt_begin_node(&writer, "images");
	put_image("A", "x");
	fdt_end_node(&writer);
	expect_refusal("image \"A\": the name");
	begin_good();
	fdt_begin_node(&writer, "images");
	put_image("empty", "");
	fdt_end_node(&writer);
	expect_refusal("image empty: data is missing");
	begin_good();
	fdt_begin_node(&writer, "images");
	fdt_begin_node(&writer, "none");
	fdt_end_node(&writer);
	fdt_end_node(&writer);
	expect_refusal("image none: data is missing");
	begin_good();
	fdt_begin_node(&writer, "images");
	fdt_begin_node(&writer, "a");
	fdt_put_string(&writer, "data", "x");
	fdt_put_empty(&writer, "kind");
	fdt_end_node(&writer);
	fdt_end_node(&writer);
	expect_refusal("image a: unknown property kind");
	begin_good();
	fdt_begin_node(&writer, "images");
	fdt_begin_node(&writer, "a");
	fdt_put_string(&writer, "data", "x");
	fdt_begin_node(&writer, "b");
	fdt_end_node(&writer);
	fdt_end_node(&writer);
	fdt_end_node(&writer);
	expect_refusal("image a: it has a node");
}

static void every_vm_is_checked(void **state)
{
	(void)state;
	begin_good();
	put_images();
	put_vm("good", "a");
	put_vm("bad", "c");
	put_vm("fine", "b");
	expect_refusal("VM bad: kernel-image");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(vms_are_found_among_images, close_blob),
		cmocka_unit_test_teardown(unknown_names_are_refused, close_blob),
		cmocka_unit_test_teardown(an_empty_description_has_none, close_blob),
		cmocka_unit_test_teardown(the_script_is_one_string, close_blob),
		cmocka_unit_test_teardown(the_root_is_checked, close_blob),
		cmocka_unit_test_teardown(names_differ, close_blob),
		cmocka_unit_test_teardown(images_are_checked, close_blob),
		cmocka_unit_test_teardown(every_vm_is_checked, close_blob),
	};

	return RUN_TESTS(tests);
}
