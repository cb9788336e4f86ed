/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a VM's images into its RAM, as a boot loader would. */
#ifndef DOPPEL_LOAD_H
#define DOPPEL_LOAD_H

#include "lib/types.h"
#include "mem/guest_memory.h"
#include "vm/description.h"

#define LOAD_DEVICE_TREE_SIZE KIB(64) /* at the end of RAM */
#define LOAD_KERNEL_OFFSET    MIB(2)  /* of a flat binary; Linux images say where they want to be */

struct loaded {
	gpa_t entry;
	gpa_t device_tree;
	gpa_t initrd; /* and its size is in the description */
};

/*
 * Where everything goes, without touching memory: returns NULL, or what is wrong with an image.
 * The kernel is a Linux Image (Documentation/arch/riscv/boot-image-header.rst), an ELF64
 * executable, or else a flat binary.
 */
const char *load_plan(const struct vm_description *d, gpa_t ram, struct loaded *loaded);

/* How far the copying has come; all zero at the beginning. */
struct load_progress {
	unsigned copy; /* which segment or file */
	u64 done;      /* bytes of it */
};

enum load_result {
	LOAD_DONE,    /* nothing was left to copy */
	LOAD_GOES_ON, /* call it again */
	LOAD_NO_RAM,  /* the same: RAM that the guest gave back has not come back yet */
};

/*
 * Copies a piece of kernel and initrd, at most LOAD_PIECE bytes, to where load_plan() said. All of
 * it takes long, and others wait.
 */
#define LOAD_PIECE KIB(256)
enum load_result load_step(const struct vm_description *d, const struct guest_memory *memory,
			   const struct loaded *loaded, struct load_progress *progress);

#endif
