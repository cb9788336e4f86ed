// SPDX-License-Identifier: BSD-2-Clause
/*
 * Exits between two marks of the guest: of a probe's instruction, in their order, "exits NAME
 * NAME"; of counted operations, their numbers, "exit NAME COUNT".
 */
#include "monitor.h"

enum mark { MARK_PROBE_BEGIN = 1, MARK_PROBE_END, MARK_COUNT_BEGIN, MARK_COUNT_END };

#define MOST_LISTED 16
#define MOST_NAMES  32

const char EXIT_DEVICE[] = "EXCP14 device";

static enum { IDLE, LISTING, COUNTING } state;
static const char *listed[MOST_LISTED];
static u32 listed_count;
static u64 probe_at;
static struct {
	const char *name;
	u64 count;
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

static const char *const names_of_groups[] = {
	"CR0_READ",  "CR1_READ",  "CR2_READ",  "CR3_READ",  "CR4_READ",	 "CR5_READ",  "CR6_READ",
	"CR7_READ",  "CR8_READ",  "",	       "",	    "",		 "",	      "",
	"",	     "",	  "CR0_WRITE", "CR1_WRITE", "CR2_WRITE", "CR3_WRITE", "CR4_WRITE",
	"CR5_WRITE", "CR6_WRITE", "CR7_WRITE", "CR8_WRITE", "",		 "",	      "",
	"",	     "",	  "",	       "",	    "DR0_READ",	 "DR1_READ",  "DR2_READ",
	"DR3_READ",  "DR4_READ",  "DR5_READ",  "DR6_READ",  "DR7_READ",	 "",	      "",
	"",	     "",	  "",	       "",	    "",		 "",	      "DR0_WRITE",
	"DR1_WRITE", "DR2_WRITE", "DR3_WRITE", "DR4_WRITE", "DR5_WRITE", "DR6_WRITE", "DR7_WRITE",
	"",	     "",	  "",	       "",	    "",		 "",	      "",
	"",	     "EXCP0",	  "EXCP1",     "EXCP2",	    "EXCP3",	 "EXCP4",     "EXCP5",
	"EXCP6",     "EXCP7",	  "EXCP8",     "EXCP9",	    "EXCP10",	 "EXCP11",    "EXCP12",
	"EXCP13",    "EXCP14",	  "EXCP15",    "EXCP16",    "EXCP17",	 "EXCP18",    "EXCP19",
	"EXCP20",    "EXCP21",
};

const char *exit_name(u64 code)
{
	if (code < sizeof(names_of_groups) / sizeof(*names_of_groups))
		return names_of_groups[code];
	if (code >= EXIT_FIRST_BIT &&
	    code - EXIT_FIRST_BIT < sizeof(names_from_60) / sizeof(*names_from_60))
		return names_from_60[code - EXIT_FIRST_BIT];
	return code == EXIT_NPF ? "NPF" : "INVALID";
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
