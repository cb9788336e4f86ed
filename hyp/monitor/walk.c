/* SPDX-License-Identifier: BSD-2-Clause */
/* Both stages of an address translation, shown step by step. */
#include "monitor/walk.h"
#include "riscv/csr.h"

#define PAGE_SHIFT     12
#define INDEX_BITS     9
#define NAPOT_SHIFT    16     /* of the one size that Svnapot has: 64 KiB */
#define NAPOT_PPN      BIT(3) /* what the four lowest bits of such a PPN are */
#define NAPOT_PPN_MASK 0xfUL
#define ATP_ASID_SHIFT 44
#define ATP_ASID_MASK  0xffffUL
#define PTE_RSW_SHIFT  8
#define PTE_PBMT_SHIFT 61
#define PTE_RESERVED   (0x7fUL << 54)

static void say(const struct walk *walk, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct walk *walk, const char *fmt, ...)
{
	va_list args;

	if (!walk->sink)
		return;
	va_start(args, fmt);
	format(walk->sink, walk->ctx, fmt, args);
	va_end(args);
}

const char *walk_words(u64 pte, char words[WALK_WORDS_SIZE])
{
	static const char letters[] = "VRWXUGAD";
	static const char *const pbmt[] = { "", " PBMT=NC", " PBMT=IO", " PBMT=3" };
	int at = 0;

	words[0] = '\0';
	for (unsigned bit = 0; letters[bit]; bit++) {
		if (pte >> bit & 1)
			at += snprintf(words + at, WALK_WORDS_SIZE - (size_t)at, "%s%c",
				       at ? " " : "", letters[bit]);
	}
	if (pte >> PTE_RSW_SHIFT & 3)
		at += snprintf(words + at, WALK_WORDS_SIZE - (size_t)at, " RSW=%u",
			       (unsigned)(pte >> PTE_RSW_SHIFT & 3));
	snprintf(words + at, WALK_WORDS_SIZE - (size_t)at, "%s%s", pte & PTE_N ? " N" : "",
		 pbmt[pte >> PTE_PBMT_SHIFT & 3]);
	return words[0] ? words : "no bits";
}

static u64 level_size(unsigned level)
{
	return BIT(PAGE_SHIFT + INDEX_BITS * level);
}

/* "4 KiB", "2 MiB", "1 GiB", "512 GiB", "256 TiB". */
static void say_size(const struct walk *walk, u64 size)
{
	static const char units[] = "KMGT";
	unsigned unit = 0;

	for (size >>= 10; size >= 1024; size >>= 10)
		unit++;
	say(walk, "%lu %ciB", size, units[unit]);
}

static bool is_leaf(u64 pte)
{
	return pte & (PTE_R | PTE_X);
}

static u64 address_of(u64 pte)
{
	return (pte & PTE_PPN_MASK) >> PTE_PPN_SHIFT << PAGE_SHIFT;
}

/* --- The G-stage */

static void say_entry(const struct walk *walk, const char *indent, const struct stage2_step *step,
		      unsigned level)
{
	char words[WALK_WORDS_SIZE];

	say(walk, "%slevel %u: table hpa 0x%lx, entry %u = 0x%016lx: %s\n", indent, level,
	    step->table.v, step->index, step->entry, walk_words(step->entry, words));
}

/* How the hardware finds the entry of a guest's table: one line, or all that it reads. */
static bool table_is_there(const struct walk *walk, u64 gpa)
{
	char words[WALK_WORDS_SIZE];
	struct stage2_step steps[STAGE2_LEVELS];
	unsigned count = stage2_path(walk->s2, GPA(gpa), steps), level = STAGE2_LEVELS - count;
	struct stage2_leaf leaf;

	if (!stage2_walk(walk->s2, GPA(gpa), &leaf)) {
		say(walk, "      G-stage: gpa 0x%lx is not mapped\n", gpa);
		return false;
	}
	say(walk, "      G-stage: gpa 0x%lx -> hpa 0x%lx, level %u, ", gpa, leaf.hpa.v, level);
	say_size(walk, leaf.size);
	say(walk, " page, %s\n", walk_words(steps[count - 1].entry, words));
	for (unsigned i = 0; walk->every_entry && i < count; i++)
		say_entry(walk, "        ", &steps[i], STAGE2_LEVELS - 1 - i);
	return true;
}

bool walk_host(const struct walk *walk, gpa_t gpa, hpa_t *hpa)
{
	struct stage2_step steps[STAGE2_LEVELS];
	struct stage2_leaf leaf;
	unsigned count = stage2_path(walk->s2, gpa, steps);

	say(walk, "gpa 0x%lx, G-stage Sv39x4\n", gpa.v);
	for (unsigned i = 0; i < count; i++)
		say_entry(walk, "  ", &steps[i], STAGE2_LEVELS - 1 - i);
	if (!stage2_walk(walk->s2, gpa, &leaf)) {
		say(walk, "stops here: no RAM of the guest is there; a device may be\n");
		return false;
	}
	*hpa = leaf.hpa;
	say(walk, "hpa 0x%lx, in a ", hpa->v);
	say_size(walk, leaf.size);
	say(walk, " page\n");
	return true;
}

/* --- The guest's own stage */

struct mode {
	const char *name;
	unsigned levels;
};

static struct mode mode_of(u64 vsatp)
{
	switch (vsatp >> ATP_MODE_SHIFT) {
	case ATP_MODE_SV39: return (struct mode){ "Sv39", 3 };
	case ATP_MODE_SV48: return (struct mode){ "Sv48", 4 };
	case ATP_MODE_SV57: return (struct mode){ "Sv57", 5 };
	default: return (struct mode){ NULL, 0 };
	}
}

/* All bits above those that are translated must be equal to the highest of these. */
static bool is_canonical(u64 gva, unsigned levels)
{
	unsigned unused = 64 - PAGE_SHIFT - INDEX_BITS * levels;

	return (u64)((s64)(gva << unused) >> unused) == gva;
}

/* What is wrong with an entry that cannot be used (section 10.3.2, steps 3 to 6); NULL: nothing. */
static const char *problem_of(u64 pte, unsigned level)
{
	if (!(pte & PTE_V))
		return "the entry is not valid";
	if ((pte & (PTE_R | PTE_W)) == PTE_W)
		return "W without R is reserved";
	if (pte & PTE_RESERVED)
		return "bits 60 to 54 are reserved";
	if (!is_leaf(pte))
		return level ? NULL : "the last level cannot point to a table";
	if ((pte & PTE_N) && (level || (pte >> PTE_PPN_SHIFT & NAPOT_PPN_MASK) != NAPOT_PPN))
		return "N with such an address is reserved";
	if (!(pte & PTE_N) && (address_of(pte) & (level_size(level) - 1)))
		return "the address of the page is not a multiple of its size";
	return NULL;
}

static gpa_t translate(u64 pte, unsigned level, u64 gva)
{
	u64 offsets = (pte & PTE_N ? BIT(NAPOT_SHIFT) : level_size(level)) - 1;

	return GPA((address_of(pte) & ~offsets) | (gva & offsets));
}

static void say_leaf(const struct walk *walk, u64 pte, unsigned level)
{
	say(walk, "      a ");
	say_size(walk, pte & PTE_N ? BIT(NAPOT_SHIFT) : level_size(level));
	say(walk, " page at gpa 0x%lx\n", translate(pte, level, 0).v);
	if (!(pte & PTE_A))
		say(walk, "      A is 0: an access faults, or the hardware sets it\n");
}

static bool walk_tables(const struct walk *walk, unsigned levels, u64 gva, gpa_t *gpa)
{
	u64 table = (walk->vsatp & ATP_PPN_MASK) << PAGE_SHIFT;

	for (unsigned level = levels; level-- > 0;) {
		u64 index = gva >> (PAGE_SHIFT + INDEX_BITS * level) & (BIT(INDEX_BITS) - 1), pte;
		char words[WALK_WORDS_SIZE];
		const char *problem;

		say(walk, "  level %u: table gpa 0x%lx, entry %lu", level, table, index);
		if (!guest_read_pte(walk->memory, GPA(table + index * sizeof(pte)), &pte)) {
			say(walk, "\nstops here: the table is not in the guest's RAM\n");
			return false;
		}
		say(walk, " = 0x%016lx: %s\n", pte, walk_words(pte, words));
		if (!table_is_there(walk, table + index * sizeof(pte)))
			return false;
		problem = problem_of(pte, level);
		if (problem) {
			say(walk, "stops here: %s\n", problem);
			return false;
		}
		if (is_leaf(pte)) {
			say_leaf(walk, pte, level);
			*gpa = translate(pte, level, gva);
			return true;
		}
		table = address_of(pte);
	}
	return false;
}

bool walk_guest(const struct walk *walk, gva_t gva, gpa_t *gpa)
{
	struct mode mode = mode_of(walk->vsatp);

	say(walk, "gva 0x%lx, satp 0x%016lx: ", gva.v, walk->vsatp);
	if (walk->vsatp >> ATP_MODE_SHIFT == ATP_MODE_BARE) {
		say(walk, "Bare, guest virtual is guest physical\n");
		*gpa = GPA(gva.v);
		return true;
	}
	if (!mode.levels) {
		say(walk, "a mode that is reserved\n");
		return false;
	}
	say(walk, "%s, ASID %lu\n", mode.name, walk->vsatp >> ATP_ASID_SHIFT & ATP_ASID_MASK);
	if (!is_canonical(gva.v, mode.levels)) {
		say(walk, "stops here: bits %u to 63 of the address are not all the same\n",
		    PAGE_SHIFT + INDEX_BITS * mode.levels - 1);
		return false;
	}
	return walk_tables(walk, mode.levels, gva.v, gpa);
}
