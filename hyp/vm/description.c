/* SPDX-License-Identifier: BSD-2-Clause */
/* What VMs the user wants: the device tree that docs/vm-description.md defines. */
#include "vm/description.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/ram_pool.h"

/* "512M" as bytes; 0 for what is no size. */
static u64 parse_size(const char *text)
{
	u64 value = 0;
	unsigned shift = 0;

	if (!*text)
		return 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (value > UINT64_MAX / 10 - 1)
			return 0;
		value = value * 10 + (u64)(*text - '0');
	}
	switch (*text) {
	case 'K': shift = 10; break;
	case 'M': shift = 20; break;
	case 'G': shift = 30; break;
	case '\0': return value;
	default: return 0;
	}
	return text[1] == '\0' && value <= UINT64_MAX >> shift ? value << shift : 0;
}

static bool is_good_name(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return length > 0 && length < VM_NAME_SIZE && name[0] != '-';
}

/* The names that a list of strings does not hold; NULL when all are known. */
static const char *unknown_property(const struct fdt *fdt, int node)
{
	static const char *const known[] = { "compatible", "vcpus",    "memory",    "kernel",
					     "initrd",	   "bootargs", "autostart", "phandle" };
	struct fdt_property prop;

	fdt_for_each_property (fdt, prop, node) {
		bool found = false;

		for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
			found |= strcmp(prop.name, known[i]) == 0;
		if (!found)
			return prop.name;
	}
	return NULL;
}

static struct payload read_payload(const struct fdt *fdt, int node, const char *name)
{
	struct fdt_property prop;

	fdt_property(fdt, node, name, &prop);
	return (struct payload){ prop.value, prop.len };
}

/* Returns the name of a device that is not known, or NULL. */
static const char *read_devices(const struct fdt *fdt, int node, struct vm_description *d)
{
	int devices = fdt_find_child(fdt, node, "devices"), child;

	d->has_serial = d->has_rtc = d->has_test = devices == FDT_NONE;
	fdt_for_each_child (fdt, child, devices) {
		const char *name = fdt_node_name(fdt, child);

		if (strcmp(name, "serial") == 0)
			d->has_serial = true;
		else if (strcmp(name, "rtc") == 0)
			d->has_rtc = true;
		else if (strcmp(name, "test") == 0)
			d->has_test = true;
		else
			return name;
	}
	fdt_for_each_child (fdt, child, node) {
		if (child != devices)
			return fdt_node_name(fdt, child);
	}
	return NULL;
}

#define FAIL(...)                                            \
	do {                                                 \
		snprintf(error, VM_ERROR_SIZE, __VA_ARGS__); \
		return error;                                \
	} while (0)

const char *description_read(const struct fdt *fdt, int node, struct vm_description *d,
			     char error[VM_ERROR_SIZE])
{
	const char *name = fdt_node_name(fdt, node), *memory = fdt_string(fdt, node, "memory");
	const char *unknown;
	u32 vcpus = 0;

	memset(d, 0, sizeof(*d));
	if (!is_good_name(name))
		FAIL("VM \"%.40s\": the name of a VM is 1 to %d of a-z, 0-9 and -, the first not -",
		     name, VM_NAME_SIZE - 1);
	memcpy(d->name, name, strlen(name) + 1);
	if (!fdt_is_compatible(fdt, node, "doppel,vm"))
		FAIL("VM %s: its compatible must be \"doppel,vm\"", name);
	unknown = unknown_property(fdt, node);
	if (unknown)
		FAIL("VM %s: unknown property %.40s; remove it", name, unknown);
	unknown = read_devices(fdt, node, d);
	if (unknown)
		FAIL("VM %s: unknown device %.40s; known are serial, rtc and test", name, unknown);

	fdt_u32(fdt, node, "vcpus", &vcpus);
	if (vcpus < 1 || vcpus > VM_MAX_VCPUS)
		FAIL("VM %s: vcpus must be 1 to %d", name, VM_MAX_VCPUS);
	d->nr_vcpus = vcpus;
	d->memory_size = memory ? parse_size(memory) : 0;
	if (d->memory_size < VM_MIN_MEMORY || d->memory_size > VM_MAX_MEMORY ||
	    !IS_ALIGNED(d->memory_size, RAM_GRANULE))
		FAIL("VM %s: memory must be a size such as \"512M\", 8M to 512G, a multiple of 2M",
		     name);
	d->kernel = read_payload(fdt, node, "kernel");
	if (!d->kernel.size)
		FAIL("VM %s: kernel is missing; give it as /incbin/(\"FILE\")", name);
	d->initrd = read_payload(fdt, node, "initrd");
	d->bootargs = "";
	if (fdt_has_property(fdt, node, "bootargs"))
		d->bootargs = fdt_string(fdt, node, "bootargs");
	if (!d->bootargs || strlen(d->bootargs) > VM_MAX_BOOTARGS)
		FAIL("VM %s: bootargs must be a string of at most %d bytes", name, VM_MAX_BOOTARGS);
	d->autostart = fdt_has_property(fdt, node, "autostart");
	return NULL;
}
