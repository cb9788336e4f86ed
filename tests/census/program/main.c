/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census as a supervisor's program: every item in S-mode and in U-mode, with the supervisor's
 * own gates open and closed. The same binary runs on the machine itself, as a guest of Doppel, and
 * in U-mode under the monitor of tests/census/monitor.
 *
 * Output, for tests/census/machine.py:
 *	isa ISA			what the device tree tells
 *	m MODE GATE		what the next lines are about
 *	r ITEM FIRST-LAST CAUSE TVAL FLAG VALUE
 *				how instructions ended: struct outcome
 *	t ITEM FIRST-LAST CAUSE COUNT
 *				the monitor's part: what trapped in truth, and how often
 */
#include "census_call.h"
#include "fdt.h"
#include "hart.h"
#include "insn.h"
#include "item.h"
#include "items.h"
#include "out.h"
#include "sbi.h"

#define CSRRS 2

/* senvcfg: cbo.inval invalidates, cbo.clean, cbo.flush and cbo.zero execute. */
#define ENVCFG_CBO_ALL 0xf0UL

#define MAX_WORDS 9

static u8 memory[256] __attribute__((aligned(64)));
static bool has_vector, is_under_monitor;

/* An instruction with what must come before it. */
struct snippet {
	u32 words[MAX_WORDS];
	unsigned count;
	u64 a0;
};

static void set_gates(bool open)
{
	csr_clear(sstatus, SSTATUS_FS | SSTATUS_VS);
	if (open)
		csr_set(sstatus, SSTATUS_FS | (has_vector ? SSTATUS_VS : 0));
	csr_write(scounteren, open ? -1UL : 0);
	csr_write(senvcfg, open ? ENVCFG_CBO_ALL : 0);
}

/* sepc = behind the sret, SPP = S, SPIE = 0 */
static const u32 before_sret[] = {
	0x00000297, /* auipc t0, 0 */
	0x02028293, /* addi t0, t0, 32 */
	0x14129073, /* csrw sepc, t0 */
	0x10000313, /* li t1, 0x100 */
	0x10032073, /* csrs sstatus, t1 */
	0x02000313, /* li t1, 0x20 */
	0x10033073, /* csrc sstatus, t1 */
};

static struct snippet snippet_of(const struct item *item, u32 word, bool user, u64 csr_value)
{
	struct snippet snippet = { .a0 = (u64)memory };

	if (item->how == HOW_SRET && !user)
		for (unsigned i = 0; i < ARRAY_SIZE(before_sret); i++)
			snippet.words[snippet.count++] = before_sret[i];
	snippet.words[snippet.count++] = word;
	switch (item->how) {
	case HOW_CSR_READ: snippet.a0 = 0; break;
	case HOW_CSR_WRITE: snippet.a0 = csr_value; break;
	case HOW_RAM_PLUS_1: snippet.a0 = (u64)memory + 1; break;
	case HOW_HOLE: snippet.a0 = HOLE_ADDRESS; break;
	case HOW_HOLE_PLUS_1: snippet.a0 = HOLE_ADDRESS + 1; break;
	case HOW_SBI: snippet.a0 = 0; break;
	}
	return snippet;
}

static char name_tval(const struct trap *trap, u32 word, u64 a0)
{
	bool is_short = (word & 3) != 3;

	if (trap->tval == 0)
		return '0';
	if (trap->tval == word || (is_short && trap->tval == (word & 0xffff)))
		return 'i';
	if (trap->tval == a0)
		return 'a';
	return trap->tval == trap->epc ? 'p' : 'x';
}

static struct outcome run(const struct snippet *snippet, bool user)
{
	const u64 args[8] = { snippet->a0, 0, 0, 0, 0, 0, SBI_BASE_GET_SPEC_VERSION, SBI_EXT_BASE };
	u64 code = exec_prepare(snippet->words, snippet->count, user);
	u64 last = code + 4 * (snippet->count - 1);
	struct trap trap;

	if (is_under_monitor)
		census_arm(last);
	trap = user ? user_try(code, args) : trap_try(code, args);
	if (trap.cause == NO_TRAP || (user && trap.cause == CAUSE_USER_ECALL && trap.epc != last))
		return (struct outcome){ NO_TRAP, '-', '.', trap.value };
	return (struct outcome){
		.cause = trap.cause,
		.tval = name_tval(&trap, snippet->words[snippet->count - 1], snippet->a0),
		.flag = trap.epc != last && trap.epc != HOLE_ADDRESS    ? 'e'
			: !(trap.status & SSTATUS_SPP) != user ? 'm'
							       : '.',
	};
}

static void prepare(const struct item *item, bool user)
{
	if (item->how == HOW_WFI && !user) {
		csr_write(sie, SIP_SSIP);
		csr_set(sip, SIP_SSIP);
	}
}

static void clean_up(const struct item *item)
{
	if (item->how == HOW_WFI) {
		csr_clear(sip, SIP_SSIP);
		csr_write(sie, 0);
	}
}

static struct outcome try(const struct item *item, unsigned n, bool user, struct outcome *real)
{
	u32 word = item->word + ((u32)(n * item->step) << 20);
	struct snippet snippet = snippet_of(item, word, user, 0);
	struct outcome outcome;

	if (item->how == HOW_CSR_WRITE) {
		struct snippet read = { .words = { INSN_CSR(CSRRS, REG_A0, word >> 20, 0) },
					.count = 1 };
		struct outcome before = run(&read, user);

		snippet.a0 = before.cause == NO_TRAP ? before.value : 0;
	}
	prepare(item, user);
	outcome = run(&snippet, user);
	*real = (struct outcome){ .cause = NO_TRAP };
	if (is_under_monitor)
		census_result(&real->cause, &real->value);
	clean_up(item);
	if (item->how != HOW_CSR_READ)
		outcome.value = 0;
	return outcome;
}

static void print_start(char letter, unsigned number, unsigned first, unsigned last)
{
	out_char(letter);
	out_char(' ');
	out_decimal(number);
	out_char(' ');
	out_decimal(first);
	out_char('-');
	out_decimal(last);
	out_char(' ');
}

static void print_cause(u64 cause)
{
	if (cause == NO_TRAP)
		out_char('-');
	else
		out_decimal(cause);
	out_char(' ');
}

static void print_result(unsigned number, unsigned first, unsigned last, const struct outcome *outcome,
			 const struct outcome *real)
{
	print_start('r', number, first, last);
	print_cause(outcome->cause);
	out_char(outcome->tval);
	out_char(outcome->flag);
	out_char(' ');
	out_hex(outcome->value);
	out_char('\n');
	if (!is_under_monitor)
		return;
	print_start('t', number, first, last);
	print_cause(real->cause);
	out_decimal(real->value);
	out_char('\n');
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
	return a->cause == b->cause && a->tval == b->tval && a->flag == b->flag &&
	       a->value == b->value;
}

/* All CSR numbers of an item; neighbours that end alike take one line. */
static void census_item(unsigned number, bool user)
{
	const struct item *item = &items[number];
	struct outcome outcome, real, next, next_real;
	unsigned first = 0;

	outcome = try(item, 0, user, &real);
	for (unsigned n = 1; n < item->count; n++) {
		next = try(item, n, user, &next_real);
		if (is_same(&outcome, &next) && is_same(&real, &next_real))
			continue;
		print_result(number, first, n - 1, &outcome, &real);
		outcome = next;
		real = next_real;
		first = n;
	}
	print_result(number, first, item->count - 1, &outcome, &real);
}

static void census(bool open)
{
	for (unsigned user = 0; user < 2; user++) {
		out_text(user ? "m U " : "m S ");
		out_text(open ? "open\n" : "closed\n");
		set_gates(open);
		for (unsigned i = 0; i < ARRAY_SIZE(items); i++)
			census_item(i, user);
	}
}

static void print_isa(void)
{
	struct fdt_property isa;

	if (!fdt_find(boot_fdt, "/cpus/cpu@", "riscv,isa", &isa))
		return;
	out_text("isa ");
	out_text((const char *)isa.data);
	out_char('\n');
}

void guest_main(void)
{
	out_text("== begin census\n");
	print_isa();
	has_vector = fdt_has_isa(boot_fdt, "v");
	is_under_monitor = census_is_monitor();
	csr_write(sie, 0);
	census(true);
	census(false);
	out_text("== end census\n");
	out_flush();
	sbi_shutdown(SBI_SRST_NO_REASON);
}
