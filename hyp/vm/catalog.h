/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMs that the user described, whether or not they were created. */
#ifndef DOPPEL_CATALOG_H
#define DOPPEL_CATALOG_H

#include "lib/fdt.h"
#include "vm/description.h"

#define SCRIPT_MAX MIB(1) /* bytes */

/*
 * Nothing is copied but the struct: the blob must stay where it is. Each function below walks the
 * tree anew, which is linear in its nodes; payloads are stepped over.
 */
void catalog_open(const struct fdt *fdt);

/*
 * Checks the root node, the images, and every VM. Returns NULL or a sentence in error: which node,
 * which property, and what it should be.
 */
const char *catalog_check(char error[VM_ERROR_SIZE]);

unsigned catalog_count(void);

/* The name of the index-th VM, in the order of the description; NULL behind the last. */
const char *catalog_name(unsigned index);

/* Reads the VM of that name. Returns NULL or a sentence in error, as description_read(). */
const char *catalog_read(const char *name, struct vm_description *description,
			 char error[VM_ERROR_SIZE]);

/* Monitor commands to run at boot, at most SCRIPT_MAX bytes; NULL: none. */
const char *catalog_script(void);

#endif
