/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the virtio devices of a VM from its description (docs/vm-description.md). */
#include "vm/device_description.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/virtio_abi.h"

#define MIN_RATE_BYTES	 "64K"
#define MIN_OVERLAY	 "2M"
#define MAX_PROPERTIES	 10
#define MAX_PREFIX	 30 /* bits: a network has room for two */
#define FNV_OFFSET_BASIS 2166136261U
#define FNV_PRIME	 16777619U

struct reader {
	const struct fdt *fdt;
	int node;
	const char *vm;
	struct vm_device *device;
	char *error;
};

#define FAIL(r, text, ...)                                                              \
	do {                                                                            \
		snprintf((r)->error, VM_ERROR_SIZE, "VM %s: device %s: " text, (r)->vm, \
			 (r)->device->name, ##__VA_ARGS__);                             \
		return (r)->error;                                                      \
	} while (0)

static bool has(const struct reader *r, const char *name)
{
	return fdt_has_property(r->fdt, r->node, name);
}

/* --- Values that may be missing: then they stay as they are. */

static const char *read_flag(const struct reader *r, const char *name, bool *flag)
{
	struct fdt_property prop;

	if (fdt_property(r->fdt, r->node, name, &prop) && prop.len)
		FAIL(r, "%s has a value; write it alone", name);
	*flag = has(r, name);
	return NULL;
}

static const char *read_size(const struct reader *r, const char *name, const char *min, u64 *size)
{
	const char *text = description_string(r->fdt, r->node, name);

	if (!has(r, name))
		return NULL;
	*size = text ? description_size(text) : 0;
	if (*size < description_size(min) || *size > VM_MAX_MEMORY)
		FAIL(r, "%s must be a size such as \"256M\", %s to 512G", name, min);
	return NULL;
}

static const char *read_number(const struct reader *r, const char *name, u64 *number)
{
	u32 given = 0;

	if (!has(r, name))
		return NULL;
	if (!fdt_u32(r->fdt, r->node, name, &given) || !given)
		FAIL(r, "%s must be one number, 1 or more", name);
	*number = given;
	return NULL;
}

static bool is_printable(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return !*text;
}

/* A disk's serial number: what a virtio disk can tell of itself (5.2.6). */
static const char *read_serial(const struct reader *r, const char *name, const char **serial)
{
	if (!has(r, name))
		return NULL;
	*serial = description_string(r->fdt, r->node, name);
	if (!*serial || !**serial || strlen(*serial) > VIRTIO_BLK_ID_SIZE || !is_printable(*serial))
		FAIL(r, "%s must be a string of 1 to %u printable characters", name,
		     VIRTIO_BLK_ID_SIZE);
	return NULL;
}

/* "10.0.2.15" in host order, and what follows it; NULL: it is no address. */
static const char *parse_ipv4(const char *text, u32 *address)
{
	*address = 0;
	for (unsigned i = 0; i < 4; i++) {
		unsigned byte = 0, digits = 0;

		if (i && *text++ != '.')
			return NULL;
		for (; *text >= '0' && *text <= '9' && digits < 3; digits++)
			byte = byte * 10 + (unsigned)(*text++ - '0');
		if (!digits || byte > 255)
			return NULL;
		*address = *address << 8 | byte;
	}
	return *address ? text : NULL;
}

static const char *read_ipv4(const struct reader *r, const char *name, u32 *address)
{
	const char *text = description_string(r->fdt, r->node, name), *end;

	if (!has(r, name))
		return NULL;
	end = text ? parse_ipv4(text, address) : NULL;
	if (!end || *end)
		FAIL(r, "%s must be an address such as \"10.0.2.2\"", name);
	return NULL;
}

/* Whether it can be one computer's in its network. */
static bool is_host_address(u32 address, u32 prefix)
{
	u32 host = 0xffffffff >> prefix;

	return (address & host) != 0 && (address & host) != host;
}

static const char *read_address(const struct reader *r)
{
	const char *text = description_string(r->fdt, r->node, "address"), *end;
	u32 address, prefix = 0;

	if (!has(r, "address"))
		return NULL;
	end = text ? parse_ipv4(text, &address) : NULL;
	if (end && *end == '/' && end[1] != '0') {
		for (end++; *end >= '0' && *end <= '9' && prefix <= MAX_PREFIX; end++)
			prefix = prefix * 10 + (u32)(*end - '0');
	}
	if (!end || *end || !prefix || prefix > MAX_PREFIX || !is_host_address(address, prefix))
		FAIL(r, "address must be that of a computer and its network's bits, such as "
			"\"10.9.0.1/24\"");
	r->device->net.address = address;
	r->device->net.prefix = prefix;
	return NULL;
}

static const char *read_mac(const struct reader *r)
{
	static const u8 none[6];
	u8 *mac = r->device->net.mac;
	struct fdt_property prop;

	description_default_mac(r->vm, r->device->name, mac);
	if (!fdt_property(r->fdt, r->node, "mac", &prop))
		return NULL;
	if (prop.len != sizeof(none) || (prop.value[0] & 1) ||
	    !memcmp(prop.value, none, sizeof(none)))
		FAIL(r, "mac must be 6 bytes, no multicast address, such as [52 54 00 12 34 56]");
	memcpy(mac, prop.value, sizeof(none));
	return NULL;
}

/* --- Devices */

#define TRY(call)                            \
	do {                                 \
		const char *sentence = call; \
		if (sentence)                \
			return sentence;     \
	} while (0)

static const char *read_disk(const struct reader *r)
{
	struct vm_device *d = r->device;

	d->disk.serial = "";
	TRY(read_serial(r, "host-disk", &d->disk.host_disk));
	if (!d->disk.host_disk)
		FAIL(r, "host-disk is missing; give the serial number of a disk of the machine");
	TRY(read_serial(r, "serial", &d->disk.serial));
	TRY(read_flag(r, "read-only", &d->disk.is_read_only));
	TRY(read_size(r, "overlay", MIN_OVERLAY, &d->disk.overlay));
	if (d->disk.is_read_only && d->disk.overlay)
		FAIL(r, "read-only and overlay are both given; leave one out");
	TRY(read_size(r, "rate-bytes", MIN_RATE_BYTES, &d->disk.rate_bytes));
	return read_number(r, "rate-iops", &d->disk.rate_iops);
}

static const char *read_net(const struct reader *r)
{
	struct vm_device *d = r->device;

	d->net.switch_name = VM_DEFAULT_SWITCH;
	if (has(r, "switch"))
		d->net.switch_name = description_string(r->fdt, r->node, "switch");
	if (!d->net.switch_name || !is_vm_name(d->net.switch_name))
		FAIL(r, "switch must be a name: 1 to %d of a-z, 0-9 and -, the first not -",
		     VM_NAME_SIZE - 1);
	TRY(read_mac(r));
	TRY(read_address(r));
	TRY(read_ipv4(r, "gateway", &d->net.gateway));
	TRY(read_ipv4(r, "dns", &d->net.dns));
	if (!d->net.address && (d->net.gateway || d->net.dns))
		FAIL(r, "gateway and dns need an address; add it, or remove them");
	return read_size(r, "rate-bytes", MIN_RATE_BYTES, &d->net.rate_bytes);
}

static const char *read_console(const struct reader *r)
{
	struct vm_device *d = r->device;
	struct fdt_property prop;
	const char *port = NULL;
	u32 size = 0;

	if (!fdt_property(r->fdt, r->node, "ports", &prop))
		return NULL;
	while ((port = fdt_next_string(&prop, port)) != NULL) {
		if (d->console.nr_ports == VM_MAX_PORTS || !is_vm_name(port))
			break;
		for (unsigned i = 0; i < d->console.nr_ports; i++) {
			if (strcmp(d->console.ports[i], port) == 0)
				FAIL(r, "ports has %s twice; give each its own name", port);
		}
		d->console.ports[d->console.nr_ports++] = port;
		size += (u32)strlen(port) + 1;
	}
	if (!size || size != prop.len)
		FAIL(r, "ports must be 1 to %d names of 1 to %d of a-z, 0-9 and -, the first not -",
		     VM_MAX_PORTS, VM_NAME_SIZE - 1);
	return NULL;
}

static const char *read_nothing(const struct reader *r)
{
	(void)r;
	return NULL;
}

static const struct kind {
	const char *compatible;
	enum vm_device_kind kind;
	const char *(*read)(const struct reader *r);
	const char *properties[MAX_PROPERTIES]; /* besides compatible */
} kinds[] = {
	{ "doppel,disk",
	  VM_DISK,
	  read_disk,
	  { "host-disk", "serial", "read-only", "overlay", "rate-bytes", "rate-iops" } },
	{ "doppel,net",
	  VM_NET,
	  read_net,
	  { "switch", "mac", "address", "gateway", "dns", "rate-bytes" } },
	{ "doppel,console", VM_CONSOLE, read_console, { "ports" } },
	{ "doppel,rng", VM_RNG, read_nothing, { NULL } },
	{ "doppel,balloon", VM_BALLOON, read_nothing, { NULL } },
};

static const struct kind *kind_of(const struct reader *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (fdt_is_compatible(r->fdt, r->node, kinds[i].compatible))
			return &kinds[i];
	}
	return NULL;
}

static bool is_known(const struct kind *kind, const char *name)
{
	for (unsigned i = 0; i < MAX_PROPERTIES && kind->properties[i]; i++) {
		if (strcmp(kind->properties[i], name) == 0)
			return true;
	}
	return strcmp(name, "compatible") == 0 || strcmp(name, "phandle") == 0;
}

static const char *refuse_unknown(const struct reader *r, const struct kind *kind)
{
	struct fdt_property prop;

	fdt_for_each_property (r->fdt, prop, r->node) {
		if (!is_known(kind, prop.name))
			FAIL(r, "unknown property %.40s; remove it", prop.name);
	}
	if (fdt_first_child(r->fdt, r->node) != FDT_NONE)
		FAIL(r, "it has a node; remove it");
	return NULL;
}

/* Counters are told by names alone (docs/stats.md). */
static bool is_platform_name(const char *name)
{
	static const char *const names[] = { "plic", "serial", "rtc", "test", "power-button" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* What d has already: its number must suffice, and the name must be new. */
static const char *check_place(const struct vm_description *d, const char *name,
			       char error[VM_ERROR_SIZE])
{
	const char *problem = NULL;

	for (unsigned i = 0; i < d->nr_devices; i++) {
		if (strcmp(d->devices[i].name, name) == 0)
			problem = "the name is given twice; give each device its own";
	}
	if (d->nr_devices == VM_MAX_VIRTIO)
		problem = "a VM has at most 24 devices; remove some";
	if (is_platform_name(name))
		problem = "a device of the platform has that name; choose another";
	if (!is_vm_name(name))
		problem = "the name of a device is 1 to 31 of a-z, 0-9 and -, the first not -";
	if (problem)
		snprintf(error, VM_ERROR_SIZE, "VM %s: device %.40s: %s", d->name, name, problem);
	return problem ? error : NULL;
}
_Static_assert(VM_MAX_VIRTIO == 24 && VM_NAME_SIZE == 32, "as the sentences say");

bool description_is_device(const struct fdt *fdt, int node)
{
	return fdt_has_property(fdt, node, "compatible");
}

const char *description_read_device(const struct fdt *fdt, int node, struct vm_description *d,
				    char error[VM_ERROR_SIZE])
{
	struct reader r = { .fdt = fdt, .node = node, .vm = d->name, .error = error };
	const char *name = fdt_node_name(fdt, node);
	const struct kind *kind;

	TRY(check_place(d, name, error));
	r.device = &d->devices[d->nr_devices++];
	r.device->name = name;
	kind = kind_of(&r);
	if (!kind)
		FAIL(&r,
		     "its compatible must be \"doppel,\" and disk, net, console, rng or balloon");
	r.device->kind = kind->kind;
	TRY(refuse_unknown(&r, kind));
	return kind->read(&r);
}

/* FNV-1a, 32 bits. */
static u32 hash(u32 state, const char *text)
{
	for (; *text; text++)
		state = (state ^ (u8)*text) * FNV_PRIME;
	return state;
}

void description_default_mac(const char *vm, const char *device, u8 mac[6])
{
	u32 name = hash(hash(hash(FNV_OFFSET_BASIS, vm), "/"), device);

	memcpy(mac, (u8[]){ 0x52, 0x54, 0, (u8)(name >> 16), (u8)(name >> 8), (u8)name }, 6);
}

void description_for_copy(struct vm_description *d, const char *name)
{
	for (unsigned i = 0; i < d->nr_devices; i++) {
		struct vm_device *device = &d->devices[i];

		if (device->kind != VM_NET)
			continue;
		description_default_mac(name, device->name, device->net.mac);
		device->net.address = device->net.gateway = device->net.dns = 0;
	}
}
