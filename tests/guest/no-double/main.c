/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with single-precision floating point only: Doppel does not offer F without D, and a
 * guest that tries is told that the instruction is illegal.
 */
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "sbi.h"

static u64 word;

static bool all_illegal(bool user)
{
	const u32 insns[] = {
		0xf0050053,		       /* fmv.w.x f0, a0 */
		0x00208053,		       /* fadd.s f0, f1, f2 */
		INSN_FP_LOAD(2, 1, REG_A0, 0), /* flw f1, (a0) */
		INSN_FP_STORE(2, 1, REG_A0, 0),
		INSN_FP_LOAD(3, 1, REG_A0, 0), /* fld f1, (a0) */
		INSN_CSR(2, REG_A0, 0x003, 0), /* csrr a0, fcsr */
	};
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(insns); i++) {
		struct trap trap = exec_insn(insns[i], (u64)&word, user);

		if (trap.cause == CAUSE_ILLEGAL && (trap.tval == 0 || trap.tval == insns[i]))
			continue;
		print("BAD 0x%x: cause %ld stval 0x%lx\n", insns[i], trap.cause, trap.tval);
		good = false;
	}
	return good;
}

void guest_main(void)
{
	scenario_begin("no-double");
	check(!fdt_has_isa(boot_fdt, "f") && !fdt_has_isa(boot_fdt, "d"),
	      "the ISA string has neither f nor d");
	csr_set(sstatus, FS_INITIAL << FS_SHIFT);
	check(all_illegal(false), "illegal in S");
	check(all_illegal(true), "illegal in U");
	scenario_end();
}
