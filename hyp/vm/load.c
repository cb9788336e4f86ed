/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a VM's images into its RAM, as a boot loader would. */
#include "vm/load.h"
#include "lib/string.h"
#include "mem/page.h"

/* Linux's RISC-V boot image header: offsets of its fields. */
#define IMAGE_TEXT_OFFSET 0x08
#define IMAGE_SIZE	  0x10
#define IMAGE_MAGIC	  0x38
#define IMAGE_MAGIC_VALUE 0x05435352 /* "RSC\x05" */
#define IMAGE_HEADER_SIZE 0x40

/* ELF64 (System V gABI, chapters 4 and 5). */
#define ELF_CLASS_64	 2
#define ELF_DATA_LSB	 1
#define ELF_MACHINE_RV	 243
#define ELF_PT_LOAD	 1
#define ELF_MAX_SEGMENTS 64

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static u64 read_u64(const struct payload *file, u64 offset)
{
	u64 value;

	memcpy(&value, file->data + offset, sizeof(value));
	return value;
}

static bool is_elf(const struct payload *file)
{
	return file->size >= 4 && memcmp(file->data, "\177ELF", 4) == 0;
}

static bool is_linux_image(const struct payload *file)
{
	return file->size >= IMAGE_HEADER_SIZE &&
	       (u32)read_u64(file, IMAGE_MAGIC) == IMAGE_MAGIC_VALUE;
}

static struct elf_segment elf_segment(const struct payload *file, const struct elf_header *header,
				      unsigned index)
{
	struct elf_segment segment;

	memcpy(&segment, file->data + header->phoff + (u64)index * sizeof(segment),
	       sizeof(segment));
	return segment;
}

static const char *check_elf_header(const struct payload *file, const struct elf_header *header)
{
	if (header->ident[4] != ELF_CLASS_64 || header->ident[5] != ELF_DATA_LSB ||
	    header->machine != ELF_MACHINE_RV)
		return "the kernel is an ELF file, but not of 64-bit RISC-V";
	if (header->phentsize != sizeof(struct elf_segment) || header->phnum == 0 ||
	    header->phnum > ELF_MAX_SEGMENTS || header->phoff > file->size ||
	    header->phnum * sizeof(struct elf_segment) > file->size - header->phoff)
		return "the kernel is an ELF file without usable program headers; is it truncated?";
	return NULL;
}

/* Checks all segments; tells the end of the highest, and the entry as a physical address. */
static const char *plan_elf(const struct payload *file, gpa_t ram, u64 limit, u64 *end,
			    gpa_t *entry)
{
	struct elf_header header;
	const char *problem;

	if (file->size < sizeof(header))
		return "the kernel is a truncated ELF file";
	memcpy(&header, file->data, sizeof(header));
	problem = check_elf_header(file, &header);
	if (problem)
		return problem;
	*end = ram.v;
	*entry = GPA(header.entry);
	for (unsigned i = 0; i < header.phnum; i++) {
		struct elf_segment s = elf_segment(file, &header, i);

		if (s.type != ELF_PT_LOAD || (s.memsz == 0 && s.filesz == 0))
			continue;
		if (s.offset > file->size || s.filesz > file->size - s.offset || s.filesz > s.memsz)
			return "a segment of the ELF kernel lies outside the file; is it "
			       "truncated?";
		if (s.paddr < ram.v || s.paddr > limit || s.memsz > limit - s.paddr)
			return "a segment of the ELF kernel does not fit into the VM's memory";
		*end = MAX(*end, s.paddr + s.memsz);
		if (header.entry - s.vaddr < s.memsz)
			*entry = GPA(s.paddr + (header.entry - s.vaddr));
	}
	if (entry->v < ram.v || entry->v >= *end)
		return "the entry of the ELF kernel is outside its segments";
	return NULL;
}

/* A kernel without segments: where it starts, and how far it reaches when it runs. */
static const char *plan_flat(const struct payload *file, gpa_t ram, u64 limit, u64 *end,
			     gpa_t *entry)
{
	u64 offset = LOAD_KERNEL_OFFSET, size = file->size;

	if (is_linux_image(file)) {
		offset = read_u64(file, IMAGE_TEXT_OFFSET);
		size = MAX(size, read_u64(file, IMAGE_SIZE));
	}
	if (offset > limit - ram.v || size > limit - ram.v - offset)
		return "the kernel does not fit into the VM's memory; give it more";
	*entry = GPA(ram.v + offset);
	*end = ram.v + offset + size;
	return NULL;
}

const char *load_plan(const struct vm_description *d, gpa_t ram, struct loaded *loaded)
{
	u64 limit = ram.v + d->memory_size - LOAD_DEVICE_TREE_SIZE, end;
	const char *problem;

	loaded->device_tree = GPA(limit);
	if (d->initrd.size > limit - ram.v)
		return "the initrd does not fit into the VM's memory; give it more";
	loaded->initrd = GPA(ALIGN_DOWN(limit - d->initrd.size, PAGE_SIZE));
	if (is_elf(&d->kernel))
		problem = plan_elf(&d->kernel, ram, limit, &end, &loaded->entry);
	else
		problem = plan_flat(&d->kernel, ram, limit, &end, &loaded->entry);
	if (problem)
		return problem;
	if (end > loaded->initrd.v)
		return "kernel and initrd together do not fit into the VM's memory; give it more";
	return NULL;
}

/* One range of RAM that gets its contents: bytes of a file, and zeroes behind them. */
struct copy {
	gpa_t to;
	const u8 *from;
	u64 file_size, memory_size;
};

/* What is to be copied: all segments of the kernel, then the initrd. False: there is no more. */
static bool copy_number(const struct vm_description *d, const struct loaded *loaded, unsigned index,
			struct copy *copy)
{
	const struct payload *kernel = &d->kernel, *initrd = &d->initrd;
	unsigned nr_segments = 1;

	if (is_elf(kernel)) {
		struct elf_header header;

		memcpy(&header, kernel->data, sizeof(header));
		nr_segments = header.phnum;
		if (index < nr_segments) {
			struct elf_segment s = elf_segment(kernel, &header, index);

			/* Nothing else of the others was checked. */
			*copy = (struct copy){ 0 };
			if (s.type == ELF_PT_LOAD)
				*copy = (struct copy){ GPA(s.paddr), kernel->data + s.offset,
						       s.filesz, s.memsz };
			return true;
		}
	}
	if (index < nr_segments)
		*copy = (struct copy){ loaded->entry, kernel->data, kernel->size, kernel->size };
	else
		*copy = (struct copy){ loaded->initrd, initrd->data, initrd->size, initrd->size };
	return index <= nr_segments;
}

enum load_result load_step(const struct vm_description *d, const struct guest_memory *memory,
			   const struct loaded *loaded, struct load_progress *progress)
{
	struct copy copy;
	u64 done = progress->done, piece;
	bool has_ram;
	gpa_t at;

	if (!copy_number(d, loaded, progress->copy, &copy))
		return LOAD_DONE;
	at = GPA(copy.to.v + done);
	if (done < MIN(copy.file_size, copy.memory_size)) {
		piece = MIN(copy.file_size - done, LOAD_PIECE);
		has_ram = guest_write(memory, at, copy.from + done, piece);
	} else {
		piece = MIN(copy.memory_size - done, LOAD_PIECE);
		has_ram = guest_clear(memory, at, piece);
	}
	/* Of segments without a byte the address was not checked. */
	if (!has_ram && piece)
		return LOAD_NO_RAM;
	progress->done += piece;
	if (progress->done >= copy.memory_size) {
		progress->copy++;
		progress->done = 0;
	}
	return LOAD_GOES_ON;
}
