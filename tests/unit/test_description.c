/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of VM descriptions: what each property becomes, and what every refusal says. */
#include "unit.h"
#include "lib/fdt_writer.h"
#include "vm/description.h"

#include <stdio.h>
#include <string.h>

/* The properties of a node in the making; NULL or none: not there. */
struct source {
	const char *name;
	const char *compatible;
	const char *memory;
	const char *bootargs;
	const char *devices; /* names, a space behind each; NULL: no such node */
	const char *extra_property, *extra_node;
	u32 vcpus;
	size_t kernel_size, initrd_size;
	bool no_vcpus, no_kernel, has_initrd, autostart;
	const void *raw_bootargs, *raw_vcpus, *raw_memory;
	size_t raw_size;
};

static const struct source good = {
	.name = "linux", .compatible = "doppel,vm", .memory = "512M", .vcpus = 2, .kernel_size = 100
};

static u8 blob[65536];
static u8 payload[200];

static void write_devices(struct fdt_writer *w, const char *names)
{
	char name[80];
	int length;

	fdt_begin_node(w, "devices");
	while (sscanf(names, "%79s%n", name, &length) == 1) {
		fdt_begin_node(w, name);
		fdt_end_node(w);
		names += length;
	}
	fdt_end_node(w);
}

static void put_raw_or_string(struct fdt_writer *w, const char *name, const char *string,
			      const void *raw, size_t raw_size)
{
	if (raw)
		fdt_put_bytes(w, name, raw, raw_size);
	else if (string)
		fdt_put_string(w, name, string);
}

static void write_vm(struct fdt_writer *w, const struct source *s)
{
	fdt_begin_node(w, s->name);
	put_raw_or_string(w, "compatible", s->compatible, NULL, 0);
	put_raw_or_string(w, "memory", s->memory, s->raw_memory, s->raw_size);
	put_raw_or_string(w, "bootargs", s->bootargs, s->raw_bootargs, s->raw_size);
	if (s->raw_vcpus)
		fdt_put_bytes(w, "vcpus", s->raw_vcpus, s->raw_size);
	else if (!s->no_vcpus)
		fdt_put_u32(w, "vcpus", s->vcpus);
	if (!s->no_kernel)
		fdt_put_bytes(w, "kernel", payload, s->kernel_size);
	if (s->has_initrd)
		fdt_put_bytes(w, "initrd", payload, s->initrd_size);
	if (s->autostart)
		fdt_put_empty(w, "autostart");
	if (s->extra_property)
		fdt_put_empty(w, s->extra_property);
	if (s->devices)
		write_devices(w, s->devices);
	if (s->extra_node) {
		fdt_begin_node(w, s->extra_node);
		fdt_end_node(w);
	}
	fdt_end_node(w);
}

/* Reads a tree with the one VM. Returns what description_read() says. */
static const char *read_vm(const struct source *s, struct vm_description *d)
{
	static char error[VM_ERROR_SIZE + 1];
	const char *problem;
	struct fdt_writer w;
	struct fdt fdt;
	int size;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i + 1);
	fdt_writer_init(&w, blob, sizeof(blob));
	fdt_begin_node(&w, "");
	fdt_put_string(&w, "compatible", "doppel,vms");
	write_vm(&w, s);
	fdt_end_node(&w);
	size = fdt_writer_finish(&w);
	assert_true(size > 0);
	assert_int_equal(fdt_open(&fdt, blob, (size_t)size), FDT_OK);

	memset(error, 0x55, sizeof(error));
	problem = description_read(&fdt, fdt_first_child(&fdt, fdt_root(&fdt)), d, error);
	assert_int_equal(error[VM_ERROR_SIZE], 0x55);
	return problem;
}

static void expect_good(const struct source *s, struct vm_description *d)
{
	const char *problem = read_vm(s, d);

	if (problem)
		fail_msg("%s", problem);
}

/* The sentence names the VM and what is wrong with it. */
static void expect_refusal(const struct source *s, const char *what)
{
	struct vm_description d;
	const char *problem = read_vm(s, &d);
	char vm[48];

	snprintf(vm, sizeof(vm), "%.40s", s->name);
	if (!problem || !strstr(problem, what) || !strstr(problem, vm) ||
	    strncmp(problem, "VM ", 3) != 0)
		fail_msg("\"%s\" does not name %s and \"%s\"", problem ? problem : "(none)", vm,
			 what);
	assert_true(strlen(problem) < VM_ERROR_SIZE - 1); /* all of the sentence was said */
}

static void every_property_is_read(void **state)
{
	struct source s = good;
	struct vm_description d;

	(void)state;
	s.bootargs = "console=ttyS0 quiet";
	s.autostart = s.has_initrd = true;
	s.initrd_size = 50;
	expect_good(&s, &d);
	assert_string_equal(d.name, "linux");
	assert_int_equal(d.nr_vcpus, 2);
	assert_int_equal(d.memory_size, MIB(512));
	assert_int_equal(d.kernel.size, 100);
	assert_memory_equal(d.kernel.data, payload, 100);
	assert_int_equal(d.initrd.size, 50);
	assert_memory_equal(d.initrd.data, payload, 50);
	assert_string_equal(d.bootargs, "console=ttyS0 quiet");
	assert_true(d.autostart);
	assert_true(d.has_serial && d.has_rtc && d.has_test);
}

static void what_is_left_out_has_a_default(void **state)
{
	struct vm_description d;

	(void)state;
	expect_good(&good, &d);
	assert_int_equal(d.initrd.size, 0);
	assert_string_equal(d.bootargs, "");
	assert_false(d.autostart);
}

static void names_are_checked(void **state)
{
	static const char *const fine[] = {
		"a", "0", "9z", "a-", "a-b", "vm-0-1", "abcdefghijklmnopqrstuvwxyz01234"
	}; /* 31 */
	static const char *const bad[] = {
		"A",
		"a_b",
		"a.b",
		"a,b",
		"vm@0",
		"-",
		"-a",
		"a+",
		"abcdefghijklmnopqrstuvwxyz012345", /* 32 */
		"a-very-long-name-of-which-not-all-is-shown-in-messages"
	};
	struct vm_description d;
	struct source s = good;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		s.name = fine[i];
		expect_good(&s, &d);
		assert_string_equal(d.name, fine[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s.name = bad[i];
		expect_refusal(&s, "name");
	}
}

static void sizes_of_memory_are_parsed(void **state)
{
	static const struct {
		const char *text;
		u64 size;
	} fine[] = {
		{ "8M", MIB(8) },	    { "8192K", MIB(8) },    { "10M", MIB(10) },
		{ "512M", MIB(512) },	    { "1G", GIB(1) },	    { "512G", GIB(512) },
		{ "524288M", GIB(512) },    { "1026M", MIB(1026) }, { "00512M", MIB(512) },
		{ "536870912K", GIB(512) },
	};
	static const char *const bad[] = {
		"",
		"M",
		"0",
		"0M",
		"7M",
		"6M",
		"9M",
		"511M",
		"8191K",
		"8193K",
		"1T",
		"512m",
		"1g",
		"512MB",
		"512 M",
		" 512M",
		"512M ",
		"-512M",
		"+512M",
		"0x200M",
		"5.5G",
		"512MM",
		"513G",
		"514G",
		"1024G",
		"99999G",
		"18446744073709551615",
		"18446744073709551616M",
		"18446744073709551617M",
		"18446744073709552128M",
		"17179869184G",
		"17179869185G",
		"17179869183G",
		"17592186044416M",
		"17592186044928M",
		"36893488147419103744K",
		"99999999999999999999999999999999G",
		"M512",
	};
	struct vm_description d;
	struct source s = good;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		s.memory = fine[i].text;
		expect_good(&s, &d);
		assert_int_equal(d.memory_size, fine[i].size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s.memory = bad[i];
		expect_refusal(&s, "memory");
	}
	s.memory = NULL;
	expect_refusal(&s, "memory");
	s.raw_memory = "512M"; /* without its end */
	s.raw_size = 4;
	expect_refusal(&s, "memory");
}

static void vcpus_are_counted(void **state)
{
	static const u32 bad[] = { 0, VM_MAX_VCPUS + 1, 0x80000000, 0xffffffff };
	static const u8 eight_bytes[8] = { 0, 0, 0, 1, 0, 0, 0, 2 };
	struct vm_description d;
	struct source s = good;

	(void)state;
	for (u32 n = 1; n <= VM_MAX_VCPUS; n++) {
		s.vcpus = n;
		expect_good(&s, &d);
		assert_int_equal(d.nr_vcpus, n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s.vcpus = bad[i];
		expect_refusal(&s, "vcpus");
	}
	s.no_vcpus = true;
	expect_refusal(&s, "vcpus");
	s.raw_vcpus = eight_bytes;
	s.raw_size = 8;
	expect_refusal(&s, "vcpus");
	s.raw_vcpus = "2";
	s.raw_size = 2;
	expect_refusal(&s, "vcpus");
}

static void a_kernel_is_needed(void **state)
{
	struct source s = good;

	(void)state;
	s.kernel_size = 0;
	expect_refusal(&s, "kernel");
	s.no_kernel = true;
	expect_refusal(&s, "kernel");
}

static void bootargs_are_one_string(void **state)
{
	struct vm_description d;
	struct source s = good;
	char text[4097];

	(void)state;
	memset(text, 'b', sizeof(text));
	text[4095] = '\0';
	s.bootargs = text;
	expect_good(&s, &d);
	assert_string_equal(d.bootargs, text);
	text[4095] = 'b';
	text[4096] = '\0';
	expect_refusal(&s, "bootargs");
	s.raw_bootargs = "quiet"; /* without its end */
	s.raw_size = 5;
	expect_refusal(&s, "bootargs");
	s.raw_size = 0;
	expect_refusal(&s, "bootargs");
	s.raw_size = 6;
	expect_good(&s, &d);
	assert_string_equal(d.bootargs, "quiet");
	s.raw_bootargs = NULL;
	s.bootargs = "";
	expect_good(&s, &d);
	assert_string_equal(d.bootargs, "");
}

static void other_nodes_are_no_vms(void **state)
{
	struct source s = good;

	(void)state;
	s.compatible = NULL;
	expect_refusal(&s, "compatible");
	s.compatible = "doppel,vms";
	expect_refusal(&s, "compatible");
	s.compatible = "";
	expect_refusal(&s, "compatible");
}

static void unknown_properties_are_refused(void **state)
{
	static const char *const unknown[] = {
		"cpus",
		"Kernel",
		"kernel2",
		"kerne",
		"reg",
		"status",
		"#address-cells",
		"a-property-with-a-very-long-name-that-does-not-fit"
	};
	struct vm_description d;
	struct source s = good;
	char shown[48];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		s.extra_property = unknown[i];
		snprintf(shown, sizeof(shown), "%.40s", unknown[i]);
		expect_refusal(&s, shown);
	}
	s.extra_property = "phandle"; /* dtc's own */
	expect_good(&s, &d);
}

static void devices_are_chosen_by_name(void **state)
{
	static const char *const names[] = { "serial ", "rtc ", "test " };
	static const char *const unknown[] = { "disk",	 "serial2",  "seria",
					       "Serial", "serial@0", "serial rtc test net" };
	struct vm_description d;
	struct source s = good;

	(void)state;
	for (unsigned set = 0; set < 8; set++) {
		char devices[32] = "";

		for (unsigned i = 0; i < 3; i++) {
			if (set >> i & 1)
				strcat(devices, names[i]);
		}
		s.devices = devices;
		expect_good(&s, &d);
		assert_int_equal(d.has_serial, set & 1);
		assert_int_equal(d.has_rtc, set >> 1 & 1);
		assert_int_equal(d.has_test, set >> 2 & 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		const char *last = strrchr(unknown[i], ' ');

		s.devices = unknown[i];
		expect_refusal(&s, last ? last + 1 : unknown[i]);
	}
	s.devices = NULL;
	s.extra_node = "device";
	expect_refusal(&s, "device");
	s.devices = "serial";
	s.extra_node = "disk";
	expect_refusal(&s, "disk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_property_is_read),
		cmocka_unit_test(what_is_left_out_has_a_default),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(sizes_of_memory_are_parsed),
		cmocka_unit_test(vcpus_are_counted),
		cmocka_unit_test(a_kernel_is_needed),
		cmocka_unit_test(bootargs_are_one_string),
		cmocka_unit_test(other_nodes_are_no_vms),
		cmocka_unit_test(unknown_properties_are_refused),
		cmocka_unit_test(devices_are_chosen_by_name),
	};

	return RUN_TESTS(tests);
}
