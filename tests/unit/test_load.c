/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of loading images: of each format, truncated at every length, and damaged at random. The
 * sanitizer sees each read outside the payload and each write outside the guest's RAM.
 */
#include "unit.h"
#include "vm/load.h"

#include <stdlib.h>
#include <string.h>

#define RAM	    0x80000000ULL
#define MEMORY_SIZE MIB(8)
#define TREE_SIZE   KIB(64)

struct fixture {
	struct guest_memory memory;
	u8 *ram;
	struct vm_description d;
	struct loaded loaded;
};

static u8 initrd[5000];

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.ram = calloc(1, MEMORY_SIZE);
	assert_non_null(f.ram);
	f.memory = (struct guest_memory){
		GPA(RAM), MEMORY_SIZE, { { HPA((u64)f.ram), MEMORY_SIZE } }, 1, NULL
	};
	f.d.memory_size = MEMORY_SIZE;
	for (size_t i = 0; i < sizeof(initrd); i++)
		initrd[i] = (u8)(i * 11 + 1);
	f.d.initrd = (struct payload){ initrd, sizeof(initrd) };
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free((void *)(uintptr_t)f->d.kernel.data);
	free(f->ram);
	return 0;
}

/* The kernel is a heap block of exactly its size. */
static void set_kernel(struct fixture *f, const void *bytes, size_t size)
{
	u8 *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	free((void *)(uintptr_t)f->d.kernel.data);
	f->d.kernel = (struct payload){ copy, size };
}

static void put(u8 *at, u64 value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (u8)(value >> 8 * i);
}

static u64 get(const u8 *at, unsigned bytes)
{
	u64 value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (u64)at[i] << 8 * i;
	return value;
}

static unsigned steps;

static void load_all(const struct vm_description *d, struct fixture *f)
{
	struct load_progress progress = { 0 };

	for (steps = 0; load_step(d, &f->memory, &f->loaded, &progress) == LOAD_GOES_ON; steps++)
		;
	/* And so it stays. */
	assert_int_equal(load_step(d, &f->memory, &f->loaded, &progress), LOAD_DONE);
}

static bool is_zero(const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/*
 * Plans; if that works, loads and checks what holds for every image: kernel and initrd keep out of
 * each other's way and of the device tree's. Returns the problem.
 */
static const char *load(struct fixture *f)
{
	struct vm_description kernel_only = f->d;
	const char *problem = load_plan(&f->d, GPA(RAM), &f->loaded);
	u64 at, tree = RAM + MEMORY_SIZE - TREE_SIZE;

	if (problem)
		return problem;
	assert_int_equal(f->loaded.device_tree.v, tree);
	assert_int_equal(f->loaded.initrd.v % 4096, 0);
	at = f->loaded.initrd.v;
	assert_true(at >= RAM && at + f->d.initrd.size <= tree);
	assert_true(f->loaded.entry.v >= RAM && f->loaded.entry.v <= at);

	kernel_only.initrd.size = 0;
	load_all(&kernel_only, f);
	assert_true(is_zero(f->ram + (at - RAM), MEMORY_SIZE - (at - RAM)));
	load_all(&f->d, f);
	assert_memory_equal(f->ram + (at - RAM), f->d.initrd.data, f->d.initrd.size);
	assert_true(is_zero(f->ram + (tree - RAM), TREE_SIZE));
	memset(f->ram + (at - RAM), 0, MEMORY_SIZE - (at - RAM));
	return NULL;
}

static void expect_problem(struct fixture *f, const char *part)
{
	const char *problem = load(f);

	if (!problem || !strstr(problem, part))
		fail_msg("\"%s\" does not say \"%s\"", problem ? problem : "(none)", part);
}

/* Linux: Documentation/arch/riscv/boot-image-header.rst */
static void make_linux(u8 *image, size_t size, u64 text_offset, u64 image_size)
{
	for (size_t i = 0; i < size; i++)
		image[i] = (u8)(i * 13 + 5);
	put(image, 0x5a4d, 2); /* "MZ", as with an EFI stub */
	put(image + 8, text_offset, 8);
	put(image + 16, image_size, 8);
	put(image + 0x30, 0x5643534952, 8);
	put(image + 0x38, 0x05435352, 4);
}

static void a_linux_image_goes_where_it_wants(void **state)
{
	struct fixture *f = *state;
	u8 image[3000];

	make_linux(image, sizeof(image), MIB(2), MIB(3));
	set_kernel(f, image, sizeof(image));
	assert_null(load(f));
	assert_int_equal(f->loaded.entry.v, RAM + MIB(2));
	assert_memory_equal(f->ram + MIB(2), image, sizeof(image));
	assert_true(is_zero(f->ram + MIB(2) + sizeof(image), 4096));
	assert_true(is_zero(f->ram, MIB(2)));
	assert_int_equal(f->loaded.initrd.v, RAM + MEMORY_SIZE - TREE_SIZE - 8192);

	put(image + 8, MIB(4), 8);
	set_kernel(f, image, sizeof(image));
	assert_null(load(f));
	assert_int_equal(f->loaded.entry.v, RAM + MIB(4));
	put(image + 8, 0, 8);
	set_kernel(f, image, sizeof(image));
	assert_null(load(f));
	assert_int_equal(f->loaded.entry.v, RAM);
}

/* Its size in memory counts, which the file does not have: .bss. */
static void a_linux_image_must_fit_with_its_bss(void **state)
{
	struct fixture *f = *state;
	u64 room = MEMORY_SIZE - TREE_SIZE - 8192 - MIB(2);
	u8 image[3000];

	make_linux(image, sizeof(image), MIB(2), room);
	set_kernel(f, image, sizeof(image));
	assert_null(load(f));
	put(image + 16, room + 1, 8);
	set_kernel(f, image, sizeof(image));
	expect_problem(f, "kernel and initrd together");
	put(image + 16, MEMORY_SIZE, 8);
	set_kernel(f, image, sizeof(image));
	expect_problem(f, "the kernel does not fit");
	put(image + 16, 0, 8); /* an old kernel that does not tell: its file's size */
	set_kernel(f, image, sizeof(image));
	assert_null(load(f));
}

static void wild_linux_headers_are_refused(void **state)
{
	static const u64 wild[] = {
		MEMORY_SIZE, MEMORY_SIZE - TREE_SIZE, BIT(63), UINT64_MAX, 0 - MIB(2),
		0 - RAM,     UINT64_MAX - 2999,	      BIT(32), BIT(40)
	};
	struct fixture *f = *state;
	u8 image[3000];

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		make_linux(image, sizeof(image), wild[i], sizeof(image));
		set_kernel(f, image, sizeof(image));
		expect_problem(f, "does not fit");
		make_linux(image, sizeof(image), MIB(2), wild[i]);
		set_kernel(f, image, sizeof(image));
		expect_problem(f, "fit into the VM's memory");
		make_linux(image, sizeof(image), wild[i], wild[i]);
		set_kernel(f, image, sizeof(image));
		expect_problem(f, "does not fit");
	}
}

static void anything_else_is_flat(void **state)
{
	struct fixture *f = *state;
	u8 bytes[100] = { 0x13, 0, 0, 0 };

	for (size_t size = 1; size <= sizeof(bytes); size++) {
		bytes[size - 1] = (u8)size;
		set_kernel(f, bytes, size);
		assert_null(load(f));
		assert_int_equal(f->loaded.entry.v, RAM + MIB(2));
		assert_memory_equal(f->ram + MIB(2), bytes, size);
	}
	/* The last size that fits, and one more. */
	size_t room = MEMORY_SIZE - TREE_SIZE - 8192 - MIB(2);
	u8 *large = calloc(1, room + 1);

	set_kernel(f, large, room);
	assert_null(load(f));
	set_kernel(f, large, room + 1);
	expect_problem(f, "kernel and initrd together");
	free(large);
}

static void the_initrd_must_fit(void **state)
{
	struct fixture *f = *state;
	u8 *large = calloc(1, MEMORY_SIZE + 1), kernel[16] = { 1 };
	static const u64 sizes[] = { MEMORY_SIZE - TREE_SIZE + 1, MEMORY_SIZE, MEMORY_SIZE + 1 };

	set_kernel(f, kernel, sizeof(kernel));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		f->d.initrd = (struct payload){ large, sizes[i] };
		expect_problem(f, "the initrd does not fit");
	}
	f->d.initrd.size = MEMORY_SIZE - TREE_SIZE;
	expect_problem(f, "kernel and initrd together");
	f->d.initrd.size = MEMORY_SIZE - TREE_SIZE - MIB(2) - 4096;
	assert_null(load(f));
	f->d.initrd.size++;
	expect_problem(f, "kernel and initrd together");
	f->d.initrd = (struct payload){ NULL, 0 };
	assert_null(load(f));
	free(large);
}

/* An ELF file of three segments; the second has .bss, the third is not for loading. */
#define ELF_SIZE 1500
#define PHDR(n)	 (64 + 56 * (n))

static void make_segment(u8 *phdr, u32 type, u64 offset, u64 vaddr, u64 paddr, u64 filesz,
			 u64 memsz)
{
	put(phdr, type, 4);
	put(phdr + 4, 7, 4);
	put(phdr + 8, offset, 8);
	put(phdr + 16, vaddr, 8);
	put(phdr + 24, paddr, 8);
	put(phdr + 32, filesz, 8);
	put(phdr + 40, memsz, 8);
	put(phdr + 48, 4096, 8);
}

static void make_elf(u8 elf[ELF_SIZE])
{
	for (unsigned i = 0; i < ELF_SIZE; i++)
		elf[i] = (u8)(i * 7 + 3);
	memset(elf, 0, 64);
	memcpy(elf, "\177ELF\2\1\1", 7);
	put(elf + 16, 2, 2);   /* an executable */
	put(elf + 18, 243, 2); /* for RISC-V */
	put(elf + 20, 1, 4);
	put(elf + 24, 0xffffffff80001010, 8); /* entry */
	put(elf + 32, 64, 8);		      /* program headers */
	put(elf + 52, 64, 2);
	put(elf + 54, 56, 2);
	put(elf + 56, 3, 2);
	make_segment(elf + PHDR(0), 1, 300, 0xffffffff80001000, RAM + MIB(1), 700, 700);
	make_segment(elf + PHDR(1), 1, 1000, 0xffffffff80100000, RAM + MIB(3), 500, MIB(1));
	make_segment(elf + PHDR(2), 6, 5000000, 0, 0, 5000000, 10);
}

static void an_elf_file_goes_to_physical_addresses(void **state)
{
	struct fixture *f = *state;
	u8 elf[ELF_SIZE];

	make_elf(elf);
	set_kernel(f, elf, sizeof(elf));
	assert_null(load(f));
	assert_int_equal(f->loaded.entry.v, RAM + MIB(1) + 0x10);
	assert_memory_equal(f->ram + MIB(1), elf + 300, 700);
	assert_memory_equal(f->ram + MIB(3), elf + 1000, 500);
	assert_true(is_zero(f->ram, MIB(1)));
	assert_true(is_zero(f->ram + MIB(1) + 700, MIB(2) - 700));
	assert_true(is_zero(f->ram + MIB(3) + 500, MIB(4)));

	put(elf + 24, RAM + MIB(3) + 4, 8); /* an entry that is a physical address already */
	set_kernel(f, elf, sizeof(elf));
	assert_null(load(f));
	assert_int_equal(f->loaded.entry.v, RAM + MIB(3) + 4);
}

/* RAM keeps what a guest left there when it rebooted: .bss is a loader's to clear, and all of it.
 */
static void bss_is_cleared(void **state)
{
	struct fixture *f = *state;
	u8 elf[ELF_SIZE];

	make_elf(elf);
	put(elf + PHDR(0) + 32, 0, 8); /* nothing of it is in the file */
	set_kernel(f, elf, sizeof(elf));
	assert_null(load_plan(&f->d, GPA(RAM), &f->loaded));
	memset(f->ram, 0xee, MEMORY_SIZE);
	load_all(&f->d, f);
	assert_true(is_zero(f->ram + MIB(1), 700));
	assert_int_equal(f->ram[MIB(1) - 1], 0xee);
	assert_int_equal(f->ram[MIB(1) + 700], 0xee);
	assert_memory_equal(f->ram + MIB(3), elf + 1000, 500);
	assert_true(is_zero(f->ram + MIB(3) + 500, MIB(1) - 500));
	assert_int_equal(f->ram[MIB(3) - 1], 0xee);
	assert_int_equal(f->ram[MIB(4)], 0xee);
}

/* Other guests of the hart do not wait for more than a piece. */
static void large_images_are_loaded_in_pieces(void **state)
{
	struct fixture *f = *state;
	size_t size = 5 * LOAD_PIECE + 1;
	u8 *large = malloc(size);

	for (size_t i = 0; i < size; i++)
		large[i] = (u8)((i * 31 >> 7) ^ (i >> 16)); /* no two pieces are alike */
	set_kernel(f, large, size);
	f->d.initrd = (struct payload){ large, 2 * LOAD_PIECE };
	assert_null(load_plan(&f->d, GPA(RAM), &f->loaded));
	load_all(&f->d, f);
	assert_int_equal(steps, 6 + 2);
	assert_memory_equal(f->ram + MIB(2), large, size);
	assert_memory_equal(f->ram + (f->loaded.initrd.v - RAM), large, 2 * LOAD_PIECE);
	free(large);
}

/* One field of a good file is changed; what the sentence says then. */
static void wrong_elf_files_are_refused(void **state)
{
	static const struct {
		unsigned at, bytes;
		u64 value;
		const char *problem;
	} wrong[] = {
		{ 4, 1, 1, "not of 64-bit RISC-V" },   /* 32 bits */
		{ 5, 1, 2, "not of 64-bit RISC-V" },   /* big-endian */
		{ 18, 2, 62, "not of 64-bit RISC-V" }, /* x86-64 */
		{ 54, 2, 32, "program headers" },      /* their size */
		{ 54, 2, 57, "program headers" },
		{ 56, 2, 0, "program headers" }, /* their number */
		{ 56, 2, 0xffff, "program headers" },
		{ 56, 2, 27, "program headers" },	/* one more than the file holds */
		{ 32, 8, ELF_SIZE, "program headers" }, /* their offset */
		{ 32, 8, ELF_SIZE - 167, "program headers" },
		{ 32, 8, UINT64_MAX, "program headers" },
		{ 32, 8, 0 - 168ULL, "program headers" },
		{ PHDR(0) + 8, 8, ELF_SIZE, "outside the file" }, /* offset */
		{ PHDR(0) + 8, 8, 801, "outside the file" },
		{ PHDR(0) + 8, 8, UINT64_MAX - 100, "outside the file" },
		{ PHDR(0) + 32, 8, 701, "outside the file" }, /* more than it takes in memory */
		{ PHDR(1) + 32, 8, 501, "outside the file" },
		{ PHDR(1) + 32, 8, UINT64_MAX, "outside the file" },
		{ PHDR(0) + 40, 8, 0, "outside the file" }, /* bytes for no memory */
		{ PHDR(0) + 24, 8, 0, "does not fit" },	    /* physical address */
		{ PHDR(0) + 24, 8, RAM - 1, "does not fit" },
		{ PHDR(0) + 24, 8, RAM - 350, "does not fit" },
		{ PHDR(0) + 24, 8, RAM + MEMORY_SIZE - TREE_SIZE - 699, "does not fit" },
		{ PHDR(0) + 24, 8, RAM + MEMORY_SIZE, "does not fit" },
		{ PHDR(0) + 24, 8, UINT64_MAX, "does not fit" },
		{ PHDR(0) + 24, 8, 0 - 300ULL, "does not fit" },
		{ PHDR(1) + 40, 8, MIB(5), "does not fit" }, /* size in memory */
		{ PHDR(1) + 40, 8, UINT64_MAX, "does not fit" },
		{ PHDR(1) + 40, 8, 0 - RAM, "does not fit" },
		{ PHDR(1) + 24, 8, RAM + MIB(7) - TREE_SIZE, "together" }, /* over the initrd */
		{ PHDR(0) + 24, 8, RAM + MEMORY_SIZE - TREE_SIZE - 4096, "together" },
		{ 24, 8, 0, "entry" },
		{ 24, 8, RAM - 4, "entry" },
		{ 24, 8, RAM + MIB(4), "entry" },
		{ 24, 8, 0xffffffff80000ffc, "entry" },
		{ 24, 8, UINT64_MAX, "entry" },
	};
	struct fixture *f = *state;
	u8 elf[ELF_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		make_elf(elf);
		put(elf + wrong[i].at, wrong[i].value, wrong[i].bytes);
		set_kernel(f, elf, sizeof(elf));
		expect_problem(f, wrong[i].problem);
	}
	/* Nothing to load at all. */
	make_elf(elf);
	put(elf + PHDR(0), 4, 4);
	put(elf + PHDR(1), 4, 4);
	put(elf + 24, RAM, 8);
	set_kernel(f, elf, sizeof(elf));
	expect_problem(f, "entry");
}

static void images_of_every_length_are_safe(void **state)
{
	struct fixture *f = *state;
	u8 image[ELF_SIZE];

	make_elf(image);
	for (size_t size = 1; size < ELF_SIZE; size++) {
		set_kernel(f, image, size);
		if (size >= 4)
			expect_problem(f, "truncated");
		else
			assert_null(load(f)); /* no ELF file yet */
	}
	make_linux(image, sizeof(image), MIB(2), MIB(1));
	for (size_t size = 1; size < sizeof(image); size++) {
		set_kernel(f, image, size);
		assert_null(load(f));
		assert_memory_equal(f->ram + MIB(2), image, size);
	}
}

/* What a plan for an ELF file must promise, read by code of its own. */
static void check_segments(struct fixture *f, const u8 *elf)
{
	u64 phoff = get(elf + 32, 8), count = get(elf + 56, 2);

	for (u64 i = 0; i < count; i++) {
		const u8 *phdr = elf + phoff + 56 * i;
		u64 paddr = get(phdr + 24, 8), memsz = get(phdr + 40, 8);

		if (get(phdr, 4) != 1 || memsz == 0)
			continue;
		assert_true(paddr >= RAM);
		assert_true((unsigned __int128)paddr + memsz <= f->loaded.initrd.v);
	}
}

static void mutate(u8 *bytes, struct prng *prng)
{
	static const u64 values[] = { 0,
				      1,
				      2,
				      56,
				      63,
				      64,
				      300,
				      700,
				      1000,
				      ELF_SIZE,
				      4096,
				      MIB(2),
				      MEMORY_SIZE - TREE_SIZE,
				      MEMORY_SIZE,
				      RAM,
				      RAM + MIB(1),
				      RAM + MEMORY_SIZE - TREE_SIZE,
				      RAM + MEMORY_SIZE,
				      BIT(31),
				      BIT(32),
				      BIT(63),
				      UINT64_MAX };
	/* The fields of the headers; half of them in the middle of nowhere. */
	static const struct {
		unsigned at, bytes;
	} fields[] = {
		{ 4, 1 },
		{ 8, 8 },
		{ 16, 8 },
		{ 16, 2 },
		{ 18, 2 },
		{ 24, 8 },
		{ 32, 8 },
		{ 54, 2 },
		{ 56, 2 },
		{ 0x38, 4 },
		{ PHDR(0), 4 },
		{ PHDR(0) + 8, 8 },
		{ PHDR(0) + 16, 8 },
		{ PHDR(0) + 24, 8 },
		{ PHDR(0) + 32, 8 },
		{ PHDR(0) + 40, 8 },
		{ PHDR(1), 4 },
		{ PHDR(1) + 8, 8 },
		{ PHDR(1) + 16, 8 },
		{ PHDR(1) + 24, 8 },
		{ PHDR(1) + 32, 8 },
		{ PHDR(1) + 40, 8 },
		{ PHDR(2), 4 },
		{ PHDR(2) + 8, 8 },
		{ PHDR(2) + 24, 8 },
		{ PHDR(2) + 32, 8 },
		{ PHDR(2) + 40, 8 },
	};
	unsigned n = prng_below(prng, ARRAY_SIZE(fields));

	if (prng_below(prng, 4) == 0)
		bytes[prng_below(prng, 240)] ^= (u8)(1U << prng_below(prng, 8));
	else
		put(bytes + fields[n].at,
		    values[prng_below(prng, ARRAY_SIZE(values))] + prng_below(prng, 5) - 2,
		    fields[n].bytes);
}

static void damaged_images_are_refused_or_safe(void **state)
{
	struct prng prng = { 0x5eed00e0 };
	struct fixture *f = *state;
	unsigned loaded = 0, refused = 0;

	for (unsigned i = 0; i < 30000; i++) {
		u8 image[ELF_SIZE];
		size_t size = ELF_SIZE;

		if (i % 4)
			make_elf(image);
		else
			make_linux(image, sizeof(image), MIB(2), MIB(1));
		for (unsigned n = 1 + prng_below(&prng, 4); n; n--)
			mutate(image, &prng);
		if (prng_below(&prng, 8) == 0)
			size = 1 + prng_below(&prng, ELF_SIZE);
		set_kernel(f, image, size);
		if (load(f)) {
			refused++;
			continue;
		}
		loaded++;
		if (size >= 64 && memcmp(image, "\177ELF", 4) == 0)
			check_segments(f, image);
	}
	assert_true(loaded > 3000 && refused > 3000);
}

/* RAM that the guest before gave back, and that the machine has not now: nothing is left out. */
static void what_finds_no_ram_is_copied_later(void **state)
{
	struct fixture *f = *state;
	u8 kernel[1000], *ram = aligned_alloc(RAM_GRANULE, MEMORY_SIZE);
	struct load_progress progress = { 0 };
	struct ram_piece others[RAM_MAX_PIECES];
	enum load_result result;

	memset(kernel, 0x5a, sizeof(kernel));
	set_kernel(f, kernel, sizeof(kernel));
	ram_pool_add(HPA((u64)ram), MEMORY_SIZE);
	assert_true(guest_memory_take(&f->memory, GPA(RAM), MEMORY_SIZE));
	assert_true(guest_memory_allow_holes(&f->memory));
	assert_null(load_plan(&f->d, GPA(RAM), &f->loaded));
	assert_int_equal(f->loaded.entry.v, RAM + RAM_GRANULE);
	assert_true(frames_take_out(f->memory.frames, RAM_GRANULE));
	frames_let_go(f->memory.frames, RAM_GRANULE);
	assert_int_equal(ram_pool_take(RAM_GRANULE, others), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(load_step(&f->d, &f->memory, &f->loaded, &progress), LOAD_NO_RAM);
	ram_pool_give_back(others, 1);
	do {
		result = load_step(&f->d, &f->memory, &f->loaded, &progress);
	} while (result == LOAD_GOES_ON);
	assert_int_equal(result, LOAD_DONE);
	assert_true(guest_read(&f->memory, f->loaded.entry, kernel, sizeof(kernel)));
	for (size_t i = 0; i < sizeof(kernel); i++)
		assert_int_equal(kernel[i], 0x5a);
	guest_memory_give_back(&f->memory);
	assert_int_equal(ram_pool_take(MEMORY_SIZE, others), 1);
	free(ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_linux_image_goes_where_it_wants, setup, teardown),
		cmocka_unit_test_setup_teardown(a_linux_image_must_fit_with_its_bss, setup,
						teardown),
		cmocka_unit_test_setup_teardown(wild_linux_headers_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(anything_else_is_flat, setup, teardown),
		cmocka_unit_test_setup_teardown(the_initrd_must_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(an_elf_file_goes_to_physical_addresses, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bss_is_cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(large_images_are_loaded_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_elf_files_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(images_of_every_length_are_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_images_are_refused_or_safe, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_finds_no_ram_is_copied_later, setup, teardown),
	};

	return RUN_TESTS(tests);
}
