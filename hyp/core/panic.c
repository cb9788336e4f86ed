/* SPDX-License-Identifier: BSD-2-Clause */
/* The end after a bug of our own. */
#include "core/panic.h"
#include "core/hart.h"
#include "core/log.h"
#include "lib/format.h"
#include "riscv/cause.h"
#include "riscv/csr.h"
#include "riscv/firmware.h"
#include "riscv/io.h"

static u32 panicking; /* harts that panic; the first one tells the story */

static void park(void)
{
	csr_write(CSR_SIE, 0);
	for (;;)
		wait_for_interrupt();
}

void panic_stop_if_requested(void)
{
	if (unlikely(__atomic_load_n(&panicking, __ATOMIC_RELAXED)))
		park();
}

static void stop_other_harts(void)
{
	for_each_hart (hart) {
		if (hart != this_hart() && hart->online)
			firmware_send_ipi(hart->id); /* at once, whatever lock is held */
	}
}

void panic(const char *fmt, ...)
{
	char message[256];
	va_list args;

	if (__atomic_fetch_add(&panicking, 1, __ATOMIC_RELAXED) != 0)
		park();
	stop_other_harts();
	log_break_lock();

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	log_error("PANIC on hart %u: %s", this_hart()->index, message);
	log_raw("called from %lx; the last exits of each hart, oldest first:\n",
		(u64)__builtin_return_address(0));
	for_each_hart (hart)
		trace_show(&hart->trace, (unsigned)hart->id, -1, 0);
	log_raw("This is a bug of Doppel. Please report it with all of the above.\n");
	machine_exit(EXIT_PANIC);
}

static void show_registers(const struct hart *hart)
{
	static const char *const names[32] = {
		"zero", "ra", "sp", "gp", "tp",	 "t0",	"t1", "t2", "s0", "s1", "a0",
		"a1",	"a2", "a3", "a4", "a5",	 "a6",	"a7", "s2", "s3", "s4", "s5",
		"s6",	"s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
	};

	for (unsigned i = 1; i < 32; i++)
		log_raw("%4s %016lx%s", names[i], hart->trap_gpr[i], i % 4 == 3 ? "\n" : "");
	log_raw("\n");
}

/* One entry of the table of instructions that may fault: where to go on if they do. */
struct exception_entry {
	u64 instruction, fixup;
};

extern const struct exception_entry exception_table_start[], exception_table_end[];

/* A trap of the hypervisor itself; called by hyp/vcpu/switch.S. Returns where to go on. */
u64 host_trap(struct hart *hart);

u64 host_trap(struct hart *hart)
{
	u64 cause = csr_read(CSR_SCAUSE);

	for (const struct exception_entry *entry = exception_table_start;
	     entry < exception_table_end; entry++) {
		if (entry->instruction == hart->trap_pc)
			return entry->fixup;
	}
	log_break_lock();
	show_registers(hart);
	panic("unexpected trap: %s at pc %lx, stval %lx, htval %lx",
	      cause_name(cause & ~BIT(CAUSE_INTERRUPT_BIT), cause >> CAUSE_INTERRUPT_BIT),
	      hart->trap_pc, csr_read(CSR_STVAL), csr_read(CSR_HTVAL));
}
