/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating point: every register of every hart survives all that may happen between two
 * instructions of a guest, more harts than the machine has; and sstatus.FS behaves as on a machine
 * of its own.
 */
#include "console.h"
#include "insn.h"
#include "sbi.h"
#include "string.h"

#define HARTS  4
#define WORDS  33
#define ROUNDS 60

void fp_load(const u64 state[WORDS]);
void fp_store(u64 state[WORDS]);
void fp_add(void);

static u64 fs(void)
{
	return (csr_read(sstatus) & SSTATUS_FS) >> FS_SHIFT;
}

static void set_fs(u64 value)
{
	csr_clear(sstatus, SSTATUS_FS);
	csr_set(sstatus, value << FS_SHIFT);
}

static void pattern(u64 state[WORDS], u64 *seed)
{
	for (unsigned i = 0; i < WORDS - 1; i++)
		state[i] = random_next(seed);
	state[WORDS - 1] = random_next(seed) & 0x9f; /* frm 0 to 4, any flags */
}

static void on_interrupt(u64 code)
{
	if (code == CAUSE_SOFTWARE_INTERRUPT)
		csr_clear(sip, SIP_SSIP);
	else
		sbi_set_timer(-1UL);
}

static void remote_fence(void)
{
	/* OpenSBI 1.1 deadlocks when several harts send fences to each other. */
	if (is_native())
		sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, hart_self()->id);
	else
		sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, -1UL);
}

/* Something that leaves the guest, or takes long enough for another hart's turn. */
static void disturb(u64 kind)
{
	volatile u32 *plic_priority = (volatile u32 *)0x0c000004UL;
	u64 start;

	switch (kind % 6) {
	case 0: sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID); break;
	case 1: (void)*plic_priority; break;
	case 2: exec_insn(0x0000006b, 0, false); break;
	case 3:
		csr_write(sie, SIP_STIP);
		sbi_set_timer(rdtime() + 5000);
		wfi();
		sbi_set_timer(-1UL);
		csr_write(sie, 0);
		break;
	case 4:
		start = rdtime();
		while (rdtime() - start < 20000)
			;
		break;
	case 5: remote_fence(); break;
	}
}

static volatile u64 bad[HART_MAX], finished;

static void survive(u64 n)
{
	u64 seed = n * 1000 + 1, want[WORDS], got[WORDS];

	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, 0);
	set_fs(FS_INITIAL);
	for (unsigned round = 0; round < ROUNDS; round++) {
		pattern(want, &seed);
		fp_load(want);
		for (unsigned i = 0; i < 3; i++)
			disturb(random_next(&seed));
		/* FS = Off does not destroy the registers (section "Extension Context Status") */
		if (round & 1)
			set_fs(FS_OFF);
		disturb(random_next(&seed));
		if (round & 1)
			set_fs(FS_CLEAN);
		fp_store(got);
		if (memcmp(want, got, sizeof(want)) != 0)
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
	check(good && finished == HARTS, "four harts use floating point");
	for (unsigned n = 0; n < HARTS; n++)
		good &= bad[n] == 0;
	check(good, "no register was ever wrong");
}

static void test_off(void)
{
	static u64 word;
	const u32 insns[] = {
		INSN_FP_LOAD(3, 1, REG_A0, 0),
		INSN_FP_STORE(2, 1, REG_A0, 0),
		0x02208053,		       /* fadd.d f0, f1, f2 */
		0xf2050053,		       /* fmv.d.x f0, a0 */
		INSN_CSR(2, REG_A1, 0x003, 0), /* csrr a1, fcsr */
		INSN_CSR(1, 0, 0x001, REG_A0), /* csrw fflags, a0 */
		INSN_PAIR(0x210c /* c.fld */, INSN_C_NOP),
		INSN_PAIR(0xa10c /* c.fsd */, INSN_C_NOP),
	};

	for (unsigned user = 0; user < 2; user++) {
		bool good = true;

		set_fs(FS_OFF);
		for (unsigned i = 0; i < ARRAY_SIZE(insns); i++) {
			struct trap trap = exec_insn(insns[i], (u64)&word, user);
			u32 bits = (insns[i] & 3) == 3 ? insns[i] : insns[i] & 0xffff;

			if (trap.cause == CAUSE_ILLEGAL && (trap.tval == 0 || trap.tval == bits))
				continue;
			good = false;
			print("BAD 0x%x: cause %ld stval 0x%lx\n", insns[i], trap.cause, trap.tval);
		}
		check(good && fs() == FS_OFF,
		      user ? "FS Off: illegal in U" : "FS Off: illegal in S");
	}
	set_fs(FS_INITIAL);
	check(exec_insn(insns[0], (u64)&word, true).cause == CAUSE_USER_ECALL &&
		      exec_insn(insns[0], (u64)&word, false).cause == NO_TRAP,
	      "and legal again when it is on");
}

/* What moves FS, and what does not: a hypervisor that switches lazily must not show. */
static void test_dirty(void)
{
	static const char *const names[] = { "", "Initial", "Clean" };
	u64 state[WORDS] = { 0 };

	for (u64 from = FS_INITIAL; from <= FS_CLEAN; from++) {
		bool good = true;

		for (u64 kind = 0; kind < 6; kind++) {
			set_fs(from);
			disturb(kind);
			good &= fs() == from;
		}
		print("%s FS stays %s while nothing uses it\n", good ? "ok" : "BAD", names[from]);
		set_fs(from);
		fp_store(state);
		disturb(0);
		check(fs() == from || fs() == FS_DIRTY,
		      "reading registers leaves it or makes it Dirty");
		set_fs(from);
		fp_add();
		check_equal("arithmetic makes it Dirty", fs(), FS_DIRTY);
		disturb(4);
		check_equal("and it stays so", fs(), FS_DIRTY);
		set_fs(from);
		fp_load(state);
		check_equal("loads make it Dirty", fs(), FS_DIRTY);
		check(csr_read(sstatus) & SSTATUS_SD, "and SD shows it");
	}
	set_fs(FS_OFF);
	disturb(0);
	disturb(4);
	check_equal("FS stays Off", fs(), FS_OFF);
	check(!(csr_read(sstatus) & SSTATUS_SD), "SD is clear");
}

void guest_main(void)
{
	scenario_begin("fp");
	hart_self()->on_interrupt = on_interrupt;
	csr_write(sie, 0);
	test_off();
	test_dirty();
	test_survival();
	scenario_end();
}
