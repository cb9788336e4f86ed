/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoding the instructions that trap: loads and stores, CSR accesses, WFI. */
#include "riscv/insn.h"

#define AMO_LR	     0x02 /* funct5 */
#define MISC_MEM_CBO 2	  /* funct3 */

static u32 bits(u32 insn, unsigned high, unsigned low)
{
	return insn >> low & ((1U << (high - low + 1)) - 1);
}

bool insn_faults_as_store(u32 insn)
{
	switch (INSN_OPCODE(insn)) {
	case INSN_STORE:
	case INSN_STORE_FP: return true;
	case INSN_AMO: return bits(insn, 31, 27) != AMO_LR;
	case INSN_MISC_MEM: return INSN_FUNCT3(insn) == MISC_MEM_CBO;
	default: return false;
	}
}

/* funct3: the width as a power of two, and for loads 4 if zero-extended. */
enum { WIDTH_B = 0, WIDTH_H = 1, WIDTH_W = 2, WIDTH_D = 3, UNSIGNED = 4 };

static u32 load(u32 opcode, u32 funct3, u32 rd)
{
	return opcode | rd << 7 | funct3 << 12;
}

static u32 store(u32 opcode, u32 funct3, u32 rs2)
{
	return opcode | funct3 << 12 | rs2 << 20;
}

/* The three-bit register fields mean x8 to x15. */
static u32 short_reg(u32 insn)
{
	return 8 + bits(insn, 4, 2);
}

/* Zcb: quadrant 0, funct3 = 4. */
static u32 transform_zcb(u32 insn)
{
	u32 reg = short_reg(insn);

	switch (bits(insn, 12, 10)) {
	case 0: return load(INSN_LOAD, WIDTH_B | UNSIGNED, reg); /* c.lbu */
	case 1: return load(INSN_LOAD, WIDTH_H | (bits(insn, 6, 6) ? 0 : UNSIGNED), reg);
	case 2: return store(INSN_STORE, WIDTH_B, reg); /* c.sb */
	case 3: return store(INSN_STORE, WIDTH_H, reg); /* c.sh */
	default: return 0;
	}
}

#define QUADRANT_AND_FUNCT3(insn) ((insn & 3) << 3 | bits(insn, 15, 13))

/* Compressed loads and stores (unprivileged specification, chapter 26). */
static u32 transform_16(u32 insn)
{
	u32 reg = short_reg(insn), rd = bits(insn, 11, 7), rs2 = bits(insn, 6, 2);

	switch (QUADRANT_AND_FUNCT3(insn)) {
	case 0 << 3 | 1: return load(INSN_LOAD_FP, WIDTH_D, reg); /* c.fld */
	case 0 << 3 | 2: return load(INSN_LOAD, WIDTH_W, reg);	  /* c.lw */
	case 0 << 3 | 3: return load(INSN_LOAD, WIDTH_D, reg);	  /* c.ld */
	case 0 << 3 | 4: return transform_zcb(insn);
	case 0 << 3 | 5: return store(INSN_STORE_FP, WIDTH_D, reg); /* c.fsd */
	case 0 << 3 | 6: return store(INSN_STORE, WIDTH_W, reg);    /* c.sw */
	case 0 << 3 | 7: return store(INSN_STORE, WIDTH_D, reg);    /* c.sd */
	case 2 << 3 | 1: return load(INSN_LOAD_FP, WIDTH_D, rd);    /* c.fldsp */
	case 2 << 3 | 2: return load(INSN_LOAD, WIDTH_W, rd);	    /* c.lwsp */
	case 2 << 3 | 3: return load(INSN_LOAD, WIDTH_D, rd);	    /* c.ldsp */
	case 2 << 3 | 5: return store(INSN_STORE_FP, WIDTH_D, rs2); /* c.fsdsp */
	case 2 << 3 | 6: return store(INSN_STORE, WIDTH_W, rs2);    /* c.swsp */
	case 2 << 3 | 7: return store(INSN_STORE, WIDTH_D, rs2);    /* c.sdsp */
	default: return 0;
	}
}

u32 insn_transform(u32 insn)
{
	return insn_is_compressed(insn) ? transform_16(insn) : insn;
}

#define QUADRANT_2 2
#define REG_SP	   2

unsigned insn_base_register(u32 insn)
{
	if (!insn_is_compressed(insn))
		return INSN_RS1(insn);
	return (insn & 3) == QUADRANT_2 ? REG_SP : 8 + bits(insn, 9, 7);
}

s64 insn_offset(u32 insn)
{
	if (insn_is_compressed(insn))
		return 0;
	if (INSN_OPCODE(insn) == INSN_STORE)
		return (s32)(insn & 0xfe000000) >> 20 | (s32)bits(insn, 11, 7);
	return (s32)insn >> 20;
}

struct insn_csr insn_decode_csr(u32 insn)
{
	u32 funct3 = INSN_FUNCT3(insn);
	bool is_csr = INSN_OPCODE(insn) == INSN_SYSTEM && (funct3 & 3) != 0;

	return (struct insn_csr){ is_csr, (funct3 & 3) == 1 || INSN_RS1(insn) != 0,
				  (u16)bits(insn, 31, 20), (u8)INSN_RD(insn) };
}
