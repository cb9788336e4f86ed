// SPDX-License-Identifier: BSD-2-Clause
/*
 * The operations that are counted, COUNT of each: "operation NAME COUNT TICKS", where a tick of the
 * time-stamp counter is an instruction if the emulator counts so; "calibration" tells whether it
 * does. Only in 64 bits.
 */
#include "kernel.h"

void syscall_null(void);

#ifdef __x86_64__
#define COUNT		 1000
#define CALIBRATION	 1000000
#define TIMER_TICKS	 2000
#define COM1_LSR	 0x3fd
#define EFER_SCE	 1
#define FLAGS_AT_SYSCALL 0x200

extern void user_syscalls(void), user_touches(void), syscall_entry(void);
extern u64 user_results[4];

/* Two frames whose first words tell which is which, and one that page faults map. */
static u64 frames[3][512] __attribute__((aligned(4096)));
static u64 syscalls;

void operations_init(void)
{
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE);
	write_msr(MSR_STAR, (u64)KERNEL_CS << 32 | (u64)USER_CS32 << 48);
	write_msr(MSR_LSTAR, (uptr)syscall_entry);
	write_msr(MSR_SFMASK, FLAGS_AT_SYSCALL);
}

void syscall_null(void)
{
	syscalls++;
}

static void check(int holds, const char *what)
{
	if (holds)
		return;
	put_text("error: ");
	put_text(what);
	put_text("\n");
	machine_exit(1);
}

static u64 at_arena(void)
{
	return *(volatile u64 *)ARENA;
}

static void do_syscalls(void)
{
	user_results[0] = COUNT;
	syscalls = 0;
	attempt_run(user_syscalls, 3, user_results);
	check(syscalls == COUNT, "system calls are missing");
}

static void do_switches(void)
{
	for (u32 i = 0; i < COUNT; i++) {
		space_enter(i & 1 ? &space_a : &space_b);
		check(at_arena() == (i & 1 ? 1 : 2), "the other address space has the wrong page");
	}
}

static void do_pte_updates(void)
{
	u64 *leaf = space_leaf(&space_a, ARENA);

	for (u32 i = 0; i < COUNT; i++) {
		u32 which = i & 1 ? 0 : 1;
		*(volatile u64 *)leaf = (uptr)frames[which] | PTE_PRESENT | PTE_WRITE;
		__asm__ volatile("invlpg (%0)" ::"r"(ARENA) : "memory");
		check(at_arena() == which + 1, "the changed entry shows the wrong page");
	}
}

void operations_fault(uptr address)
{
	*(volatile u64 *)space_leaf(&space_a, address) =
		(uptr)frames[2] | PTE_PRESENT | PTE_WRITE | PTE_USER;
	user_results[2]++;
}

static void do_page_faults(void)
{
	user_results[0] = COUNT;
	user_results[1] = ARENA + PAGE;
	user_results[2] = 0;
	attempt_run(user_touches, 3, user_results);
	check(user_results[2] == COUNT, "page faults are missing");
}

static void do_timer_ticks(void)
{
	for (u32 i = 0; i < COUNT; i++) {
		u32 before = timer_ticks;
		timer_start(TIMER_TICKS);
		__asm__ volatile("sti");
		while (timer_ticks == before)
			;
		__asm__ volatile("cli");
		check(timer_ticks == before + 1, "a timer tick came twice");
	}
}

static void do_device_reads(void)
{
	for (u32 i = 0; i < COUNT; i++)
		check(in8(COM1_LSR) & 0x20, "the serial port is not ready");
}

static void do_hypercalls(void)
{
	for (u32 i = 0; i < COUNT; i++)
		check(monitor_call(CALL_NULL, 0) == 0, "the monitor does not answer");
}

static void count(const char *name, void (*operation)(void))
{
	monitor_call(MARK_COUNT_BEGIN, 0);
	u64 before = read_tsc();
	operation();
	u64 ticks = read_tsc() - before;
	monitor_call(MARK_COUNT_END, 0);
	put_text("operation ");
	put_text(name);
	put_text(" ");
	put_number(COUNT);
	put_text(" ");
	put_number((u32)ticks);
	put_text("\n");
}

/* A loop of known length: two instructions a round. */
static void calibrate(void)
{
	u32 rounds = CALIBRATION;
	u64 before = read_tsc();

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(rounds));
	u64 ticks = read_tsc() - before;
	put_text("calibration ");
	put_number(2 * CALIBRATION);
	put_text(" ");
	put_number((u32)ticks);
	put_text("\n");
}

void operations_run(void)
{
	frames[0][0] = 1;
	frames[1][0] = 2;
	/* All page tables are there before anything is counted. */
	for (uptr page = 0; page <= COUNT; page++)
		space_leaf(&space_a, ARENA + page * PAGE);
	*space_leaf(&space_a, ARENA) = (uptr)frames[0] | PTE_PRESENT | PTE_WRITE;
	*space_leaf(&space_b, ARENA) = (uptr)frames[1] | PTE_PRESENT | PTE_WRITE;

	calibrate();
	count("syscall", do_syscalls);
	count("context-switch", do_switches);
	count("pte-update", do_pte_updates);
	count("page-fault", do_page_faults);
	count("timer-tick", do_timer_ticks);
	count("device-read", do_device_reads);
	if (monitored)
		count("hypercall", do_hypercalls);
}
#else
void operations_init(void)
{
}

void operations_fault(uptr address)
{
	(void)address;
}

void operations_run(void)
{
}
#endif
