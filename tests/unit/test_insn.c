/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of instruction decoding: every 16-bit encoding against a table, random 32-bit ones. */
#include "unit.h"
#include "riscv/csr.h"
#include "riscv/insn.h"

/*
 * The compressed loads and stores as the unprivileged specification draws them (chapter 27; Zcb in
 * 28.3): d and s are bits of rd' and rs2', D and S of rd and rs2, a of rs1', i of the immediate.
 * What they expand to: opcode and funct3.
 */
static const struct compressed {
	const char *name, *bits;
	u32 opcode, funct3;
} compressed[] = {
	{ "c.fld", "001iiiaaaiiddd00", 0x07, 3 },   { "c.lw", "010iiiaaaiiddd00", 0x03, 2 },
	{ "c.ld", "011iiiaaaiiddd00", 0x03, 3 },    { "c.lbu", "100000aaaiiddd00", 0x03, 4 },
	{ "c.lhu", "100001aaa0iddd00", 0x03, 5 },   { "c.lh", "100001aaa1iddd00", 0x03, 1 },
	{ "c.sb", "100010aaaiisss00", 0x23, 0 },    { "c.sh", "100011aaa0isss00", 0x23, 1 },
	{ "c.fsd", "101iiiaaaiisss00", 0x27, 3 },   { "c.sw", "110iiiaaaiisss00", 0x23, 2 },
	{ "c.sd", "111iiiaaaiisss00", 0x23, 3 },    { "c.fldsp", "001iDDDDDiiiii10", 0x07, 3 },
	{ "c.lwsp", "010iDDDDDiiiii10", 0x03, 2 },  { "c.ldsp", "011iDDDDDiiiii10", 0x03, 3 },
	{ "c.fsdsp", "101iiiiiiSSSSS10", 0x27, 3 }, { "c.swsp", "110iiiiiiSSSSS10", 0x23, 2 },
	{ "c.sdsp", "111iiiiiiSSSSS10", 0x23, 3 },
};

/* The bits of insn where the picture has the letter; fits: whether its 0s and 1s agree. */
static u32 field(const char *bits, u32 insn, char letter, bool *fits)
{
	u32 value = 0;

	for (unsigned i = 0; i < 16; i++) {
		u32 bit = insn >> (15 - i) & 1;

		if (bits[i] == letter)
			value = value << 1 | bit;
		if ((bits[i] == '0' || bits[i] == '1') && bits[i] - '0' != (int)bit)
			*fits = false;
	}
	return value;
}

static const struct compressed *find(u32 insn)
{
	for (size_t i = 0; i < ARRAY_SIZE(compressed); i++) {
		bool fits = true;

		field(compressed[i].bits, insn, 0, &fits);
		if (fits)
			return &compressed[i];
	}
	return NULL;
}

static bool has_letter(const char *bits, char letter)
{
	for (; *bits; bits++) {
		if (*bits == letter)
			return true;
	}
	return false;
}

/* A register field, three bits of which mean x8 to x15. */
static u32 reg_field(const char *bits, u32 insn, char narrow, char wide)
{
	bool fits = true;

	if (has_letter(bits, narrow))
		return 8 + field(bits, insn, narrow, &fits);
	return field(bits, insn, wide, &fits);
}

/*
 * Section 18.6.3: the 32-bit expansion with bit 1 clear, rs1 and the immediate replaced by zeroes
 * and the address offset, which is zero here.
 */
static u32 expected_transform(const struct compressed *c, u32 insn)
{
	u32 result = (c->opcode & ~2U) | c->funct3 << 12;

	if (c->opcode == 0x03 || c->opcode == 0x07)
		return result | reg_field(c->bits, insn, 'd', 'D') << 7;
	return result | reg_field(c->bits, insn, 's', 'S') << 20;
}

/* Encodings that raise an illegal-instruction exception instead of an access: never seen here. */
static bool is_reserved(u32 insn)
{
	bool is_lwsp_ldsp = (insn & 0xc003) == 0x4002 && (insn >> 13 == 2 || insn >> 13 == 3);

	return (is_lwsp_ldsp && (insn >> 7 & 31) == 0) || /* rd = x0 */
	       (insn & 0xfc43) == 0x8c40;		  /* as c.sh, with bit 6 set */
}

static void all_compressed_encodings_are_classified(void **state)
{
	unsigned found[ARRAY_SIZE(compressed)] = { 0 };

	(void)state;
	for (u32 insn = 0; insn < 0x10000; insn++) {
		const struct compressed *c = find(insn);

		if ((insn & 3) == 3) /* not a compressed one */
			continue;
		if (is_reserved(insn))
			continue;
		if (insn_transform(insn) != (c ? expected_transform(c, insn) : 0))
			fail_msg("%#06x (%s): %#x", insn, c ? c->name : "no access",
				 insn_transform(insn));
		if (c)
			found[c - compressed]++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(compressed); i++)
		assert_true(found[i] > 0);
}

static void transformed_ones_tell_their_length(void **state)
{
	(void)state;
	assert_true(insn_is_compressed(0x4188)); /* c.lw */
	assert_int_equal(insn_length(insn_transform(0x4188)), 2);
	assert_false(insn_is_compressed(0x0005a503)); /* lw */
	assert_int_equal(insn_length(insn_transform(0x0005a503)), 4);
}

static void known_instructions_transform(void **state)
{
	(void)state;
	/* As an assembler encodes them. */
	assert_int_equal(insn_transform(0x4188), 0x2501);   /* c.lw a0, 0(a1) */
	assert_int_equal(insn_transform(0xe188), 0xa03021); /* c.sd a0, 0(a1) */
	assert_int_equal(insn_transform(0x6502), 0x3501);   /* c.ldsp a0, 0(sp) */
	assert_int_equal(insn_transform(0xc02a), 0xa02021); /* c.swsp a0, 0(sp) */
	assert_int_equal(insn_transform(0x8188), 0x4501);   /* c.lbu a0, 0(a1) */
	assert_int_equal(insn_transform(0x85c8), 0x1501);   /* c.lh a0, 0(a1) */
	assert_int_equal(insn_transform(0x0001), 0);	    /* c.nop */
	assert_int_equal(insn_transform(0), 0);
	assert_int_equal(insn_transform(0x00b50023), 0x00b50023); /* sb a1, 0(a0) */
}

/* The specification's names of the integer loads and stores, by opcode and funct3. */
static const struct {
	const char *name;
	u32 opcode, funct3;
	unsigned size;
	bool is_unsigned;
} integer_accesses[] = {
	{ "lb", 0x03, 0, 1, false }, { "lh", 0x03, 1, 2, false }, { "lw", 0x03, 2, 4, false },
	{ "ld", 0x03, 3, 8, false }, { "lbu", 0x03, 4, 1, true }, { "lhu", 0x03, 5, 2, true },
	{ "lwu", 0x03, 6, 4, true }, { "sb", 0x23, 0, 1, false }, { "sh", 0x23, 1, 2, false },
	{ "sw", 0x23, 2, 4, false }, { "sd", 0x23, 3, 8, false },
};

/* Index of the access, or -1. */
static int integer_access(u32 insn)
{
	for (size_t i = 0; i < ARRAY_SIZE(integer_accesses); i++) {
		if ((insn & 0x7f) == integer_accesses[i].opcode &&
		    (insn >> 12 & 7) == integer_accesses[i].funct3)
			return (int)i;
	}
	return -1;
}

static void check_32(u32 insn)
{
	int access = integer_access(insn);

	assert_int_equal(insn_transform(insn), insn);
	assert_int_equal(insn_length(insn), 4);
	assert_false(insn_is_compressed(insn));
	assert_int_equal(INSN_OPCODE(insn) == INSN_LOAD, (insn & 0x7f) == 0x03);
	assert_int_equal(INSN_OPCODE(insn) == INSN_STORE, (insn & 0x7f) == 0x23);
	if (access >= 0) {
		assert_int_equal(insn_access_size(insn), integer_accesses[access].size);
		if ((insn & 0x7f) == 0x03)
			assert_int_equal(insn_load_is_unsigned(insn),
					 integer_accesses[access].is_unsigned);
	}
	assert_int_equal(INSN_RD(insn), insn >> 7 & 31);
	assert_int_equal(INSN_RS2(insn), insn >> 20 & 31);
}

static void integer_accesses_are_recognised(void **state)
{
	struct prng prng = { 0x5eed0060 };

	(void)state;
	/* Every opcode with every funct3, as htinst has it (bit 1 of a compressed one is clear). */
	for (u32 opcode = 3; opcode < 128; opcode += 4) {
		for (u32 funct3 = 0; funct3 < 8; funct3++) {
			u32 insn = opcode | funct3 << 12 | (u32)(prng_next(&prng) & 0xffff8f80);

			check_32(insn);
			assert_int_equal(INSN_OPCODE(insn & ~2U), INSN_OPCODE(insn));
			assert_int_equal(insn_length(insn & ~2U), 2);
		}
	}
	for (unsigned i = 0; i < 200000; i++)
		check_32((u32)prng_next(&prng) | 3);
}

/* Stores, AMOs but LR, cache-block operations (section 10.1.8; unprivileged chapter 19). */
static bool faults_as_store(u32 insn)
{
	switch (insn & 0x7f) {
	case 0x23:				 /* STORE */
	case 0x27: return true;			 /* STORE-FP */
	case 0x2f: return insn >> 27 != 2;	 /* AMO; 2 is LR */
	case 0x0f: return (insn >> 12 & 7) == 2; /* MISC-MEM; 2 is CBO */
	default: return false;
	}
}

static void the_kind_of_a_fault_is_known(void **state)
{
	struct prng prng = { 0x5eed0061 };

	(void)state;
	for (u32 opcode = 3; opcode < 128; opcode += 4) {
		for (u32 funct3 = 0; funct3 < 8; funct3++) {
			for (u32 funct5 = 0; funct5 < 32; funct5++) {
				u32 insn = opcode | funct3 << 12 | funct5 << 27 |
					   (u32)(prng_next(&prng) & 0x07ff8f80);

				assert_int_equal(insn_faults_as_store(insn), faults_as_store(insn));
			}
		}
	}
	assert_true(insn_faults_as_store(insn_transform(0xe188)));  /* c.sd */
	assert_true(insn_faults_as_store(insn_transform(0xa188)));  /* c.fsd */
	assert_false(insn_faults_as_store(insn_transform(0x4188))); /* c.lw */
	assert_false(insn_faults_as_store(0x1005a52f));		    /* lr.w a0, (a1) */
	assert_true(insn_faults_as_store(0x18c5a52f));		    /* sc.w a0, a2, (a1) */
	assert_true(insn_faults_as_store(0x0045a00f));		    /* cbo.zero (a1) */
	assert_false(insn_faults_as_store(0x0ff0000f));		    /* fence */
}

/* An assembler's word: what the base register and the offset of its address are. */
static void addresses_are_decoded(void **state)
{
	static const struct {
		u32 insn;
		unsigned base;
		s64 offset;
	} known[] = {
		{ 0x0005a503, 11, 0 },	   /* lw a0, 0(a1) */
		{ 0x7ff5b503, 11, 2047 },  /* ld a0, 2047(a1) */
		{ 0x80058503, 11, -2048 }, /* lb a0, -2048(a1) */
		{ 0xfff5d503, 11, -1 },	   /* lhu a0, -1(a1) */
		{ 0x00a58023, 11, 0 },	   /* sb a0, 0(a1) */
		{ 0x7ea5bfa3, 11, 2047 },  /* sd a0, 2047(a1) */
		{ 0x80a5a023, 11, -2048 }, /* sw a0, -2048(a1) */
		{ 0xfea59fa3, 11, -1 },	   /* sh a0, -1(a1) */
		{ 0x4188, 11, 0 },	   /* c.lw a0, 0(a1) */
		{ 0x5fe8, 15, 0 },	   /* c.lw a0, 124(a5) */
		{ 0xe008, 8, 0 },	   /* c.sd a0, 0(s0) */
		{ 0x6502, 2, 0 },	   /* c.ldsp a0, 0(sp) */
		{ 0xc02a, 2, 0 },	   /* c.swsp a0, 0(sp) */
	};
	struct prng prng = { 0x5eed0063 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		assert_int_equal(insn_base_register(known[i].insn), known[i].base);
		assert_true(insn_offset(known[i].insn) == known[i].offset);
	}
	for (unsigned i = 0; i < 20000; i++) {
		s32 offset = (s32)prng_below(&prng, 4096) - 2048;
		u32 others = (u32)prng_next(&prng), base = others >> 15 & 31,
		    imm = (u32)offset & 0xfff;
		u32 load = (others & 0xfff80) | imm << 20 | 0x03;
		u32 store = (others & 0x1fff000) | imm >> 5 << 25 | (imm & 31) << 7 | 0x23;

		assert_true(insn_offset(load) == offset && insn_base_register(load) == base);
		assert_true(insn_offset(store) == offset && insn_base_register(store) == base);
	}
	/* Of the compressed ones the table has the base register where there is one: else it is sp.
	 */
	for (u32 insn = 0; insn < 0x10000; insn++) {
		const struct compressed *c = (insn & 3) == 3 ? NULL : find(insn);

		if (!c)
			continue;
		assert_int_equal(insn_base_register(insn),
				 has_letter(c->bits, 'a') ? reg_field(c->bits, insn, 'a', 'a') : 2);
		assert_true(insn_offset(insn) == 0);
	}
}

/* The rest of a misaligned access is no register of any device. */
static void an_address_offset_shows(void **state)
{
	(void)state;
	assert_true(INSN_OPCODE_AND_ADDRESS_OFFSET(0x2503U) == INSN_LOAD);
	assert_true(INSN_OPCODE_AND_ADDRESS_OFFSET(0xa02023U) == INSN_STORE);
	for (u32 offset = 1; offset < 8; offset++) {
		assert_false(INSN_OPCODE_AND_ADDRESS_OFFSET(0x2503U | offset << 15) == INSN_LOAD);
		assert_false(INSN_OPCODE_AND_ADDRESS_OFFSET(0xa02023U | offset << 15) ==
			     INSN_STORE);
	}
}

/* htinst: 0, a transformed instruction, a pseudoinstruction, or something custom (18.6.3). */
static void htinst_is_classified(void **state)
{
	(void)state;
	assert_false(insn_is_transformed(0));
	assert_true(insn_is_transformed(0x2503));   /* lw */
	assert_true(insn_is_transformed(0x2501));   /* c.lw */
	assert_true(insn_is_transformed(0xa03023)); /* sd */
	assert_false(insn_is_transformed(0x2000));  /* pseudoinstructions of RV32 and RV64 */
	assert_false(insn_is_transformed(0x2020));
	assert_false(insn_is_transformed(HTINST_PSEUDO_LOAD));
	assert_false(insn_is_transformed(HTINST_PSEUDO_STORE));
	assert_false(insn_is_transformed(0x100002503ULL)); /* more than 32 bits: custom */
}

static void csr_accesses_are_decoded(void **state)
{
	struct prng prng = { 0x5eed0062 };

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		u32 insn = (u32)prng_next(&prng) | 3;
		struct insn_csr csr;
		u32 funct3;
		bool is_csr;

		if (i % 2)
			insn = (insn & ~0x7fU) | 0x73;
		if (i % 3 == 0)
			insn &= ~(31U << 15); /* rs1 or uimm 0 */
		csr = insn_decode_csr(insn);
		funct3 = insn >> 12 & 7;
		is_csr = (insn & 0x7f) == 0x73 && funct3 != 0 && funct3 != 4;
		assert_int_equal(csr.is_csr, is_csr);
		if (!is_csr)
			continue;
		assert_int_equal(csr.csr, insn >> 20);
		assert_int_equal(csr.rd, insn >> 7 & 31);
		/* CSRRW and CSRRWI write always, the others unless rs1 or uimm is 0 (9.1). */
		assert_int_equal(csr.is_write,
				 funct3 == 1 || funct3 == 5 || (insn >> 15 & 31) != 0);
	}
	assert_true(insn_decode_csr(0xc0002573).is_csr); /* rdcycle a0 */
	assert_false(insn_decode_csr(0xc0002573).is_write);
	assert_int_equal(insn_decode_csr(0xc0002573).csr, 0xc00);
	assert_int_equal(insn_decode_csr(0xc0002573).rd, 10);
	assert_false(insn_decode_csr(INSN_WFI).is_csr);
	assert_false(insn_decode_csr(0x6000c073).is_csr); /* hlv.b: funct3 is 4 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_compressed_encodings_are_classified),
		cmocka_unit_test(transformed_ones_tell_their_length),
		cmocka_unit_test(known_instructions_transform),
		cmocka_unit_test(integer_accesses_are_recognised),
		cmocka_unit_test(the_kind_of_a_fault_is_known),
		cmocka_unit_test(addresses_are_decoded),
		cmocka_unit_test(an_address_offset_shows),
		cmocka_unit_test(htinst_is_classified),
		cmocka_unit_test(csr_accesses_are_decoded),
	};

	return RUN_TESTS(tests);
}
