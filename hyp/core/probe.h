/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that may trap in the hypervisor: the trap is taken as an answer, not as a bug. */
#ifndef DOPPEL_PROBE_H
#define DOPPEL_PROBE_H

#include "lib/types.h"

/* Registers an instruction of inline assembly, by labels, in the exception table (see panic.c). */
#define EXCEPTION_ENTRY(instruction, fixup)      \
	".pushsection .exception_table, \"a\"\n" \
	".dword " #instruction ", " #fixup "\n"  \
	".popsection\n"

/*
 * Writes a CSR that may not exist; false if that trapped. Not while a vCPU is on the hart: a trap
 * changes what its sret goes back to (see vcpu/guest_access.c).
 */
#define PROBE_CSR_WRITE(csr, value)                             \
	({                                                      \
		u64 ok_ = 1;                                    \
		__asm__ volatile("1: csrw %1, %2\n"             \
				 "j 3f\n"                       \
				 "2: li %0, 0\n"                \
				 "3:\n" EXCEPTION_ENTRY(1b, 2b) \
				 : "+r"(ok_)                    \
				 : "i"(csr), "r"((u64)(value))  \
				 : "memory");                   \
		ok_ != 0;                                       \
	})

#endif
