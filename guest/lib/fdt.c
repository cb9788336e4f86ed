/* SPDX-License-Identifier: BSD-2-Clause */
/* A walker over a flattened device tree (Devicetree Specification, chapter 5). */
#include "fdt.h"

#include "string.h"

#define FDT_MAGIC      0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP	       4

#define PATH_MAX 256

u32 fdt_u32(const u8 *data)
{
	return (u32)data[0] << 24 | (u32)data[1] << 16 | (u32)data[2] << 8 | data[3];
}

u64 fdt_u64(const u8 *data)
{
	return (u64)fdt_u32(data) << 32 | fdt_u32(data + 4);
}

bool fdt_is_valid(const void *fdt)
{
	return fdt && fdt_u32(fdt) == FDT_MAGIC;
}

static bool path_append(char *path, const char *name)
{
	u64 used = strlen(path);

	if (!*name)
		return true; /* the root */
	if (used + strlen(name) + 2 > PATH_MAX)
		return false;
	path[used] = '/';
	memcpy(path + used + 1, name, strlen(name) + 1);
	return true;
}

static void path_cut(char *path)
{
	char *last = path;

	for (char *c = path; *c; c++)
		if (*c == '/')
			last = c;
	*last = '\0';
}

bool fdt_visit(const void *fdt, bool (*visit)(const struct fdt_property *, void *), void *context)
{
	const u8 *base = fdt;
	const u8 *at;
	const char *strings;
	char path[PATH_MAX] = "";

	if (!fdt_is_valid(fdt))
		return false;
	at = base + fdt_u32(base + 8);
	strings = (const char *)base + fdt_u32(base + 12);
	for (;;) {
		u32 token = fdt_u32(at);

		at += 4;
		if (token == FDT_BEGIN_NODE) {
			if (!path_append(path, (const char *)at))
				return false;
			at += (strlen((const char *)at) + 4) & ~3UL;
		} else if (token == FDT_END_NODE) {
			path_cut(path);
		} else if (token == FDT_PROP) {
			struct fdt_property property = { path, strings + fdt_u32(at + 4), at + 8,
							 fdt_u32(at) };

			if (visit(&property, context))
				return true;
			at += 8 + ((property.len + 3) & ~3U);
		} else if (token != FDT_NOP) {
			return false; /* FDT_END, or not a tree */
		}
	}
}

struct wanted {
	const char *path;
	const char *name;
	struct fdt_property *found;
};

static bool is_wanted(const struct fdt_property *property, void *context)
{
	struct wanted *wanted = context;

	if (strncmp(property->path, wanted->path, strlen(wanted->path)) != 0 ||
	    strcmp(property->name, wanted->name) != 0)
		return false;
	*wanted->found = *property;
	return true;
}

bool fdt_find(const void *fdt, const char *path, const char *name, struct fdt_property *found)
{
	struct wanted wanted = { path, name, found };

	return fdt_visit(fdt, is_wanted, &wanted);
}

static bool lists_compatible(const struct fdt_property *property, void *context)
{
	if (strcmp(property->name, "compatible") != 0)
		return false;
	for (u32 i = 0; i < property->len; i += (u32)strlen((const char *)property->data + i) + 1)
		if (strcmp((const char *)property->data + i, context) == 0)
			return true;
	return false;
}

bool fdt_has_compatible(const void *fdt, const char *compatible)
{
	return fdt_visit(fdt, lists_compatible, (void *)(uintptr_t)compatible);
}

bool fdt_has_isa(const void *fdt, const char *extension)
{
	struct fdt_property isa;
	const char *s;
	u64 len = strlen(extension);

	if (!fdt_find(fdt, "/cpus/cpu@", "riscv,isa", &isa))
		return false;
	s = (const char *)isa.data + 4; /* after "rv64" */
	if (len == 1) {
		for (; *s && *s != '_'; s++)
			if (*s == *extension)
				return true;
		return false;
	}
	for (; *s; s++)
		if (s[0] == '_' && strncmp(s + 1, extension, len) == 0 &&
		    (s[1 + len] == '_' || s[1 + len] == '\0'))
			return true;
	return false;
}

void fdt_memory(const void *fdt, u64 *base, u64 *size)
{
	struct fdt_property reg;

	*base = *size = 0;
	if (fdt_find(fdt, "/memory@", "reg", &reg) && reg.len >= 16) {
		*base = fdt_u64(reg.data);
		*size = fdt_u64(reg.data + 8);
	}
}
