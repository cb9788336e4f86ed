/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a flattened device tree: checks it once, then walks it where it lies. */
#include "lib/fdt.h"
#include "lib/string.h"

#define FDT_MAGIC   0xd00dfeedU
#define FDT_VERSION 17

/* The header: offsets of its big-endian 32-bit fields (section 5.2). */
#define HEADER_MAGIC		 0
#define HEADER_TOTALSIZE	 4
#define HEADER_OFF_STRUCT	 8
#define HEADER_OFF_STRINGS	 12
#define HEADER_OFF_RESERVATIONS	 16
#define HEADER_VERSION		 20
#define HEADER_LAST_COMP_VERSION 24
#define HEADER_SIZE_STRINGS	 32
#define HEADER_SIZE_STRUCT	 36
#define HEADER_SIZE		 40

#define RESERVATION_SIZE 16 /* an address and a size of 8 bytes each (section 5.3.2) */

/* Tokens of the structure block (section 5.4.1). */
#define FDT_BEGIN_NODE 1U /* name, NUL-terminated */
#define FDT_END_NODE   2U
#define FDT_PROP       3U /* length, offset of the name in the strings block, value */
#define FDT_NOP	       4U
#define FDT_END	       9U

#define TOKEN_SIZE	 4
#define PROP_HEADER_SIZE 12 /* token, length, offset of the name */

static const struct fdt_property no_property;

static u32 load_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static u64 load_be64(const u8 *p)
{
	return (u64)load_be32(p) << 32 | load_be32(p + 4);
}

const char *fdt_error_string(int error)
{
	switch (error) {
	case FDT_OK: return "is in order";
	case FDT_ERR_TRUNCATED: return "is truncated";
	case FDT_ERR_MAGIC: return "is not a device tree";
	case FDT_ERR_VERSION: return "has a version that is not compatible with 17";
	case FDT_ERR_LAYOUT: return "has a block that is misaligned or outside the blob";
	case FDT_ERR_RESERVATIONS: return "has a memory reservation block without an end";
	case FDT_ERR_STRUCTURE: return "has tokens that do not make a tree";
	case FDT_ERR_STRING: return "has a name that is not terminated or outside its block";
	case FDT_ERR_DEPTH: return "is nested too deeply";
	case FDT_ERR_NO_SPACE: return "does not fit into its buffer";
	default: return "has an unknown error";
	}
}

/*
 * The token at an offset, and where the one behind it is. Both fdt_open() and the walks parse by
 * these two alone; what the first has found to fit will fit for the others.
 */
static u32 token_at(const struct fdt *fdt, int offset)
{
	return load_be32(fdt->structure + offset);
}

static int token_end(const struct fdt *fdt, int offset)
{
	const u8 *token = fdt->structure + offset;
	u64 left = fdt->structure_size - (u32)offset;
	u64 len = TOKEN_SIZE;

	if (left < TOKEN_SIZE)
		return FDT_ERR_STRUCTURE;

	switch (load_be32(token)) {
	case FDT_BEGIN_NODE:
		len += strnlen((const char *)token + TOKEN_SIZE, left - TOKEN_SIZE) + 1;
		if (len > left)
			return FDT_ERR_STRING;
		break;
	case FDT_PROP:
		if (left < PROP_HEADER_SIZE)
			return FDT_ERR_STRUCTURE;
		len = PROP_HEADER_SIZE + (u64)load_be32(token + 4);
		break;
	case FDT_END_NODE:
	case FDT_NOP:
	case FDT_END: break;
	default: return FDT_ERR_STRUCTURE;
	}

	len = ALIGN_UP(len, TOKEN_SIZE);
	return len <= left ? offset + (int)len : FDT_ERR_STRUCTURE;
}

static u32 prop_name_offset(const struct fdt *fdt, int offset)
{
	return load_be32(fdt->structure + offset + 8);
}

/*
 * Whether the tokens make one tree (section 5.4.2): nodes nest, nothing stands outside the root,
 * and the properties of a node come before its children. Leaves structure_size at the end of
 * FDT_END.
 */
static int check_structure(struct fdt *fdt)
{
	bool had_root = false;
	bool may_be_property = false;
	int depth = 0;
	int next;

	for (int offset = 0;; offset = next) {
		next = token_end(fdt, offset);
		if (next < 0)
			return next;

		switch (token_at(fdt, offset)) {
		case FDT_BEGIN_NODE:
			if (depth == 0 && had_root)
				return FDT_ERR_STRUCTURE;
			if (depth == FDT_MAX_DEPTH)
				return FDT_ERR_DEPTH;
			depth++;
			had_root = true;
			may_be_property = true;
			break;
		case FDT_END_NODE:
			if (depth == 0)
				return FDT_ERR_STRUCTURE;
			depth--;
			may_be_property = false;
			break;
		case FDT_PROP:
			if (!may_be_property)
				return FDT_ERR_STRUCTURE;
			if (prop_name_offset(fdt, offset) >= fdt->strings_size)
				return FDT_ERR_STRING;
			break;
		case FDT_END:
			fdt->structure_size = (u32)next;
			return depth == 0 && had_root ? FDT_OK : FDT_ERR_STRUCTURE;
		default: break;
		}
	}
}

/* Counts the entries before the one that is all zero (section 5.3.2). */
static int check_reservations(struct fdt *fdt)
{
	u64 left = fdt->size - (u64)(fdt->reservations - fdt->blob);
	const u8 *entry = fdt->reservations;

	fdt->nr_reservations = 0;
	for (; left >= RESERVATION_SIZE; left -= RESERVATION_SIZE, entry += RESERVATION_SIZE) {
		if (load_be64(entry) == 0 && load_be64(entry + 8) == 0)
			return FDT_OK;
		fdt->nr_reservations++;
	}
	return FDT_ERR_RESERVATIONS;
}

static bool block_fits(const struct fdt *fdt, u32 offset, u32 size, u32 alignment)
{
	return offset >= HEADER_SIZE && IS_ALIGNED(offset, alignment) &&
	       (u64)offset + size <= fdt->size;
}

static int check_layout(struct fdt *fdt)
{
	u32 structure = load_be32(fdt->blob + HEADER_OFF_STRUCT);
	u32 strings = load_be32(fdt->blob + HEADER_OFF_STRINGS);
	u32 reservations = load_be32(fdt->blob + HEADER_OFF_RESERVATIONS);

	fdt->structure_size = load_be32(fdt->blob + HEADER_SIZE_STRUCT);
	fdt->strings_size = load_be32(fdt->blob + HEADER_SIZE_STRINGS);
	if (!block_fits(fdt, structure, fdt->structure_size, 4) ||
	    !block_fits(fdt, strings, fdt->strings_size, 1) ||
	    !block_fits(fdt, reservations, RESERVATION_SIZE, 8))
		return FDT_ERR_LAYOUT;

	fdt->structure = fdt->blob + structure;
	fdt->strings = (const char *)fdt->blob + strings;
	fdt->reservations = fdt->blob + reservations;
	return FDT_OK;
}

int fdt_open(struct fdt *fdt, const void *blob, size_t size)
{
	int error;

	if (size < HEADER_SIZE)
		return FDT_ERR_TRUNCATED;
	fdt->blob = blob;
	if (load_be32(fdt->blob + HEADER_MAGIC) != FDT_MAGIC)
		return FDT_ERR_MAGIC;
	fdt->size = load_be32(fdt->blob + HEADER_TOTALSIZE);
	if (fdt->size < HEADER_SIZE || fdt->size > size)
		return FDT_ERR_TRUNCATED;
	if (fdt->size > INT32_MAX) /* offsets are ints */
		return FDT_ERR_LAYOUT;
	if (load_be32(fdt->blob + HEADER_VERSION) < FDT_VERSION ||
	    load_be32(fdt->blob + HEADER_LAST_COMP_VERSION) > FDT_VERSION)
		return FDT_ERR_VERSION;

	error = check_layout(fdt);
	if (error)
		return error;
	/* With a NUL at its very end, every string that begins in the block also ends there. */
	if (fdt->strings_size > 0 && fdt->strings[fdt->strings_size - 1] != '\0')
		return FDT_ERR_STRING;
	error = check_reservations(fdt);
	if (error)
		return error;
	return check_structure(fdt);
}

/* The first token from offset on that is none of the two. */
static int skip(const struct fdt *fdt, int offset, u32 token, u32 or_token)
{
	while (token_at(fdt, offset) == token || token_at(fdt, offset) == or_token)
		offset = token_end(fdt, offset);
	return offset;
}

static int node_or_none(const struct fdt *fdt, int offset)
{
	return token_at(fdt, offset) == FDT_BEGIN_NODE ? offset : FDT_NONE;
}

int fdt_root(const struct fdt *fdt)
{
	return skip(fdt, 0, FDT_NOP, FDT_NOP);
}

int fdt_first_child(const struct fdt *fdt, int parent)
{
	if (parent == FDT_NONE)
		return FDT_NONE;
	return node_or_none(fdt, skip(fdt, token_end(fdt, parent), FDT_PROP, FDT_NOP));
}

int fdt_next_sibling(const struct fdt *fdt, int node)
{
	int depth = 0;

	if (node == FDT_NONE)
		return FDT_NONE;
	do {
		if (token_at(fdt, node) == FDT_BEGIN_NODE)
			depth++;
		else if (token_at(fdt, node) == FDT_END_NODE)
			depth--;
		node = token_end(fdt, node);
	} while (depth > 0);
	return node_or_none(fdt, skip(fdt, node, FDT_NOP, FDT_NOP));
}

int fdt_next_node(const struct fdt *fdt, int node)
{
	u32 token;

	if (node == FDT_NONE)
		return FDT_NONE;
	do {
		node = token_end(fdt, node);
		token = token_at(fdt, node);
	} while (token != FDT_BEGIN_NODE && token != FDT_END);
	return node_or_none(fdt, node);
}

int fdt_parent(const struct fdt *fdt, int node)
{
	int path[FDT_MAX_DEPTH];
	int depth = 0;

	if (node == FDT_NONE)
		return FDT_NONE;
	for (int offset = fdt_root(fdt); offset != node; offset = token_end(fdt, offset)) {
		if (token_at(fdt, offset) == FDT_BEGIN_NODE)
			path[depth++] = offset;
		else if (token_at(fdt, offset) == FDT_END_NODE)
			depth--;
	}
	return depth > 0 ? path[depth - 1] : FDT_NONE;
}

const char *fdt_node_name(const struct fdt *fdt, int node)
{
	return node == FDT_NONE ? "" : (const char *)fdt->structure + node + TOKEN_SIZE;
}

/* Characters before the first that is one of the two, or before the end of the string. */
static size_t length_until(const char *s, char stop, char or_stop)
{
	size_t len = 0;

	while (s[len] != '\0' && s[len] != stop && s[len] != or_stop)
		len++;
	return len;
}

static bool name_fits(const char *name, const char *wanted, size_t len)
{
	if (strncmp(name, wanted, len) != 0)
		return false;
	return name[len] == '\0' || name[len] == '@';
}

static int find_child(const struct fdt *fdt, int parent, const char *name, size_t len)
{
	int child;

	fdt_for_each_child (fdt, child, parent) {
		if (name_fits(fdt_node_name(fdt, child), name, len))
			break;
	}
	return child;
}

int fdt_find_child(const struct fdt *fdt, int parent, const char *name)
{
	return find_child(fdt, parent, name, strlen(name));
}

/* Descends from node along the components of path, up to its end or a colon. */
static int descend(const struct fdt *fdt, int node, const char *path)
{
	for (;;) {
		size_t len;

		while (*path == '/')
			path++;
		len = length_until(path, '/', ':');
		if (len == 0)
			return node;
		node = find_child(fdt, node, path, len);
		path += len;
	}
}

/* The path that /aliases has for the first len characters of name; NULL: none. */
static const char *find_alias(const struct fdt *fdt, const char *name, size_t len)
{
	int aliases = fdt_find_child(fdt, fdt_root(fdt), "aliases");
	struct fdt_property alias;

	fdt_for_each_property (fdt, alias, aliases) {
		if (strncmp(alias.name, name, len) == 0 && alias.name[len] == '\0')
			return fdt_next_string(&alias, NULL);
	}
	return NULL;
}

int fdt_find_path(const struct fdt *fdt, const char *path)
{
	int node = fdt_root(fdt);

	if (*path != '/') {
		size_t len = length_until(path, '/', ':');
		const char *alias = find_alias(fdt, path, len);

		/* The value of an alias is a full path, so that this goes one level deep only. */
		if (!alias || *alias != '/')
			return FDT_NONE;
		node = descend(fdt, node, alias);
		path += len;
	}
	return descend(fdt, node, path);
}

int fdt_find_phandle(const struct fdt *fdt, u32 phandle)
{
	int node;

	for (node = fdt_root(fdt); node != FDT_NONE; node = fdt_next_node(fdt, node)) {
		u32 value;

		if (fdt_u32(fdt, node, "phandle", &value) && value == phandle)
			break;
	}
	return node;
}

int fdt_next_compatible(const struct fdt *fdt, int previous, const char *compatible)
{
	int node = previous == FDT_NONE ? fdt_root(fdt) : fdt_next_node(fdt, previous);

	while (node != FDT_NONE && !fdt_is_compatible(fdt, node, compatible))
		node = fdt_next_node(fdt, node);
	return node;
}

bool fdt_is_compatible(const struct fdt *fdt, int node, const char *compatible)
{
	struct fdt_property list;

	return fdt_property(fdt, node, "compatible", &list) &&
	       fdt_strings_contain(&list, compatible);
}

bool fdt_is_enabled(const struct fdt *fdt, int node)
{
	const char *status;

	if (!fdt_has_property(fdt, node, "status"))
		return node != FDT_NONE;
	status = fdt_string(fdt, node, "status");
	return status && (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

/* The property at offset, or behind it if there are only FDT_NOPs between. */
static struct fdt_property property_from(const struct fdt *fdt, int offset)
{
	const u8 *token;

	offset = skip(fdt, offset, FDT_NOP, FDT_NOP);
	if (token_at(fdt, offset) != FDT_PROP)
		return no_property;

	token = fdt->structure + offset;
	return (struct fdt_property){
		.name = fdt->strings + prop_name_offset(fdt, offset),
		.value = token + PROP_HEADER_SIZE,
		.len = load_be32(token + 4),
		.next = token_end(fdt, offset),
	};
}

struct fdt_property fdt_first_property(const struct fdt *fdt, int node)
{
	if (node == FDT_NONE)
		return no_property;
	return property_from(fdt, token_end(fdt, node));
}

struct fdt_property fdt_next_property(const struct fdt *fdt, const struct fdt_property *prop)
{
	return property_from(fdt, prop->next);
}

bool fdt_property(const struct fdt *fdt, int node, const char *name, struct fdt_property *prop)
{
	fdt_for_each_property (fdt, *prop, node) {
		if (strcmp(prop->name, name) == 0)
			return true;
	}
	return false;
}

bool fdt_has_property(const struct fdt *fdt, int node, const char *name)
{
	struct fdt_property prop;

	return fdt_property(fdt, node, name, &prop);
}

bool fdt_u32(const struct fdt *fdt, int node, const char *name, u32 *value)
{
	struct fdt_property prop;

	if (!fdt_property(fdt, node, name, &prop) || prop.len != 4)
		return false;
	*value = load_be32(prop.value);
	return true;
}

bool fdt_u64(const struct fdt *fdt, int node, const char *name, u64 *value)
{
	struct fdt_property prop;

	if (!fdt_property(fdt, node, name, &prop) || (prop.len != 4 && prop.len != 8))
		return false;
	*value = prop.len == 4 ? load_be32(prop.value) : load_be64(prop.value);
	return true;
}

const char *fdt_string(const struct fdt *fdt, int node, const char *name)
{
	struct fdt_property prop;

	return fdt_property(fdt, node, name, &prop) ? fdt_next_string(&prop, NULL) : NULL;
}

bool fdt_cell(const struct fdt_property *prop, u32 index, u32 *cell)
{
	if (index >= prop->len / 4)
		return false;
	*cell = load_be32(prop->value + index * 4);
	return true;
}

const char *fdt_next_string(const struct fdt_property *list, const char *previous)
{
	const char *string = (const char *)list->value;
	size_t left = list->len;

	if (previous) {
		size_t used = (size_t)(previous - string) + strlen(previous) + 1;

		string += used;
		left -= used;
	}
	return strnlen(string, left) < left ? string : NULL;
}

bool fdt_strings_contain(const struct fdt_property *list, const char *string)
{
	const char *s = NULL;

	while ((s = fdt_next_string(list, s))) {
		if (strcmp(s, string) == 0)
			return true;
	}
	return false;
}

static u64 load_cells(const u8 *p, u32 cells)
{
	return cells == 0 ? 0 : cells == 1 ? load_be32(p) : load_be64(p);
}

bool fdt_reg(const struct fdt *fdt, int node, int parent, u32 index, u64 *address, u64 *size)
{
	u32 address_cells = 2; /* the defaults of section 2.3.5 */
	u32 size_cells = 1;
	struct fdt_property reg;
	const u8 *entry;
	u32 entry_size;

	fdt_u32(fdt, parent, "#address-cells", &address_cells);
	fdt_u32(fdt, parent, "#size-cells", &size_cells);
	if (address_cells < 1 || address_cells > 2 || size_cells > 2)
		return false;

	entry_size = (address_cells + size_cells) * 4;
	if (!fdt_property(fdt, node, "reg", &reg) || index >= reg.len / entry_size)
		return false;

	entry = reg.value + (size_t)index * entry_size;
	if (address)
		*address = load_cells(entry, address_cells);
	if (size)
		*size = load_cells(entry + (size_t)address_cells * 4, size_cells);
	return true;
}

bool fdt_reservation(const struct fdt *fdt, u32 index, u64 *address, u64 *size)
{
	const u8 *entry = fdt->reservations + (size_t)index * RESERVATION_SIZE;

	if (index >= fdt->nr_reservations)
		return false;
	*address = load_be64(entry);
	*size = load_be64(entry + 8);
	return true;
}
