/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a flattened device tree: tokens as they come, names behind, the header at the end. */
#include "lib/fdt_writer.h"
#include "lib/string.h"

/* Header, empty memory reservation block, structure block, strings block (section 5.1). */
#define HEADER_SIZE	 40
#define RESERVATIONS	 HEADER_SIZE
#define STRUCTURE	 (RESERVATIONS + 16)
#define FDT_MAGIC	 0xd00dfeedU
#define FDT_VERSION	 17U
#define FDT_COMP_VERSION 16U

#define FDT_BEGIN_NODE 1U
#define FDT_END_NODE   2U
#define FDT_PROP       3U
#define FDT_END	       9U

static void fail(struct fdt_writer *w, int error)
{
	if (!w->error)
		w->error = error;
}

static void store_be32(u8 *p, u32 value)
{
	p[0] = (u8)(value >> 24);
	p[1] = (u8)(value >> 16);
	p[2] = (u8)(value >> 8);
	p[3] = (u8)value;
}

static void append(struct fdt_writer *w, const void *data, size_t len)
{
	if (!w->error && len > w->limit - w->end)
		fail(w, FDT_ERR_NO_SPACE);
	if (w->error || len == 0)
		return;
	memcpy(w->buffer + w->end, data, len);
	w->end += (u32)len;
}

static void append_cell(struct fdt_writer *w, u32 value)
{
	u8 cell[4];

	store_be32(cell, value);
	append(w, cell, sizeof(cell));
}

/* Tokens are aligned to four bytes; what is between is zero (section 5.4). */
static void pad(struct fdt_writer *w)
{
	static const u8 zeros[4];

	append(w, zeros, -w->end & 3);
}

/* The offset of a name in the strings block, where it is entered once. */
static u32 name_offset(struct fdt_writer *w, const char *name)
{
	char *strings = (char *)w->buffer + w->limit;
	size_t size = strlen(name) + 1;
	u32 offset = 0;

	for (; offset < w->strings_size; offset += (u32)strlen(strings + offset) + 1) {
		if (strcmp(strings + offset, name) == 0)
			return offset;
	}
	if (size > FDT_WRITER_STRINGS - w->strings_size) {
		fail(w, FDT_ERR_NO_SPACE);
		return 0;
	}
	memcpy(strings + offset, name, size);
	w->strings_size += (u32)size;
	return offset;
}

void fdt_writer_init(struct fdt_writer *w, void *buffer, size_t size)
{
	memset(w, 0, sizeof(*w));
	if (size < STRUCTURE + FDT_WRITER_STRINGS) {
		fail(w, FDT_ERR_NO_SPACE);
		return;
	}
	w->buffer = buffer;
	w->limit = (u32)MIN(size, (size_t)INT32_MAX) - FDT_WRITER_STRINGS;
	w->end = STRUCTURE;
	memset(w->buffer, 0, STRUCTURE);
}

/* The token of a node and its name, without the NUL. */
static void open_node(struct fdt_writer *w, const char *name)
{
	if (w->depth == 0 && w->had_root)
		fail(w, FDT_ERR_STRUCTURE);
	if (w->depth == FDT_MAX_DEPTH)
		fail(w, FDT_ERR_DEPTH);
	w->depth++;
	w->had_root = true;
	w->after_child = false;
	append_cell(w, FDT_BEGIN_NODE);
	append(w, name, strlen(name));
}

static void end_name(struct fdt_writer *w)
{
	append(w, "", 1);
	pad(w);
}

void fdt_begin_node(struct fdt_writer *w, const char *name)
{
	open_node(w, name);
	end_name(w);
}

void fdt_begin_node_at(struct fdt_writer *w, const char *name, u64 unit_address)
{
	int shift = 60;

	open_node(w, name);
	append(w, "@", 1);
	while (shift > 0 && unit_address >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		append(w, &"0123456789abcdef"[unit_address >> shift & 0xf], 1);
	end_name(w);
}

void fdt_end_node(struct fdt_writer *w)
{
	if (w->depth == 0) {
		fail(w, FDT_ERR_STRUCTURE);
		return;
	}
	w->depth--;
	w->after_child = true;
	append_cell(w, FDT_END_NODE);
}

/* Token, length and name of a property; its value follows. */
static void begin_property(struct fdt_writer *w, const char *name, size_t len)
{
	if (w->depth == 0 || w->after_child)
		fail(w, FDT_ERR_STRUCTURE);
	if (w->error)
		return;
	append_cell(w, FDT_PROP);
	append_cell(w, (u32)len);
	append_cell(w, name_offset(w, name));
}

void fdt_put_bytes(struct fdt_writer *w, const char *name, const void *bytes, size_t len)
{
	begin_property(w, name, len);
	append(w, bytes, len);
	pad(w);
}

void fdt_put_empty(struct fdt_writer *w, const char *name)
{
	begin_property(w, name, 0);
}

void fdt_put_u32(struct fdt_writer *w, const char *name, u32 value)
{
	fdt_put_cells(w, name, &value, 1);
}

void fdt_put_u64(struct fdt_writer *w, const char *name, u64 value)
{
	u32 cells[] = { (u32)(value >> 32), (u32)value };

	fdt_put_cells(w, name, cells, ARRAY_SIZE(cells));
}

void fdt_put_cells(struct fdt_writer *w, const char *name, const u32 *cells, size_t count)
{
	begin_property(w, name, count * 4);
	for (size_t i = 0; i < count && !w->error; i++)
		append_cell(w, cells[i]);
}

void fdt_put_string(struct fdt_writer *w, const char *name, const char *string)
{
	fdt_put_bytes(w, name, string, strlen(string) + 1);
}

void fdt_put_strings(struct fdt_writer *w, const char *name, const char *const *strings,
		     size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += strlen(strings[i]) + 1;
	begin_property(w, name, len);
	for (size_t i = 0; i < count; i++)
		append(w, strings[i], strlen(strings[i]) + 1);
	pad(w);
}

void fdt_put_reg(struct fdt_writer *w, u64 address, u64 size)
{
	u32 cells[] = { (u32)(address >> 32), (u32)address, (u32)(size >> 32), (u32)size };

	fdt_put_cells(w, "reg", cells, ARRAY_SIZE(cells));
}

int fdt_writer_finish(struct fdt_writer *w)
{
	u32 header[HEADER_SIZE / 4];
	u32 size;

	if (w->depth != 0 || !w->had_root)
		fail(w, FDT_ERR_STRUCTURE);
	append_cell(w, FDT_END);
	if (w->error)
		return w->error;

	size = w->end + w->strings_size;
	memmove(w->buffer + w->end, w->buffer + w->limit, w->strings_size);
	header[0] = FDT_MAGIC;
	header[1] = size;
	header[2] = STRUCTURE;
	header[3] = w->end;
	header[4] = RESERVATIONS;
	header[5] = FDT_VERSION;
	header[6] = FDT_COMP_VERSION;
	header[7] = 0; /* boot_cpuid_phys: RISC-V passes the hart in a0 */
	header[8] = w->strings_size;
	header[9] = w->end - STRUCTURE;
	for (size_t i = 0; i < ARRAY_SIZE(header); i++)
		store_be32(w->buffer + i * 4, header[i]);
	return (int)size;
}
