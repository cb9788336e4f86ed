/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census as a supervisor's program: every item in S-mode and in U-mode, with the supervisor's
 * own gates open and closed. The same binary runs on the machine itself, as a guest of Doppel, and
 * in U-mode under the monitor of tests/census/monitor.
 */
#include "census_call.h"
#include "fdt.h"
#include "insn.h"
#include "out.h"
#include "sweep.h"

#define CSRRS 2

/* senvcfg: cbo.inval invalidates; cbo.clean, cbo.flush and cbo.zero execute. */
#define ENVCFG_CBO_ALL 0xf0UL

#define TIME_NEVER (~0UL)

static bool has_vector, is_under_monitor;

static void set_gates(bool open)
{
	csr_clear(sstatus, SSTATUS_FS | SSTATUS_VS);
	if (open)
		csr_set(sstatus, SSTATUS_FS | (has_vector ? SSTATUS_VS : 0));
	csr_write(scounteren, open ? -1UL : 0);
	csr_write(senvcfg, open ? ENVCFG_CBO_ALL : 0);
}

static u64 csr_value(u32 word, bool user)
{
	struct snippet read = { .words = { INSN_CSR(CSRRS, REG_A0, word >> 20, 0) }, .count = 1 };
	struct outcome outcome = snippet_run(&read, user);

	return outcome.cause == NO_TRAP ? outcome.value : 0;
}

static void prepare(const struct item *item, bool user)
{
	if (item->how == HOW_WFI && !user) {
		csr_write(sie, SIP_SSIP);
		csr_set(sip, SIP_SSIP);
	}
}

static void clean_up(const struct item *item, bool user)
{
	if (item->how == HOW_WFI && !user) {
		csr_clear(sip, SIP_SSIP);
		csr_write(sie, 0);
	}
}

static struct outcome try(const struct item *item, u32 word, bool user)
{
	u64 value = item->how == HOW_CSR_WRITE ? csr_value(word, user) : 0;
	struct snippet snippet = snippet_of(item, word, !user, value);
	struct outcome outcome;

	prepare(item, user);
	if (is_under_monitor)
		census_arm(word);
	outcome = snippet_run(&snippet, user);
	if (is_under_monitor)
		census_result(&outcome.real_cause, &outcome.real_count);
	clean_up(item, user);
	if (item->how != HOW_CSR_READ)
		outcome.value = 0;
	return outcome;
}

static struct outcome try_supervisor(const struct item *item, u32 word)
{
	return try(item, word, false);
}

static struct outcome try_user(const struct item *item, u32 word)
{
	return try(item, word, true);
}

static void census(bool open)
{
	static struct baseline supervisor, user;
	const char *gate = open ? "open" : "closed";

	set_gates(open);
	sweep_run(&(struct sweep){ "S", gate, &supervisor, try_supervisor });
	set_gates(open);
	sweep_run(&(struct sweep){ "U", gate, &user, try_user });
}

void guest_main(void)
{
	out_text("== begin census\n");
	sweep_print_isa();
	has_vector = fdt_has_isa(boot_fdt, "v");
	is_under_monitor = census_is_monitor();
	csr_write(sie, 0);
	sbi_set_timer(TIME_NEVER);
	census(true);
	if (!is_under_monitor)
		census(false);
	sweep_print_counter_reads();
	out_text("== end census\n");
	out_flush();
	sbi_shutdown(SBI_SRST_NO_REASON);
}
