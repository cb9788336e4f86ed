// SPDX-License-Identifier: BSD-2-Clause
/*
 * "probe NAME MODE OUTCOME", as the bare kernel does. A process cannot know the machine's real
 * state; so a value is printed as it is, and stepping tells who made it: the processor or the
 * kernel.
 */
#include "ring3.h"

#define POISON	  0xa5a5a5a5a5a5a5a5ull
#define RESULTS	  4
#define FLAG_IF	  0x200
#define FLAG_IOPL 0x3000

/* Selectors of Linux's own segments, and an address that is the kernel's. */
#define KERNEL_CS_64  0x10
#define KERNEL_DS_64  0x18
#define KERNEL_CS_32  0x60
#define KERNEL_DS_32  0x68
#define USER_CS_OF_32 0x73 /* of a 32-bit kernel */
#ifdef __x86_64__
#define KERNEL_PAGE 0xffffffff81000000ull
#else
#define KERNEL_PAGE 0xfffff000u
#endif

void ring3_main(void);

static const struct probe probes[] = { ALL_PROBES(PROBE_ENTRY) };
static u64 results[RESULTS];

#define STEPS(X)	   X(sgdt) X(sidt) X(sldt) X(smsw) X(str) X(add)
#define STEP_DECLARE(name) void step_##name(void), stepped_##name(void);
#define STEP_ENTRY(name)   { #name, step_##name, stepped_##name },
STEPS(STEP_DECLARE)

static const struct step {
	const char *name;
	void (*run)(void);
	void (*end)(void);
} steps[] = { STEPS(STEP_ENTRY) };

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void give(void)
{
	u32 cs, ss;

	__asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
	probe_kernel_cs = cs == USER_CS_OF_32 ? KERNEL_CS_32 : KERNEL_CS_64;
	probe_kernel_ds = cs == USER_CS_OF_32 ? KERNEL_DS_32 : KERNEL_DS_64;
	probe_user_ds = ss;
	probe_kernel_page = KERNEL_PAGE;
}

static const char *signal_name(int signal)
{
	switch (signal) {
	case 4: return "SIGILL";
	case 5: return "SIGTRAP";
	case 7: return "SIGBUS";
	case 8: return "SIGFPE";
	case 11: return "SIGSEGV";
	default: return "signal";
	}
}

static void put_exception(void)
{
	switch (caught.vector) {
	case 0: put_text(" (the kernel tells no exception)"); return;
	case 6: put_text(" #UD"); return;
	case 11: put_text(" #NP("); break;
	case 12: put_text(" #SS("); break;
	case 13: put_text(" #GP("); break;
	case 14: put_text(" #PF("); break;
	default:
		put_text(" #");
		put_hex(caught.vector);
		return;
	}
	if (caught.error)
		put_hex(caught.error);
	else
		put_text("0");
	put_text(")");
}

static void put_trap(const struct probe *probe)
{
	put_text("trap ");
	put_text(signal_name(caught.signal));
	put_exception();
	put_text(" si_code=");
	put_hex((u32)caught.code);
	put_text(" si_addr=");
	put_hex(caught.address);
	if (caught.ip != (uptr)probe->at) {
		put_text(" elsewhere, ");
		put_hex(caught.ip - (uptr)probe->at);
		put_text(" behind it");
	}
}

static void put_effect(int happened)
{
	put_text(happened ? "done" : "ignored");
}

/* How many bytes of the first result the instruction writes: the rest is not shown. */
static u64 value_of(const struct probe *probe)
{
	u64 value = results[0];

	if (sizeof(uptr) == 8 || probe->truth == T_TSC || probe->truth == T_XCR0)
		return value;
	return value &
	       (probe->truth == T_GDTR || probe->truth == T_IDTR ? 0xffffffffffff : 0xffffffff);
}

/* Descriptor table registers: the limit and the base, whose last two bytes are in the next word. */
static void put_table(const struct probe *probe)
{
	u64 base = value_of(probe) >> 16;

	if (sizeof(uptr) == 8)
		base |= results[1] << 48;
	put_text(" base=");
	put_hex(base);
	put_text(" limit=");
	put_hex(results[0] & 0xffff);
}

static void put_who(const struct probe *probe)
{
	for (u32 i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (!same(steps[i].name, probe->name))
			continue;
		stepped_ip = 0;
		int returned = attempt_run(steps[i].run, results);
		put_text(" by=");
		if (!returned || !stepped_ip)
			put_text("unknown");
		else
			put_text(stepped_ip == (uptr)steps[i].end ? "processor" : "kernel");
	}
}

static void put_reads(const struct probe *probe)
{
	put_text("reads");
	if (probe->truth == T_GDTR || probe->truth == T_IDTR) {
		put_table(probe);
	} else if (probe->truth == T_FLAGS) {
		put_text(results[0] & FLAG_IF ? " IF=1" : " IF=0");
		put_text(results[0] & FLAG_IOPL ? " IOPL>0" : " IOPL=0");
	} else if (probe->truth != T_TSC) {
		put_text(" value=");
		put_hex(value_of(probe));
	}
	put_who(probe);
}

static void put_outcome(const struct probe *probe)
{
	u64 value = results[0];

	switch (probe->judge) {
	case READS: put_reads(probe); return;
	case CLEARS_IF: put_effect(!(value & FLAG_IF)); return;
	case SETS_IF: put_effect(!!(value & FLAG_IF)); return;
	case SETS_IOPL: put_effect((value & FLAG_IOPL) == FLAG_IOPL); return;
	case ZERO_FLAG: put_text(value & 0xff ? "allowed" : "denied"); return;
	case SELECTOR:
		put_effect((value & 0xffff) ==
			   (probe->truth == T_USER_DS ? probe_user_ds : probe_kernel_ds));
		return;
	case READS_CPL:
		put_text((value & 3) == 3 ? "reads" : "reads other");
		put_text(" value=");
		put_hex(value & 0xffff);
		return;
	case ENTERS: put_text((u32)value == (u32)own_pid() ? "enters CPL 0" : "stays"); return;
	default: put_text("done"); return;
	}
}

static void run(const struct probe *probe)
{
	for (int i = 0; i < RESULTS; i++)
		results[i] = POISON;
	int returned = attempt_run(probe->run, results);

	put_text("probe ");
	put_text(probe->name);
	put_text(" cpl3-" BITS " ");
	if (returned)
		put_outcome(probe);
	else
		put_trap(probe);
	put_text("\n");
}

/* That stepping tells the truth of an instruction that nobody emulates. */
static void put_step_check(void)
{
	stepped_ip = 0;
	int returned = attempt_run(step_add, results);
	put_text("note stepping ");
	put_text(returned && stepped_ip == (uptr)stepped_add ? "works\n" : "does not work\n");
}

static void put_features(void)
{
	u32 a = 7, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	put_text(c >> 2 & 1 ? "note the processor has UMIP\n" : "note the processor has no UMIP\n");
	a = 1;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	put_text(c >> 31 ? "note the processor says that a monitor is below\n"
			 : "note the processor tells of no monitor below\n");
}

void ring3_main(void)
{
	put_text("begin " BITS "\n");
	signals_init();
	give();
	put_features();
	put_step_check();
	for (u32 i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		/* Linux has no call gate. */
		if (!same(probes[i].name, "call_gate"))
			run(&probes[i]);
	put_text("end " BITS "\n");
	exit_program(0);
}
