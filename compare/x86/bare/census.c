// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs each probe and prints what came of it: "probe NAME MODE OUTCOME". Knows nothing of what
 * ought to come.
 */
#include "kernel.h"

#define POISON	   0xa5a5a5a5a5a5a5a5ull
#define RESULTS	   4
#define SHADOW_CR2 0x1234000
#define WAKE_UP	   1000000
#define VECTOR_DB  1
#define VECTOR_PF  14
#define LSR_IDLE   0x60 /* nothing is being sent */

static const struct probe probes[] = { ALL_PROBES(PROBE_ENTRY) };

extern u64 user_results[RESULTS];
extern uptr user_flags;

static const char *const vector_names[] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#09", "#TS",
	"#NP", "#SS", "#GP", "#PF", "#15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
};
#define NAMED_VECTORS (sizeof(vector_names) / sizeof(*vector_names))
#define WITH_ERROR    (1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21)

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void give(void)
{
	probe_kernel_cs = KERNEL_CS;
	probe_kernel_ds = KERNEL_DS;
	probe_user_ds = USER_DS;
	probe_gate = CALL_GATE;
	probe_ldt = LDT;
	probe_other_tss = OTHER_TSS;
	probe_cr0 = read_cr0();
	probe_cr2 = SHADOW_CR2;
	probe_cr3 = read_cr3();
	probe_cr4 = read_cr4();
	probe_cr8 = 1;
	probe_db7 = read_dr7();
	probe_msr = read_msr(MSR_APIC_BASE);
	probe_kernel_page = (uptr)&attempt;
	__asm__ volatile("sgdt %0; sidt %1" : "=m"(probe_gdtr), "=m"(probe_idtr));
	probe_xcr0 = XCR0_X87_SSE;
}

/* Brings about the state whose change can be seen afterwards. */
static void prepare(const struct probe *probe)
{
	for (int i = 0; i < RESULTS; i++)
		user_results[i] = POISON;
	tss_make_available();
	write_cr2(SHADOW_CR2);
#ifdef __x86_64__
	write_cr8(1);
#endif
	if (same(probe->name, "clts"))
		write_cr0(read_cr0() | CR0_TS);
	if (same(probe->name, "hlt") || same(probe->name, "mwait"))
		timer_repeat(WAKE_UP);
}

static void restore(void)
{
	timer_repeat(0);
	tss_make_available();
	__asm__ volatile("ltr %w0" ::"r"(TSS));
	__asm__ volatile("mov %0, %%fs" ::"r"(USER_DS));
	write_cr0(read_cr0() & ~CR0_TS);
}

static const char *effect(int happened)
{
	return happened ? "done" : "ignored";
}

static const char *reads(const struct probe *probe, u64 before, u64 truth)
{
	u64 value = user_results[0], width = ~0ull;

	if (probe->truth == T_TSC)
		return value >= before && value <= read_tsc() ? "reads" : "reads other";
	if (probe->truth == T_FLAGS)
		return (value & (FLAG_IF | FLAG_IOPL)) == (FLAG_IF | (user_flags & FLAG_IOPL))
			       ? "reads"
			       : "reads other";
	if (probe->truth == T_PORT)
		return (value & LSR_IDLE) == LSR_IDLE ? "reads" : "reads other";
#ifndef __x86_64__
	width = probe->truth == T_GDTR || probe->truth == T_IDTR ? 0xffffffffffff : 0xffffffff;
#endif
	return ((value ^ truth) & width) == 0 ? "reads" : "reads other";
}

static const char *judge(const struct probe *probe, u32 cpl, u64 before, u64 truth)
{
	u64 value = user_results[0];

	if (same(probe->name, "clts"))
		return effect(!(read_cr0() & CR0_TS));
	switch (probe->judge) {
	case READS: return reads(probe, before, truth);
	case CLEARS_IF: return effect(!(value & FLAG_IF));
	case SETS_IF: return effect(!!(value & FLAG_IF));
	case SETS_IOPL: return effect((value & FLAG_IOPL) == FLAG_IOPL);
	case ZERO_FLAG: return value & 0xff ? "allowed" : "denied";
	case SELECTOR: return effect((value & 0xffff) == truth);
	case READS_CPL: return (value & 3) == cpl ? "reads" : "reads other";
	case ENTERS: return (value & 3) == 0 ? "enters CPL 0" : "stays";
	default: return "done";
	}
}

static void put_trap(const struct probe *probe)
{
	if (attempt.vector == PROBE_INT_USER || attempt.vector == PROBE_INT_KERNEL) {
		put_text("enters CPL 0");
		return;
	}
	put_text("trap ");
	if (attempt.vector < NAMED_VECTORS)
		put_text(vector_names[attempt.vector]);
	else
		put_hex(attempt.vector);
	if (attempt.vector < 32 && WITH_ERROR >> attempt.vector & 1) {
		put_text("(");
		if (attempt.error)
			put_hex(attempt.error);
		else
			put_text("0");
		put_text(")");
	}
	if (attempt.ip != (uptr)probe->at) {
		put_text(" elsewhere, at ");
		put_hex(attempt.ip);
	}
}

static void run(const struct probe *probe, u32 cpl, const char *variant)
{
	prepare(probe);
	u64 truth = machine_truth(probe->truth);
	u64 before = read_tsc();
	monitor_call(MARK_PROBE_BEGIN, (uptr)probe->at);
	attempt_run(probe->run, cpl, user_results);
	monitor_call(MARK_PROBE_END, 0);

	put_text("probe ");
	put_text(probe->name);
	put_text(cpl ? " cpl3-" BITS : " cpl0-" BITS);
	put_text(variant);
	put_text(" ");
	if (attempt.vector == VECTOR_RETURNED)
		put_text(judge(probe, cpl, before, truth));
	else
		put_trap(probe);
	put_text("\n");
	restore();
}

static void run_all(u32 cpl, const char *variant)
{
	for (u32 i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		run(&probes[i], cpl, variant);
}

static int has_umip(void)
{
	u32 a, b, c, d;

	cpuid(7, &a, &b, &c, &d);
	return c >> 2 & 1;
}

/* What the supervisor can close for user code by bits of CR4. */
static void run_closed(void)
{
	uptr before = read_cr4();

	if (!has_umip()) {
		put_text("note no UMIP\n");
		return;
	}
	write_cr4(before | CR4_UMIP | CR4_TSD);
	run_all(3, "-closed");
	write_cr4(before);
}

/* And what it can open for it, by IOPL: the few instructions that look at it. */
static void run_open(void)
{
	static const char *const names[] = { "popf_if", "iret_if", "cli", "sti", "in", "out" };

	user_flags |= FLAG_IOPL;
	for (u32 name = 0; name < sizeof(names) / sizeof(*names); name++)
		for (u32 i = 0; i < sizeof(probes) / sizeof(*probes); i++)
			if (same(probes[i].name, names[name]))
				run(&probes[i], 3, "-iopl3");
	user_flags &= ~FLAG_IOPL;
}

void census_run(void)
{
	give();
	run_all(0, "");
	run_all(3, "");
	run_closed();
	run_open();
}
