/* SPDX-License-Identifier: BSD-2-Clause */
/* ISA strings as the device tree has them: "rv64imafdch_zicsr_sstc". */
#include "riscv/isa.h"
#include "lib/string.h"

#define BASE_LENGTH 4 /* "rv64" */

/* Length of the run of single letters, with the base; the names behind it start with '_'. */
static size_t letters_end(const char *isa)
{
	size_t n = 0;

	while (isa[n] && isa[n] != '_')
		n++;
	return n;
}

static size_t name_length(const char *name)
{
	size_t n = 0;

	while (name[n] && name[n] != '_')
		n++;
	return n;
}

/* Finds the extension; *length is what to cut out for it ("h", or "_sstc"). */
static const char *find(const char *isa, const char *extension, size_t *length)
{
	size_t end = letters_end(isa), want = strlen(extension);

	if (want == 1) {
		for (size_t i = BASE_LENGTH; i < end; i++) {
			*length = 1;
			if (isa[i] == extension[0])
				return &isa[i];
		}
		return NULL;
	}
	for (const char *at = &isa[end]; *at == '_'; at += 1 + name_length(at + 1)) {
		*length = 1 + name_length(at + 1);
		if (*length == 1 + want && strncmp(at + 1, extension, want) == 0)
			return at;
	}
	return NULL;
}

bool isa_has(const char *isa, const char *extension)
{
	size_t length;

	return find(isa, extension, &length) != NULL;
}

void isa_remove(char *isa, const char *extension)
{
	size_t length;
	const char *found = find(isa, extension, &length);

	if (found)
		memmove(&isa[found - isa], found + length, strlen(found + length) + 1);
}

size_t isa_to_list(const char *isa, char *list, size_t size)
{
	size_t end = letters_end(isa), used = 0;

	if (strlen(isa) < BASE_LENGTH || 2 * strlen(isa) > size)
		return 0;
	for (size_t i = BASE_LENGTH; i < end; i++) {
		list[used++] = isa[i];
		list[used++] = '\0';
	}
	for (const char *at = &isa[end]; *at == '_'; at += 1 + name_length(at + 1)) {
		size_t length = name_length(at + 1);

		memcpy(&list[used], at + 1, length);
		used += length;
		list[used++] = '\0';
	}
	return used;
}
