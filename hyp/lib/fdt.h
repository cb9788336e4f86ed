/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a flattened device tree, whoever wrote it (Devicetree Specification 0.4, chapter 5). */
#ifndef DOPPEL_LIB_FDT_H
#define DOPPEL_LIB_FDT_H

#include "lib/types.h"

/*
 * fdt_open() reads the whole blob once and refuses it unless every later walk stays inside it.
 * All other functions rely on that: they take a tree that was opened, and nodes that they
 * themselves returned. The blob stays the caller's; nobody may write to it while it is read.
 *
 * A node is the offset of its FDT_BEGIN_NODE token in the structure block. FDT_NONE stands for "no
 * such node", and is a valid argument everywhere: it has no name, no children and no properties.
 */
#define FDT_NONE (-1)

#define FDT_MAX_DEPTH 32 /* levels of nodes, the root being the first */

struct fdt {
	const u8 *blob;
	u32 size; /* bytes, as the header says (totalsize) */
	const u8 *structure;
	u32 structure_size; /* bytes, up to and including the FDT_END token */
	const char *strings;
	u32 strings_size; /* bytes; the last one is NUL */
	const u8 *reservations;
	u32 nr_reservations;
};

struct fdt_property {
	const char *name; /* NULL: there is none */
	const u8 *value;  /* big-endian, not aligned */
	u32 len;	  /* bytes */
	int next;	  /* offset of the token behind it */
};

/* Reasons why a tree is refused by fdt_open(), or not written by fdt_writer_finish(). */
enum fdt_error {
	FDT_OK = 0,
	FDT_ERR_TRUNCATED = -1,	   /* shorter than its header, or than its header says */
	FDT_ERR_MAGIC = -2,	   /* no device tree at all */
	FDT_ERR_VERSION = -3,	   /* not compatible with version 17 */
	FDT_ERR_LAYOUT = -4,	   /* a block is misaligned or reaches out of the blob */
	FDT_ERR_RESERVATIONS = -5, /* the memory reservation block has no end */
	FDT_ERR_STRUCTURE = -6,	   /* tokens in an order that makes no tree */
	FDT_ERR_STRING = -7,	   /* a name is not terminated, or is outside its block */
	FDT_ERR_DEPTH = -8,	   /* nested deeper than FDT_MAX_DEPTH */
	FDT_ERR_NO_SPACE = -9,	   /* writer: the buffer is too small */
};

/* What an error means, as the end of a sentence: "the device tree ...". */
const char *fdt_error_string(int error);

/*
 * Checks the blob of at most size bytes and prepares fdt for reading.
 * Returns 0 or a negative enum fdt_error; fdt is unusable then. Takes time linear in the blob.
 */
int fdt_open(struct fdt *fdt, const void *blob, size_t size);

/* Walking the tree. */
int fdt_root(const struct fdt *fdt);
int fdt_parent(const struct fdt *fdt, int node);
int fdt_first_child(const struct fdt *fdt, int parent);
int fdt_next_sibling(const struct fdt *fdt, int node);

/* The node that follows in the order of the blob, parents before their children. */
int fdt_next_node(const struct fdt *fdt, int node);

/* The name with its unit address, such as "serial@10000000"; "" for the root and FDT_NONE. */
const char *fdt_node_name(const struct fdt *fdt, int node);

#define fdt_for_each_child(fdt, child, parent)                                \
	for ((child) = fdt_first_child((fdt), (parent)); (child) != FDT_NONE; \
	     (child) = fdt_next_sibling((fdt), (child)))

/*
 * Finding a node. A name without a unit address fits a node with any: "memory" finds
 * "memory@80000000" if it comes first (section 2.2.3).
 */
int fdt_find_child(const struct fdt *fdt, int parent, const char *name);

/*
 * A path such as "/soc/serial@10000000". It may also begin with a name from /aliases, and it ends
 * at a colon, so that stdout-path can be given as it is (sections 3.3 and 3.6).
 */
int fdt_find_path(const struct fdt *fdt, const char *path);
int fdt_find_phandle(const struct fdt *fdt, u32 phandle);

/* The first node behind previous that is compatible; FDT_NONE as previous: of the whole tree. */
int fdt_next_compatible(const struct fdt *fdt, int previous, const char *compatible);
bool fdt_is_compatible(const struct fdt *fdt, int node, const char *compatible);

#define fdt_for_each_compatible(fdt, node, compatible)                                        \
	for ((node) = fdt_next_compatible((fdt), FDT_NONE, (compatible)); (node) != FDT_NONE; \
	     (node) = fdt_next_compatible((fdt), (node), (compatible)))

/* Whether the node's status property is missing or "okay" or "ok" (section 2.3.4). */
bool fdt_is_enabled(const struct fdt *fdt, int node);

/* Walking the properties of a node; prop is a struct fdt_property, its name is NULL at the end. */
struct fdt_property fdt_first_property(const struct fdt *fdt, int node);
struct fdt_property fdt_next_property(const struct fdt *fdt, const struct fdt_property *prop);

#define fdt_for_each_property(fdt, prop, node)                        \
	for ((prop) = fdt_first_property((fdt), (node)); (prop).name; \
	     (prop) = fdt_next_property((fdt), &(prop)))

/* Finds a property by name. False: the node has none; prop->name is NULL and its length 0 then. */
bool fdt_property(const struct fdt *fdt, int node, const char *name, struct fdt_property *prop);
bool fdt_has_property(const struct fdt *fdt, int node, const char *name);

/*
 * Values (section 2.2.4). Each is false or NULL when the property is missing or has another form;
 * the result is left alone then, so that it can hold a default.
 */
bool fdt_u32(const struct fdt *fdt, int node, const char *name, u32 *value);

/* A number of one or two cells: properties such as linux,initrd-start come in either form. */
bool fdt_u64(const struct fdt *fdt, int node, const char *name, u64 *value);

/* The property as one string, or the first of its list. */
const char *fdt_string(const struct fdt *fdt, int node, const char *name);

/* The index-th big-endian 32-bit cell of a value. */
bool fdt_cell(const struct fdt_property *prop, u32 index, u32 *cell);

/* The string behind previous in a list of strings, NULL at its end; previous NULL: the first. */
const char *fdt_next_string(const struct fdt_property *list, const char *previous);
bool fdt_strings_contain(const struct fdt_property *list, const char *string);

/*
 * The index-th entry of the node's reg property, in the cells that parent asks for: one or two for
 * an address, none to two for a size, which is 0 if none (section 2.3.6). Either result pointer
 * may be NULL. False: no such entry, or wider cells.
 */
bool fdt_reg(const struct fdt *fdt, int node, int parent, u32 index, u64 *address, u64 *size);

/* The index-th entry of the memory reservation block (section 5.3). False: behind the last. */
bool fdt_reservation(const struct fdt *fdt, u32 index, u64 *address, u64 *size);

#endif
