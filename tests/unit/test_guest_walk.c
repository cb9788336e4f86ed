/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the walk through a guest's page tables: in RAM of two pieces that are no neighbours. */
#include "unit.h"
#include "vcpu/guest_walk.h"

#include <stdlib.h>
#include <string.h>

/* From the privileged specification, sections 10.4 to 10.6. */
#define V 0x01
#define R 0x02
#define W 0x04
#define X 0x08
#define U 0x10
#define A 0x40
#define D 0x80
#define N (1ULL << 63)

#define START	   0x80000000ULL
#define PIECE_SIZE RAM_GRANULE
#define SIZE	   (2 * PIECE_SIZE)

struct mode {
	const char *name;
	u64 number;
	unsigned levels;
};

static const struct mode modes[] = { { "Sv39", 8, 3 }, { "Sv48", 9, 4 }, { "Sv57", 10, 5 } };

struct fixture {
	struct guest_memory memory;
	u8 *piece[2];
	u64 free; /* guest physical address of the next page for a table */
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .memory = { .start = GPA(START), .size = SIZE, .nr_pieces = 2 } };
	for (unsigned i = 0; i < 2; i++) {
		f.piece[i] = aligned_alloc(4096, PIECE_SIZE);
		assert_non_null(f.piece[i]);
		f.memory.pieces[i] = (struct ram_piece){ HPA((u64)f.piece[i]), PIECE_SIZE };
	}
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->piece[0]);
	free(f->piece[1]);
	return 0;
}

static void begin(struct fixture *f)
{
	memset(f->piece[0], 0, PIECE_SIZE);
	memset(f->piece[1], 0, PIECE_SIZE);
	f->free = START;
}

/* Tables alternate between the pieces. */
static u64 new_table(struct fixture *f)
{
	u64 table = f->free;

	f->free = table < START + PIECE_SIZE ? table + PIECE_SIZE : table - PIECE_SIZE + 4096;
	assert_true(f->free < START + SIZE);
	return table;
}

static u64 *entry_at(struct fixture *f, u64 gpa)
{
	u64 offset = gpa - START;

	assert_true(gpa >= START && offset < SIZE);
	return (u64 *)(void *)(f->piece[offset / PIECE_SIZE] + offset % PIECE_SIZE);
}

static u64 index_of(u64 gva, unsigned level)
{
	return gva >> (12 + 9 * level) & 511;
}

/* The entries of a walk, from the root (path[levels - 1]) to the leaf. */
struct walk {
	u64 vsatp;
	u64 *path[5];
};

/* Maps one page of a level, making tables as needed. */
static struct walk map(struct fixture *f, const struct mode *mode, u64 root, u64 gva, u64 pte,
		       unsigned leaf_level)
{
	struct walk walk = { .vsatp = mode->number << 60 | 0xabcdULL << 44 | root >> 12 };
	u64 table = root;

	for (unsigned level = mode->levels - 1;; level--) {
		u64 *entry = entry_at(f, table + 8 * index_of(gva, level));

		walk.path[level] = entry;
		if (level == leaf_level) {
			*entry = pte;
			return walk;
		}
		if (!*entry)
			*entry = new_table(f) >> 12 << 10 | V;
		table = *entry >> 10 << 12;
	}
}

static u64 leaf(u64 gpa, u64 bits)
{
	return gpa >> 12 << 10 | bits | V | A | D;
}

static void expect(struct fixture *f, u64 vsatp, u64 gva, u64 gpa)
{
	gpa_t got;

	assert_true(guest_walk(&f->memory, vsatp, GVA(gva), &got));
	assert_int_equal(got.v, gpa);
}

static void expect_none(struct fixture *f, u64 vsatp, u64 gva)
{
	gpa_t got;

	assert_false(guest_walk(&f->memory, vsatp, GVA(gva), &got));
}

/* Sign-extended, as every valid address is. */
static u64 random_gva(struct prng *prng, const struct mode *mode)
{
	unsigned unused = 64 - 12 - 9 * mode->levels;

	return (u64)((s64)(prng_next(prng) << unused) >> unused);
}

static void pages_of_every_size_translate(void **state)
{
	static const u64 bits[] = { R, R | W, X, R | X, R | W | X, R | U, X | U };
	struct prng prng = { 0x5eed00b0 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3000; i++) {
		const struct mode *mode = &modes[i % ARRAY_SIZE(modes)];
		unsigned level = prng_below(&prng, mode->levels);
		u64 size = 4096ULL << 9 * level, gva = random_gva(&prng, mode);
		u64 gpa = (prng_next(&prng) & (BIT(56) - 1)) / size * size,
		    base = gva / size * size;
		struct walk walk;

		begin(f);
		walk = map(f, mode, new_table(f), gva,
			   leaf(gpa, bits[prng_below(&prng, ARRAY_SIZE(bits))]), level);
		expect(f, walk.vsatp, gva, gpa + gva % size);
		expect(f, walk.vsatp, base, gpa);
		expect(f, walk.vsatp, base + size - 1, gpa + size - 1);
		expect_none(f, walk.vsatp, base ^ size); /* the neighbour in the same table */
		/* Without any one entry of its path there is nothing. */
		for (unsigned n = level; n < mode->levels; n++) {
			u64 saved = *walk.path[n];

			*walk.path[n] = saved & ~(u64)V;
			expect_none(f, walk.vsatp, gva);
			*walk.path[n] = saved;
		}
		expect(f, walk.vsatp, gva, gpa + gva % size);
	}
}

static void many_pages_share_tables(void **state)
{
	struct prng prng = { 0x5eed00b1 };
	struct fixture *f = *state;

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		u64 gvas[64], gpas[64], root, vsatp = 0;

		begin(f);
		root = new_table(f);
		for (unsigned i = 0; i < 64; i++) {
			u64 near =
				i % 3 ? gvas[i / 2] & ~0x1fffffULL : random_gva(&prng, &modes[m]);

			gvas[i] = near | prng_below(&prng, 512) << 12 | prng_below(&prng, 4096);
			gpas[i] = (prng_next(&prng) & (BIT(50) - 1)) << 12 >> 6 >> 12 << 12;
			vsatp = map(f, &modes[m], root, gvas[i], leaf(gpas[i], R | W), 0).vsatp;
			for (unsigned n = 0; n < i; n++) { /* a page that is mapped again */
				if (gvas[n] >> 12 == gvas[i] >> 12)
					gpas[n] = gpas[i];
			}
		}
		for (unsigned i = 0; i < 64; i++)
			expect(f, vsatp, gvas[i], gpas[i] | gvas[i] % 4096);
	}
}

static void tables_outside_ram_end_the_walk(void **state)
{
	static const u64 outside[] = { 0, START - 4096, START + SIZE, BIT(55),
				       (BIT(44) - 1) << 12 };
	struct fixture *f = *state;

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		u64 gva = 0x12345678ULL;
		struct walk walk;

		begin(f);
		walk = map(f, &modes[m], new_table(f), gva, leaf(GIB(2), R), 0);
		expect(f, walk.vsatp, gva, GIB(2) + 0x678);
		for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
			u64 mode_bits = modes[m].number << 60;

			expect_none(f, mode_bits | outside[i] >> 12, gva);
			for (unsigned n = 1; n < modes[m].levels; n++) {
				u64 saved = *walk.path[n];

				*walk.path[n] = outside[i] >> 12 << 10 | V;
				expect_none(f, walk.vsatp, gva);
				*walk.path[n] = saved;
			}
		}
		expect(f, walk.vsatp, gva, GIB(2) + 0x678);
	}
}

/* Section 10.3.2, steps 3 to 5: what raises a page fault translates to nothing. */
static void reserved_entries_end_the_walk(void **state)
{
	struct fixture *f = *state;

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		for (unsigned level = 0; level < modes[m].levels; level++) {
			u64 gva = 0x12345678ULL, gpa = 1ULL << 55;
			struct walk walk;

			begin(f);
			walk = map(f, &modes[m], new_table(f), gva, leaf(gpa, R), level);
			*walk.path[level] = leaf(gpa, W); /* writable, not readable */
			expect_none(f, walk.vsatp, gva);
			*walk.path[level] = leaf(gpa, W | X);
			expect_none(f, walk.vsatp, gva);
			for (unsigned bit = 0; bit < 9 * level; bit++) { /* misaligned superpages */
				*walk.path[level] = leaf(gpa | 4096ULL << bit, R);
				expect_none(f, walk.vsatp, gva);
			}
			*walk.path[level] = leaf(gpa, R);
			expect(f, walk.vsatp, gva, gpa | (gva & ((4096ULL << 9 * level) - 1)));
		}
		/* A pointer where only a leaf can be. */
		struct walk walk;

		begin(f);
		walk = map(f, &modes[m], new_table(f), 0, leaf(GIB(2), R), 0);
		*walk.path[0] = new_table(f) >> 12 << 10 | V;
		expect_none(f, walk.vsatp, 0);
	}
}

/* Svnapot: 16 entries that are alike map 64 KiB; the page number ends in 1000. */
static void napot_pages_translate(void **state)
{
	struct fixture *f = *state;

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		u64 gva = 0x4000ee0000ULL & (BIT(38) - 1), gpa = 0x10120000ULL, root, vsatp = 0;

		begin(f);
		root = new_table(f);
		for (u64 page = 0; page < 16; page++)
			vsatp = map(f, &modes[m], root, gva + page * 4096,
				    leaf(gpa | 0x8000, R | W) | N, 0)
					.vsatp;
		for (u64 offset = 0; offset < KIB(64); offset += 1000)
			expect(f, vsatp, gva + offset, gpa + offset);
	}
}

static void upper_bits_of_an_entry_are_no_address(void **state)
{
	struct fixture *f = *state;
	struct walk walk;

	begin(f);
	/* PBMT (Svpbmt) and the bits for software. */
	walk = map(f, &modes[0], new_table(f), 0x5000,
		   leaf(0x10000000, R | W) | 3ULL << 61 | 3 << 8, 0);
	expect(f, walk.vsatp, 0x5123, 0x10000123);
}

static void bare_is_identity(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, 0, 0);
	expect(f, 0, 0x80001234, 0x80001234);
	expect(f, 0, UINT64_MAX, UINT64_MAX);
	expect(f, 0x0abcd00000080000ULL, 0x10000005,
	       0x10000005); /* the other fields mean nothing */
}

static void reserved_modes_translate_nothing(void **state)
{
	struct fixture *f = *state;

	begin(f);
	for (u64 mode = 1; mode < 16; mode++) {
		if (mode < 8 || mode > 10)
			expect_none(f, mode << 60 | START >> 12, START);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_of_every_size_translate, setup, teardown),
		cmocka_unit_test_setup_teardown(many_pages_share_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_outside_ram_end_the_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(reserved_entries_end_the_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(napot_pages_translate, setup, teardown),
		cmocka_unit_test_setup_teardown(upper_bits_of_an_entry_are_no_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bare_is_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(reserved_modes_translate_nothing, setup, teardown),
	};

	return RUN_TESTS(tests);
}
