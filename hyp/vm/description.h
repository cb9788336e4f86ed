/* SPDX-License-Identifier: BSD-2-Clause */
/* What VMs the user wants: the device tree that docs/vm-description.md defines. */
#ifndef DOPPEL_DESCRIPTION_H
#define DOPPEL_DESCRIPTION_H

#include "lib/fdt.h"
#include "lib/types.h"
#include "vplic/vplic.h"

#define VM_NAME_SIZE	32
#define VM_MAX_VCPUS	VPLIC_MAX_VCPUS
#define VM_MIN_MEMORY	MIB(8)
#define VM_MAX_MEMORY	GIB(512)
#define VM_MAX_BOOTARGS 4095 /* bytes */
#define VM_MAX_WEIGHT	10000
#define VM_MAX_CAP	3200 /* percent of one hart */
#define VM_MAX_HARTS	32   /* that a VM can be limited to */
#define VM_MAX_HART_ID	4095
#define VM_ERROR_SIZE	192

#define VM_DEFAULT_WEIGHT 100
#define VM_DEFAULT_SWITCH "nat" /* the one that the machine's own interface is connected to */

/* The child of the root that holds payloads which VMs share; every other child is a VM. */
#define IMAGES_NODE "images"

/* Bytes that the description holds; they stay where the bootloader put them. */
struct payload {
	const u8 *data;
	u64 size;
};

/* A device on virtio: a child of the VM's node. Strings stay where the bootloader put them. */
#define VM_MAX_VIRTIO 24
#define VM_MAX_PORTS  8 /* of one console */

enum vm_device_kind {
	VM_DISK,    /* compatible = "doppel,disk" */
	VM_NET,	    /* "doppel,net" */
	VM_CONSOLE, /* "doppel,console" */
	VM_RNG,	    /* "doppel,rng" */
	VM_BALLOON, /* "doppel,balloon" */
};

struct vm_device {
	enum vm_device_kind kind;
	const char *name; /* of the node */
	union {
		struct {
			const char *host_disk; /* serial number of the real machine's disk */
			const char *serial;    /* that the guest sees, at most 20 bytes */
			bool is_read_only;
			u64 overlay; /* bytes that a copy-on-write overlay may grow to; 0: none */
			u64 rate_bytes, rate_iops; /* a second; 0: no limit */
		} disk;
		struct {
			const char *switch_name;
			u8 mac[6];
			u32 address, prefix, gateway, dns; /* IPv4; 0: none */
			u64 rate_bytes;			   /* a second, each way; 0: no limit */
		} net;
		struct {
			/* Names; each is a port of the machine's, too. */
			const char *ports[VM_MAX_PORTS];
			unsigned nr_ports;
		} console;
	};
};

/* Whether what the guest writes goes to the disk of the machine. */
static inline bool vm_disk_writes(const struct vm_device *disk)
{
	return !disk->disk.is_read_only && !disk->disk.overlay;
}

struct vm_description {
	char name[VM_NAME_SIZE];
	unsigned nr_vcpus;	       /* 1 to VM_MAX_VCPUS */
	u64 memory_size;	       /* bytes, a multiple of 2 MiB */
	struct payload kernel, initrd; /* initrd.size 0: none */
	const char *bootargs;	       /* "" when none */
	bool autostart;
	u32 weight; /* 1 to VM_MAX_WEIGHT: its share of the harts, next to others' */
	u32 cap;    /* percent of one hart, at most VM_MAX_CAP; 0: none */
	u32 hart_ids[VM_MAX_HARTS]; /* the host's harts that it may run on, each once */
	unsigned nr_hart_ids;	    /* 0: all of them */
	bool has_serial, has_rtc, has_test, has_power_button;
	struct vm_device devices[VM_MAX_VIRTIO]; /* in the order of their slots */
	unsigned nr_devices;
};

/* Whether a VM or an image can be called so: 1 to 31 of a-z, 0-9 and -, the first not -. */
bool is_vm_name(const char *name);

/* "512M" as bytes; 0 for what is no size. */
u64 description_size(const char *text);

/* A property that is exactly one string; NULL: it is not there, or has another form. */
const char *description_string(const struct fdt *fdt, int node, const char *name);

/* The child with exactly this name (a unit address is part of it), or FDT_NONE. */
int description_child(const struct fdt *fdt, int parent, const char *name);

/*
 * Reads the VM of one node, a child of the root; payloads that it names are looked up in the images
 * of the same tree. Returns NULL, or a sentence in error that says which VM, which property, and
 * what it should be.
 */
const char *description_read(const struct fdt *fdt, int node, struct vm_description *description,
			     char error[VM_ERROR_SIZE]);

#endif
