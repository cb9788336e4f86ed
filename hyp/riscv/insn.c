/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoding the instructions that trap: loads and stores, CSR accesses, WFI. */
#include "riscv/insn.h"

/* Major opcodes, bits 6:0 (unprivileged specification, table of base opcodes). */
#define OPCODE_LOAD	0x03
#define OPCODE_LOAD_FP	0x07
#define OPCODE_MISC_MEM 0x0f
#define OPCODE_STORE	0x23
#define OPCODE_STORE_FP 0x27
#define OPCODE_AMO	0x2f
#define OPCODE_SYSTEM	0x73

#define AMO_LR 0x02 /* funct5 */

static u32 bits(u32 insn, unsigned high, unsigned low)
{
	return insn >> low & ((1U << (high - low + 1)) - 1);
}

/* funct3 of a load: the size as a power of two in its low bits, unsigned if bit 2 is set. */
static struct insn_access load(u32 insn)
{
	u32 funct3 = bits(insn, 14, 12);

	return (struct insn_access){ funct3 == 7 ? INSN_OTHER : INSN_LOAD, (u8)bits(insn, 11, 7),
				     (u8)(1 << (funct3 & 3)), 4, !(funct3 & 4) };
}

static struct insn_access store(u32 insn)
{
	u32 funct3 = bits(insn, 14, 12);

	return (struct insn_access){ funct3 > 3 ? INSN_OTHER : INSN_STORE, (u8)bits(insn, 24, 20),
				     (u8)(1 << (funct3 & 3)), 4, false };
}

static struct insn_access other(enum insn_kind kind, u8 insn_len)
{
	return (struct insn_access){ .kind = kind, .insn_len = insn_len };
}

static struct insn_access decode_32(u32 insn)
{
	switch (insn & 0x7f) {
	case OPCODE_LOAD: return load(insn);
	case OPCODE_STORE: return store(insn);
	case OPCODE_LOAD_FP: return other(INSN_FP_LOAD, 4);
	case OPCODE_STORE_FP: return other(INSN_FP_STORE, 4);
	case OPCODE_AMO:
		return other(bits(insn, 31, 27) == AMO_LR ? INSN_AMO_LOAD : INSN_AMO, 4);
	case OPCODE_MISC_MEM:
		return other(bits(insn, 14, 12) == 2 ? INSN_AMO : INSN_OTHER, 4); /* cbo.* */
	default: return other(INSN_OTHER, 4);
	}
}

static struct insn_access compressed(enum insn_kind kind, u32 reg, u8 len, bool is_signed)
{
	return (struct insn_access){ kind, (u8)reg, len, 2, is_signed };
}

/* The three-bit register fields mean x8 to x15. */
static u32 short_reg(u32 insn)
{
	return 8 + bits(insn, 4, 2);
}

/* Zcb: quadrant 0, funct3 = 4. */
static struct insn_access decode_zcb(u32 insn)
{
	u32 reg = short_reg(insn);

	switch (bits(insn, 12, 10)) {
	case 0: return compressed(INSN_LOAD, reg, 1, false);		  /* c.lbu */
	case 1: return compressed(INSN_LOAD, reg, 2, bits(insn, 6, 6)); /* c.lhu, c.lh */
	case 2: return compressed(INSN_STORE, reg, 1, false);		  /* c.sb */
	case 3: return compressed(INSN_STORE, reg, 2, false);		  /* c.sh */
	default: return other(INSN_OTHER, 2);
	}
}

#define QUADRANT_AND_FUNCT3(insn) ((insn & 3) << 3 | bits(insn, 15, 13))

static struct insn_access decode_16(u32 insn)
{
	switch (QUADRANT_AND_FUNCT3(insn)) {
	case 0 << 3 | 1: return other(INSN_FP_LOAD, 2); /* c.fld */
	case 0 << 3 | 2: return compressed(INSN_LOAD, short_reg(insn), 4, true); /* c.lw */
	case 0 << 3 | 3: return compressed(INSN_LOAD, short_reg(insn), 8, true); /* c.ld */
	case 0 << 3 | 4: return decode_zcb(insn);
	case 0 << 3 | 5: return other(INSN_FP_STORE, 2); /* c.fsd */
	case 0 << 3 | 6: return compressed(INSN_STORE, short_reg(insn), 4, false); /* c.sw */
	case 0 << 3 | 7: return compressed(INSN_STORE, short_reg(insn), 8, false); /* c.sd */
	case 2 << 3 | 1: return other(INSN_FP_LOAD, 2); /* c.fldsp */
	case 2 << 3 | 2: return compressed(INSN_LOAD, bits(insn, 11, 7), 4, true); /* c.lwsp */
	case 2 << 3 | 3: return compressed(INSN_LOAD, bits(insn, 11, 7), 8, true); /* c.ldsp */
	case 2 << 3 | 5: return other(INSN_FP_STORE, 2); /* c.fsdsp */
	case 2 << 3 | 6: return compressed(INSN_STORE, bits(insn, 6, 2), 4, false); /* c.swsp */
	case 2 << 3 | 7: return compressed(INSN_STORE, bits(insn, 6, 2), 8, false); /* c.sdsp */
	default: return other(INSN_OTHER, 2);
	}
}

struct insn_access insn_decode_access(u32 insn)
{
	return insn_length(insn) == 4 ? decode_32(insn) : decode_16(insn);
}

/*
 * Bit 0 is set in every transformed instruction; bit 1 is clear if the original had 16 bits.
 * rs1 holds the offset into a misaligned access, which no device of ours answers.
 */
struct insn_access insn_decode_transformed(u64 htinst)
{
	struct insn_access access;

	if (!(htinst & 1) || htinst >> 32)
		return other(INSN_OTHER, 4);
	access = decode_32((u32)htinst | 2);
	access.insn_len = htinst & 2 ? 4 : 2;
	return access;
}

struct insn_csr insn_decode_csr(u32 insn)
{
	u32 funct3 = bits(insn, 14, 12), source = bits(insn, 19, 15);
	bool is_csr = (insn & 0x7f) == OPCODE_SYSTEM && (funct3 & 3) != 0;

	return (struct insn_csr){ is_csr, (funct3 & 3) == 1 || source != 0,
				  (u16)bits(insn, 31, 20), (u8)bits(insn, 11, 7) };
}
