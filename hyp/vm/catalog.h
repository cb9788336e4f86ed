/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMs that the user described, whether or not they were created. */
#ifndef DOPPEL_CATALOG_H
#define DOPPEL_CATALOG_H

#include "lib/fdt.h"
#include "vm/description.h"

#define SCRIPT_MAX MIB(1) /* bytes */

/*
 * Nothing is copied but the struct: the blob must stay where it is. Payloads
 * are stepped over, never read.
 */
void catalog_open(const struct fdt *fdt);

/*
 * Checks the root node, the images, and every VM. Returns NULL or a sentence in error: which node,
 * which property, and what it should be.
 */
const char *catalog_check(char error[VM_ERROR_SIZE]);

/*
 * The names of the VMs one by one, in the order of the description; NULL: no more. *at is FDT_NONE
 * at first, and not to be changed then.
 */
const char *catalog_next(int *at);

/* Reads the VM of that name. Returns NULL or a sentence in error, as description_read(). */
const char *catalog_read(const char *name, struct vm_description *description,
			 char error[VM_ERROR_SIZE]);

/* Monitor commands to run at boot, at most SCRIPT_MAX bytes; NULL: none. */
const char *catalog_script(void);

#endif
