/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the walk that the monitor shows: its text, its results, and every way to end early. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The functions have libc's names: here they get others, and libc's stay what they are. */
#define snprintf  doppel_snprintf
#define vsnprintf doppel_vsnprintf
#include "lib/format.c"
#include "monitor/walk.c"
#undef snprintf
#undef vsnprintf

#define START 0x80000000UL
#define SIZE  RAM_GRANULE

#define ROOT   (START + 0x1000)
#define MIDDLE (START + 0x2000)
#define LAST   (START + 0x3000)

static struct fixture {
	struct guest_memory memory;
	struct stage2 s2;
	u8 *ram;
	u64 base; /* host physical address of RAM: what the text shows is relative to it */
	char text[4000];
	size_t length;
} f;

static void collect(void *ctx, char c)
{
	(void)ctx;
	assert_true(f.length < sizeof(f.text) - 1);
	f.text[f.length++] = c;
	f.text[f.length] = '\0';
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	f.ram = aligned_alloc(SIZE, SIZE);
	assert_non_null(f.ram);
	memset(f.ram, 0, SIZE);
	f.base = (u64)f.ram;
	f.memory = (struct guest_memory){ .start = GPA(START), .size = SIZE, .nr_pieces = 1 };
	f.memory.pieces[0] = (struct ram_piece){ HPA(f.base), SIZE };
	assert_true(stage2_init(&f.s2));
	assert_int_equal(stage2_map(&f.s2, GPA(START), HPA(f.base), SIZE, STAGE2_RWX), STAGE2_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stage2_destroy(&f.s2);
	free(f.ram);
	return 0;
}

static void put(u64 table, u64 index, u64 pte)
{
	memcpy(f.ram + (table - START) + 8 * index, &pte, sizeof(pte));
}

static u64 pointer(u64 table)
{
	return table >> 12 << 10 | PTE_V;
}

static u64 page(u64 gpa, u64 bits)
{
	return gpa >> 12 << 10 | bits | PTE_V;
}

static u64 sv(u64 mode)
{
	return mode << 60 | 0x12UL << 44 | ROOT >> 12;
}

static bool walk(u64 vsatp, u64 gva, u64 *gpa)
{
	struct walk w = { &f.memory, &f.s2, vsatp, collect, NULL, false };
	gpa_t result = GPA(0);
	bool found, silent;

	f.length = 0;
	f.text[0] = '\0';
	found = walk_guest(&w, GVA(gva), &result);
	*gpa = result.v;
	w.sink = NULL; /* the same without words */
	silent = walk_guest(&w, GVA(gva), &result);
	assert_int_equal(silent, found);
	assert_int_equal(result.v, *gpa);
	return found;
}

static void expect_stop(u64 vsatp, u64 gva, const char *why)
{
	u64 gpa;

	assert_false(walk(vsatp, gva, &gpa));
	if (!strstr(f.text, why))
		fail_msg("%s\nlacks: %s", f.text, why);
}

static void every_level_is_shown(void **state)
{
	char want[1000];
	u64 gpa;

	(void)state;
	put(ROOT, 511, pointer(MIDDLE));
	put(MIDDLE, 1, pointer(LAST));
	put(LAST, 2, page(START + 0x5000, PTE_R | PTE_X | PTE_U | PTE_A | PTE_D));
	assert_true(walk(sv(ATP_MODE_SV39), 0xffffffffc0202abc, &gpa));
	assert_int_equal(gpa, START + 0x5abc);
	snprintf(want, sizeof(want),
		 "gva 0xffffffffc0202abc, satp 0x8001200000080001: Sv39, ASID 18\n"
		 "  level 2: table gpa 0x80001000, entry 511 = 0x0000000020000801: V\n"
		 "      G-stage: gpa 0x80001ff8 -> hpa 0x%lx, level 1, 2 MiB page, V R W X U A D\n"
		 "  level 1: table gpa 0x80002000, entry 1 = 0x0000000020000c01: V\n"
		 "      G-stage: gpa 0x80002008 -> hpa 0x%lx, level 1, 2 MiB page, V R W X U A D\n"
		 "  level 0: table gpa 0x80003000, entry 2 = 0x00000000200014db: V R X U A D\n"
		 "      G-stage: gpa 0x80003010 -> hpa 0x%lx, level 1, 2 MiB page, V R W X U A D\n"
		 "      a 4 KiB page at gpa 0x80005000\n",
		 f.base + 0x1ff8, f.base + 0x2008, f.base + 0x3010);
	assert_string_equal(f.text, want);
}

static void the_host_stage_is_shown(void **state)
{
	struct walk w = { &f.memory, &f.s2, 0, collect, NULL, false };
	struct stage2_step steps[STAGE2_LEVELS];
	char want[400];
	hpa_t hpa;

	(void)state;
	assert_int_equal(stage2_path(&f.s2, GPA(START + 0x5abc), steps), 2);
	assert_true(walk_host(&w, GPA(START + 0x5abc), &hpa));
	assert_int_equal(hpa.v, f.base + 0x5abc);
	snprintf(want, sizeof(want),
		 "gpa 0x80005abc, G-stage Sv39x4\n"
		 "  level 2: table hpa 0x%lx, entry 2 = 0x%016lx: V\n"
		 "  level 1: table hpa 0x%lx, entry 0 = 0x%016lx: V R W X U A D\n"
		 "hpa 0x%lx, in a 2 MiB page\n",
		 (u64)f.s2.root, f.s2.root[2], steps[1].table.v, f.base >> 12 << 10 | 0xdf, hpa.v);
	assert_string_equal(f.text, want);
}

static void addresses_without_ram(void **state)
{
	static const u64 nowhere[] = { 0,
				       0x10000000,
				       START - 1,
				       START + SIZE,
				       STAGE2_GPA_LIMIT - 1,
				       STAGE2_GPA_LIMIT,
				       UINT64_MAX };
	hpa_t hpa;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		struct walk w = { &f.memory, &f.s2, 0, collect, NULL, false };

		f.length = 0;
		assert_false(walk_host(&w, GPA(nowhere[i]), &hpa));
		assert_non_null(strstr(f.text, "stops here"));
	}
}

static void pages_of_every_size(void **state)
{
	u64 gpa, bits = PTE_R | PTE_A | PTE_D;

	(void)state;
	put(ROOT, 3, page(GIB(5), bits));
	assert_true(walk(sv(ATP_MODE_SV39), GIB(3) + 0x1234567, &gpa));
	assert_int_equal(gpa, GIB(5) + 0x1234567);
	assert_non_null(strstr(f.text, "a 1 GiB page at gpa 0x140000000"));
	put(ROOT, 0, pointer(MIDDLE));
	put(MIDDLE, 4, page(MIB(6), bits));
	assert_true(walk(sv(ATP_MODE_SV39), MIB(8) + 0x12345, &gpa));
	assert_int_equal(gpa, MIB(6) + 0x12345);
	assert_non_null(strstr(f.text, "a 2 MiB page"));
	put(MIDDLE, 0, pointer(LAST));
	put(LAST, 18, page(0x48000, bits) | PTE_N);
	assert_true(walk(sv(ATP_MODE_SV39), 0x12345, &gpa));
	assert_int_equal(gpa, 0x42345);
	assert_non_null(strstr(f.text, "a 64 KiB page at gpa 0x40000"));
	assert_non_null(strstr(f.text, "V R A D N"));
	/* The roots of Sv48 and Sv57 are levels 3 and 4. */
	put(ROOT, 1, page(GIB(512), bits));
	assert_true(walk(sv(ATP_MODE_SV48), GIB(512) + 7, &gpa));
	assert_int_equal(gpa, GIB(512) + 7);
	assert_non_null(strstr(f.text, "a 512 GiB page"));
	put(ROOT, 1, page(GIB(262144), bits));
	assert_true(walk(sv(ATP_MODE_SV57), GIB(262144) + 7, &gpa));
	assert_int_equal(gpa, GIB(262144) + 7);
	assert_non_null(strstr(f.text, "a 256 TiB page"));
}

static void bare_translates_nothing(void **state)
{
	u64 gpa;

	(void)state;
	assert_true(walk(0, 0x80001234, &gpa));
	assert_int_equal(gpa, 0x80001234);
	assert_non_null(strstr(f.text, "Bare"));
}

static void ends_with_a_reason(void **state)
{
	u64 sv39 = sv(ATP_MODE_SV39), bits = PTE_R | PTE_A | PTE_D;

	(void)state;
	expect_stop(sv(5), 0, "reserved");
	expect_stop(sv39, 1UL << 38, "bits 38 to 63");
	expect_stop(sv(ATP_MODE_SV48), 1UL << 47, "bits 47 to 63");
	expect_stop(sv(ATP_MODE_SV57), 1UL << 56, "bits 56 to 63");
	expect_stop(sv39, 0, "not valid");
	expect_stop(ATP_MODE_SV39 * BIT(60) | 0x123, 0, "the table is not in the guest's RAM");
	put(ROOT, 0, pointer(0x10000000));
	expect_stop(sv39, 0, "the table is not in the guest's RAM");
	put(ROOT, 0, page(0, PTE_W));
	expect_stop(sv39, 0, "W without R");
	put(ROOT, 0, page(MIB(2), bits));
	expect_stop(sv39, 0, "multiple of its size");
	put(ROOT, 0, page(0, bits) | 1UL << 54);
	expect_stop(sv39, 0, "reserved");
	put(ROOT, 0, page(0, bits) | PTE_N);
	expect_stop(sv39, 0, "N with such an address");
	/* A table that points to itself ends at the last level. */
	put(ROOT, 0, pointer(ROOT));
	expect_stop(sv39, 0, "the last level cannot point");
	put(ROOT, 0, pointer(LAST));
	put(LAST, 0, pointer(LAST));
	put(LAST, 1, page(0x40000, bits) | PTE_N);
	expect_stop(sv39, 0x1000, "N with such an address");
}

/* RAM that the G-stage does not map: nobody does that now, and the walk must not claim otherwise.
 */
static void tables_that_the_host_does_not_map(void **state)
{
	(void)state;
	assert_int_equal(stage2_unmap(&f.s2, GPA(START), SIZE), STAGE2_OK);
	expect_stop(sv(ATP_MODE_SV39), 0, "gpa 0x80001000 is not mapped");
}

static void bits_in_words(void **state)
{
	char words[WALK_WORDS_SIZE];

	(void)state;
	assert_string_equal(walk_words(0, words), "no bits");
	assert_string_equal(walk_words(PTE_R, words), "R");
	assert_string_equal(walk_words(0xff, words), "V R W X U G A D");
	assert_string_equal(walk_words(0x301, words), "V RSW=3");
	assert_string_equal(walk_words(UINT64_MAX, words), "V R W X U G A D RSW=3 N PBMT=3");
	assert_string_equal(walk_words(1 | 1UL << 61, words), "V PBMT=NC");
	assert_string_equal(walk_words(1 | 2UL << 61, words), "V PBMT=IO");
}

/* Random tables: the walk ends, within them, and agrees with itself. */
static void random_tables(void **state)
{
	struct prng prng = { 0x5eed0302 };
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * 512; i++) {
		u64 kind = prng_below(&prng, 4), pte = prng_next(&prng);

		if (kind == 0)
			pte = pointer(ROOT + 0x1000UL * prng_below(&prng, 3));
		if (kind == 1)
			pte = page(prng_next(&prng) % SIZE + START, pte & 0xff);
		put(ROOT, i, pte);
	}
	for (unsigned i = 0; i < 5000; i++) {
		u64 gva = (u64)((s64)(prng_next(&prng) << 25) >> 25), gpa;

		found += walk(sv(ATP_MODE_SV39), gva, &gpa);
	}
	assert_in_range(found, 10, 4990);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_level_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(the_host_stage_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_without_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_of_every_size, setup, teardown),
		cmocka_unit_test_setup_teardown(bare_translates_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_with_a_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_that_the_host_does_not_map, setup, teardown),
		cmocka_unit_test(bits_in_words),
		cmocka_unit_test_setup_teardown(random_tables, setup, teardown),
	};
	return RUN_TESTS(tests);
}
