/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to guest virtual addresses, through both stages and with the rights that the guest had
 * when it left: HLV and HLVX (privileged specification 19.3.1). For the vCPU on this hart.
 */
#ifndef DOPPEL_GUEST_ACCESS_H
#define DOPPEL_GUEST_ACCESS_H

#include "lib/types.h"

enum guest_access_result {
	ACCESS_OK,
	ACCESS_GUEST_FAULT, /* the guest's own tables do not translate it (any more) */
	ACCESS_HOST_FAULT,  /* there is no RAM behind it, or behind the guest's tables */
};

/* Fetches the instruction at pc; *insn gets 16 or 32 bits of it. */
enum guest_access_result guest_fetch(gva_t pc, u32 *insn);

/* Reads 8 bytes. */
enum guest_access_result guest_load_u64(gva_t gva, u64 *value);

#endif
