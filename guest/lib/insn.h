/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction words that tests put together at run time. */
#ifndef GUEST_INSN_H
#define GUEST_INSN_H

#include "types.h"

#define REG_RA 1
#define REG_SP 2
#define REG_A0 10
#define REG_A1 11
#define REG_A5 15

/* I-type load: width is funct3 (0 lb, 1 lh, 2 lw, 3 ld, 4 lbu, 5 lhu, 6 lwu). */
#define INSN_LOAD(width, rd, rs1, offset)                                 \
	(0x03U | (u32)(rd) << 7 | (u32)(width) << 12 | (u32)(rs1) << 15 | \
	 ((u32)(offset)&0xfff) << 20)

/* S-type store: width is funct3 (0 sb, 1 sh, 2 sw, 3 sd). */
#define INSN_STORE(width, rs2, rs1, offset)                                          \
	(0x23U | ((u32)(offset)&0x1f) << 7 | (u32)(width) << 12 | (u32)(rs1) << 15 | \
	 (u32)(rs2) << 20 | ((u32)(offset) >> 5 & 0x7f) << 25)

/* FP load and store: 2 flw/fsw, 3 fld/fsd. */
#define INSN_FP_LOAD(width, rd, rs1, offset)   (INSN_LOAD(width, rd, rs1, offset) | 0x04U)
#define INSN_FP_STORE(width, rs2, rs1, offset) (INSN_STORE(width, rs2, rs1, offset) | 0x04U)

/* A extension: funct5 0 amoadd, 1 amoswap, 2 lr, 3 sc; width 2 or 3. */
#define INSN_AMO(funct5, width, rd, rs1, rs2)                                                \
	(0x2fU | (u32)(rd) << 7 | (u32)(width) << 12 | (u32)(rs1) << 15 | (u32)(rs2) << 20 | \
	 (u32)(funct5) << 27)

#define INSN_ADDI(rd, rs1, imm) \
	(0x13U | (u32)(rd) << 7 | (u32)(rs1) << 15 | ((u32)(imm)&0xfff) << 20)

/* Zicsr: funct3 1 csrrw, 2 csrrs, 3 csrrc. */
#define INSN_CSR(funct3, rd, csr, rs1) \
	(0x73U | (u32)(rd) << 7 | (u32)(funct3) << 12 | (u32)(rs1) << 15 | (u32)(csr) << 20)

#define INSN_NOP	0x00000013U
#define INSN_ECALL	0x00000073U
#define INSN_EBREAK	0x00100073U
#define INSN_RET	0x00008067U
#define INSN_SRET	0x10200073U
#define INSN_MRET	0x30200073U
#define INSN_WFI	0x10500073U
#define INSN_SFENCE_VMA 0x12000073U

/* H extension, which no guest has */
#define INSN_HFENCE_VVMA 0x22000073U
#define INSN_HFENCE_GVMA 0x62000073U
#define INSN_HLV_B	 0x60054573U /* hlv.b a0, (a0) */
#define INSN_HLV_W	 0x68054573U /* hlv.w a0, (a0) */
#define INSN_HLV_D	 0x6c054573U /* hlv.d a0, (a0) */
#define INSN_HLVX_HU	 0x64354573U /* hlvx.hu a0, (a0) */
#define INSN_HLVX_WU	 0x68354573U /* hlvx.wu a0, (a0) */
#define INSN_HSV_B	 0x62a54073U /* hsv.b a0, (a0) */
#define INSN_HSV_W	 0x6aa54073U /* hsv.w a0, (a0) */
#define INSN_HSV_D	 0x6ea54073U /* hsv.d a0, (a0) */

/* Two compressed instructions, the first in the lower half. */
#define INSN_PAIR(first, second) ((u32)(second) << 16 | (first))
#define INSN_C_NOP		 0x0001U
#define INSN_C_EBREAK		 0x9002U

#endif
