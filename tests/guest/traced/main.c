/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest to be traced (tests/trace, docs/trace.md): a kernel with a user program, which does a few
 * things again and again, each between two calls that mark it. What happens in between is what
 * `./doppel trace --sequence` draws, and where nothing is an exit, the trace has nothing.
 */
#include "access.h"
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "paging.h"
#include "sbi.h"

#define ROUNDS	  8
#define TICK	  10000UL /* ticks of the clock: 1 ms */
#define NEVER	  (-1UL)
#define USER_CODE 0x40000000UL
#define USER_DATA 0x40200000UL
#define DATA	  0x7261637465647472UL
#define NOWHERE	  0x400UL /* no device, no RAM */
#define LSR	  0x10000005UL

/* As tools/doppel/sequence.py reads them. */
#define MARK	0x08d0b000UL
#define SYSCALL 1
#define FAULT	2
#define TICKED	3
#define DEVICE	4

static u64 *root;
static bool use_stimecmp;
static volatile u64 *data;

static void begin(u64 kind)
{
	sbi_call1(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, MARK | kind << 1);
}

static void end(u64 kind)
{
	sbi_call1(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, MARK | kind << 1 | 1);
}

/* The user program makes a call, and this is its kernel. */
static bool call_kernel(void)
{
	const u64 args[8] = { 42 };
	struct trap trap;

	begin(SYSCALL);
	trap = user_try(USER_CODE + 4, args);
	end(SYSCALL);
	return trap.cause == CAUSE_USER_ECALL && trap.regs[REG_A0] == 42;
}

/* It loads from a page that is not mapped, which the kernel maps. Then it goes on. */
static bool touch_page(void)
{
	u64 args[8] = { USER_DATA };
	struct trap trap, again;

	paging_map(root, USER_DATA, 0, 0, 0);
	sfence_vma();
	begin(FAULT);
	trap = user_try(USER_CODE, args);
	paging_map(root, USER_DATA, (u64)data, PTE_USER, 0);
	sfence_vma();
	again = user_try(trap.epc, args);
	end(FAULT);
	return trap.cause == CAUSE_LOAD_PAGE_FAULT && trap.tval == USER_DATA &&
	       again.cause == CAUSE_USER_ECALL && again.regs[REG_A0] == DATA;
}

static void set_timer(u64 when)
{
	if (use_stimecmp)
		asm volatile("csrw 0x14d, %0" ::"r"(when) : "memory");
	else
		sbi_set_timer(when);
}

static void on_timer(u64 code)
{
	(void)code;
	set_timer(NEVER);
}

static bool take_tick(void)
{
	volatile u64 *ticks = &hart_self()->interrupts[CAUSE_TIMER_INTERRUPT];
	u64 before = *ticks;
	bool came;

	begin(TICKED);
	set_timer(rdtime() + TICK);
	came = wait_word(ticks, before + 1);
	end(TICKED);
	return came;
}

static bool read_device(void)
{
	u8 value;

	begin(DEVICE);
	value = *(volatile u8 *)LSR;
	end(DEVICE);
	return value & 0x20; /* the transmitter is ready */
}

static bool touch_nothing(void)
{
	return access_load(2, NOWHERE).cause == CAUSE_LOAD_ACCESS;
}

static void repeat(bool (*what)(void), const char *name)
{
	bool good = true;

	for (unsigned i = 0; i < ROUNDS; i++)
		good &= what();
	check(good, name);
}

static void prepare(void)
{
	const u32 program[] = { INSN_LOAD(3, REG_A0, REG_A0, 0) }; /* and an ecall behind it */

	use_stimecmp = fdt_has_isa(boot_fdt, "sstc");
	root = paging_new();
	data = page_new();
	*data = DATA;
	paging_map(root, USER_CODE, exec_prepare(program, 1, true), PTE_USER, 0);
	paging_use(paging_satp(root));
	hart_self()->on_interrupt = on_timer;
}

void guest_main(void)
{
	scenario_begin("traced");
	prepare();
	repeat(call_kernel, "system calls");
	repeat(touch_page, "page faults");
	set_timer(NEVER);
	csr_write(sie, SIP_STIP);
	interrupts_on();
	repeat(take_tick, "timer ticks");
	interrupts_off();
	repeat(read_device, "readings of a device");
	repeat(touch_nothing, "accesses to nothing");
	scenario_end();
}
