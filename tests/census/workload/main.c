/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tiny kernel with a user program that does what kernels do, a thousand times each: the same on
 *the machine itself, as a guest of Doppel, and under the monitor of tests/census/monitor.
 *
 * bootargs: the name of one operation, `none`, or nothing for all. Output, for operations.py:
 *	op NAME COUNT TICKS EXITS   hexadecimal, of fixed width: a character is an exit for some
 *	x NAME CAUSE COUNT          under the monitor: its traps by cause
 *	e NAME MODE CAUSE ACTION INSTRUCTION
 *				    and of one operation more, each trap in its order
 */
#include "census_call.h"
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "paging.h"
#include "string.h"

#define MANY	    1000
#define USER_VA	    0x100000000UL
#define TOUCHED_VA  0x140000000UL
#define SWITCHED_VA 0x180000000UL
#define UART_LSR    ((volatile u8 *)0x10000005)
#define AHEAD	    20 /* ticks of the clock from now to the timer's interrupt */
#define NEVER	    (~0UL)
#define SYS_NULL    0
#define CAUSES	    40
#define INTERRUPTS  24 /* interrupts are counted behind so many exceptions */
#define NAME_WIDTH  16

extern const char kernel_vector[], user_page[], user_calls[], user_touches[];

void user_enter(u64 pc, u64 a0, u64 a1);
void user_leave(void) __attribute__((noreturn));
void kernel_trap(u64 call);

static u64 *roots[2];  /* two address spaces */
static u64 *frames[2]; /* what SWITCHED_VA leads to in each of them */
static volatile u64 ticked;
static bool by_sstc;
static u64 repeat = MANY; /* how often an operation is done */

static void die(const char *why)
{
	print("BAD %s: scause %lx stval %lx sepc %lx\n", why, csr_read(scause), csr_read(stval),
	      csr_read(sepc));
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}

static void set_timer(u64 when)
{
	if (by_sstc)
		asm volatile("csrw %0, %1" ::"i"(CSR_STIMECMP), "r"(when) : "memory");
	else
		sbi_set_timer(when);
}

static void fence_page(u64 va)
{
	asm volatile("sfence.vma %0, zero" ::"r"(va) : "memory");
}

/* call: a7 as the trap found it */
void kernel_trap(u64 call)
{
	switch (csr_read(scause)) {
	case CAUSE_USER_ECALL:
		if (call != SYS_NULL)
			user_leave();
		csr_write(sepc, csr_read(sepc) + 4);
		return;
	case CAUSE_LOAD_PAGE_FAULT: {
		u64 va = csr_read(stval);

		paging_map(roots[0], va, (u64)frames[0], PTE_USER, 0);
		fence_page(va);
		return;
	}
	case CAUSE_INTERRUPT | CAUSE_TIMER_INTERRUPT:
		set_timer(NEVER);
		ticked++;
		return;
	default: die("unexpected trap");
	}
}

static u64 at(u64 va)
{
	return *(volatile u64 *)va;
}

static void do_syscalls(void)
{
	user_enter(USER_VA + (user_calls - user_page), repeat, 0);
}

static void do_context_switches(void)
{
	const u64 times = repeat;
	u64 satps[2] = { paging_satp(roots[0]), paging_satp(roots[1]) };

	for (unsigned i = 1; i <= times; i++) {
		csr_write(satp, satps[i & 1]);
		sfence_vma();
		if (at(SWITCHED_VA) != (i & 1))
			die("the other address space");
	}
}

static void do_pte_updates(void)
{
	const u64 times = repeat;
	u64 *pte = paging_entry(roots[0], SWITCHED_VA, 0);

	for (unsigned i = 1; i <= times; i++) {
		*pte = (u64)frames[i & 1] >> 2 | PTE_KERNEL;
		fence_page(SWITCHED_VA);
		if (at(SWITCHED_VA) != (i & 1))
			die("the other frame");
	}
}

static void do_page_faults(void)
{
	/* Once more, when it has touched many: the page behind them. */
	u64 first = repeat == MANY ? 0 : MANY;

	user_enter(USER_VA + (user_touches - user_page), repeat, TOUCHED_VA + first * PAGE_SIZE);
}

static void do_ticks(void)
{
	const u64 times = repeat;
	ticked = 0;
	set_timer(NEVER);
	csr_write(sie, SIP_STIP);
	for (unsigned i = 1; i <= times; i++) {
		set_timer(rdtime() + AHEAD);
		csr_set(sstatus, SSTATUS_SIE);
		while (ticked != i)
			;
		csr_clear(sstatus, SSTATUS_SIE);
	}
	csr_write(sie, 0);
}

static void do_sbi_ticks(void)
{
	by_sstc = false;
	do_ticks();
}

static void do_sstc_ticks(void)
{
	by_sstc = true;
	do_ticks();
}

static void do_device_reads(void)
{
	const u64 times = repeat;
	for (unsigned i = 0; i < times; i++)
		(void)*UART_LSR;
}

static void do_hypercalls(void)
{
	const u64 times = repeat;
	for (unsigned i = 0; i < times; i++)
		sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION);
}

static void do_nothing(void)
{
}

static const struct operation {
	const char *name;
	void (*run)(void);
	const char *needs;
} operations[] = {
	{ "none", do_nothing, NULL },
	{ "syscall", do_syscalls, NULL },
	{ "context-switch", do_context_switches, NULL },
	{ "pte-update", do_pte_updates, NULL },
	{ "page-fault", do_page_faults, NULL },
	{ "timer-tick", do_sbi_ticks, NULL },
	{ "timer-tick-sstc", do_sstc_ticks, "sstc" },
	{ "device-read", do_device_reads, NULL },
	{ "hypercall", do_hypercalls, NULL },
};

/* The tables on the way to what operations map or change, and an address space of their own each.
 */
static void prepare(void)
{
	for (unsigned i = 0; i < 2; i++) {
		roots[i] = paging_new();
		frames[i] = page_new();
		frames[i][0] = i;
	}
	for (unsigned i = 0; i < 2; i++) {
		paging_map(roots[i], USER_VA, (u64)user_page, PTE_USER, 0);
		paging_map(roots[i], SWITCHED_VA, (u64)frames[i], PTE_KERNEL, 0);
	}
	for (unsigned i = 0; i <= MANY; i += 512)
		paging_entry(roots[0], TOUCHED_VA + i * PAGE_SIZE, 0);
	csr_write(sie, 0);
	csr_write(sscratch, 0);
	csr_write(stvec, kernel_vector);
	paging_use(paging_satp(roots[0]));
}

static void read_counts(u64 counts[CAUSES])
{
	for (u64 cause = 0; cause < CAUSES; cause++)
		counts[cause] = (u64)sbi_call1(CENSUS_EXT, CENSUS_COUNT, cause).value;
}

/* The ecalls that read the counts, which are counted too. */
static u64 of_reading(u64 cause)
{
	return cause == CAUSE_USER_ECALL ? CAUSES : 0;
}

static void report(const struct operation *operation, u64 ticks, const u64 before[CAUSES],
		   const u64 after[CAUSES])
{
	u64 exits = 0;

	for (u64 cause = 0; cause < CAUSES; cause++)
		exits += after[cause] - before[cause] - of_reading(cause) * (after[cause] != 0);
	print("op %s", operation->name);
	for (u64 i = strlen(operation->name); i < NAME_WIDTH; i++)
		print(" ");
	print("%08lx %016lx %016lx\n", operation->run == do_nothing ? 0UL : repeat, ticks, exits);
	for (u64 cause = 0; cause < CAUSES; cause++) {
		u64 count = after[cause] - before[cause] - of_reading(cause) * (after[cause] != 0);

		if (count)
			print("x %s %lu %lu\n", operation->name, cause, count);
	}
}

/* The operation once more, with the monitor's log of it. */
static void show_log(const struct operation *operation)
{
	repeat = 1;
	sbi_call1(CENSUS_EXT, CENSUS_LOG, 1);
	operation->run();
	sbi_call1(CENSUS_EXT, CENSUS_LOG, 0);
	repeat = MANY;
	for (u64 i = 0;; i++) {
		struct sbiret ret = sbi_call1(CENSUS_EXT, CENSUS_ENTRY, i);
		u64 entry = (u64)ret.value;

		if (ret.error)
			return;
		print("e %s %c %lu %c %x\n", operation->name, CENSUS_ENTRY_USER(entry) ? 'U' : 'S',
		      CENSUS_ENTRY_CAUSE(entry) + CENSUS_ENTRY_INTERRUPT(entry) * INTERRUPTS,
		      CENSUS_ENTRY_ACTION(entry), CENSUS_ENTRY_INSN(entry));
	}
}

static void run(const struct operation *operation)
{
	static u64 before[CAUSES], after[CAUSES];
	bool is_counted = census_is_monitor();
	u64 start;

	if (operation->needs && !fdt_has_isa(boot_fdt, operation->needs))
		return;
	if (is_counted)
		read_counts(before);
	start = rdtime();
	while (rdtime() == start)
		; /* from the beginning of a tick on: the same each time */
	start = rdtime();
	operation->run();
	start = rdtime() - start;
	if (is_counted)
		read_counts(after);
	paging_use(paging_satp(roots[0]));
	report(operation, start, before, after);
	if (is_counted)
		show_log(operation);
	paging_use(paging_satp(roots[0]));
}

void guest_main(void)
{
	struct fdt_property args;
	const char *chosen = "";

	if (fdt_find(boot_fdt, "/chosen", "bootargs", &args))
		chosen = (const char *)args.data;
	prepare();
	print("== begin workload\n");
	for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
		if (!*chosen || strcmp(chosen, operations[i].name) == 0)
			run(&operations[i]);
	print("== end workload\n");
	sbi_shutdown(SBI_SRST_NO_REASON);
}
