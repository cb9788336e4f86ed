/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of devices in VM descriptions: what each property becomes, and what every refusal says. */
#include "unit.h"
#include "lib/fdt_writer.h"
#include "vm/device_description.h"

#include <stdio.h>
#include <string.h>

struct property {
	const char *name;
	const void *value;
	size_t size;
};

#define TEXT(name, value)                  \
	{                                  \
		name, value, sizeof(value) \
	}
#define FLAG(name)          \
	{                   \
		name, "", 0 \
	}
#define BYTES(name, value)                     \
	{                                      \
		name, value, sizeof(value) - 1 \
	}

struct node {
	const char *name, *compatible; /* compatible NULL: none */
	struct property properties[8];
	const char *child; /* NULL: none */
};

static u8 blob[65536];

static void write_node(struct fdt_writer *w, const struct node *node)
{
	fdt_begin_node(w, node->name);
	if (node->compatible)
		fdt_put_string(w, "compatible", node->compatible);
	for (size_t i = 0; i < ARRAY_SIZE(node->properties) && node->properties[i].name; i++)
		fdt_put_bytes(w, node->properties[i].name, node->properties[i].value,
			      node->properties[i].size);
	if (node->child) {
		fdt_begin_node(w, node->child);
		fdt_end_node(w);
	}
	fdt_end_node(w);
}

/* Reads the VM "linux" with these nodes. Returns what description_read() says. */
static const char *read_vm(const struct node *nodes, size_t count, struct vm_description *d)
{
	static char error[VM_ERROR_SIZE + 1];
	const char *problem;
	struct fdt_writer w;
	struct fdt fdt;
	int size;

	fdt_writer_init(&w, blob, sizeof(blob));
	fdt_begin_node(&w, "");
	fdt_begin_node(&w, "linux");
	fdt_put_string(&w, "compatible", "doppel,vm");
	fdt_put_u32(&w, "vcpus", 1);
	fdt_put_string(&w, "memory", "64M");
	fdt_put_bytes(&w, "kernel", "kernel", 6);
	for (size_t i = 0; i < count; i++)
		write_node(&w, &nodes[i]);
	fdt_end_node(&w);
	fdt_end_node(&w);
	size = fdt_writer_finish(&w);
	assert_true(size > 0);
	assert_int_equal(fdt_open(&fdt, blob, (size_t)size), FDT_OK);
	memset(error, 0x55, sizeof(error));
	problem = description_read(&fdt, fdt_first_child(&fdt, fdt_root(&fdt)), d, error);
	assert_int_equal(error[VM_ERROR_SIZE], 0x55);
	return problem;
}

static void expect_good(const struct node *nodes, size_t count, struct vm_description *d)
{
	const char *problem = read_vm(nodes, count, d);

	if (problem)
		fail_msg("%s", problem);
	assert_int_equal(d->nr_devices, count);
}

/* The sentence names the VM and the device, or another thing given, and all of it was said. */
static void expect_sentence(const char *problem, const char *beginning, const char *what)
{
	if (!problem || !strstr(problem, what) || strncmp(problem, beginning, strlen(beginning)))
		fail_msg("\"%s\" does not begin with \"%s\" or lacks \"%s\"",
			 problem ? problem : "(none)", beginning, what);
	assert_true(strlen(problem) < VM_ERROR_SIZE - 1);
}

/* A device called dev of that kind, with one property beyond those that it needs. */
static const char *read_with(const char *compatible, const struct property *property,
			     struct vm_description *d)
{
	struct node node = { "dev", compatible, { *property }, NULL };

	if (strcmp(compatible, "doppel,disk") == 0 && strcmp(property->name, "host-disk") != 0)
		node.properties[1] = (struct property)TEXT("host-disk", "d0");
	return read_vm(&node, 1, d);
}

static void expect_refusal(const char *compatible, struct property property, const char *what)
{
	struct vm_description d;

	expect_sentence(read_with(compatible, &property, &d), "VM linux: device dev: ", what);
}

static struct vm_device expect_device(const char *compatible, struct property property)
{
	struct vm_description d;
	const char *problem = read_with(compatible, &property, &d);

	if (problem)
		fail_msg("%s", problem);
	assert_int_equal(d.nr_devices, 1);
	return d.devices[0];
}

#define REFUSED(kind, what, ...) expect_refusal("doppel," kind, (struct property)__VA_ARGS__, what)
#define DEVICE(kind, ...)	 expect_device("doppel," kind, (struct property)__VA_ARGS__)

static void devices_come_in_their_order(void **state)
{
	static const struct node nodes[] = {
		{ "root", "doppel,disk", { TEXT("host-disk", "d0") }, NULL },
		{ "lan", "doppel,net", { { 0 } }, NULL },
		{ "hvc", "doppel,console", { { 0 } }, NULL },
		{ "rng", "doppel,rng", { { 0 } }, NULL },
		{ "balloon", "doppel,balloon", { FLAG("phandle") }, NULL },
		{ "data", "doppel,disk", { TEXT("host-disk", "d1") }, NULL },
	};
	static const enum vm_device_kind kinds[] = { VM_DISK, VM_NET,	  VM_CONSOLE,
						     VM_RNG,  VM_BALLOON, VM_DISK };
	struct vm_description d;

	(void)state;
	expect_good(nodes, ARRAY_SIZE(nodes), &d);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		assert_string_equal(d.devices[i].name, nodes[i].name);
		assert_int_equal(d.devices[i].kind, kinds[i]);
	}
	assert_string_equal(d.devices[5].disk.host_disk, "d1");
	assert_true(d.has_serial); /* they do not take the place of the others */
}

static void every_property_is_read(void **state)
{
	static const struct node nodes[] = {
		{ "disk",
		  "doppel,disk",
		  { TEXT("host-disk", "d7"), TEXT("serial", "DATA 1"), TEXT("overlay", "256M"),
		    TEXT("rate-bytes", "50M"), BYTES("rate-iops", "\x00\x00\x03\xe8") },
		  NULL },
		{ "net",
		  "doppel,net",
		  { TEXT("switch", "lan"), BYTES("mac", "\x52\x54\x00\x12\x34\x56"),
		    TEXT("address", "10.9.0.1/24"), TEXT("gateway", "10.9.0.254"),
		    TEXT("dns", "255.255.255.255"), TEXT("rate-bytes", "10M") },
		  NULL },
		{ "hvc", "doppel,console", { TEXT("ports", "agent\0log") }, NULL },
	};
	static const u8 mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	struct vm_description d;

	(void)state;
	expect_good(nodes, ARRAY_SIZE(nodes), &d);
	assert_string_equal(d.devices[0].disk.host_disk, "d7");
	assert_string_equal(d.devices[0].disk.serial, "DATA 1");
	assert_false(d.devices[0].disk.is_read_only);
	assert_int_equal(d.devices[0].disk.overlay, MIB(256));
	assert_int_equal(d.devices[0].disk.rate_bytes, MIB(50));
	assert_int_equal(d.devices[0].disk.rate_iops, 1000);
	assert_string_equal(d.devices[1].net.switch_name, "lan");
	assert_memory_equal(d.devices[1].net.mac, mac, 6);
	assert_int_equal(d.devices[1].net.address, 0x0a090001);
	assert_int_equal(d.devices[1].net.prefix, 24);
	assert_int_equal(d.devices[1].net.gateway, 0x0a0900fe);
	assert_int_equal(d.devices[1].net.dns, 0xffffffff);
	assert_int_equal(d.devices[1].net.rate_bytes, MIB(10));
	assert_int_equal(d.devices[2].console.nr_ports, 2);
	assert_string_equal(d.devices[2].console.ports[0], "agent");
	assert_string_equal(d.devices[2].console.ports[1], "log");
}

static void what_is_left_out_has_a_default(void **state)
{
	static const struct node nodes[] = {
		{ "disk", "doppel,disk", { TEXT("host-disk", "d0") }, NULL },
		{ "net", "doppel,net", { { 0 } }, NULL },
		{ "hvc", "doppel,console", { { 0 } }, NULL },
	};
	struct vm_description d;
	u8 mac[6];

	(void)state;
	memset(&d, 0x55, sizeof(d));
	expect_good(nodes, ARRAY_SIZE(nodes), &d);
	assert_string_equal(d.devices[0].disk.serial, "");
	assert_false(d.devices[0].disk.is_read_only);
	assert_int_equal(d.devices[0].disk.overlay, 0);
	assert_int_equal(d.devices[0].disk.rate_bytes, 0);
	assert_int_equal(d.devices[0].disk.rate_iops, 0);
	assert_string_equal(d.devices[1].net.switch_name, "nat");
	description_default_mac("linux", "net", mac);
	assert_memory_equal(d.devices[1].net.mac, mac, 6);
	assert_int_equal(d.devices[1].net.address, 0);
	assert_int_equal(d.devices[1].net.prefix, 0);
	assert_int_equal(d.devices[1].net.gateway, 0);
	assert_int_equal(d.devices[1].net.dns, 0);
	assert_int_equal(d.devices[1].net.rate_bytes, 0);
	assert_int_equal(d.devices[2].console.nr_ports, 0);
}

static void default_macs_differ(void **state)
{
	static const char *const names[][2] = {
		{ "linux", "net" },
		{ "linux", "net-2" },
		{ "linux-2", "net" },
		{ "a", "b" },
	};
	u8 mac[ARRAY_SIZE(names)][6];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		description_default_mac(names[i][0], names[i][1], mac[i]);
		assert_memory_equal(mac[i], "\x52\x54\x00", 3);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(mac[i], mac[j], 6);
	}
	assert_memory_equal(mac[3] + 3, "\x8e\x75\xc1", 3); /* as the launcher has it */
}

static void copies_have_their_own_addresses(void **state)
{
	static const struct node nodes[] = {
		{ "disk", "doppel,disk", { TEXT("host-disk", "d0"), TEXT("overlay", "2M") }, NULL },
		{ "net",
		  "doppel,net",
		  { BYTES("mac", "\x02\x00\x00\x00\x00\x01"), TEXT("address", "10.0.2.15/24"),
		    TEXT("gateway", "10.0.2.2"), TEXT("dns", "10.0.2.3"), TEXT("switch", "lan") },
		  NULL },
	};
	struct vm_description d, before;
	u8 mac[6];

	(void)state;
	expect_good(nodes, ARRAY_SIZE(nodes), &d);
	before = d;
	description_for_copy(&d, "copy");
	description_default_mac("copy", "net", mac);
	assert_memory_equal(d.devices[1].net.mac, mac, 6);
	assert_int_equal(d.devices[1].net.address, 0);
	assert_int_equal(d.devices[1].net.gateway, 0);
	assert_int_equal(d.devices[1].net.dns, 0);
	assert_string_equal(d.devices[1].net.switch_name, "lan");
	assert_memory_equal(&d.devices[0], &before.devices[0], sizeof(d.devices[0]));
}

static void other_kinds_are_refused(void **state)
{
	static const char *const bad[] = { "disk", "doppel,disk2", "doppel,",
					   "",	   "virtio,mmio",  "doppel,vm" };
	struct vm_description d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct node node = { "dev", bad[i], { { 0 } }, NULL };

		expect_sentence(read_vm(&node, 1, &d), "VM linux: device dev: ", "compatible");
	}
	expect_sentence(read_vm(&(struct node){ "dev", NULL, { { 0 } }, NULL }, 1, &d),
			"VM linux: ", "unknown node dev");
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = { "A", "-a", "disk@0", "disk_1",
					   "abcdefghijklmnopqrstuvwxyz012345" };
	struct vm_description d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct node node = { bad[i], "doppel,rng", { { 0 } }, NULL };

		expect_sentence(read_vm(&node, 1, &d), "VM linux: device ", "the name of a device");
	}
	expect_sentence(read_vm((struct node[]){ { "a", "doppel,rng", { { 0 } }, NULL },
						 { "b", "doppel,rng", { { 0 } }, NULL },
						 { "a", "doppel,balloon", { { 0 } }, NULL } },
				3, &d),
			"VM linux: device a: ", "given twice");
}

static void names_of_the_platform_are_taken(void **state)
{
	static const char *const taken[] = { "plic", "serial", "rtc", "test", "power-button" };
	struct vm_description d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct node node = { taken[i], "doppel,rng", { { 0 } }, NULL };

		expect_sentence(read_vm(&node, 1, &d), "VM linux: device ",
				"a device of the platform has that name; choose another");
	}
	expect_good(&(struct node){ "rtc-1", "doppel,rng", { { 0 } }, NULL }, 1, &d);
}

static void devices_are_counted(void **state)
{
	char names[VM_MAX_VIRTIO + 1][8];
	struct node nodes[VM_MAX_VIRTIO + 1];
	struct vm_description d;

	(void)state;
	for (unsigned i = 0; i <= VM_MAX_VIRTIO; i++) {
		snprintf(names[i], sizeof(names[i]), "d%u", i);
		nodes[i] = (struct node){ names[i], "doppel,rng", { { 0 } }, NULL };
	}
	expect_good(nodes, VM_MAX_VIRTIO, &d);
	expect_sentence(read_vm(nodes, VM_MAX_VIRTIO + 1, &d),
			"VM linux: device d24: ", "at most 24");
}

static void unknown_properties_are_refused(void **state)
{
	static const char *const kinds[] = { "doppel,disk", "doppel,net", "doppel,console",
					     "doppel,rng", "doppel,balloon" };
	struct vm_description d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct node node = { "dev", kinds[i], { { 0 } }, "deeper" };

		expect_refusal(kinds[i], (struct property)FLAG("colour"),
			       "unknown property colour");
		expect_refusal(kinds[i], (struct property)FLAG("rate-byte"),
			       "unknown property rate-byte");
		expect_sentence(read_vm(&node, 1, &d), "VM linux: device dev: ", "it has a node");
	}
	REFUSED("disk", "unknown property image", TEXT("image", "debian.img"));
	REFUSED("disk", "unknown property switch", TEXT("switch", "nat"));
	REFUSED("net", "unknown property forward", TEXT("forward", "tcp:1:1"));
	REFUSED("rng", "unknown property overlay", FLAG("overlay"));
}

static void disks_name_one_of_the_machine(void **state)
{
	struct vm_description d;
	struct node node = { "dev", "doppel,disk", { { 0 } }, NULL };

	(void)state;
	expect_sentence(read_vm(&node, 1, &d), "VM linux: device dev: ", "host-disk is missing");
	REFUSED("disk", "host-disk must be", TEXT("host-disk", ""));
	REFUSED("disk", "host-disk must be", TEXT("host-disk", "d0\0d1"));
	REFUSED("disk", "host-disk must be", TEXT("host-disk", "123456789012345678901"));
	REFUSED("disk", "host-disk must be", { "host-disk", "d0", 2 });
	assert_string_equal(
		DEVICE("disk", TEXT("host-disk", "12345678901234567890")).disk.host_disk,
		"12345678901234567890");
}

static void serial_numbers_are_printable(void **state)
{
	(void)state;
	assert_string_equal(DEVICE("disk", TEXT("serial", "~ 345678901234567890")).disk.serial,
			    "~ 345678901234567890");
	REFUSED("disk", "serial must be", TEXT("serial", "123456789012345678901"));
	REFUSED("disk", "serial must be", TEXT("serial", ""));
	REFUSED("disk", "serial must be", TEXT("serial", "a\nb"));
	REFUSED("disk", "serial must be", TEXT("serial", "a\x7f"));
	REFUSED("disk", "serial must be", TEXT("serial", "gr\xfcn"));
	REFUSED("disk", "serial must be", FLAG("serial"));
}

static void a_disk_is_read_only_or_has_an_overlay(void **state)
{
	static const struct node both = { "dev",
					  "doppel,disk",
					  { TEXT("host-disk", "d0"), FLAG("read-only"),
					    TEXT("overlay", "2M") },
					  NULL };
	struct vm_description d;

	(void)state;
	assert_true(DEVICE("disk", FLAG("read-only")).disk.is_read_only);
	REFUSED("disk", "read-only has a value", BYTES("read-only", "\x00\x00\x00\x01"));
	expect_sentence(read_vm(&both, 1, &d), "VM linux: device dev: ", "both given");
}

static void sizes_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(DEVICE("disk", TEXT("overlay", "2M")).disk.overlay, MIB(2));
	assert_int_equal(DEVICE("disk", TEXT("overlay", "512G")).disk.overlay, GIB(512));
	REFUSED("disk", "overlay must be a size", TEXT("overlay", "2047K"));
	REFUSED("disk", "overlay must be a size", TEXT("overlay", "513G"));
	REFUSED("disk", "overlay must be a size", TEXT("overlay", "2MB"));
	REFUSED("disk", "overlay must be a size", FLAG("overlay"));
	assert_int_equal(DEVICE("disk", TEXT("rate-bytes", "64K")).disk.rate_bytes, KIB(64));
	REFUSED("disk", "rate-bytes must be a size", TEXT("rate-bytes", "63K"));
	REFUSED("disk", "rate-bytes must be a size", BYTES("rate-bytes", "\x00\x10\x00\x00"));
	assert_int_equal(DEVICE("net", TEXT("rate-bytes", "64K")).net.rate_bytes, KIB(64));
	REFUSED("net", "rate-bytes must be a size", TEXT("rate-bytes", "1"));
	assert_int_equal(DEVICE("disk", BYTES("rate-iops", "\x00\x00\x00\x01")).disk.rate_iops, 1);
	assert_int_equal(DEVICE("disk", BYTES("rate-iops", "\xff\xff\xff\xff")).disk.rate_iops,
			 0xffffffff);
	REFUSED("disk", "rate-iops must be one number", BYTES("rate-iops", "\x00\x00\x00\x00"));
	REFUSED("disk", "rate-iops must be one number",
		BYTES("rate-iops", "\x00\x00\x00\x01\x00\x00\x00\x01"));
	REFUSED("disk", "rate-iops must be one number", FLAG("rate-iops"));
}

static void switches_have_names(void **state)
{
	(void)state;
	REFUSED("net", "switch must be a name", TEXT("switch", ""));
	REFUSED("net", "switch must be a name", TEXT("switch", "Lan"));
	REFUSED("net", "switch must be a name", TEXT("switch", "abcdefghijklmnopqrstuvwxyz012345"));
	REFUSED("net", "switch must be a name", TEXT("switch", "a\0b"));
	REFUSED("net", "switch must be a name", FLAG("switch"));
}

static void mac_addresses_are_those_of_one_interface(void **state)
{
	(void)state;
	REFUSED("net", "mac must be 6 bytes", BYTES("mac", "\x52\x54\x00\x12\x34"));
	REFUSED("net", "mac must be 6 bytes", BYTES("mac", "\x52\x54\x00\x12\x34\x56\x78"));
	REFUSED("net", "mac must be 6 bytes", BYTES("mac", "\x53\x54\x00\x12\x34\x56"));
	REFUSED("net", "mac must be 6 bytes", BYTES("mac", "\xff\xff\xff\xff\xff\xff"));
	REFUSED("net", "mac must be 6 bytes", BYTES("mac", "\x00\x00\x00\x00\x00\x00"));
	REFUSED("net", "mac must be 6 bytes", FLAG("mac"));
}

static void expect_bad_address(const char *text)
{
	expect_refusal("doppel,net", (struct property){ "address", text, strlen(text) + 1 },
		       "address must be");
}

static void ip_addresses_are_checked(void **state)
{
	static const char *const bad[] = {
		"",
		"10.9.0.1",
		"10.9.0.1/",
		"10.9.0.1/0",
		"10.9.0.1/31",
		"10.9.0.1/32",
		"10.9.0.1/024",
		"10.9.0.1/24 ",
		"10.9.0.1/24/",
		"10.9.0/24",
		"10.9.0./24",
		"10.9.0.256/24",
		"10.9.0.1.2/24",
		"0.0.0.0/24",
		"10.9.0.0/24",
		"10.9.0.255/24",
		"10.9.0.4/30",
		"10.9.0.7/30",
		"0010.9.0.1/24",
		"-1.9.0.1/24",
		"a.b.c.d/24",
		"10.9.0.1/4294967320",
		"10..0.1/24",
		"10.9.0.1/2x",
	};
	struct vm_device device = DEVICE("net", TEXT("address", "192.168.255.254/30"));

	(void)state;
	assert_int_equal(device.net.address, 0xc0a8fffe);
	assert_int_equal(device.net.prefix, 30);
	device = DEVICE("net", TEXT("address", "11.0.0.0/7")); /* not all bits of the host are 0 */
	assert_int_equal(device.net.prefix, 7);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_bad_address(bad[i]);
	REFUSED("net", "address must be", { "address", "10.9.0.1/24", 11 });
	REFUSED("net", "gateway must be", TEXT("gateway", "10.0.2"));
	REFUSED("net", "gateway must be", TEXT("gateway", "10.0.2.2/24"));
	REFUSED("net", "dns must be", TEXT("dns", "0.0.0.0"));
	REFUSED("net", "gateway and dns need an address", TEXT("gateway", "10.0.2.2"));
	REFUSED("net", "gateway and dns need an address", TEXT("dns", "10.0.2.3"));
}

static void ports_are_named(void **state)
{
	struct vm_device device = DEVICE("console", TEXT("ports", "a\0b\0c\0d\0e\0f\0g\0h"));

	(void)state;
	assert_int_equal(device.console.nr_ports, VM_MAX_PORTS);
	assert_string_equal(device.console.ports[7], "h");
	REFUSED("console", "ports must be 1 to 8 names",
		TEXT("ports", "a\0b\0c\0d\0e\0f\0g\0h\0i"));
	REFUSED("console", "ports must be 1 to 8 names", TEXT("ports", ""));
	REFUSED("console", "ports must be 1 to 8 names", TEXT("ports", "a\0"));
	REFUSED("console", "ports must be 1 to 8 names", TEXT("ports", "a\0org.doppel"));
	REFUSED("console", "ports must be 1 to 8 names", { "ports", "a\0b", 3 });
	REFUSED("console", "ports must be 1 to 8 names", FLAG("ports"));
	REFUSED("console", "ports has a twice", TEXT("ports", "a\0b\0a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_come_in_their_order),
		cmocka_unit_test(every_property_is_read),
		cmocka_unit_test(what_is_left_out_has_a_default),
		cmocka_unit_test(default_macs_differ),
		cmocka_unit_test(copies_have_their_own_addresses),
		cmocka_unit_test(other_kinds_are_refused),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(names_of_the_platform_are_taken),
		cmocka_unit_test(devices_are_counted),
		cmocka_unit_test(unknown_properties_are_refused),
		cmocka_unit_test(disks_name_one_of_the_machine),
		cmocka_unit_test(serial_numbers_are_printable),
		cmocka_unit_test(a_disk_is_read_only_or_has_an_overlay),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(switches_have_names),
		cmocka_unit_test(mac_addresses_are_those_of_one_interface),
		cmocka_unit_test(ip_addresses_are_checked),
		cmocka_unit_test(ports_are_named),
	};

	return RUN_TESTS(tests);
}
