/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All 4096 CSR numbers, read and written, from S-mode and from U-mode: a guest is a machine without
 * the H extension, so every H, VS and M CSR is an illegal instruction, and of the others exactly
 * those are there that the ISA string tells of.
 */
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "sbi.h"

#define CSRRW 1
#define CSRRS 2
#define CSRRC 3

#define CSR_HTIMEDELTA 0x605

#define NUMBER_OF_CSRS 4096

/* csr[9:8]: the lowest privilege that may access it. 2 is H and VS. */
#define csr_privilege(csr)    ((csr) >> 8 & 3)
#define csr_is_read_only(csr) (((csr) >> 10 & 3) == 3)

enum presence { ABSENT, PRESENT, EITHER };

struct csr_rule {
	u16 first, last;
	const char *extension; /* NULL: always there */
	enum presence presence;
};

/* CSRs of U and S level; what is not listed must not be there. */
static const struct csr_rule rules[] = {
	{ 0x001, 0x003, NULL, PRESENT },       /* fflags, frm, fcsr, with FS on */
	{ 0x008, 0x00a, "v", PRESENT },	       /* vstart, vxsat, vxrm */
	{ 0x00f, 0x00f, "v", PRESENT },	       /* vcsr */
	{ 0x100, 0x100, NULL, PRESENT },       /* sstatus */
	{ 0x104, 0x106, NULL, PRESENT },       /* sie, stvec, scounteren */
	{ 0x10a, 0x10a, NULL, PRESENT },       /* senvcfg */
	{ 0x10c, 0x10f, "smstateen", EITHER }, /* sstateen0 to 3: as the firmware allows */
	{ 0x140, 0x144, NULL, PRESENT },       /* sscratch, sepc, scause, stval, sip */
	{ 0x14d, 0x14d, "sstc", PRESENT },     /* stimecmp */
	{ 0x150, 0x151, "ssaia", PRESENT },    /* siselect, sireg */
	{ 0x152, 0x157, "sscsrind", PRESENT }, /* sireg2 to sireg6, less 0x154 */
	{ 0x15c, 0x15c, "ssaia", EITHER },     /* stopei: only where there is an IMSIC */
	{ 0x180, 0x180, NULL, PRESENT },       /* satp */
	{ 0x5a8, 0x5a8, "sdtrig", EITHER },    /* scontext */
	{ 0xc00, 0xc02, NULL, PRESENT },       /* cycle, time, instret */
	{ 0xc03, 0xc1f, NULL, EITHER },	       /* hpmcounter3 to 31 */
	{ 0xc20, 0xc22, "v", PRESENT },	       /* vl, vtype, vlenb */
	{ 0xda0, 0xda0, "sscofpmf", PRESENT }, /* scountovf */
	{ 0xdb0, 0xdb0, "ssaia", PRESENT },    /* stopi */
};

static enum presence csr_presence(unsigned csr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct csr_rule *rule = &rules[i];

		if (csr < rule->first || csr > rule->last)
			continue;
		if (rule->extension && !fdt_has_isa(boot_fdt, rule->extension))
			return ABSENT;
		return rule->presence;
	}
	return ABSENT;
}

/* Whether the instruction was refused; anything else than cause 2 with a right stval is BAD. */
static bool refused(u32 insn, u64 a0, bool user, u64 *value)
{
	struct trap trap = exec_insn(insn, a0, user);
	u64 success = user ? CAUSE_USER_ECALL : NO_TRAP;

	*value = trap.value;
	if (trap.cause == success)
		return false;
	if (trap.cause != CAUSE_ILLEGAL || (trap.tval != 0 && trap.tval != insn))
		print("BAD insn 0x%x in %c: cause %ld stval 0x%lx\n", insn, user ? 'U' : 'S',
		      trap.cause, trap.tval);
	return true;
}

static bool want(unsigned csr, bool user, const char *what, bool got, bool wanted)
{
	if (got == wanted)
		return true;
	print("BAD CSR 0x%x, %s in %c: %s\n", csr, what, user ? 'U' : 'S',
	      got ? "illegal instruction" : "accepted");
	return false;
}

/*
 * Something that changes nothing if the write is taken, and yet is no zero where the write must be
 * refused: QEMU 7.2 takes csrrs and csrrc of zeros for a mere read, whatever the register is.
 */
static u64 write_source(u32 form, unsigned csr, u64 value)
{
	if (csr_is_read_only(csr))
		return 1;
	return form == CSRRC ? 0 : value;
}

/* Reading, and every form of writing, of one CSR. Leaves it as it was. */
static bool sweep_one(unsigned csr, bool user)
{
	static const u32 forms[] = { CSRRW, CSRRS, CSRRC };
	enum presence presence = csr_presence(csr);
	bool above = csr_privilege(csr) > (user ? 0 : 1);
	bool good = true, no_read;
	u64 value, ignored;

	no_read = refused(INSN_CSR(CSRRS, REG_A0, csr, 0), 0, user, &value);
	if (above || presence != EITHER)
		good &= want(csr, user, "read", no_read, above || presence == ABSENT);
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		u64 source = write_source(forms[i], csr, no_read ? 0 : value);
		bool no_write =
			refused(INSN_CSR(forms[i], REG_A0, csr, REG_A0), source, user, &ignored);

		good &= want(csr, user, "write", no_write, no_read || csr_is_read_only(csr));
	}
	return good;
}

static void sweep(bool user, unsigned privilege, const char *what)
{
	bool good = true;
	unsigned count = 0;

	for (unsigned csr = 0; csr < NUMBER_OF_CSRS; csr++) {
		if (csr_privilege(csr) != privilege)
			continue;
		count++;
		if (csr == CSR_HTIMEDELTA && is_native())
			continue; /* OpenSBI 1.1 emulates it for S-mode, H extension or not */
		good &= sweep_one(csr, user);
	}
	print("%s %s, %u numbers\n", good ? "ok" : "BAD", what, count);
}

static void test_scounteren(void)
{
	static const char *const names[] = { "cycle", "time", "instret" };
	u64 old = csr_read(scounteren);

	for (unsigned counter = 0; counter < 3; counter++) {
		const u32 read = INSN_CSR(CSRRS, REG_A0, 0xc00 + counter, 0);
		u64 value;
		bool denied, allowed, supervisor;

		csr_write(scounteren, 0);
		denied = refused(read, 0, true, &value);
		supervisor = !refused(read, 0, false, &value);
		csr_write(scounteren, BIT(counter));
		allowed = !refused(read, 0, true, &value);
		if (!denied && counter == 1 && is_native())
			skip("scounteren and time"); /* OpenSBI 1.1 emulates it without looking */
		else
			print("%s scounteren and %s\n",
			      denied && supervisor && allowed ? "ok" : "BAD", names[counter]);
	}
	csr_write(scounteren, old);
}

static void test_counters_count(void)
{
	u64 cycle = csr_read(cycle), instret = csr_read(instret), time = rdtime();
	u64 more;

	for (volatile unsigned i = 0; i < 10000; i++)
		;
	more = csr_read(instret) - instret;
	/* 3 to 20 instructions a turn, whoever compiled it; a hypervisor's own may be counted too
	 */
	check(more >= 30000 && more < 100000000, "instret counts");
	check(csr_read(cycle) > cycle, "cycle counts");
	while (rdtime() == time)
		;
	check(rdtime() > time, "time counts");
}

static void test_warl(void)
{
	u64 old = csr_read(sie), lcofi = fdt_has_isa(boot_fdt, "sscofpmf") ? BIT(13) : 0;
	u64 status = csr_read(sstatus);

	csr_write(sie, -1UL);
	check_equal("sie: SSIE, STIE and SEIE", csr_read(sie) & ~lcofi, 0x222);
	csr_write(sie, old);
	csr_write(sip, -1UL);
	check_equal("sip: SSIP can be set", csr_read(sip) & (SIP_SSIP | SIP_SEIP), SIP_SSIP);
	csr_write(sip, 0);
	check_equal("sip: SSIP can be cleared", csr_read(sip) & SIP_SSIP, 0);
	check_equal("sstatus.UXL", (status & SSTATUS_UXL) >> 32, 2);
	csr_set(sstatus, SSTATUS_FS);
	check(csr_read(sstatus) & SSTATUS_SD, "sstatus.SD with FS dirty");
	csr_write(sstatus, status & ~(SSTATUS_FS | SSTATUS_VS));
	check(!(csr_read(sstatus) & SSTATUS_SD), "sstatus.SD with FS off");
	csr_write(sstatus, status);
	csr_write(satp, 5UL << SATP_MODE_SHIFT | 0x80200);
	check_equal("satp: a reserved mode is not taken", csr_read(satp), 0);
	csr_write(satp, 0);
	csr_write(sscratch, (u64)hart_self());
	check_equal("sscratch holds 64 bits", csr_swap(sscratch, 0xfedcba9876543210UL),
		    (u64)hart_self());
	check_equal("sscratch holds 64 bits", csr_swap(sscratch, (u64)hart_self()),
		    0xfedcba9876543210UL);
}

static void test_fences(void)
{
	static const u32 words[] = {
		INSN_SFENCE_VMA,			       /* all */
		INSN_SFENCE_VMA | REG_A0 << 15,		       /* one address */
		INSN_SFENCE_VMA | REG_A0 << 20,		       /* one address space */
		INSN_SFENCE_VMA | REG_A0 << 15 | REG_A0 << 20, /* both */
		0x0000100f,				       /* fence.i */
		0x0ff0000f,				       /* fence */
	};
	static const u32 sinval[] = { 0x16050073, 0x18000073, 0x18100073 };
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		good &= exec_insn(words[i], 0x80200000, false).cause == NO_TRAP;
	check(good, "fences in S");
	good = true;
	for (unsigned i = 0; i < ARRAY_SIZE(sinval); i++) {
		u64 cause = exec_insn(sinval[i], 0x80200000, false).cause;

		good &= cause == (fdt_has_isa(boot_fdt, "svinval") ? NO_TRAP : CAUSE_ILLEGAL);
	}
	check(good, "sinval.vma and its fences as the ISA string says");
}

/* WFI ends when an interrupt is pending and enabled in sie, even if sstatus.SIE is 0. */
static void test_wfi(void)
{
	csr_write(sie, SIP_SSIP);
	csr_set(sip, SIP_SSIP);
	check(exec_insn(INSN_WFI, 0, false).cause == NO_TRAP, "wfi with an interrupt pending");
	csr_clear(sip, SIP_SSIP);
	csr_write(sie, SIP_STIP);
	sbi_set_timer(rdtime() + 1000);
	check(exec_insn(INSN_WFI, 0, false).cause == NO_TRAP, "wfi until the timer, SIE=0");
	sbi_set_timer(-1UL);
	csr_write(sie, 0);
}

void guest_main(void)
{
	scenario_begin("csrs");
	csr_write(sie, 0);
	csr_write(scounteren, -1UL);
	csr_set(sstatus, SSTATUS_FS | (fdt_has_isa(boot_fdt, "v") ? SSTATUS_VS : 0));
	sweep(false, 3, "M CSRs from S");
	sweep(false, 2, "H and VS CSRs from S");
	sweep(false, 1, "S CSRs from S");
	sweep(false, 0, "U CSRs from S");
	sweep(true, 3, "M CSRs from U");
	sweep(true, 2, "H and VS CSRs from U");
	sweep(true, 1, "S CSRs from U");
	sweep(true, 0, "U CSRs from U");
	test_scounteren();
	test_counters_count();
	test_warl();
	test_fences();
	test_wfi();
	scenario_end();
}
