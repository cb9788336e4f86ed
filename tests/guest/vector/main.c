/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors: every register and the vector CSRs of every hart survive what happens in between, with
 * more harts than the machine has; and sstatus.VS behaves as on a machine of its own.
 */
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "sbi.h"
#include "string.h"

#define HARTS	  4
#define ROUNDS	  40
#define VLENB_MAX 256

#define VTYPE_E16_M2 0x009UL /* vsew = 16 bits, vlmul = 2 */

void vector_load(const u8 *registers, u64 vl, u64 vtype, u64 vcsr);
void vector_store(u8 *registers, u64 csrs[3]);

static u64 vs(void)
{
	return (csr_read(sstatus) & SSTATUS_VS) >> VS_SHIFT;
}

static void set_vs(u64 value)
{
	csr_clear(sstatus, SSTATUS_VS);
	csr_set(sstatus, value << VS_SHIFT);
}

static u64 vlenb(void)
{
	return csr_read(0xc22);
}

static void on_interrupt(u64 code)
{
	(void)code;
	sbi_set_timer(-1UL);
}

static void disturb(u64 kind)
{
	u64 start;

	switch (kind % 4) {
	case 0: sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID); break;
	case 1: exec_insn(0x0000006b, 0, false); break;
	case 2:
		csr_write(sie, SIP_STIP);
		sbi_set_timer(rdtime() + 5000);
		wfi();
		sbi_set_timer(-1UL);
		csr_write(sie, 0);
		break;
	case 3:
		start = rdtime();
		while (rdtime() - start < 20000)
			;
		break;
	}
}

static u8 want[HARTS][32 * VLENB_MAX], got[HARTS][32 * VLENB_MAX];
static volatile u64 bad[HARTS], finished;

static void survive(u64 n)
{
	u64 seed = n * 1000 + 7;

	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, 0);
	set_vs(FS_INITIAL);
	for (unsigned round = 0; round < ROUNDS; round++) {
		u64 csrs[3], vl = 1 + random_next(&seed) % 8, vcsr = random_next(&seed) & 7;

		for (u64 i = 0; i < 32 * vlenb(); i++)
			want[n][i] = (u8)random_next(&seed);
		vector_load(want[n], vl, VTYPE_E16_M2, vcsr);
		for (unsigned i = 0; i < 3; i++)
			disturb(random_next(&seed));
		if (round & 1)
			set_vs(FS_OFF);
		disturb(random_next(&seed));
		if (round & 1)
			set_vs(FS_CLEAN);
		vector_store(got[n], csrs);
		if (memcmp(want[n], got[n], 32 * vlenb()) != 0 || csrs[0] != vl ||
		    csrs[1] != VTYPE_E16_M2 || csrs[2] != vcsr)
			bad[n]++;
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

static void test_survival(void)
{
	bool good = true;

	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_start(hart_nth(n), survive, n) == 0;
	survive(0);
	for (unsigned n = 1; n < HARTS; n++)
		good &= hart_wait_stopped(hart_nth(n));
	check(good && finished == HARTS, "four harts use vectors");
	for (unsigned n = 0; n < HARTS; n++)
		good &= bad[n] == 0;
	check(good, "no register was ever wrong");
}

static void test_off(void)
{
	static u8 memory[8 * VLENB_MAX];
	const u32 insns[] = {
		0x80c5f057,		       /* vsetvl x0, a1, a2 */
		0xe2850007,		       /* vl8re8.v v0, (a0) */
		INSN_CSR(2, REG_A0, 0xc20, 0), /* csrr a0, vl */
		INSN_CSR(2, REG_A0, 0x00f, 0), /* csrr a0, vcsr */
	};
	bool good = true;

	set_vs(FS_OFF);
	for (unsigned i = 0; i < ARRAY_SIZE(insns); i++) {
		struct trap trap;

		trap = exec_insn(insns[i], (u64)memory, false);
		good &= trap.cause == CAUSE_ILLEGAL && (trap.tval == 0 || trap.tval == insns[i]);
		trap = exec_insn(insns[i], (u64)memory, true);
		good &= trap.cause == CAUSE_ILLEGAL && (trap.tval == 0 || trap.tval == insns[i]);
	}
	check(good && vs() == FS_OFF, "VS Off: illegal in S and U");
	set_vs(FS_INITIAL);
	good = true;
	for (u64 kind = 0; kind < 4; kind++) {
		disturb(kind);
		good &= vs() == FS_INITIAL;
	}
	check(good, "VS stays Initial while nothing uses it");
	check(exec_insn(insns[1], (u64)memory, false).cause == NO_TRAP,
	      "and legal again when it is on");
	check_equal("a load makes VS Dirty", vs(), FS_DIRTY);
	disturb(3);
	check_equal("and it stays so", vs(), FS_DIRTY);
}

void guest_main(void)
{
	scenario_begin("vector");
	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, 0);
	check(fdt_has_isa(boot_fdt, "v"), "the ISA string has v");
	test_off();
	test_survival();
	scenario_end();
}
