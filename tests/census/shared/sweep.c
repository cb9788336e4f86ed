/* SPDX-License-Identifier: BSD-2-Clause */
/* All items in one mode under one gate. */
#include "sweep.h"

#include "fdt.h"
#include "items.h"
#include "out.h"
#include "sbi.h"
#include "string.h"

#define CSR_SEED	 0x015
#define CSR_CYCLE	 0xc00
#define CSR_TIME	 0xc01
#define CSR_HPMCOUNTER31 0xc1f

static u64 counter_reads;
static u8 memory[256] __attribute__((aligned(64)));

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

struct snippet snippet_of(const struct item *item, u32 word, bool is_supervisor, u64 csr_value)
{
	struct snippet snippet = { .a0 = (u64)memory };

	if (item->how == HOW_SRET && is_supervisor)
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

char snippet_tval(const struct snippet *snippet, u64 tval, u64 epc)
{
	u32 word = snippet->words[snippet->count - 1];
	bool is_short = (word & 3) != 3;

	if (tval == 0)
		return '0';
	if (tval == word || (is_short && tval == (word & 0xffff)))
		return 'i';
	if (tval == snippet->a0)
		return 'a';
	return tval == epc ? 'p' : 'x';
}

/* Counters but time, and the entropy source: a guest's reads of these are a hypervisor's business.
 */
static bool reads_counter(u32 word)
{
	u32 csr = word >> 20;

	return (word & 0x7f) == 0x73 && (word >> 12 & 3) &&
	       ((csr >= CSR_CYCLE && csr <= CSR_HPMCOUNTER31 && csr != CSR_TIME) ||
		csr == CSR_SEED);
}

struct outcome snippet_run(const struct snippet *snippet, bool user)
{
	const u64 args[8] = SNIPPET_ARGS(snippet->a0);
	u64 code = exec_prepare(snippet->words, snippet->count, user);
	u64 last = code + 4 * (snippet->count - 1);
	struct trap trap = user ? user_try(code, args) : trap_try(code, args);
	struct outcome outcome = OUTCOME_EXECUTED;

	if (trap.cause == NO_TRAP || (user && trap.cause == CAUSE_USER_ECALL && trap.epc != last)) {
		outcome.value = trap.value;
		counter_reads += reads_counter(snippet->words[snippet->count - 1]);
		return outcome;
	}
	outcome.cause = trap.cause;
	outcome.tval = snippet_tval(snippet, trap.tval, trap.epc);
	if (trap.epc != last && trap.epc != HOLE_ADDRESS)
		outcome.flag = 'e';
	else if (!(trap.status & SSTATUS_SPP) != user)
		outcome.flag = 'm';
	return outcome;
}

static void print_cause(u64 cause)
{
	out_char(' ');
	if (cause == NO_TRAP)
		out_char('-');
	else
		out_decimal(cause);
}

static void print_outcome(unsigned number, unsigned first, unsigned last,
			  const struct outcome *outcome)
{
	out_text("r ");
	out_decimal(number);
	out_char(' ');
	out_decimal(first);
	out_char('-');
	out_decimal(last);
	print_cause(outcome->cause);
	out_char(' ');
	out_char(outcome->tval);
	out_char(' ');
	out_char(outcome->flag);
	out_char(' ');
	out_hex(outcome->value);
	print_cause(outcome->real_cause);
	out_char(' ');
	out_decimal(outcome->real_count);
	out_char('\n');
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
	return a->cause == b->cause && a->tval == b->tval && a->flag == b->flag &&
	       a->value == b->value && a->real_cause == b->real_cause &&
	       a->real_count == b->real_count;
}

static void print_item(unsigned number, const struct outcome *outcomes, unsigned count)
{
	unsigned first = 0;

	for (unsigned n = 1; n <= count; n++) {
		if (n < count && is_same(&outcomes[first], &outcomes[n]))
			continue;
		print_outcome(number, first, n - 1, &outcomes[first]);
		first = n;
	}
}

static bool is_uniform(const struct outcome *outcomes, unsigned count)
{
	for (unsigned n = 1; n < count; n++)
		if (!is_same(&outcomes[0], &outcomes[n]))
			return false;
	return true;
}

static bool differs(const struct outcome *a, const struct outcome *b, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		if (!is_same(&a[n], &b[n]))
			return true;
	return false;
}

static struct outcome try(const struct sweep *sweep, const struct item *item, unsigned n)
{
	return sweep->try(item, item->word + ((u32)(n * item->step) << 20));
}

/*
 * All instructions of an item. Of a range that ended alike throughout in the first sweep, the later
 * ones execute the first and the last: if these have not changed, neither have those between.
 */
static void try_item(const struct sweep *sweep, const struct item *item,
		     const struct outcome *before, struct outcome outcomes[MAX_RANGE])
{
	unsigned last = item->count - 1;

	outcomes[0] = try(sweep, item, 0);
	outcomes[last] = last ? try(sweep, item, last) : outcomes[0];
	if (before && is_uniform(before, item->count) && is_same(&before[0], &outcomes[0]) &&
	    is_same(&before[last], &outcomes[last])) {
		memcpy(outcomes, before, item->count * sizeof(*outcomes));
		return;
	}
	for (unsigned n = 1; n < last; n++)
		outcomes[n] = try(sweep, item, n);
}

void sweep_run(struct sweep *sweep)
{
	struct baseline *baseline = sweep->baseline;
	struct outcome outcomes[MAX_RANGE];
	unsigned done = 0;

	out_text("m ");
	out_text(sweep->mode);
	out_char(' ');
	out_text(sweep->gate);
	out_char('\n');
	for (unsigned i = 0; i < ARRAY_SIZE(items); done += items[i].count, i++) {
		const struct item *item = &items[i];

		try_item(sweep, item, baseline->is_filled ? &baseline->outcomes[done] : NULL,
			 outcomes);
		if (!baseline->is_filled ||
		    differs(outcomes, &baseline->outcomes[done], item->count))
			print_item(i, outcomes, item->count);
		if (!baseline->is_filled)
			memcpy(&baseline->outcomes[done], outcomes,
			       item->count * sizeof(outcomes[0]));
	}
	baseline->is_filled = true;
	out_flush();
}

void sweep_print_counter_reads(void)
{
	out_text("c ");
	out_decimal(counter_reads);
	out_char('\n');
}

void sweep_print_isa(void)
{
	struct fdt_property isa;

	if (!fdt_find(boot_fdt, "/cpus/cpu@", "riscv,isa", &isa))
		return;
	out_text("isa ");
	out_text((const char *)isa.data);
	out_char('\n');
}
