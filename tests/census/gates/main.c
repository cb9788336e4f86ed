/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census from HS-mode: every item in HS-mode, U-mode, VS-mode and VU-mode, and again with each
 * gate that a hypervisor has, one at a time. Runs without Doppel on a machine with H.
 */
#include "copies.h"
#include "fdt.h"
#include "insn.h"
#include "out.h"
#include "sbi.h"
#include "world.h"

#define CSRRS 2

#define ENVCFG_FIOM	BIT(0)
#define ENVCFG_CBIE	(3UL << 4)
#define ENVCFG_CBIE_01	(1UL << 4)
#define ENVCFG_CBCFE	BIT(6)
#define ENVCFG_CBZE	BIT(7)
#define ENVCFG_CBO_ALL	(ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE)
#define HENVCFG_STCE	BIT(63)
#define STATEEN0_ENVCFG BIT(62)
#define STATEEN0_SE0	BIT(63)
#define COUNTEREN_CY	BIT(0)
#define COUNTEREN_TM	BIT(1)
#define COUNTEREN_IR	BIT(2)
#define COUNTEREN_HPM	0xfffffff8UL
#define VS_INTERRUPTS	0x444UL
#define TIME_NEVER	(~0UL)

/* What a hypervisor sets; the fields of this name that are 0 mean the open gate. */
struct gate {
	const char *name;
	u64 hstatus;	       /* bits that are set */
	u64 hcounteren;	       /* bits that are clear */
	u64 henvcfg;	       /* bits that are clear */
	u64 henvcfg_set;       /* ... and set */
	u64 hstateen0;	       /* bits that are clear */
	u64 sstatus, vsstatus; /* bits that are clear */
	bool no_scounteren, no_senvcfg;
	u64 hedeleg;
	bool devices;
	bool user;	   /* concerns U-mode alone */
	const char *needs; /* an extension, for the state behind the gate */
};

static const struct gate gates[] = {
	{ .name = "open" },
	{ .name = "hstatus.VTVM=1", .hstatus = HSTATUS_VTVM },
	{ .name = "hstatus.VTW=1", .hstatus = HSTATUS_VTW },
	{ .name = "hstatus.VTSR=1", .hstatus = HSTATUS_VTSR },
	{ .name = "hcounteren.CY=0", .hcounteren = COUNTEREN_CY },
	{ .name = "hcounteren.TM=0", .hcounteren = COUNTEREN_TM },
	{ .name = "hcounteren.IR=0", .hcounteren = COUNTEREN_IR },
	{ .name = "hcounteren.HPM=0", .hcounteren = COUNTEREN_HPM },
	{ .name = "henvcfg.STCE=0", .henvcfg = HENVCFG_STCE, .needs = "sstc" },
	{ .name = "henvcfg.CBIE=00", .henvcfg = ENVCFG_CBIE },
	{ .name = "henvcfg.CBIE=01", .henvcfg = ENVCFG_CBIE, .henvcfg_set = ENVCFG_CBIE_01 },
	{ .name = "henvcfg.CBCFE=0", .henvcfg = ENVCFG_CBCFE },
	{ .name = "henvcfg.CBZE=0", .henvcfg = ENVCFG_CBZE },
	{ .name = "henvcfg.FIOM=1", .henvcfg_set = ENVCFG_FIOM },
	{ .name = "hstateen0.SE0=0", .hstateen0 = STATEEN0_SE0, .needs = "smstateen" },
	{ .name = "hstateen0.ENVCFG=0", .hstateen0 = STATEEN0_ENVCFG, .needs = "smstateen" },
	{ .name = "sstatus.FS=0", .sstatus = SSTATUS_FS },
	{ .name = "sstatus.VS=0", .sstatus = SSTATUS_VS, .needs = "v" },
	{ .name = "vsstatus.FS=0", .vsstatus = SSTATUS_FS },
	{ .name = "vsstatus.VS=0", .vsstatus = SSTATUS_VS, .needs = "v" },
	{ .name = "scounteren=0", .no_scounteren = true },
	{ .name = "senvcfg=0", .no_senvcfg = true },
	{ .name = "hedeleg=all", .hedeleg = ~0UL },
	{ .name = "G-stage of devices", .devices = true },
	{ .name = "hstatus.HU=1", .hstatus = HSTATUS_HU, .user = true },
};

static bool has_stateen, has_sstc, has_vector;

static void set_gate(const struct gate *gate)
{
	u64 fp = SSTATUS_FS | (has_vector ? SSTATUS_VS : 0);
	u64 hstatus =
		csr_get(CSR_HSTATUS) & ~(HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR | HSTATUS_HU);
	u64 henvcfg = ENVCFG_CBO_ALL | (has_sstc ? HENVCFG_STCE : 0);

	csr_put(CSR_HSTATUS, hstatus | gate->hstatus);
	csr_put(CSR_HCOUNTEREN, 0xffffffffUL & ~gate->hcounteren);
	csr_put(CSR_HENVCFG, (henvcfg & ~gate->henvcfg) | gate->henvcfg_set);
	if (has_stateen)
		csr_put(CSR_HSTATEEN0, ~gate->hstateen0);
	csr_put(CSR_HEDELEG, gate->hedeleg);
	csr_clear(sstatus, SSTATUS_FS | SSTATUS_VS);
	csr_set(sstatus, fp & ~gate->sstatus);
	csr_put(CSR_VSSTATUS, fp & ~gate->vsstatus);
	csr_write(scounteren, gate->no_scounteren ? 0 : 0xffffffffUL);
	csr_write(senvcfg, gate->no_senvcfg ? 0 : ENVCFG_CBO_ALL);
	world_map_devices(gate->devices);
}

static u64 csr_value(u32 word, struct outcome (*run)(const struct snippet *))
{
	struct snippet read = { .words = { INSN_CSR(CSRRS, REG_A0, word >> 20, 0) }, .count = 1 };
	struct outcome outcome = run(&read);

	return outcome.cause == NO_TRAP ? outcome.value : 0;
}

static struct outcome try_by(const struct item *item, u32 word, bool is_supervisor,
			     struct outcome (*run)(const struct snippet *))
{
	u64 value = item->how == HOW_CSR_WRITE ? csr_value(word, run) : 0;
	struct snippet snippet = snippet_of(item, word, is_supervisor, value);

	return run(&snippet);
}

static struct outcome run_hs(const struct snippet *snippet)
{
	return snippet_run(snippet, false);
}

static struct outcome run_u(const struct snippet *snippet)
{
	return snippet_run(snippet, true);
}

static struct outcome run_vs(const struct snippet *snippet)
{
	return world_run(snippet, VS);
}

static struct outcome run_vu(const struct snippet *snippet)
{
	return world_run(snippet, VU);
}

static struct outcome try_hs(const struct item *item, u32 word)
{
	struct outcome outcome;

	if (item->how == HOW_WFI) {
		csr_write(sie, SIP_SSIP);
		csr_set(sip, SIP_SSIP);
	}
	outcome = try_by(item, word, true, run_hs);
	if (item->how == HOW_WFI) {
		csr_clear(sip, SIP_SSIP);
		csr_write(sie, 0);
	}
	outcome.value = 0;
	return outcome;
}

static struct outcome try_u(const struct item *item, u32 word)
{
	struct outcome outcome = try_by(item, word, false, run_u);

	outcome.value = 0;
	return outcome;
}

static struct outcome try_vs(const struct item *item, u32 word)
{
	bool is_csr = item->how == HOW_CSR_READ || item->how == HOW_CSR_WRITE;
	struct outcome outcome;

	if (item->how == HOW_WFI) {
		csr_put(CSR_HVIP, HVIP_VSSIP);
		csr_put(CSR_VSIE, SIP_SSIP);
	}
	if (is_csr && copies_has(word >> 20))
		outcome = copies_try(item, word);
	else
		outcome = try_by(item, word, true, run_vs);
	if (item->how == HOW_WFI) {
		csr_put(CSR_VSIE, 0);
		csr_put(CSR_HVIP, 0);
	}
	outcome.value = 0;
	return outcome;
}

static struct outcome try_vu(const struct item *item, u32 word)
{
	struct outcome outcome = try_by(item, word, false, run_vu);

	outcome.value = 0;
	return outcome;
}

static void census(const struct gate *gate)
{
	static struct baseline hs, u, vs, vu;

	if (gate == gates) {
		set_gate(gate);
		sweep_run(&(struct sweep){ "HS", gate->name, &hs, try_hs });
	}
	if (gate == gates || gate->user) {
		set_gate(gate);
		sweep_run(&(struct sweep){ "U", gate->name, &u, try_u });
	}
	if (gate->user)
		return;
	set_gate(gate);
	sweep_run(&(struct sweep){ "VS", gate->name, &vs, try_vs });
	set_gate(gate);
	sweep_run(&(struct sweep){ "VU", gate->name, &vu, try_vu });
}

static void set_up(void)
{
	has_stateen = fdt_has_isa(boot_fdt, "smstateen");
	has_sstc = fdt_has_isa(boot_fdt, "sstc");
	has_vector = fdt_has_isa(boot_fdt, "v");
	csr_write(sie, 0);
	csr_put(CSR_HIDELEG, VS_INTERRUPTS);
	csr_put(CSR_HVIP, 0);
	csr_put(CSR_VSIE, 0);
	csr_put(CSR_VSATP, 0);
	csr_put(CSR_VSTVEC, (u64)guest_vector);
	sbi_set_timer(TIME_NEVER);
	if (has_sstc) {
		csr_put(CSR_HENVCFG, HENVCFG_STCE);
		csr_put(CSR_VSTIMECMP, TIME_NEVER);
	}
	world_init();
}

void guest_main(void)
{
	out_text("== begin census\n");
	sweep_print_isa();
	set_up();
	for (unsigned i = 0; i < ARRAY_SIZE(gates); i++)
		if (!gates[i].needs || fdt_has_isa(boot_fdt, gates[i].needs))
			census(&gates[i]);
	out_text("== end census\n");
	out_flush();
	sbi_shutdown(SBI_SRST_NO_REASON);
}
