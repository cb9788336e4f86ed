/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of VM descriptions: what each property becomes, and what every refusal says. */
#include "unit.h"
#include "lib/fdt_writer.h"
#include "vm/description.h"

#include <stdio.h>
#include <string.h>

struct property {
	const char *name;
	const void *value;
	size_t size;
};

/* The properties of a node in the making; NULL or none: not there. */
struct source {
	const char *name;
	const char *compatible;
	const char *memory;
	const char *bootargs;
	const char *devices; /* names, a space behind each; NULL: no such node */
	const char *extra_property, *extra_node;
	struct property more[3];
	const char *image; /* the name of the only image; NULL: there is no node images */
	u32 vcpus;
	size_t kernel_size, initrd_size, image_size;
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
	for (size_t i = 0; i < ARRAY_SIZE(s->more) && s->more[i].name; i++)
		fdt_put_bytes(w, s->more[i].name, s->more[i].value, s->more[i].size);
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

/* Before the VM, so that the first child is none. */
static void write_images(struct fdt_writer *w, const struct source *s)
{
	fdt_begin_node(w, "images");
	fdt_begin_node(w, "another");
	fdt_put_bytes(w, "data", payload + 1, 1);
	fdt_end_node(w);
	fdt_begin_node(w, s->image);
	fdt_put_bytes(w, "data", payload + 10, s->image_size);
	fdt_end_node(w);
	fdt_end_node(w);
}

/* Reads a tree with the one VM. Returns what description_read() says. */
static const char *read_vm(const struct source *s, struct vm_description *d)
{
	static char error[VM_ERROR_SIZE + 1];
	const char *problem;
	struct fdt_writer w;
	struct fdt fdt;
	int size, node;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i + 1);
	fdt_writer_init(&w, blob, sizeof(blob));
	fdt_begin_node(&w, "");
	fdt_put_string(&w, "compatible", "doppel,vms");
	if (s->image)
		write_images(&w, s);
	write_vm(&w, s);
	fdt_end_node(&w);
	size = fdt_writer_finish(&w);
	assert_true(size > 0);
	assert_int_equal(fdt_open(&fdt, blob, (size_t)size), FDT_OK);

	memset(error, 0x55, sizeof(error));
	node = fdt_first_child(&fdt, fdt_root(&fdt));
	if (s->image)
		node = fdt_next_sibling(&fdt, node);
	problem = description_read(&fdt, node, d, error);
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
	assert_true(d.has_serial && d.has_rtc && d.has_test && d.has_power_button);
}

static void what_is_left_out_has_a_default(void **state)
{
	struct vm_description d;

	(void)state;
	expect_good(&good, &d);
	assert_int_equal(d.initrd.size, 0);
	assert_string_equal(d.bootargs, "");
	assert_false(d.autostart);
	assert_int_equal(d.weight, 100);
	assert_int_equal(d.cap, 0);
	assert_int_equal(d.nr_hart_ids, 0);
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
		"images",
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
	s.raw_memory = "512M\0"
		       "1G"; /* two strings */
	s.raw_size = 8;
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

static void an_initrd_is_not_empty(void **state)
{
	struct source s = good;

	(void)state;
	s.has_initrd = true;
	expect_refusal(&s, "initrd is empty");
}

static void payloads_may_be_images(void **state)
{
	struct vm_description d;
	struct source s = good;

	(void)state;
	s.no_kernel = true;
	s.image = "debian";
	s.image_size = 60;
	s.more[0] = (struct property){ "kernel-image", "debian", 7 };
	s.more[1] = (struct property){ "initrd-image", "another", 8 };
	expect_good(&s, &d);
	assert_int_equal(d.kernel.size, 60);
	assert_memory_equal(d.kernel.data, payload + 10, 60);
	assert_int_equal(d.initrd.size, 1);
	assert_memory_equal(d.initrd.data, payload + 1, 1);
}

static void wrong_images_are_refused(void **state)
{
	struct source s = good;

	(void)state;
	s.more[0] = (struct property){ "kernel-image", "debian", 7 };
	expect_refusal(&s, "kernel and kernel-image are both given");
	s.no_kernel = true;
	expect_refusal(&s, "kernel-image: there is no image \"debian\""); /* no images at all */
	s.image = "debian";
	expect_refusal(&s, "kernel-image is empty");
	s.image_size = 60;
	s.more[0].value = "debia\0"; /* two strings, and no such image */
	expect_refusal(&s, "kernel-image must be a string");
	s.more[0].size = 6;
	expect_refusal(&s, "there is no image \"debia\"");
	s.more[0] = (struct property){ "kernel-image", "debian", 6 }; /* without its end */
	expect_refusal(&s, "kernel-image must be a string");
	s.more[0].size = 0;
	expect_refusal(&s, "kernel-image must be a string");
	s.image = "debian@1"; /* a unit address is part of the name */
	s.more[0].size = 7;
	expect_refusal(&s, "there is no image");
	s.image = "debian";
	s.has_initrd = true;
	s.initrd_size = 5;
	s.more[1] = (struct property){ "initrd-image", "debian", 7 };
	expect_refusal(&s, "initrd and initrd-image are both given");
	s.has_initrd = false;
	s.more[1] = (struct property){ "initrd-image", "none", 5 };
	expect_refusal(&s, "initrd-image: there is no image \"none\"");
}

/* A 32-bit number as it stands in a tree. */
static const u8 *cell(u32 value)
{
	static u8 bytes[4];

	for (int i = 0; i < 4; i++)
		bytes[i] = (u8)(value >> (24 - 8 * i));
	return bytes;
}

static void weight_and_cap_are_bounded(void **state)
{
	static const struct {
		const char *name;
		u32 max;
	} rows[] = { { "weight", 10000 }, { "cap", 3200 } };
	struct vm_description d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const u32 fine[] = { 1, 25, rows[i].max };
		const u32 bad[] = { 0, rows[i].max + 1, 0x80000000, 0xffffffff };
		struct source s = good;

		for (size_t j = 0; j < ARRAY_SIZE(fine); j++) {
			s.more[0] = (struct property){ rows[i].name, cell(fine[j]), 4 };
			expect_good(&s, &d);
			assert_int_equal(d.weight, i == 0 ? fine[j] : 100);
			assert_int_equal(d.cap, i == 1 ? fine[j] : 0);
		}
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			s.more[0] = (struct property){ rows[i].name, cell(bad[j]), 4 };
			expect_refusal(&s, rows[i].name);
		}
		s.more[0] = (struct property){ rows[i].name, "\0\0\0\1\0\0\0\1", 8 };
		expect_refusal(&s, rows[i].name);
		s.more[0].size = 0;
		expect_refusal(&s, rows[i].name);
		s.more[0] = (struct property){ rows[i].name, "25", 3 };
		expect_refusal(&s, rows[i].name);
	}
}

static void harts_are_listed(void **state)
{
	struct vm_description d;
	struct source s = good;
	u8 list[33 * 4] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 33; i++)
		list[4 * i + 3] = (u8)(2 * i);
	s.more[0] = (struct property){ "harts", list, 4 };
	for (unsigned count = 1; count <= 32; count++) {
		s.more[0].size = (size_t)count * 4;
		expect_good(&s, &d);
		assert_int_equal(d.nr_hart_ids, count);
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(d.hart_ids[i], 2 * i);
	}
	s.more[0].size = 33 * 4;
	expect_refusal(&s, "harts");
	s.more[0].size = 0;
	expect_refusal(&s, "harts");
	s.more[0].size = 6;
	expect_refusal(&s, "harts");
	s.more[0] = (struct property){ "harts", cell(4095), 4 };
	expect_good(&s, &d);
	assert_int_equal(d.hart_ids[0], 4095);
	s.more[0] = (struct property){ "harts", cell(4096), 4 };
	expect_refusal(&s, "4096");
	s.more[0] = (struct property){ "harts", cell(0xffffffff), 4 };
	expect_refusal(&s, "harts");
	s.more[0] = (struct property){ "harts", "\0\0\0\3\0\0\0\1\0\0\0\3", 12 };
	expect_refusal(&s, "harts has 3 twice");
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
	static const char *const names[] = { "serial ", "rtc ", "test ", "power-button " };
	static const char *const unknown[] = { "disk",	 "serial2",  "seria",
					       "Serial", "serial@0", "serial rtc test net" };
	struct vm_description d;
	struct source s = good;

	(void)state;
	for (unsigned set = 0; set < 16; set++) {
		char devices[48] = "";

		for (unsigned i = 0; i < 4; i++) {
			if (set >> i & 1)
				strcat(devices, names[i]);
		}
		s.devices = devices;
		expect_good(&s, &d);
		assert_int_equal(d.has_serial, set & 1);
		assert_int_equal(d.has_rtc, set >> 1 & 1);
		assert_int_equal(d.has_test, set >> 2 & 1);
		assert_int_equal(d.has_power_button, set >> 3 & 1);
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
		cmocka_unit_test(an_initrd_is_not_empty),
		cmocka_unit_test(payloads_may_be_images),
		cmocka_unit_test(wrong_images_are_refused),
		cmocka_unit_test(weight_and_cap_are_bounded),
		cmocka_unit_test(harts_are_listed),
		cmocka_unit_test(bootargs_are_one_string),
		cmocka_unit_test(other_nodes_are_no_vms),
		cmocka_unit_test(unknown_properties_are_refused),
		cmocka_unit_test(devices_are_chosen_by_name),
	};

	return RUN_TESTS(tests);
}
