/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guests of this machine are given: the ISA string, less what cannot be virtualized. */
#include "core/probe.h"
#include "lib/string.h"
#include "vcpu/vcpu.h"

struct vcpu_features vcpu_features;

#define XLEN_64 2UL /* of hstatus.VSXL (section 3.1.6.2) */

/* Exceptions that go to the guest directly: those that it alone can cause and should handle. */
#define GUEST_EXCEPTIONS                                                                    \
	(BIT(CAUSE_FETCH_MISALIGNED) | BIT(CAUSE_BREAKPOINT) | BIT(CAUSE_LOAD_MISALIGNED) | \
	 BIT(CAUSE_STORE_MISALIGNED) | BIT(CAUSE_ECALL_U) | BIT(CAUSE_FETCH_PAGE_FAULT) |   \
	 BIT(CAUSE_LOAD_PAGE_FAULT) | BIT(CAUSE_STORE_PAGE_FAULT) | BIT(CAUSE_SOFTWARE_CHECK))

/*
 * Extensions that need a bit of henvcfg or hstateen0 for the guest. Where the bit does not stick,
 * the guest is not told of the extension.
 */
static const struct {
	const char *name;
	u64 henvcfg;
} gated[] = {
	{ "sstc", HENVCFG_STCE },  { "svpbmt", HENVCFG_PBMTE },
	{ "svadu", HENVCFG_ADUE }, { "zicbom", ENVCFG_CBIE_FLUSH | ENVCFG_CBCFE },
	{ "zicboz", ENVCFG_CBZE },
};

/* Extensions of state or control that Doppel does not switch or offer to guests yet. */
static const char *const withheld[] = {
	"h",	   "smaia",    "ssaia",	    "smstateen", "ssstateen",	 "sscofpmf", "smcdeleg",
	"ssccfg",  "sscsrind", "smcsrind",  "zicfilp",	 "zicfiss",	 "ssnpm",    "smnpm",
	"supm",	   "sspm",     "ssdbltrp",  "smdbltrp",	 "shcounterenw", "sha",	     "shgatpa",
	"shtvala", "shvsatpa", "shvstvala", "shvstvecd", "smctr",	 "zcmt",     "zfinx",
	"zdinx",   "zhinx",    "zhinxmin",  "ssctr",	 "smrnmi",
};

static u64 write_and_read_back_henvcfg(u64 value)
{
	csr_write(CSR_HENVCFG, value);
	return csr_read(CSR_HENVCFG);
}

static void probe_henvcfg(struct vcpu_features *features)
{
	u64 wanted = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(gated); i++) {
		if (isa_has(features->isa, gated[i].name))
			wanted |= gated[i].henvcfg;
	}
	features->henvcfg = write_and_read_back_henvcfg(wanted) & wanted;
	for (unsigned i = 0; i < ARRAY_SIZE(gated); i++) {
		if ((features->henvcfg & gated[i].henvcfg) != gated[i].henvcfg)
			isa_remove(features->isa, gated[i].name);
	}
}

void vcpu_probe(void)
{
	struct vcpu_features *features = &vcpu_features;

	memcpy(features->isa, machine.isa, sizeof(features->isa));
	features->has_seed = isa_has(machine.isa, "zkr") && PROBE_CSR_WRITE(CSR_SEED, 0);
	if (!features->has_seed)
		isa_remove(features->isa, "zkr");
	/* Registers are switched by the doubleword: F without D is not offered. */
	features->has_fp = isa_has(machine.isa, "d");
	if (!features->has_fp)
		isa_remove(features->isa, "f");
	features->has_stateen =
		isa_has(machine.isa, "smstateen") || isa_has(machine.isa, "ssstateen");
	if (features->has_stateen) {
		features->has_stateen = PROBE_CSR_WRITE(CSR_HSTATEEN0, 0);
		/* Not SE: a guest is not told of Smstateen, and has no sstateen0. */
		features->hstateen0 = STATEEN0_ENVCFG;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(withheld); i++)
		isa_remove(features->isa, withheld[i]);
	probe_henvcfg(features);
	features->has_sstc = isa_has(features->isa, "sstc");
	fp_probe();
	features->has_vector = fp_vlenb != 0;
}

void vcpu_init_hart(void)
{
	csr_write(CSR_HEDELEG, GUEST_EXCEPTIONS);
	csr_write(CSR_HIDELEG, HVIP_ALL);
	csr_write(CSR_HVIP, 0);
	csr_write(CSR_HGEIE, 0);
	/* time is the guest's own by htimedelta; cycle and instret have no offset: emulated. */
	csr_write(CSR_HCOUNTEREN, COUNTEREN_TM);
	csr_write(CSR_HENVCFG, vcpu_features.henvcfg);
	if (vcpu_features.has_stateen) {
		csr_write(CSR_HSTATEEN0, vcpu_features.hstateen0);
		csr_write(CSR_SSTATEEN0, 0);
	}
	if (vcpu_features.has_sstc)
		csr_write(CSR_VSTIMECMP, TIME_NEVER);
	csr_write(CSR_HSTATUS, XLEN_64 << HSTATUS_VSXL_SHIFT | HSTATUS_SPV);
	csr_clear(CSR_SSTATUS, SSTATUS_FS | SSTATUS_VS);
}
