/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the device tree writer: what it writes is read by our reader and by dtc. */
#include "unit.h"
#include "lib/fdt.h"
#include "lib/fdt_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A small machine, with every kind of property. */
static int write_tree(void *buffer, size_t size)
{
	static const char *const compatible[] = { "ns16550a", "ns16550" };
	static const u32 interrupts[] = { 1, 11, 1, 9 };
	struct fdt_writer w;

	fdt_writer_init(&w, buffer, size);
	fdt_begin_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_string(&w, "compatible", "riscv-virtio");

	fdt_begin_node(&w, "chosen");
	fdt_put_bytes(&w, "rng-seed", "\1\2\3\4\5", 5);
	fdt_put_u64(&w, "linux,initrd-start", 0x123456789abcdef0ULL);
	fdt_end_node(&w);

	fdt_begin_node_at(&w, "memory", 0x80000000);
	fdt_put_string(&w, "device_type", "memory");
	fdt_put_reg(&w, 0x80000000, 0x1200000000ULL);
	fdt_end_node(&w);

	fdt_begin_node(&w, "soc");
	fdt_put_empty(&w, "ranges");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_string(&w, "compatible", "simple-bus");
	fdt_begin_node_at(&w, "serial", 0x10000000);
	fdt_put_strings(&w, "compatible", compatible, ARRAY_SIZE(compatible));
	fdt_put_reg(&w, 0x10000000, 0x100);
	fdt_put_cells(&w, "test-cells", interrupts, ARRAY_SIZE(interrupts));
	fdt_end_node(&w);
	fdt_end_node(&w);

	fdt_end_node(&w);
	return fdt_writer_finish(&w);
}

static void reader_reads_what_was_written(void **state)
{
	static u8 buffer[8192];
	struct fdt_property prop;
	struct fdt fdt;
	u64 address, size, value;
	int length, chosen, serial, soc;
	u32 cell;

	(void)state;
	memset(buffer, 0xee, sizeof(buffer));
	length = write_tree(buffer, sizeof(buffer));
	assert_true(length > 0);
	assert_int_equal(fdt_open(&fdt, buffer, (size_t)length), FDT_OK);
	assert_int_equal(fdt.size, length);
	assert_false(fdt_reservation(&fdt, 0, &address, &size));

	chosen = fdt_find_path(&fdt, "/chosen");
	assert_true(fdt_property(&fdt, chosen, "rng-seed", &prop));
	assert_int_equal(prop.len, 5);
	assert_memory_equal(prop.value, "\1\2\3\4\5\0\0", 8); /* padded with zeros */
	assert_true(fdt_u64(&fdt, chosen, "linux,initrd-start", &value));
	assert_int_equal(value, 0x123456789abcdef0ULL);

	assert_true(fdt_reg(&fdt, fdt_find_path(&fdt, "/memory@80000000"), fdt_root(&fdt), 0,
			    &address, &size));
	assert_int_equal(address, 0x80000000);
	assert_int_equal(size, 0x1200000000ULL);

	soc = fdt_find_path(&fdt, "/soc");
	assert_true(fdt_property(&fdt, soc, "ranges", &prop));
	assert_int_equal(prop.len, 0);
	serial = fdt_find_child(&fdt, soc, "serial@10000000");
	assert_true(fdt_is_compatible(&fdt, serial, "ns16550a"));
	assert_true(fdt_is_compatible(&fdt, serial, "ns16550"));
	assert_true(fdt_property(&fdt, serial, "test-cells", &prop));
	assert_int_equal(prop.len, 16);
	assert_true(fdt_cell(&prop, 3, &cell));
	assert_int_equal(cell, 9);
}

static void names_are_stored_once(void **state)
{
	static const char names[] = "#address-cells\0#size-cells\0compatible\0rng-seed\0"
				    "linux,initrd-start\0device_type\0reg\0ranges\0test-cells";
	static u8 buffer[8192];
	struct fdt fdt;

	(void)state;
	assert_int_equal(fdt_open(&fdt, buffer, (size_t)write_tree(buffer, sizeof(buffer))),
			 FDT_OK);
	assert_int_equal(fdt.strings_size, sizeof(names));
	assert_memory_equal(fdt.strings, names, sizeof(names));
}

static void unit_addresses_are_plain_hex(void **state)
{
	static const struct {
		u64 address;
		const char *name;
	} units[] = {
		{ 0, "cpu@0" },
		{ 0xf, "cpu@f" },
		{ 0x10, "cpu@10" },
		{ 0x80000000, "cpu@80000000" },
		{ 0xfedcba9876543210ULL, "cpu@fedcba9876543210" },
	};
	static u8 buffer[4096];
	struct fdt_writer w;
	struct fdt fdt;
	size_t i = 0;
	int node;

	(void)state;
	fdt_writer_init(&w, buffer, sizeof(buffer));
	fdt_begin_node(&w, "");
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		fdt_begin_node_at(&w, "cpu", units[i].address);
		fdt_end_node(&w);
	}
	fdt_end_node(&w);
	assert_int_equal(fdt_open(&fdt, buffer, (size_t)fdt_writer_finish(&w)), FDT_OK);
	i = 0;
	fdt_for_each_child (&fdt, node, fdt_root(&fdt))
		assert_string_equal(fdt_node_name(&fdt, node), units[i++].name);
	assert_int_equal(i, ARRAY_SIZE(units));
}

static void dtc_has_no_complaint(void **state)
{
	static const char *const expected[] = {
		"memory@80000000 {",
		"compatible = \"ns16550a\", \"ns16550\";",
		"reg = <0x00 0x80000000 0x12 0x00>;",
		"ranges;",
		"rng-seed = [01 02 03 04 05];",
		"test-cells = <0x01 0x0b 0x01 0x09>;",
	};
	char path[] = "/tmp/test_fdt_writer.XXXXXX";
	static u8 buffer[8192];
	static char output[8192];
	char command[128];
	int length = write_tree(buffer, sizeof(buffer));
	int fd = mkstemp(path);
	FILE *f;

	(void)state;
	assert_true(fd >= 0 && length > 0);
	assert_int_equal(write(fd, buffer, (size_t)length), length);
	close(fd);
	snprintf(command, sizeof(command), "dtc -I dtb -O dts %s 2>&1", path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_true(fread(output, 1, sizeof(output) - 1, f) > 0);
	assert_int_equal(pclose(f), 0);
	unlink(path);
	if (strstr(output, "Warning") || strstr(output, "ERROR"))
		fail_msg("%s", output);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (!strstr(output, expected[i]) &&
		    !(i == 1 && strstr(output, "compatible = \"ns16550a\\0ns16550\";")))
			fail_msg("no '%s' in\n%s", expected[i], output);
	}
}

static void small_buffers_are_an_error(void **state)
{
	static u8 whole[8192];
	size_t enough = 0;
	int length = write_tree(whole, sizeof(whole));

	(void)state;
	for (size_t size = 0; size < 4096; size++) {
		u8 *buffer = malloc(size ? size : 1); /* exact, for the sanitizer */
		int result;

		assert_non_null(buffer);
		result = write_tree(buffer, size);
		if (result > 0) {
			assert_int_equal(result, length);
			assert_memory_equal(buffer, whole, (size_t)length);
			enough = enough ? enough : size;
		} else {
			assert_int_equal(result, FDT_ERR_NO_SPACE);
			assert_int_equal(enough, 0); /* more room never hurts */
		}
		free(buffer);
	}
	assert_int_not_equal(enough, 0);
}

static void too_many_names_are_an_error(void **state)
{
	static u8 buffer[65536];
	struct fdt_writer w;
	char name[32];

	(void)state;
	fdt_writer_init(&w, buffer, sizeof(buffer));
	fdt_begin_node(&w, "");
	for (unsigned i = 0; i < FDT_WRITER_STRINGS / 8; i++) {
		snprintf(name, sizeof(name), "name%03x", i); /* 8 bytes each: just full */
		fdt_put_empty(&w, name);
	}
	assert_int_equal(w.error, FDT_OK);
	fdt_put_empty(&w, "name000");
	assert_int_equal(w.error, FDT_OK);
	fdt_put_empty(&w, "");
	assert_int_equal(w.error, FDT_ERR_NO_SPACE);
	fdt_end_node(&w);
	assert_int_equal(fdt_writer_finish(&w), FDT_ERR_NO_SPACE);
}

/* Each begins a tree, does one thing wrong, and goes on as if nothing had happened. */
static void property_after_child(struct fdt_writer *w)
{
	fdt_begin_node(w, "");
	fdt_begin_node(w, "child");
	fdt_end_node(w);
	fdt_put_empty(w, "late");
	fdt_end_node(w);
}

static void property_outside(struct fdt_writer *w)
{
	fdt_put_empty(w, "early");
	fdt_begin_node(w, "");
	fdt_end_node(w);
}

static void second_root(struct fdt_writer *w)
{
	fdt_begin_node(w, "");
	fdt_end_node(w);
	fdt_begin_node(w, "");
	fdt_end_node(w);
}

static void unfinished_node(struct fdt_writer *w)
{
	fdt_begin_node(w, "");
	fdt_begin_node(w, "child");
	fdt_end_node(w);
}

static void end_too_many(struct fdt_writer *w)
{
	fdt_begin_node(w, "");
	fdt_end_node(w);
	fdt_end_node(w);
}

static void nothing(struct fdt_writer *w)
{
	(void)w;
}

static void wrong_order_is_an_error(void **state)
{
	static void (*const mistakes[])(struct fdt_writer *) = {
		property_after_child, property_outside, second_root,
		unfinished_node,      end_too_many,	nothing,
	};
	static u8 buffer[4096];
	struct fdt_writer w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		fdt_writer_init(&w, buffer, sizeof(buffer));
		mistakes[i](&w);
		assert_int_equal(fdt_writer_finish(&w), FDT_ERR_STRUCTURE);
	}
}

static void depth_is_limited(void **state)
{
	static u8 buffer[4096];
	struct fdt_writer w;
	struct fdt fdt;
	int size;

	(void)state;
	for (u32 depth = FDT_MAX_DEPTH; depth <= FDT_MAX_DEPTH + 1; depth++) {
		fdt_writer_init(&w, buffer, sizeof(buffer));
		for (u32 i = 0; i < depth; i++)
			fdt_begin_node(&w, i ? "n" : "");
		for (u32 i = 0; i < depth; i++)
			fdt_end_node(&w);
		size = fdt_writer_finish(&w);
		if (depth > FDT_MAX_DEPTH)
			assert_int_equal(size, FDT_ERR_DEPTH);
		else
			assert_int_equal(fdt_open(&fdt, buffer, (size_t)size), FDT_OK);
	}
}

static void impossible_lengths_are_an_error(void **state)
{
	static u8 buffer[4096];
	struct fdt_writer w;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		fdt_writer_init(&w, buffer, sizeof(buffer));
		fdt_begin_node(&w, "");
		if (i == 0)
			fdt_put_cells(&w, "p", (const u32 *)buffer, SIZE_MAX / 2 + 1);
		else if (i == 1)
			fdt_put_bytes(&w, "p", buffer, SIZE_MAX);
		else
			fdt_put_bytes(&w, "p", buffer, 0x100000000ULL);
		fdt_end_node(&w);
		assert_int_equal(fdt_writer_finish(&w), FDT_ERR_NO_SPACE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_reads_what_was_written),
		cmocka_unit_test(names_are_stored_once),
		cmocka_unit_test(unit_addresses_are_plain_hex),
		cmocka_unit_test(dtc_has_no_complaint),
		cmocka_unit_test(small_buffers_are_an_error),
		cmocka_unit_test(too_many_names_are_an_error),
		cmocka_unit_test(wrong_order_is_an_error),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(impossible_lengths_are_an_error),
	};

	return RUN_TESTS(tests);
}
