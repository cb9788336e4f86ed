/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the second stage of translation: random operations against one array entry a page, the
 * tables read by a walker that was written from the specification, not from the code.
 */
#include "unit.h"
#include "fake/pages.h"
#include "stage2/stage2.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT (1ULL << 41)

/*
 * The reference: where addresses are interesting, a number for each 4 KiB page: its host physical
 * address and, in the bits below, its permissions; 0 when it is not mapped.
 */
static const struct region {
	u64 start, end;
	u64 first; /* its place in the model */
} regions[] = {
	{ 0, MIB(6), 0 },
	{ GIB(1) - MIB(4), GIB(3) + MIB(4), 1536 },
	{ LIMIT - GIB(1) - MIB(4), LIMIT, 1536 + 1024 + 2 * 262144 + 1024 },
};

#define MODEL_PAGES (1536 + 1024 + 2 * 262144 + 1024 + 1024 + 262144)

static u64 model[MODEL_PAGES];

static const struct region *region_of(u64 gpa)
{
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (gpa >= regions[i].start && gpa < regions[i].end)
			return &regions[i];
	}
	return NULL;
}

static u64 *model_page(u64 gpa)
{
	const struct region *region = region_of(gpa);

	return region ? &model[region->first + (gpa - region->start) / 4096] : NULL;
}

static u64 model_count(void)
{
	u64 count = 0;

	for (size_t i = 0; i < MODEL_PAGES; i++)
		count += model[i] != 0;
	return count;
}

/*
 * The independent walker (privileged specification 18.5.1, with the entries of 10.4.1). It visits
 * every leaf of the tree.
 */
struct visit {
	u64 tables;	/* below the root */
	u64 leaves[3];	/* by level */
	u64 pages;	/* of 4 KiB */
	bool has_model; /* compare each page with it */
};

static void visit_leaf(struct visit *v, u64 entry, u64 gpa, unsigned level)
{
	u64 size = 4096ULL << 9 * level, hpa = (entry >> 10 & 0xfffffffffffULL) << 12;

	assert_int_equal(entry >> 54, 0);    /* N, PBMT and the reserved bits */
	assert_int_equal(entry >> 8 & 3, 0); /* RSW: not used here */
	assert_int_equal(entry >> 6 & 3, 3); /* D, A */
	assert_int_equal(entry >> 5 & 1, 0); /* G */
	assert_int_equal(entry >> 4 & 1, 1); /* U */
	assert_true((entry & 6) != 4);	     /* W without R is reserved */
	assert_int_equal(hpa % size, 0);     /* a misaligned superpage faults */
	v->leaves[level]++;
	v->pages += size / 4096;
	for (u64 at = 0; v->has_model && at < size; at += 4096) {
		const u64 *page = model_page(gpa + at);

		if (!page || *page != ((hpa + at) | (entry & 0xe)))
			fail_msg("gpa %#lx: entry %#lx of level %u", gpa + at, entry, level);
	}
}

static void visit_table(struct visit *v, const u64 *table, unsigned entries, u64 base,
			unsigned level)
{
	for (u64 i = 0; i < entries; i++) {
		u64 gpa = base + (i << (12 + 9 * level));

		if (!(table[i] & 1)) {
			assert_int_equal(table[i], 0);
		} else if (table[i] & 0xe) {
			visit_leaf(v, table[i], gpa, level);
		} else {
			assert_true(level > 0);
			/* A pointer has V and the page number: D, A, U are reserved in it. */
			assert_int_equal(table[i] & ~(0xfffffffffffULL << 10), 1);
			v->tables++;
			visit_table(v, (const u64 *)(uintptr_t)(table[i] >> 10 << 12), 512, gpa,
				    level - 1);
		}
	}
}

static struct visit visit(const struct stage2 *s2, bool has_model)
{
	struct visit v = { .has_model = has_model };

	assert_int_equal((uintptr_t)s2->root % 16384, 0);
	visit_table(&v, s2->root, 2048, 0, 2);
	assert_int_equal(v.tables, s2->nr_tables);
	assert_int_equal(fake_pages.in_use, 4 + v.tables);
	return v;
}

static void check_all(const struct stage2 *s2)
{
	assert_int_equal(visit(s2, true).pages, model_count());
}

/* stage2_walk() at one address, against the model. */
static void check_walk(const struct stage2 *s2, u64 gpa)
{
	const u64 *page = model_page(gpa);
	struct stage2_leaf leaf;

	if (!page || !*page) {
		assert_false(stage2_walk(s2, GPA(gpa), &leaf));
		return;
	}
	assert_true(stage2_walk(s2, GPA(gpa), &leaf));
	assert_int_equal(leaf.hpa.v, (*page & ~0xfffULL) + gpa % 4096);
	assert_int_equal(leaf.permissions, *page & 0xfff);
	assert_true(leaf.size == KIB(4) || leaf.size == MIB(2) || leaf.size == GIB(1));
	/* The page is as large as it says: its ends translate to the same block. */
	assert_true(region_of(gpa - gpa % leaf.size) && region_of(gpa | (leaf.size - 1)));
	assert_int_equal(*model_page(gpa - gpa % leaf.size) & ~0xfffULL,
			 leaf.hpa.v - leaf.hpa.v % leaf.size);
}

static void begin(struct stage2 *s2)
{
	fake_pages = (struct fake_pages){ .left = FAKE_PAGES_ENDLESS };
	memset(model, 0, sizeof(model));
	assert_true(stage2_init(s2));
	assert_int_equal(fake_pages.in_use, 4);
	check_all(s2);
}

static void end(struct stage2 *s2)
{
	fake_pages.left = FAKE_PAGES_ENDLESS;
	stage2_destroy(s2);
	assert_int_equal(fake_pages.in_use, 0);
	assert_int_equal(s2->nr_tables, 0);
	assert_null(s2->root);
}

/* One random operation. */
enum op_kind { OP_MAP, OP_UNMAP, OP_PROTECT };

struct op {
	enum op_kind kind;
	u64 gpa, hpa, size, permissions;
};

static int apply(struct stage2 *s2, const struct op *op)
{
	switch (op->kind) {
	case OP_MAP: return stage2_map(s2, GPA(op->gpa), HPA(op->hpa), op->size, op->permissions);
	case OP_UNMAP: return stage2_unmap(s2, GPA(op->gpa), op->size);
	default: return stage2_protect(s2, GPA(op->gpa), op->size, op->permissions);
	}
}

/* What a page of the model becomes. */
static u64 after(const struct op *op, u64 page, u64 offset)
{
	switch (op->kind) {
	case OP_MAP: return (op->hpa + offset) | op->permissions;
	case OP_UNMAP: return 0;
	default: return page ? (page & ~0xfffULL) | op->permissions : 0;
	}
}

static bool model_is_empty(u64 gpa, u64 size)
{
	for (u64 at = 0; at < size; at += 4096) {
		if (*model_page(gpa + at))
			return false;
	}
	return true;
}

static void apply_to_model(const struct op *op)
{
	for (u64 at = 0; at < op->size; at += 4096) {
		u64 *page = model_page(op->gpa + at);

		*page = after(op, *page, at);
	}
}

/* Small sizes mostly, so that the model does not fill at once; some of every kind. */
static u64 random_size(struct prng *prng)
{
	switch (prng_below(prng, 12)) {
	case 0: return GIB(1);
	case 1: return GIB(1) + 4096ULL * prng_below(prng, 1024);
	case 2: return MIB(2) * (1 + prng_below(prng, 300));
	case 3:
	case 4: return MIB(2);
	case 5: return MIB(2) + 4096ULL * prng_below(prng, 600);
	default: return 4096ULL * (1 + prng_below(prng, 20));
	}
}

static u64 random_alignment(struct prng *prng)
{
	static const u64 alignments[] = { KIB(4), KIB(4), MIB(2), MIB(2), GIB(1) };

	return alignments[prng_below(prng, ARRAY_SIZE(alignments))];
}

static struct op random_op(struct prng *prng)
{
	static const u64 permissions[] = { 2, 6, 8, 10, 14 };
	const struct region *region = &regions[prng_below(prng, ARRAY_SIZE(regions))];
	struct op op = { .kind = prng_below(prng, 3) };
	u64 room = region->end - region->start, size = random_size(prng);

	op.gpa = region->start + ALIGN_DOWN(prng_next(prng) % room, random_alignment(prng));
	if (op.gpa < region->start || !IS_ALIGNED(op.gpa, 4096))
		op.gpa = region->start;
	if (prng_below(prng, 4) == 0)
		op.gpa = ALIGN_DOWN(op.gpa, GIB(1)) >= region->start ? ALIGN_DOWN(op.gpa, GIB(1))
								     : op.gpa;
	op.size = MIN(size, region->end - op.gpa);
	op.permissions = permissions[prng_below(prng, ARRAY_SIZE(permissions))];
	op.hpa = ALIGN_DOWN(prng_next(prng) % BIT(55), random_alignment(prng));
	if (prng_below(prng, 2)) /* as aligned as the guest physical address */
		op.hpa = ALIGN_DOWN(op.hpa, GIB(1)) + op.gpa % GIB(1);
	return op;
}

static void random_operations_match_the_model(void **state)
{
	struct prng prng = { 0x5eed0001 };
	struct stage2 s2;
	unsigned done[3] = { 0 }, refused = 0;

	(void)state;
	begin(&s2);
	for (unsigned i = 0; i < 4000; i++) {
		struct op op = random_op(&prng);
		int result = apply(&s2, &op);

		if (op.kind == OP_MAP && !model_is_empty(op.gpa, op.size)) {
			assert_int_equal(result, STAGE2_ERR_EXISTS);
			refused++;
		} else {
			assert_int_equal(result, STAGE2_OK);
			apply_to_model(&op);
			done[op.kind]++;
		}
		for (unsigned n = 0; n < 8; n++) {
			u64 offset = prng_next(&prng) % (op.size + MIB(4));

			check_walk(&s2, op.gpa + offset - MIN(op.gpa, MIB(2)));
		}
		check_walk(&s2, op.gpa);
		check_walk(&s2, op.gpa + op.size - 1);
		if (i % 40 == 0)
			check_all(&s2);
	}
	check_all(&s2);
	/* The numbers are the seed's; what matters is that none of it is rare. */
	assert_true(done[OP_MAP] > 300 && done[OP_UNMAP] > 300 && done[OP_PROTECT] > 300);
	assert_true(refused > 100);
	end(&s2);
}

/* The same operations while the allocator runs dry, at every point where it can. */
static void check_after_failure(const struct stage2 *s2, const struct op *op)
{
	u64 expected = 0;

	for (u64 at = 0; at < op->size; at += 4096) {
		u64 *page = model_page(op->gpa + at);
		struct stage2_leaf leaf;
		u64 is = stage2_walk(s2, GPA(op->gpa + at), &leaf) ? leaf.hpa.v | leaf.permissions
								   : 0;

		if (op->kind == OP_MAP) {
			assert_int_equal(is, 0);
		} else {
			assert_true(is == *page || is == after(op, *page, at));
			*page = is;
		}
	}
	/* What is left of the model is outside the range: as before. */
	expected = model_count();
	assert_int_equal(visit(s2, true).pages, expected);
}

static void running_out_of_memory_harms_nothing(void **state)
{
	struct prng prng = { 0x5eed0002 };
	struct stage2 s2;
	struct op last = { 0 };
	unsigned failures[3] = { 0 };

	(void)state;
	begin(&s2);
	for (unsigned i = 0; i < 600; i++) {
		struct op op = random_op(&prng);
		int result;

		if (i % 2 && last.size) { /* a hole in the middle of what was mapped before */
			op.kind = i % 8 == 1 ? OP_UNMAP : OP_PROTECT;
			op.gpa = last.gpa + ALIGN_DOWN(prng_next(&prng) % last.size, 4096);
			op.size = last.gpa + last.size - op.gpa;
		} else if (i % 4 == 0) { /* large pages, which such a hole splits */
			op.kind = OP_MAP;
			op.gpa = MAX(ALIGN_DOWN(op.gpa, MIB(2)), region_of(op.gpa)->start);
			op.hpa = ALIGN_DOWN(op.hpa, GIB(1));
			op.size = MIB(4);
		}
		op.size = MIN(op.size, MIB(6) + 4096ULL * (i % 9));
		op.size = MIN(op.size, region_of(op.gpa)->end - op.gpa);
		if (op.kind == OP_MAP && !model_is_empty(op.gpa, op.size))
			continue;
		for (unsigned n = 0;; n++) {
			fake_pages.left = n;
			result = apply(&s2, &op);
			if (result != STAGE2_ERR_NO_MEMORY)
				break;
			check_after_failure(&s2, &op);
			failures[op.kind]++;
		}
		fake_pages.left = FAKE_PAGES_ENDLESS;
		assert_int_equal(result, STAGE2_OK);
		apply_to_model(&op);
		last = op.kind == OP_MAP ? op : (struct op){ 0 };
	}
	check_all(&s2);
	assert_true(failures[OP_MAP] > 50);
	assert_true(failures[OP_UNMAP] > 20);
	assert_true(failures[OP_PROTECT] > 20);
	end(&s2);

	fake_pages.left = 0;
	assert_false(stage2_init(&s2));
	stage2_destroy(&s2);
	assert_int_equal(fake_pages.in_use, 0);
}

/* The largest pages that alignment allows, counted by a loop that knows nothing of tables. */
static void count_pages(u64 gpa, u64 hpa, u64 size, u64 count[3])
{
	memset(count, 0, 3 * sizeof(count[0]));
	while (size) {
		unsigned level = 2;

		while (level &&
		       ((gpa | hpa) % (4096ULL << 9 * level) || size < 4096ULL << 9 * level))
			level--;
		count[level]++;
		gpa += 4096ULL << 9 * level;
		hpa += 4096ULL << 9 * level;
		size -= 4096ULL << 9 * level;
	}
}

static void map_uses_the_largest_pages(void **state)
{
	struct prng prng = { 0x5eed0003 };

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct op op = random_op(&prng);
		struct stage2 s2;
		struct visit v;
		u64 count[3];

		begin(&s2);
		assert_int_equal(stage2_map(&s2, GPA(op.gpa), HPA(op.hpa), op.size, STAGE2_RWX), 0);
		count_pages(op.gpa, op.hpa, op.size, count);
		v = visit(&s2, false);
		assert_memory_equal(v.leaves, count, sizeof(count));
		end(&s2);
	}
}

static void everything_can_be_mapped(void **state)
{
	struct stage2_leaf leaf;
	struct stage2 s2;
	struct visit v;

	(void)state;
	begin(&s2);
	assert_int_equal(stage2_map(&s2, GPA(0), HPA(GIB(7)), LIMIT, STAGE2_RWX), STAGE2_OK);
	v = visit(&s2, false);
	assert_int_equal(v.leaves[2], 2048);
	assert_int_equal(v.tables, 0);
	assert_true(stage2_walk(&s2, GPA(LIMIT - 1), &leaf));
	assert_int_equal(leaf.hpa.v, GIB(7) + LIMIT - 1);
	assert_int_equal(leaf.size, GIB(1));
	assert_false(stage2_walk(&s2, GPA(LIMIT), &leaf));
	assert_false(stage2_walk(&s2, GPA(UINT64_MAX), &leaf));
	assert_int_equal(stage2_unmap(&s2, GPA(0), LIMIT), STAGE2_OK);
	assert_int_equal(visit(&s2, false).pages, 0);
	end(&s2);
}

static void a_gigapage_is_split_as_far_as_needed(void **state)
{
	struct stage2 s2;
	struct visit v;

	(void)state;
	begin(&s2);
	assert_int_equal(stage2_map(&s2, GPA(GIB(2)), HPA(GIB(5)), GIB(1), STAGE2_RWX), STAGE2_OK);
	assert_int_equal(visit(&s2, false).tables, 0);
	assert_int_equal(stage2_unmap(&s2, GPA(GIB(2) + MIB(4)), MIB(2)), STAGE2_OK);
	v = visit(&s2, false);
	assert_int_equal(v.tables, 1);
	assert_int_equal(v.leaves[1], 511);
	assert_int_equal(stage2_protect(&s2, GPA(GIB(2) + KIB(4)), KIB(4), STAGE2_R), STAGE2_OK);
	v = visit(&s2, false);
	assert_int_equal(v.tables, 2);
	assert_int_equal(v.leaves[1], 510);
	assert_int_equal(v.leaves[0], 512);
	end(&s2);
}

static void bad_ranges_are_refused(void **state)
{
	static const struct {
		u64 gpa, size;
	} bad[] = {
		{ 1, KIB(4) },
		{ KIB(2), KIB(4) },
		{ 0, 1 },
		{ 0, KIB(4) + 1 },
		{ 0, KIB(4) - 1 },
		{ LIMIT, KIB(4) },
		{ LIMIT - KIB(4), KIB(8) },
		{ 0, LIMIT + KIB(4) },
		{ KIB(4), LIMIT },
		{ BIT(63), KIB(4) },
		{ 0 - KIB(4), KIB(4) },
		{ 0 - KIB(4), KIB(8) },
		{ KIB(4), 0 - KIB(4) },
		{ KIB(8), 0 - KIB(4) },
		{ LIMIT - KIB(4), BIT(63) },
		{ LIMIT + KIB(4), 0 - LIMIT },
	};
	struct stage2 s2;

	(void)state;
	begin(&s2);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		gpa_t gpa = GPA(bad[i].gpa);

		assert_int_equal(stage2_map(&s2, gpa, HPA(0), bad[i].size, STAGE2_R),
				 STAGE2_ERR_RANGE);
		assert_int_equal(stage2_unmap(&s2, gpa, bad[i].size), STAGE2_ERR_RANGE);
		assert_int_equal(stage2_protect(&s2, gpa, bad[i].size, STAGE2_R), STAGE2_ERR_RANGE);
	}
	assert_int_equal(stage2_map(&s2, GPA(0), HPA(1), KIB(4), STAGE2_R), STAGE2_ERR_RANGE);
	assert_int_equal(stage2_map(&s2, GPA(0), HPA(0), 0, STAGE2_R), STAGE2_ERR_RANGE);
	assert_int_equal(stage2_protect(&s2, GPA(0), 0, STAGE2_R), STAGE2_ERR_RANGE);
	assert_int_equal(stage2_unmap(&s2, GPA(0), 0), STAGE2_OK);
	/* An entry without permissions would be a pointer to a table. */
	assert_int_equal(stage2_map(&s2, GPA(0), HPA(0), KIB(4), 0), STAGE2_ERR_RANGE);
	assert_int_equal(stage2_protect(&s2, GPA(0), KIB(4), 0), STAGE2_ERR_RANGE);
	check_all(&s2);
	assert_int_equal(fake_pages.allocations, 1);
	end(&s2);
}

static void hgatp_tells_mode_vmid_and_root(void **state)
{
	struct stage2 s2;

	(void)state;
	begin(&s2);
	assert_int_equal(stage2_hgatp(&s2, 0), 8ULL << 60 | (uintptr_t)s2.root >> 12);
	assert_int_equal(stage2_hgatp(&s2, 0x3fff),
			 8ULL << 60 | 0x3fffULL << 44 | (uintptr_t)s2.root >> 12);
	end(&s2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_match_the_model),
		cmocka_unit_test(running_out_of_memory_harms_nothing),
		cmocka_unit_test(map_uses_the_largest_pages),
		cmocka_unit_test(everything_can_be_mapped),
		cmocka_unit_test(a_gigapage_is_split_as_far_as_needed),
		cmocka_unit_test(bad_ranges_are_refused),
		cmocka_unit_test(hgatp_tells_mode_vmid_and_root),
	};

	return RUN_TESTS(tests);
}
