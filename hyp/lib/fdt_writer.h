/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a flattened device tree into a buffer (Devicetree Specification 0.4, chapter 5). */
#ifndef DOPPEL_LIB_FDT_WRITER_H
#define DOPPEL_LIB_FDT_WRITER_H

#include "lib/fdt.h"
#include "lib/types.h"

/*
 * The structure block grows from below; the last FDT_WRITER_STRINGS bytes of the buffer collect the
 * names of properties, each once, until fdt_writer_finish() moves them behind it.
 *
 * An error is remembered and makes all that follows do nothing: check once, at the end.
 */
#define FDT_WRITER_STRINGS 2048

struct fdt_writer {
	u8 *buffer;
	u32 limit;	  /* bytes the structure block may reach to */
	u32 end;	  /* bytes used from the start of the buffer */
	u32 strings_size; /* bytes of names collected */
	u32 depth;	  /* open nodes */
	bool had_root;
	bool after_child; /* the open node has had a child: no more properties */
	int error;	  /* enum fdt_error: the first that happened */
};

/* Begins a tree in a buffer of size bytes, which stays the caller's. */
void fdt_writer_init(struct fdt_writer *w, void *buffer, size_t size);

/*
 * Nodes. The root is named ""; its end ends the tree. A node's properties come before its children,
 * as the format demands; else, and at a node too many, the error is FDT_ERR_STRUCTURE.
 */
void fdt_begin_node(struct fdt_writer *w, const char *name);
void fdt_begin_node_at(struct fdt_writer *w, const char *name, u64 unit_address); /* name@hex */
void fdt_end_node(struct fdt_writer *w);

/* Properties of the open node. */
void fdt_put_empty(struct fdt_writer *w, const char *name);
void fdt_put_u32(struct fdt_writer *w, const char *name, u32 value);
void fdt_put_u64(struct fdt_writer *w, const char *name, u64 value);
void fdt_put_cells(struct fdt_writer *w, const char *name, const u32 *cells, size_t count);
void fdt_put_string(struct fdt_writer *w, const char *name, const char *string);
void fdt_put_strings(struct fdt_writer *w, const char *name, const char *const *strings,
		     size_t count);
void fdt_put_bytes(struct fdt_writer *w, const char *name, const void *bytes, size_t len);

/* A reg property of one entry, for a parent with two address cells and two size cells. */
void fdt_put_reg(struct fdt_writer *w, u64 address, u64 size);

/* Completes the blob. Returns its size in bytes, or a negative enum fdt_error. */
int fdt_writer_finish(struct fdt_writer *w);

#endif
