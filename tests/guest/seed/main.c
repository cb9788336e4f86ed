/* SPDX-License-Identifier: BSD-2-Clause */
/* Zkr: the seed CSR, where firmware lets S-mode have it; elsewhere the ISA string has no zkr. */
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "sbi.h"

#define CSR_SEED   0x015
#define OPST_SHIFT 30
#define OPST_ES16  2
#define TRIES	   1000

/* 16 bits of entropy; false: it traps, or there never are any. */
static bool read_seed(u64 *entropy)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct trap trap = exec_insn(INSN_CSR(1, REG_A0, CSR_SEED, 0), 0, false);

		if (trap.cause != NO_TRAP)
			return false;
		*entropy = trap.value & 0xffff;
		if ((u32)trap.value >> OPST_SHIFT == OPST_ES16)
			return true;
	}
	return false;
}

void guest_main(void)
{
	u64 entropy = 0, all = 0;
	bool good = true;

	scenario_begin("seed");
	for (unsigned i = 0; i < 16 && good; i++) {
		good &= read_seed(&entropy);
		all |= entropy;
	}
	if (fdt_has_isa(boot_fdt, "zkr") || good) {
		check_but_native(good && all, "entropy in S");
	} else {
		skip("entropy in S");
	}
	check(exec_insn(INSN_CSR(2, REG_A0, CSR_SEED, 0), 0, false).cause == CAUSE_ILLEGAL,
	      "illegal without a write");
	check(exec_insn(INSN_CSR(1, REG_A0, CSR_SEED, 0), 0, true).cause == CAUSE_ILLEGAL,
	      "illegal in U");
	scenario_end();
}
