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
#define VM_ERROR_SIZE	192

/* Bytes that the description holds; they stay where the bootloader put them. */
struct payload {
	const u8 *data;
	u64 size;
};

struct vm_description {
	char name[VM_NAME_SIZE];
	unsigned nr_vcpus;	       /* 1 to VM_MAX_VCPUS */
	u64 memory_size;	       /* bytes, a multiple of 2 MiB */
	struct payload kernel, initrd; /* initrd.size 0: none */
	const char *bootargs;	       /* "" when none */
	bool autostart;
	bool has_serial, has_rtc, has_test;
};

/*
 * Reads the VM of one node. Returns NULL, or a sentence in error that says which VM, which
 * property, and what it should be.
 */
const char *description_read(const struct fdt *fdt, int node, struct vm_description *description,
			     char error[VM_ERROR_SIZE]);

#endif
