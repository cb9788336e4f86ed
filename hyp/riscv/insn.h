/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoding the instructions that trap: loads and stores, CSR accesses, WFI. */
#ifndef DOPPEL_INSN_H
#define DOPPEL_INSN_H

#include "lib/types.h"

enum insn_kind {
	INSN_OTHER,   /* no memory access that we know */
	INSN_LOAD,    /* integer load */
	INSN_STORE,   /* integer store */
	INSN_FP_LOAD, /* floating-point and vector */
	INSN_FP_STORE,
	INSN_AMO_LOAD, /* LR */
	INSN_AMO,      /* SC, AMO and cache-block operations: faults count as those of stores */
};

/* A load or store, decoded once for both directions. */
struct insn_access {
	enum insn_kind kind;
	u8 reg;	      /* the register to load or store */
	u8 len;	      /* bytes of memory: 1, 2, 4, 8 */
	u8 insn_len;  /* bytes of the instruction: 2 or 4 */
	bool is_signed; /* a load that extends the sign */
};

/* Bytes of an instruction, from its lowest 16 bits; longer formats than 4 bytes count as 4. */
static inline u8 insn_length(u32 insn)
{
	return (insn & 3) == 3 ? 4 : 2;
}

static inline bool insn_is_write(enum insn_kind kind)
{
	return kind == INSN_STORE || kind == INSN_FP_STORE || kind == INSN_AMO;
}

/* Decodes an instruction of 16 or 32 bits (unprivileged specification 2.6, 4.2, 27.3, Zcb). */
struct insn_access insn_decode_access(u32 insn);

/*
 * Decodes a transformed instruction (privileged specification 18.6.3). kind is INSN_OTHER when the
 * value is 0 or none that we know; it then says nothing, and the instruction must be fetched.
 */
struct insn_access insn_decode_transformed(u64 htinst);

/* The SYSTEM instructions. */
#define INSN_WFI 0x10500073U

struct insn_csr {
	bool is_csr;   /* one of CSRRW, CSRRS, CSRRC and their immediate forms */
	bool is_write; /* it would write: CSRRW always, the others unless rs1 or uimm is 0 */
	u16 csr;
	u8 rd;
};

struct insn_csr insn_decode_csr(u32 insn);

#endif
