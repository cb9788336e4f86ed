/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the device tree reader: what dtc compiled, and what nobody should have. */
#include "unit.h"
#include "lib/fdt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char source[] =
	"/dts-v1/;\n"
	"/memreserve/ 0x80000000 0x40000;\n"
	"/memreserve/ 0x123456789 0xabcdef0;\n"
	"/ {\n"
	"	#address-cells = <2>;\n"
	"	#size-cells = <2>;\n"
	"	compatible = \"doppel,test\", \"riscv-virtio\";\n"
	"	model = \"a model\";\n"
	"	aliases { serial0 = &uart; rtc = \"/soc/rtc@101000\"; loop = \"loop\"; bad = <1>; "
	"};\n"
	"	chosen {\n"
	"		stdout-path = \"serial0:115200n8\";\n"
	"		start = <0x84000000>;\n"
	"		end = <0x1 0x84000000>;\n"
	"		empty;\n"
	"		bytes = [01 02 03];\n"
	"		unterminated = [61 62];\n"
	"	};\n"
	"	memory@80000000 { device_type = \"memory\";\n"
	"		reg = <0 0x80000000 0 0x10000000>, <0x12 0x34567890 0x1 0>; };\n"
	"	memory-controller@1 { status = \"disabled\"; };\n"
	"	cpus {\n"
	"		#address-cells = <1>;\n"
	"		#size-cells = <0>;\n"
	"		cpu@0 { reg = <0>; status = \"okay\";\n"
	"			cpu0: interrupt-controller { #interrupt-cells = <1>; phandle = "
	"<7>; };\n"
	"		};\n"
	"		cpu@1 { reg = <1>; status = \"ok\";\n"
	"			interrupt-controller { phandle = <8>; };\n"
	"		};\n"
	"	};\n"
	"	soc {\n"
	"		#address-cells = <1>;\n"
	"		#size-cells = <1>;\n"
	"		compatible = \"simple-bus\";\n"
	"		plic@c000000 { compatible = \"sifive,plic-1.0.0\", \"riscv,plic0\";\n"
	"			interrupts-extended = <7 11 7 9>; reg = <0xc000000 0x600000>; };\n"
	"		uart: serial@10000000 { compatible = \"ns16550a\"; reg = <0x10000000 "
	"0x100>; };\n"
	"		serial@20000000 { compatible = \"ns16550\", \"ns16550a\"; status = "
	"\"fail\"; };\n"
	"		rtc@101000 { compatible = \"google,goldfish-rtc\"; };\n"
	"	};\n"
	"	wide { #address-cells = <3>; #size-cells = <2>; child { reg = <1 2 3 4 5>; }; };\n"
	"	plain { child { reg = <1 2 3>; }; };\n"
	"};\n";

static u8 *compiled;
static size_t compiled_size;

/* Runs the source through dtc into compiled[]. */
static int compile(void **state)
{
	char path[] = "/tmp/test_fdt.XXXXXX";
	char command[128];
	static u8 buffer[16384];
	FILE *f;
	int fd;

	(void)state;
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	snprintf(command, sizeof(command), "dtc -q -I dts -O dtb -o %s -", path);
	f = popen(command, "w");
	if (!f || fputs(source, f) == EOF || pclose(f) != 0)
		return -1;
	compiled_size = (size_t)read(fd, buffer, sizeof(buffer));
	close(fd);
	unlink(path);
	/* On the heap at its exact size, so that the sanitizer sees every step beyond. */
	compiled = malloc(compiled_size);
	if (!compiled)
		return -1;
	memcpy(compiled, buffer, compiled_size);
	return 0;
}

static int release(void **state)
{
	(void)state;
	free(compiled);
	return 0;
}

static int open_compiled(void **state)
{
	static struct fdt fdt;

	*state = &fdt;
	return fdt_open(&fdt, compiled, compiled_size);
}

static void nodes_are_walked_in_order(void **state)
{
	static const char *const names[] = {
		"aliases", "chosen", "memory@80000000", "memory-controller@1", "cpus", "soc",
		"wide",	   "plain"
	};
	struct fdt *fdt = *state;
	size_t i = 0;
	int node;

	fdt_for_each_child (fdt, node, fdt_root(fdt)) {
		assert_true(i < ARRAY_SIZE(names));
		assert_string_equal(fdt_node_name(fdt, node), names[i++]);
		assert_int_equal(fdt_parent(fdt, node), fdt_root(fdt));
	}
	assert_int_equal(i, ARRAY_SIZE(names));
	assert_string_equal(fdt_node_name(fdt, fdt_root(fdt)), "");
	assert_int_equal(fdt_next_sibling(fdt, fdt_root(fdt)), FDT_NONE);
	assert_int_equal(fdt_parent(fdt, fdt_root(fdt)), FDT_NONE);

	i = 0;
	for (node = fdt_root(fdt); node != FDT_NONE; node = fdt_next_node(fdt, node))
		i++;
	assert_int_equal(i, 19);
}

static void none_is_a_node_of_nothing(void **state)
{
	struct fdt *fdt = *state;
	struct fdt_property prop;
	u32 value = 42;

	assert_int_equal(fdt_first_child(fdt, FDT_NONE), FDT_NONE);
	assert_int_equal(fdt_next_sibling(fdt, FDT_NONE), FDT_NONE);
	assert_int_equal(fdt_next_node(fdt, FDT_NONE), FDT_NONE);
	assert_int_equal(fdt_parent(fdt, FDT_NONE), FDT_NONE);
	assert_int_equal(fdt_find_child(fdt, FDT_NONE, "soc"), FDT_NONE);
	assert_string_equal(fdt_node_name(fdt, FDT_NONE), "");
	assert_false(fdt_property(fdt, FDT_NONE, "reg", &prop));
	assert_null(prop.name);
	assert_int_equal(prop.len, 0);
	assert_false(fdt_u32(fdt, FDT_NONE, "x", &value));
	assert_int_equal(value, 42);
	assert_null(fdt_string(fdt, FDT_NONE, "x"));
	assert_false(fdt_is_enabled(fdt, FDT_NONE));
	assert_false(fdt_is_compatible(fdt, FDT_NONE, "x"));
	assert_false(fdt_reg(fdt, FDT_NONE, fdt_root(fdt), 0, NULL, NULL));
}

static void children_are_found_by_name(void **state)
{
	struct fdt *fdt = *state;
	int root = fdt_root(fdt);
	int memory = fdt_find_child(fdt, root, "memory@80000000");

	assert_int_not_equal(memory, FDT_NONE);
	assert_int_equal(fdt_find_child(fdt, root, "memory"), memory);
	assert_int_equal(fdt_find_child(fdt, root, "mem"), FDT_NONE);
	assert_int_equal(fdt_find_child(fdt, root, "memory@8"), FDT_NONE);
	assert_int_equal(fdt_find_child(fdt, root, "memory@800000000"), FDT_NONE);
	assert_int_not_equal(fdt_find_child(fdt, root, "memory-controller"), memory);
	assert_int_equal(fdt_find_child(fdt, root, "uart"), FDT_NONE);
}

static void paths_and_aliases(void **state)
{
	struct fdt *fdt = *state;
	int uart = fdt_find_path(fdt, "/soc/serial@10000000");

	assert_string_equal(fdt_node_name(fdt, uart), "serial@10000000");
	assert_int_equal(fdt_find_path(fdt, "/"), fdt_root(fdt));
	assert_int_equal(fdt_find_path(fdt, "/soc/serial"), uart);
	assert_int_equal(fdt_find_path(fdt, "//soc//serial@10000000/"), uart);
	assert_int_equal(fdt_find_path(fdt, "/soc/serial@10000000:115200"), uart);
	assert_int_equal(fdt_find_path(fdt, "serial0"), uart);
	assert_int_equal(
		fdt_find_path(fdt, fdt_string(fdt, fdt_find_path(fdt, "/chosen"), "stdout-path")),
		uart);
	assert_string_equal(fdt_node_name(fdt, fdt_find_path(fdt, "rtc")), "rtc@101000");
	assert_int_equal(fdt_find_path(fdt, "/soc/rt"), FDT_NONE);
	assert_int_equal(fdt_find_path(fdt, "/soc/rtc/deeper"), FDT_NONE);
	assert_int_equal(fdt_find_path(fdt, "serial"), FDT_NONE);
	assert_int_equal(fdt_find_path(fdt, "serial01"), FDT_NONE);
	assert_int_equal(fdt_find_path(fdt, "loop"), FDT_NONE);
	assert_int_equal(fdt_find_path(fdt, "bad"), FDT_NONE);
	assert_int_equal(fdt_find_path(fdt, ""), FDT_NONE);
}

static void phandles_lead_to_nodes(void **state)
{
	struct fdt *fdt = *state;
	int intc = fdt_find_phandle(fdt, 8);

	assert_string_equal(fdt_node_name(fdt, intc), "interrupt-controller");
	assert_string_equal(fdt_node_name(fdt, fdt_parent(fdt, intc)), "cpu@1");
	assert_string_equal(fdt_node_name(fdt, fdt_parent(fdt, fdt_find_phandle(fdt, 7))), "cpu@0");
	assert_int_equal(fdt_find_phandle(fdt, 99), FDT_NONE);
}

static void compatible_nodes(void **state)
{
	struct fdt *fdt = *state;
	unsigned count = 0;
	int node;

	fdt_for_each_compatible (fdt, node, "ns16550a") {
		assert_memory_equal(fdt_node_name(fdt, node), "serial@", 7);
		count++;
	}
	assert_int_equal(count, 2);
	assert_int_equal(fdt_next_compatible(fdt, FDT_NONE, "doppel,test"), fdt_root(fdt));
	assert_int_equal(fdt_next_compatible(fdt, FDT_NONE, "ns1655"), FDT_NONE);
	node = fdt_next_compatible(fdt, FDT_NONE, "riscv,plic0");
	assert_string_equal(fdt_node_name(fdt, node), "plic@c000000");
	assert_true(fdt_is_compatible(fdt, node, "sifive,plic-1.0.0"));
	assert_false(fdt_is_compatible(fdt, node, "plic0"));
}

static void status_tells_what_is_enabled(void **state)
{
	struct fdt *fdt = *state;

	assert_true(fdt_is_enabled(fdt, fdt_find_path(fdt, "/cpus/cpu@0")));
	assert_true(fdt_is_enabled(fdt, fdt_find_path(fdt, "/cpus/cpu@1")));
	assert_true(fdt_is_enabled(fdt, fdt_find_path(fdt, "/soc")));
	assert_false(fdt_is_enabled(fdt, fdt_find_path(fdt, "/memory-controller")));
	assert_false(fdt_is_enabled(fdt, fdt_find_path(fdt, "/soc/serial@20000000")));
}

static void properties_are_walked_in_order(void **state)
{
	static const char *const names[] = { "stdout-path", "start", "end",
					     "empty",	    "bytes", "unterminated" };
	struct fdt *fdt = *state;
	struct fdt_property prop;
	size_t i = 0;

	fdt_for_each_property (fdt, prop, fdt_find_path(fdt, "/chosen")) {
		assert_true(i < ARRAY_SIZE(names));
		assert_string_equal(prop.name, names[i++]);
	}
	assert_int_equal(i, ARRAY_SIZE(names));
}

static void values_have_the_asked_form(void **state)
{
	struct fdt *fdt = *state;
	int chosen = fdt_find_path(fdt, "/chosen");
	struct fdt_property prop;
	u32 u32_value = 1;
	u64 u64_value = 1;

	assert_true(fdt_u32(fdt, chosen, "start", &u32_value));
	assert_int_equal(u32_value, 0x84000000);
	assert_false(fdt_u32(fdt, chosen, "end", &u32_value));
	assert_false(fdt_u32(fdt, chosen, "empty", &u32_value));
	assert_int_equal(u32_value, 0x84000000);

	assert_true(fdt_u64(fdt, chosen, "start", &u64_value));
	assert_int_equal(u64_value, 0x84000000);
	assert_true(fdt_u64(fdt, chosen, "end", &u64_value));
	assert_int_equal(u64_value, 0x184000000);
	assert_false(fdt_u64(fdt, chosen, "bytes", &u64_value));
	assert_false(fdt_u64(fdt, chosen, "missing", &u64_value));
	assert_int_equal(u64_value, 0x184000000);

	assert_true(fdt_has_property(fdt, chosen, "empty"));
	assert_false(fdt_has_property(fdt, chosen, "empt"));
	assert_true(fdt_property(fdt, chosen, "bytes", &prop));
	assert_int_equal(prop.len, 3);
	assert_memory_equal(prop.value, "\1\2\3", 3);

	assert_string_equal(fdt_string(fdt, fdt_root(fdt), "model"), "a model");
	assert_string_equal(fdt_string(fdt, fdt_root(fdt), "compatible"), "doppel,test");
	assert_null(fdt_string(fdt, chosen, "unterminated"));
	assert_null(fdt_string(fdt, chosen, "empty"));
}

static void cells_and_strings_of_a_list(void **state)
{
	static const u32 cells[] = { 7, 11, 7, 9 };
	struct fdt *fdt = *state;
	struct fdt_property prop;
	u32 cell;

	assert_true(
		fdt_property(fdt, fdt_find_path(fdt, "/soc/plic"), "interrupts-extended", &prop));
	for (u32 i = 0; i < ARRAY_SIZE(cells); i++) {
		assert_true(fdt_cell(&prop, i, &cell));
		assert_int_equal(cell, cells[i]);
	}
	assert_false(fdt_cell(&prop, 4, &cell));
	assert_false(fdt_cell(&prop, 0xffffffff, &cell));
	assert_false(fdt_cell(&prop, 0x40000000, &cell));

	assert_true(fdt_property(fdt, fdt_root(fdt), "compatible", &prop));
	const char *s = fdt_next_string(&prop, NULL);
	assert_string_equal(s, "doppel,test");
	s = fdt_next_string(&prop, s);
	assert_string_equal(s, "riscv-virtio");
	assert_null(fdt_next_string(&prop, s));
	assert_false(fdt_strings_contain(&prop, "riscv"));
	assert_false(fdt_strings_contain(&prop, ""));
}

static void reg_follows_the_parents_cells(void **state)
{
	struct fdt *fdt = *state;
	int memory = fdt_find_path(fdt, "/memory");
	int cpus = fdt_find_path(fdt, "/cpus");
	int soc = fdt_find_path(fdt, "/soc");
	u64 address, size;

	assert_true(fdt_reg(fdt, memory, fdt_root(fdt), 0, &address, &size));
	assert_int_equal(address, 0x80000000);
	assert_int_equal(size, 0x10000000);
	assert_true(fdt_reg(fdt, memory, fdt_root(fdt), 1, &address, &size));
	assert_int_equal(address, 0x1234567890ULL);
	assert_int_equal(size, 0x100000000ULL);
	assert_false(fdt_reg(fdt, memory, fdt_root(fdt), 2, &address, &size));
	assert_false(fdt_reg(fdt, memory, fdt_root(fdt), 0xffffffff, &address, &size));

	assert_true(fdt_reg(fdt, fdt_find_child(fdt, cpus, "cpu@1"), cpus, 0, &address, &size));
	assert_int_equal(address, 1);
	assert_int_equal(size, 0);

	assert_true(fdt_reg(fdt, fdt_find_child(fdt, soc, "serial"), soc, 0, NULL, &size));
	assert_int_equal(size, 0x100);
	assert_true(fdt_reg(fdt, fdt_find_child(fdt, soc, "serial"), soc, 0, &address, NULL));
	assert_int_equal(address, 0x10000000);
	assert_false(fdt_reg(fdt, fdt_find_child(fdt, soc, "rtc"), soc, 0, &address, &size));

	assert_false(fdt_reg(fdt, fdt_find_path(fdt, "/wide/child"), fdt_find_path(fdt, "/wide"), 0,
			     &address, &size));

	/* No #address-cells and #size-cells: two and one. */
	assert_true(fdt_reg(fdt, fdt_find_path(fdt, "/plain/child"), fdt_find_path(fdt, "/plain"),
			    0, &address, &size));
	assert_int_equal(address, 0x100000002ULL);
	assert_int_equal(size, 3);
}

static void reservations_are_listed(void **state)
{
	struct fdt *fdt = *state;
	u64 address, size;

	assert_true(fdt_reservation(fdt, 0, &address, &size));
	assert_int_equal(address, 0x80000000);
	assert_int_equal(size, 0x40000);
	assert_true(fdt_reservation(fdt, 1, &address, &size));
	assert_int_equal(address, 0x123456789ULL);
	assert_int_equal(size, 0xabcdef0);
	assert_false(fdt_reservation(fdt, 2, &address, &size));
}

/* Calls everything there is on a tree, for the sanitizers to watch. */
static void use(const struct fdt *fdt)
{
	static volatile size_t sum; /* so that nothing read is optimized away */
	u64 address, size;
	u32 value;

	for (u32 i = 0; fdt_reservation(fdt, i, &address, &size); i++)
		sum += address + size;
	for (int node = fdt_root(fdt); node != FDT_NONE; node = fdt_next_node(fdt, node)) {
		int parent = fdt_parent(fdt, node);
		struct fdt_property prop;
		const char *s;
		int child;

		sum += strlen(fdt_node_name(fdt, node));
		fdt_for_each_child (fdt, child, node)
			assert_int_equal(fdt_parent(fdt, child), node);
		fdt_for_each_property (fdt, prop, node) {
			sum += strlen(prop.name);
			for (u32 i = 0; i < prop.len; i++)
				sum += prop.value[i];
			for (u32 i = 0; fdt_cell(&prop, i, &value); i++)
				sum += value;
			for (s = NULL; (s = fdt_next_string(&prop, s));)
				sum += strlen(s);
			fdt_u64(fdt, node, prop.name, &address);
		}
		for (u32 i = 0; i < 100 && fdt_reg(fdt, node, parent, i, &address, &size); i++)
			sum += address + size;
		sum += fdt_is_enabled(fdt, node);
	}
	fdt_find_path(fdt, "/soc/serial@10000000");
	fdt_find_path(fdt, "serial0:115200");
	fdt_find_phandle(fdt, 8);
	fdt_next_compatible(fdt, FDT_NONE, "ns16550a");
}

static void put_be32(u8 *p, u32 value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (u8)(value >> (24 - 8 * i));
}

static u32 get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static u8 *copy(size_t size)
{
	u8 *blob = malloc(size);

	assert_non_null(blob);
	memcpy(blob, compiled, size < compiled_size ? size : compiled_size);
	return blob;
}

static void truncated_blobs_are_refused(void **state)
{
	struct fdt fdt;

	(void)state;
	for (size_t size = 0; size < compiled_size; size++) {
		u8 *blob = copy(size ? size : 1);

		assert_true(fdt_open(&fdt, blob, size) < 0);
		/* And when the header, or a block, says that nothing is missing. */
		if (size >= 40) {
			put_be32(blob + 4, (u32)size);
			if (fdt_open(&fdt, blob, size) == 0)
				use(&fdt);
			for (unsigned field = 32; field <= 36; field += 4) {
				u32 old = get_be32(blob + field);

				put_be32(blob + field, (u32)size);
				if (fdt_open(&fdt, blob, size) == 0)
					use(&fdt);
				put_be32(blob + field, old);
			}
		}
		free(blob);
	}
	for (u32 size = 0; size < compiled_size; size++) {
		u8 *blob = copy(compiled_size);

		put_be32(blob + 36, size); /* the structure block */
		if (fdt_open(&fdt, blob, compiled_size) == 0)
			use(&fdt);
		put_be32(blob + 36, get_be32(compiled + 36));
		put_be32(blob + 32, size); /* the strings block */
		if (fdt_open(&fdt, blob, compiled_size) == 0)
			use(&fdt);
		free(blob);
	}
}

static void flipped_bits_do_no_harm(void **state)
{
	struct prng prng = { 0x853c49e6748fea9bULL };
	unsigned accepted = 0;
	struct fdt fdt;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		u8 *blob = copy(compiled_size);
		unsigned flips = 1 + prng_below(&prng, 4);
		/* One time in four, the header, where the damage is greatest. */
		u32 range = prng_below(&prng, 4) ? (u32)compiled_size : 40;

		while (flips-- > 0)
			blob[prng_below(&prng, range)] ^= (u8)(1 << prng_below(&prng, 8));
		if (fdt_open(&fdt, blob, compiled_size) == 0) {
			use(&fdt);
			accepted++;
		}
		free(blob);
	}
	assert_true(accepted > 1000);
	assert_true(accepted < 19000);
}

static void swapped_words_do_no_harm(void **state)
{
	static const u32 words[] = { 0, 1,	    2,		3,	    4,
				     9, 0xffffffff, 0xfffffffc, 0x7fffffff, 0x80000000 };
	struct prng prng = { 0xda3e39cb94b95bdbULL };
	struct fdt fdt;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		u8 *blob = copy(compiled_size);

		for (unsigned n = 1 + prng_below(&prng, 2); n > 0; n--) {
			u32 offset = prng_below(&prng, (u32)compiled_size / 4) * 4;

			put_be32(blob + offset, words[prng_below(&prng, ARRAY_SIZE(words))]);
		}
		if (fdt_open(&fdt, blob, compiled_size) == 0)
			use(&fdt);
		free(blob);
	}
}

static int open_changed(unsigned field, u32 value)
{
	u8 *blob = copy(compiled_size);
	struct fdt fdt;
	int error;

	put_be32(blob + field, value);
	error = fdt_open(&fdt, blob, compiled_size);
	free(blob);
	return error;
}

static void bad_headers_have_their_error(void **state)
{
	u32 size = (u32)compiled_size;

	(void)state;
	assert_int_equal(open_changed(0, 0xedfe0dd0), FDT_ERR_MAGIC);
	assert_int_equal(open_changed(4, 39), FDT_ERR_TRUNCATED);
	assert_int_equal(open_changed(4, size + 1), FDT_ERR_TRUNCATED);
	assert_int_equal(open_changed(4, 0xffffffff), FDT_ERR_TRUNCATED);
	assert_int_equal(open_changed(20, 16), FDT_ERR_VERSION);
	assert_int_equal(open_changed(24, 18), FDT_ERR_VERSION);
	assert_int_equal(open_changed(20, 18), FDT_OK); /* newer, but compatible */
	assert_int_equal(open_changed(8, get_be32(compiled + 8) + 2), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(8, 0), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(8, size - 4), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(8, 0xfffffffc), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(36, 0xfffffffc), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(12, size), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(12, 0xffffffff), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(16, 44), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(16, 0xfffffff8), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(16, ALIGN_DOWN(size, 8) & 0xffffffff), FDT_ERR_LAYOUT);
	assert_int_equal(open_changed(32, get_be32(compiled + 32) - 1), FDT_ERR_STRING);
	assert_int_equal(open_changed(36, get_be32(compiled + 36) - 4), FDT_ERR_STRUCTURE);
}

/* Offsets are ints, so that a blob of 2 GiB is one byte too large. */
static void gigantic_blobs_are_refused(void **state)
{
	size_t size = 0x80000000;
	u8 *blob = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct fdt fdt;

	(void)state;
	if (blob == MAP_FAILED)
		skip();
	memcpy(blob, compiled, compiled_size);
	put_be32(blob + 4, (u32)size - 1);
	assert_int_equal(fdt_open(&fdt, blob, size), FDT_OK);
	put_be32(blob + 4, (u32)size);
	assert_int_equal(fdt_open(&fdt, blob, size), FDT_ERR_LAYOUT);
	munmap(blob, size);
}

static void endless_reservations_are_refused(void **state)
{
	u8 *blob = copy(compiled_size);
	struct fdt fdt;

	(void)state;
	/* From a place where no 16 zero bytes follow: the last piece of the strings. */
	put_be32(blob + 16, (u32)(ALIGN_DOWN(compiled_size, 8) - 16));
	assert_int_equal(fdt_open(&fdt, blob, compiled_size), FDT_ERR_RESERVATIONS);
	free(blob);
}

/* Tokens and names, by hand: "p" at 0, no more. */
#define BEGIN 1, 0 /* a node without a name */
#define END   2
#define PROP  3, 0, 0 /* "p", empty */
#define NOP   4
#define STOP  9

static int open_tokens(const u32 *tokens, size_t count, const char *strings, u32 strings_size)
{
	u32 structure_size = (u32)count * 4;
	size_t size = 56 + structure_size + strings_size;
	u8 *blob = calloc(1, size);
	const u32 header[] = { 0xd00dfeed, (u32)size, 56, 56 + structure_size, 40,
			       17,	   16,	      0,  strings_size,	       structure_size };
	struct fdt fdt;
	int error;

	assert_non_null(blob);
	for (size_t i = 0; i < ARRAY_SIZE(header); i++)
		put_be32(blob + 4 * i, header[i]);
	for (size_t i = 0; i < count; i++)
		put_be32(blob + 56 + 4 * i, tokens[i]);
	memcpy(blob + 56 + structure_size, strings, strings_size);
	error = fdt_open(&fdt, blob, size);
	if (!error)
		use(&fdt);
	free(blob);
	return error;
}

#define OPEN(strings, ...)                                                                  \
	open_tokens((const u32[]){ __VA_ARGS__ }, sizeof((const u32[]){ __VA_ARGS__ }) / 4, \
		    strings, sizeof(strings))

static void token_order_is_checked(void **state)
{
	(void)state;
	assert_int_equal(OPEN("p", BEGIN, END, STOP), FDT_OK);
	assert_int_equal(
		OPEN("p", NOP, BEGIN, NOP, PROP, NOP, BEGIN, PROP, END, NOP, END, NOP, STOP),
		FDT_OK);
	assert_int_equal(OPEN("p", BEGIN, END, STOP, 0xdead), FDT_OK); /* nobody looks behind */
	assert_int_equal(OPEN("p", STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", NOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, END), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, END, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, END, BEGIN, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", PROP, BEGIN, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, END, PROP, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, BEGIN, END, PROP, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, 0, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, 5, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", END, BEGIN, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, END, END, BEGIN, STOP), FDT_ERR_STRUCTURE);
	/* Values and names that do not end inside. */
	assert_int_equal(OPEN("p", BEGIN, 3, 0xffffffff, 0, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, 3, 9, 0, END, STOP), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, 3, 0), FDT_ERR_STRUCTURE);
	assert_int_equal(OPEN("p", BEGIN, 1, 0x61616161), FDT_ERR_STRING);
	assert_int_equal(OPEN("p", 1), FDT_ERR_STRING);
	/* Names of properties. */
	assert_int_equal(OPEN("p", BEGIN, 3, 0, 1, END, STOP), FDT_OK);
	assert_int_equal(OPEN("p", BEGIN, 3, 0, 2, END, STOP), FDT_ERR_STRING);
	assert_int_equal(OPEN("p", BEGIN, 3, 0, 0xffffffff, END, STOP), FDT_ERR_STRING);
	/* Nothing behind the structure block that might be read by mistake. */
	const u32 cut_property[] = { BEGIN, 3 };
	assert_int_equal(open_tokens(cut_property, ARRAY_SIZE(cut_property), "", 0),
			 FDT_ERR_STRUCTURE);
	const u32 with_property[] = { BEGIN, PROP, END, STOP };
	assert_int_equal(open_tokens(with_property, ARRAY_SIZE(with_property), "p", 1),
			 FDT_ERR_STRING);
	assert_int_equal(open_tokens(with_property, ARRAY_SIZE(with_property), "", 0),
			 FDT_ERR_STRING);
}

static void depth_is_limited(void **state)
{
	u32 tokens[3 * (FDT_MAX_DEPTH + 1) + 1];

	(void)state;
	for (u32 depth = FDT_MAX_DEPTH; depth <= FDT_MAX_DEPTH + 1; depth++) {
		size_t count = 0;

		for (u32 i = 0; i < depth; i++) {
			tokens[count++] = 1;
			tokens[count++] = 0;
		}
		for (u32 i = 0; i < depth; i++)
			tokens[count++] = 2;
		tokens[count++] = 9;
		assert_int_equal(open_tokens(tokens, count, "", 0),
				 depth > FDT_MAX_DEPTH ? FDT_ERR_DEPTH : FDT_OK);
	}
}

static void errors_have_words(void **state)
{
	(void)state;
	for (int error = 0; error >= FDT_ERR_NO_SPACE; error--) {
		assert_non_null(fdt_error_string(error));
		assert_string_not_equal(fdt_error_string(error), fdt_error_string(-1000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nodes_are_walked_in_order, open_compiled),
		cmocka_unit_test_setup(none_is_a_node_of_nothing, open_compiled),
		cmocka_unit_test_setup(children_are_found_by_name, open_compiled),
		cmocka_unit_test_setup(paths_and_aliases, open_compiled),
		cmocka_unit_test_setup(phandles_lead_to_nodes, open_compiled),
		cmocka_unit_test_setup(compatible_nodes, open_compiled),
		cmocka_unit_test_setup(status_tells_what_is_enabled, open_compiled),
		cmocka_unit_test_setup(properties_are_walked_in_order, open_compiled),
		cmocka_unit_test_setup(values_have_the_asked_form, open_compiled),
		cmocka_unit_test_setup(cells_and_strings_of_a_list, open_compiled),
		cmocka_unit_test_setup(reg_follows_the_parents_cells, open_compiled),
		cmocka_unit_test_setup(reservations_are_listed, open_compiled),
		cmocka_unit_test(truncated_blobs_are_refused),
		cmocka_unit_test(flipped_bits_do_no_harm),
		cmocka_unit_test(swapped_words_do_no_harm),
		cmocka_unit_test(bad_headers_have_their_error),
		cmocka_unit_test(gigantic_blobs_are_refused),
		cmocka_unit_test(endless_reservations_are_refused),
		cmocka_unit_test(token_order_is_checked),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(errors_have_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, compile, release);
}
