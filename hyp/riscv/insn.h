/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding the instructions that trap: loads and stores, CSR accesses, WFI.
 *
 * Loads and stores have one format here, that of htinst (privileged specification 19.6.3): a 32-bit
 * instruction, or what a compressed one expands to with bit 1 clear. Where the hardware does not
 * fill htinst, insn_transform() makes the same from the instruction itself. rs1 and the immediate
 * mean nothing in it: the address is known from the trap.
 */
#ifndef DOPPEL_INSN_H
#define DOPPEL_INSN_H

#include "lib/types.h"

/* Major opcodes with bit 1 left out. */
#define INSN_OPCODE(insn) ((insn)&0x7d)
#define INSN_LOAD	  0x01
#define INSN_LOAD_FP	  0x05 /* and vector loads */
#define INSN_MISC_MEM	  0x0d /* cache-block operations */
#define INSN_STORE	  0x21
#define INSN_STORE_FP	  0x25
#define INSN_AMO	  0x2d
#define INSN_SYSTEM	  0x71

/* Fields of loads and stores. */
#define INSN_RD(insn)	  ((insn) >> 7 & 31)
#define INSN_FUNCT3(insn) ((insn) >> 12 & 7)
#define INSN_RS1(insn)	  ((insn) >> 15 & 31)
#define INSN_RS2(insn)	  ((insn) >> 20 & 31)

/* Whether an instruction, not a transformed one, has 16 bits. */
static inline bool insn_is_compressed(u32 insn)
{
	return (insn & 3) != 3;
}

/* Bytes of the instruction that was transformed: 2 or 4. */
static inline u8 insn_length(u64 transformed)
{
	return (u8)(2 + (transformed & 2));
}

/*
 * In a transformed instruction rs1 tells how far behind the beginning of a misaligned access the
 * fault is. A real one has rs1 there.
 */
#define INSN_ADDRESS_OFFSET_MASK	     (31UL << 15)
#define INSN_OPCODE_AND_ADDRESS_OFFSET(insn) ((insn) & (0x7d | INSN_ADDRESS_OFFSET_MASK))

/* Bytes that an integer load or store accesses: 1, 2, 4, 8. */
static inline u64 insn_access_size(u64 insn)
{
	return 1UL << (insn >> 12 & 3);
}

static inline bool insn_load_is_unsigned(u64 insn)
{
	return insn >> 14 & 1;
}

/* Whether a fault of the instruction's memory access counts as one of a store (section 10.1.8). */
bool insn_faults_as_store(u32 insn);

/* The transformed instruction of 16 or 32 bits. 0: a compressed one that accesses no memory. */
u32 insn_transform(u32 insn);

/*
 * The register that an instruction, not a transformed one, adds its offset to, and the offset. That
 * of a compressed instruction is a multiple of what it accesses and is given as 0: together they
 * tell whether the address is aligned.
 */
unsigned insn_base_register(u32 insn);
s64 insn_offset(u32 insn);

/* Whether htinst holds a transformed instruction: not 0, not a pseudoinstruction, nothing custom.
 */
static inline bool insn_is_transformed(u64 htinst)
{
	return (htinst & 1) && !(htinst >> 32);
}

/* The SYSTEM instructions. */
#define INSN_WFI     0x10500073U
#define INSN_WRS_NTO 0x00d00073U /* Zawrs */

struct insn_csr {
	bool is_csr;   /* one of CSRRW, CSRRS, CSRRC and their immediate forms */
	bool is_write; /* it would write: CSRRW always, the others unless rs1 or uimm is 0 */
	u16 csr;
	u8 rd;
};

struct insn_csr insn_decode_csr(u32 insn);

#endif
