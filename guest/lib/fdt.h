/* SPDX-License-Identifier: BSD-2-Clause */
/* Read-only look at the device tree that this machine was started with. */
#ifndef GUEST_FDT_H
#define GUEST_FDT_H

#include "types.h"

/* One property, with the path of its node ("" is the root, "/cpus/cpu@0" and so on). */
struct fdt_property {
	const char *path;
	const char *name;
	const u8 *data;
	u32 len;
};

/* Calls visit for each property in order until it returns true. False: never did, or a bad tree. */
bool fdt_visit(const void *fdt, bool (*visit)(const struct fdt_property *, void *), void *context);

bool fdt_is_valid(const void *fdt);

/* The first property of that name in a node whose path begins so. */
bool fdt_find(const void *fdt, const char *path, const char *name, struct fdt_property *found);

bool fdt_has_compatible(const void *fdt, const char *compatible);

/* Whether the first hart's riscv,isa names a single-letter or multi-letter extension. */
bool fdt_has_isa(const void *fdt, const char *extension);

/* RAM, from the first /memory node. */
void fdt_memory(const void *fdt, u64 *base, u64 *size);

u32 fdt_u32(const u8 *data);
u64 fdt_u64(const u8 *data);

#endif
