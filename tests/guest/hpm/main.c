/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters that count nothing, hpmcounter3 to 31: read as 0 in S, and in U when scounteren
 * allows it. How many there are is up to the machine; it has some, and they are the first ones.
 * (OpenSBI leaves something in them.)
 */
#include "console.h"
#include "insn.h"
#include "sbi.h"

#define CYCLE	0xc00
#define FIRST	3
#define COUNTER 32

static struct trap read_counter(unsigned n, bool user)
{
	return exec_insn(INSN_CSR(2, REG_A0, CYCLE + n, 0), 1, user);
}

static bool all_illegal(unsigned end, bool write)
{
	bool good = true;

	for (unsigned n = FIRST; n < end; n++) {
		u32 insn = INSN_CSR(write ? 1 : 2, REG_A0, CYCLE + n, 0);

		good &= exec_insn(insn, 1, !write).cause == CAUSE_ILLEGAL;
	}
	return good;
}

void guest_main(void)
{
	unsigned end = FIRST;
	bool good = true;

	scenario_begin("hpm");
	while (end < COUNTER && read_counter(end, false).cause == NO_TRAP)
		end++;
	check(end > FIRST, "there are some");
	for (unsigned n = FIRST; n < end; n++)
		good &= read_counter(n, false).value == 0;
	check_but_native(good, "they are 0 in S");
	csr_write(scounteren, -1UL);
	for (unsigned n = FIRST; n < end; n++) {
		struct trap trap = read_counter(n, true);

		good &= trap.cause == CAUSE_USER_ECALL && trap.value == 0;
	}
	check_but_native(good, "and in U");
	csr_write(scounteren, 0);
	check(all_illegal(end, false), "but not without scounteren");
	check(all_illegal(end, true), "and not to be written");
	scenario_end();
}
