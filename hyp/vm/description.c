/* SPDX-License-Identifier: BSD-2-Clause */
/* What VMs the user wants: the device tree that docs/vm-description.md defines. */
#include "vm/description.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/ram_pool.h"
#include "vm/device_description.h"

u64 description_size(const char *text)
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

bool is_vm_name(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return length > 0 && length < VM_NAME_SIZE && name[0] != '-';
}

const char *description_string(const struct fdt *fdt, int node, const char *name)
{
	const char *string = fdt_string(fdt, node, name);
	struct fdt_property prop;

	if (!string || !fdt_property(fdt, node, name, &prop) || strlen(string) + 1 != prop.len)
		return NULL;
	return string;
}

int description_child(const struct fdt *fdt, int parent, const char *name)
{
	int child;

	fdt_for_each_child (fdt, child, parent) {
		if (strcmp(fdt_node_name(fdt, child), name) == 0)
			break;
	}
	return child;
}

/* What all parts of the reading need. */
struct reader {
	const struct fdt *fdt;
	int node;
	struct vm_description *d;
	char *error;
};

#define FAIL(r, text, ...)                                                                        \
	do {                                                                                      \
		snprintf((r)->error, VM_ERROR_SIZE, "VM %s: " text, (r)->d->name, ##__VA_ARGS__); \
		return (r)->error;                                                                \
	} while (0)

static const char *read_name(const struct reader *r)
{
	const char *name = fdt_node_name(r->fdt, r->node);

	if (!is_vm_name(name) || strcmp(name, IMAGES_NODE) == 0) {
		snprintf(r->error, VM_ERROR_SIZE,
			 "VM \"%.40s\": the name of a VM is 1 to %d of a-z, 0-9 and -, the first "
			 "not -, and not images",
			 name, VM_NAME_SIZE - 1);
		return r->error;
	}
	memcpy(r->d->name, name, strlen(name) + 1);
	if (!fdt_is_compatible(r->fdt, r->node, "doppel,vm"))
		FAIL(r, "its compatible must be \"doppel,vm\"");
	return NULL;
}

static const char *refuse_unknown_properties(const struct reader *r)
{
	static const char *const known[] = { "compatible",   "vcpus",	  "memory", "kernel",
					     "kernel-image", "initrd",	  "weight", "initrd-image",
					     "bootargs",     "autostart", "cap",    "harts",
					     "phandle" };
	struct fdt_property prop;

	fdt_for_each_property (r->fdt, prop, r->node) {
		bool found = false;

		for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
			found |= strcmp(prop.name, known[i]) == 0;
		if (!found)
			FAIL(r, "unknown property %.40s; remove it", prop.name);
	}
	return NULL;
}

static bool *device_named(struct vm_description *d, const char *name)
{
	if (strcmp(name, "serial") == 0)
		return &d->has_serial;
	if (strcmp(name, "rtc") == 0)
		return &d->has_rtc;
	if (strcmp(name, "test") == 0)
		return &d->has_test;
	if (strcmp(name, "power-button") == 0)
		return &d->has_power_button;
	return NULL;
}

static const char *read_devices(const struct reader *r)
{
	int devices = description_child(r->fdt, r->node, "devices"), child;
	struct vm_description *d = r->d;

	d->has_serial = d->has_rtc = d->has_test = d->has_power_button = devices == FDT_NONE;
	fdt_for_each_child (r->fdt, child, devices) {
		bool *has = device_named(d, fdt_node_name(r->fdt, child));

		if (!has)
			FAIL(r,
			     "unknown device %.40s; known are serial, rtc, test and power-button",
			     fdt_node_name(r->fdt, child));
		*has = true;
	}
	return NULL;
}

/* In the order of the description, which is that of their slots. */
static const char *read_virtio(const struct reader *r)
{
	int devices = description_child(r->fdt, r->node, "devices"), child;

	fdt_for_each_child (r->fdt, child, r->node) {
		const char *problem;

		if (child == devices)
			continue;
		if (!description_is_device(r->fdt, child))
			FAIL(r,
			     "unknown node %.40s; known are devices, and devices with a compatible",
			     fdt_node_name(r->fdt, child));
		problem = description_read_device(r->fdt, child, r->d, r->error);
		if (problem)
			return problem;
	}
	return NULL;
}

/* A number that may be missing: then the value stays as it is. */
static const char *read_number(const struct reader *r, const char *name, u32 max, u32 *value)
{
	u32 given = 0;

	if (!fdt_has_property(r->fdt, r->node, name))
		return NULL;
	fdt_u32(r->fdt, r->node, name, &given);
	if (given < 1 || given > max)
		FAIL(r, "%s must be one number, 1 to %u", name, max);
	*value = given;
	return NULL;
}

static const char *read_cpu(const struct reader *r)
{
	const char *problem;
	u32 vcpus = 0;

	problem = read_number(r, "vcpus", VM_MAX_VCPUS, &vcpus);
	if (problem)
		return problem;
	if (!vcpus)
		FAIL(r, "vcpus is missing; give 1 to %d", VM_MAX_VCPUS);
	r->d->nr_vcpus = vcpus;
	r->d->weight = VM_DEFAULT_WEIGHT;
	problem = read_number(r, "weight", VM_MAX_WEIGHT, &r->d->weight);
	return problem ? problem : read_number(r, "cap", VM_MAX_CAP, &r->d->cap);
}

static bool has_hart(const struct vm_description *d, u32 id)
{
	for (unsigned i = 0; i < d->nr_hart_ids; i++) {
		if (d->hart_ids[i] == id)
			return true;
	}
	return false;
}

static const char *read_harts(const struct reader *r)
{
	struct vm_description *d = r->d;
	struct fdt_property prop;
	u32 id;

	if (!fdt_property(r->fdt, r->node, "harts", &prop))
		return NULL;
	if (!prop.len || prop.len % sizeof(id) || prop.len / sizeof(id) > VM_MAX_HARTS)
		FAIL(r, "harts must be 1 to %d numbers of harts, such as <0 1>", VM_MAX_HARTS);
	for (u32 i = 0; fdt_cell(&prop, i, &id); i++) {
		if (id > VM_MAX_HART_ID)
			FAIL(r, "harts has %u; a hart has a number from 0 to %d", id,
			     VM_MAX_HART_ID);
		if (has_hart(d, id))
			FAIL(r, "harts has %u twice; give each hart once", id);
		d->hart_ids[d->nr_hart_ids++] = id;
	}
	return NULL;
}

static const char *read_memory(const struct reader *r)
{
	const char *memory = description_string(r->fdt, r->node, "memory");
	u64 size = memory ? description_size(memory) : 0;

	if (size < VM_MIN_MEMORY || size > VM_MAX_MEMORY || !IS_ALIGNED(size, RAM_GRANULE))
		FAIL(r, "memory must be a size such as \"512M\", 8M to 512G, a multiple of 2M");
	r->d->memory_size = size;
	return NULL;
}

/* The bytes of the property that is called so, or of the image that the other one names. */
static const char *read_payload(const struct reader *r, const char *direct, const char *by_name,
				struct payload *payload)
{
	bool is_named = fdt_has_property(r->fdt, r->node, by_name);
	int images = description_child(r->fdt, fdt_root(r->fdt), IMAGES_NODE), node = r->node;
	const char *property = direct;
	struct fdt_property prop;

	if (is_named && fdt_has_property(r->fdt, r->node, direct))
		FAIL(r, "%s and %s are both given; leave one out", direct, by_name);
	if (is_named) {
		const char *image = description_string(r->fdt, r->node, by_name);

		if (!image)
			FAIL(r, "%s must be a string, the name of an image", by_name);
		node = description_child(r->fdt, images, image);
		if (node == FDT_NONE)
			FAIL(r, "%s: there is no image \"%.40s\"; describe it in the node images",
			     by_name, image);
		property = "data";
	}
	if (!fdt_property(r->fdt, node, property, &prop) && !is_named)
		return NULL;
	if (!prop.len)
		FAIL(r, "%s is empty; give it as /incbin/(\"FILE\")", is_named ? by_name : direct);
	*payload = (struct payload){ prop.value, prop.len };
	return NULL;
}

static const char *read_payloads(const struct reader *r)
{
	const char *problem = read_payload(r, "kernel", "kernel-image", &r->d->kernel);

	if (problem)
		return problem;
	if (!r->d->kernel.size)
		FAIL(r, "kernel is missing; give it as /incbin/(\"FILE\"), or name a kernel-image");
	return read_payload(r, "initrd", "initrd-image", &r->d->initrd);
}

static const char *read_start(const struct reader *r)
{
	r->d->bootargs = "";
	if (fdt_has_property(r->fdt, r->node, "bootargs"))
		r->d->bootargs = description_string(r->fdt, r->node, "bootargs");
	if (!r->d->bootargs || strlen(r->d->bootargs) > VM_MAX_BOOTARGS)
		FAIL(r, "bootargs must be a string of at most %d bytes", VM_MAX_BOOTARGS);
	r->d->autostart = fdt_has_property(r->fdt, r->node, "autostart");
	return NULL;
}

const char *description_read(const struct fdt *fdt, int node, struct vm_description *d,
			     char error[VM_ERROR_SIZE])
{
	static const char *(*const parts[])(const struct reader *) = {
		read_name,    refuse_unknown_properties,
		read_devices, read_virtio,
		read_cpu,     read_harts,
		read_memory,  read_payloads,
		read_start,
	};
	const struct reader r = { fdt, node, d, error };

	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *problem = parts[i](&r);

		if (problem)
			return problem;
	}
	return NULL;
}
