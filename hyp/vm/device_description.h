/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the virtio devices of a VM from its description (docs/vm-description.md). */
#ifndef DOPPEL_DEVICE_DESCRIPTION_H
#define DOPPEL_DEVICE_DESCRIPTION_H

#include "vm/description.h"

/* Whether the node says that it is such a device, rightly or not: it has a compatible. */
bool description_is_device(const struct fdt *fdt, int node);

/*
 * Reads a device of the VM into the next of d->devices; d->name is set. Returns NULL or a sentence
 * in error, as description_read().
 */
const char *description_read_device(const struct fdt *fdt, int node, struct vm_description *d,
				    char error[VM_ERROR_SIZE]);

/* The MAC address of an interface that is given none: 52:54:00, and a hash of "VM/DEVICE". */
void description_default_mac(const char *vm, const char *device, u8 mac[6]);

/*
 * For a VM that is made after the description under another name: what only one VM can have is not
 * its own. Interfaces get other MAC addresses, and none of IPv4.
 */
void description_for_copy(struct vm_description *d, const char *name);

#endif
