// SPDX-License-Identifier: BSD-2-Clause
/*
 * Exits between two marks of the guest: of a probe's instruction, in their order, "exits NAME
 * NAME"; of counted operations, their numbers, "exit NAME COUNT".
 */
#include "monitor.h"
#include "../calls.h"

#define MOST_LISTED 16
#define MOST_NAMES  32

const char EXIT_DEVICE[] = "EXCP14 device";

static enum { IDLE, LISTING, COUNTING } state;
static const char *listed[MOST_LISTED];
static u32 listed_count;
static u64 probe_at;
static struct {
	const char *name;
	u32 count;
} counters[MOST_NAMES];

/* AMD64 manual 2, appendix C. */
static const char *const names_from_60[] = {
	"INTR",		 "NMI",	       "SMI",	     "INIT",	  "VINTR",
	"CR0_SEL_WRITE", "IDTR_READ",  "GDTR_READ",  "LDTR_READ", "TR_READ",
	"IDTR_WRITE",	 "GDTR_WRITE", "LDTR_WRITE", "TR_WRITE",  "RDTSC",
	"RDPMC",	 "PUSHF",      "POPF",	     "CPUID",	  "RSM",
	"IRET",		 "SWINT",      "INVD",	     "PAUSE",	  "HLT",
	"INVLPG",	 "INVLPGA",    "IOIO",	     "MSR",	  "TASK_SWITCH",
	"FERR_FREEZE",	 "SHUTDOWN",   "VMRUN",	     "VMMCALL",	  "VMLOAD",
	"VMSAVE",	 "STGI",       "CLGI",	     "SKINIT",	  "RDTSCP",
	"ICEBP",	 "WBINVD",     "MONITOR",    "MWAIT",	  "MWAIT_CONDITIONAL",
	"XSETBV",
};

#define EIGHT(first, name, more)                                                               \
	[first] = name "0" more, [first + 1] = name "1" more, [first + 2] = name "2" more,     \
	[first + 3] = name "3" more, [first + 4] = name "4" more, [first + 5] = name "5" more, \
	[first + 6] = name "6" more, [first + 7] = name "7" more

static const char *const names_below_60[EXIT_FIRST_BIT] = {
	EIGHT(EXIT_CR_READ, "CR", "_READ"),   [EXIT_CR_READ + 8] = "CR8_READ",
	EIGHT(EXIT_CR_WRITE, "CR", "_WRITE"), [EXIT_CR_WRITE + 8] = "CR8_WRITE",
	EIGHT(EXIT_DR_READ, "DR", "_READ"),   EIGHT(EXIT_DR_WRITE, "DR", "_WRITE"),
	EIGHT(EXIT_EXCEPTION, "EXCP", ""),    [EXIT_EXCEPTION + 8] = "EXCP8",
	[EXIT_EXCEPTION + 9] = "EXCP9",	      EIGHT(EXIT_EXCEPTION + 10, "EXCP1", ""),
	[EXIT_EXCEPTION + 18] = "EXCP18",     [EXIT_EXCEPTION + 19] = "EXCP19",
};

#define NAMES_FROM_60 (sizeof(names_from_60) / sizeof(*names_from_60))

const char *exit_name(u64 code)
{
	const char *name = 0;

	if (code < EXIT_FIRST_BIT)
		name = names_below_60[code];
	else if (code - EXIT_FIRST_BIT < NAMES_FROM_60)
		name = names_from_60[code - EXIT_FIRST_BIT];
	else if (code == EXIT_NPF)
		name = "NPF";
	return name ? name : "of an unknown kind";
}

static void add(const char *name)
{
	for (u32 i = 0; i < MOST_NAMES; i++) {
		if (!counters[i].name)
			counters[i].name = name;
		if (counters[i].name == name) {
			counters[i].count++;
			return;
		}
	}
	panic("more kinds of exits than there are counters");
}

/* Exits of the probe's instruction alone; the timer that hlt waits for may come while rip is there.
 */
static int is_of_probe(const char *name)
{
	return guest.vmcb->rip == probe_at && name != exit_name(EXIT_INTR);
}

void count_exit(const char *name)
{
	if (state == COUNTING)
		add(name);
	if (state == LISTING && listed_count < MOST_LISTED && is_of_probe(name))
		listed[listed_count++] = name;
}

void count_hidden(void)
{
	if (state == COUNTING)
		add("EXCP14 hidden");
}

static void put_list(void)
{
	put_text("exits");
	for (u32 i = 0; i < listed_count; i++) {
		put_text(" ");
		put_text(listed[i]);
	}
	put_text("\n");
}

static void put_counters(void)
{
	for (u32 i = 0; i < MOST_NAMES && counters[i].name; i++) {
		put_text("exit ");
		put_number(counters[i].count);
		put_text(" ");
		put_text(counters[i].name);
		put_text("\n");
	}
}

int count_listing(void)
{
	return state == LISTING;
}

int count_mark(u32 number)
{
	switch (number) {
	case MARK_PROBE_BEGIN:
		listed_count = 0;
		probe_at = guest.gpr[RCX];
		state = LISTING;
		intercept_all();
		return 1;
	case MARK_PROBE_END:
		state = IDLE;
		intercept_needed();
		put_list();
		return 1;
	case MARK_COUNT_BEGIN:
		clear(counters, sizeof(counters));
		state = COUNTING;
		return 1;
	case MARK_COUNT_END:
		state = IDLE;
		put_counters();
		return 1;
	default: return 0;
	}
}
