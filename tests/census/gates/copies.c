/* SPDX-License-Identifier: BSD-2-Clause */
/* Which register does a guest's access reach? */
#include "copies.h"

#include "fdt.h"
#include "paging.h"

#define TIME_NEVER (~0UL)
#define TIME_LATER (~0UL >> 1) /* never either */

#define INSN_HFENCE_VVMA_ALL ".4byte 0x22000073"

/* The two registers, what they hold before, and what the guest writes. */
struct copy {
	unsigned csr;
	u64 (*real)(void);
	u64 (*virtual)(void);
	void (*set_real)(u64);
	void (*set_virtual)(u64);
	u64 real_value, virtual_value, written;
};

#define COPY(name, number, vs_number)        \
	static u64 get_##name(void)          \
	{                                    \
		return csr_get(number);      \
	}                                    \
	static u64 get_vs_##name(void)       \
	{                                    \
		return csr_get(vs_number);   \
	}                                    \
	static void set_##name(u64 value)    \
	{                                    \
		csr_put(number, value);      \
	}                                    \
	static void set_vs_##name(u64 value) \
	{                                    \
		csr_put(vs_number, value);   \
	}

COPY(sstatus, 0x100, CSR_VSSTATUS)
COPY(sie, 0x104, CSR_VSIE)
COPY(stvec, 0x105, CSR_VSTVEC)
COPY(sscratch, 0x140, CSR_VSSCRATCH)
COPY(sepc, 0x141, CSR_VSEPC)
COPY(scause, 0x142, CSR_VSCAUSE)
COPY(stval, 0x143, CSR_VSTVAL)
COPY(sip, 0x144, CSR_VSIP)
COPY(stimecmp, CSR_STIMECMP, CSR_VSTIMECMP)
COPY(satp, 0x180, CSR_VSATP)

#define FUNCTIONS(name) get_##name, get_vs_##name, set_##name, set_vs_##name

/*
 * Values are chosen so that the registers take them whole and nothing happens: what the hart needs
 * of its own (stvec, sscratch, sepc) is given by its present value, as 0 here.
 */
static struct copy copies[] = {
	{ 0x100, FUNCTIONS(sstatus), 0, 0, 0 },
	{ 0x104, FUNCTIONS(sie), 0, SIP_SSIP | SIP_STIP | SIP_SEIP, SIP_SSIP | SIP_SEIP },
	{ 0x105, FUNCTIONS(stvec), 0, 0, 0 },
	{ 0x140, FUNCTIONS(sscratch), 0, 0x5a5a5a5a5a5a5a5a, 0x123456789abcdef0 },
	{ 0x141, FUNCTIONS(sepc), 0, 0x80001230, 0x80004560 },
	{ 0x142, FUNCTIONS(scause), 0, CAUSE_BREAKPOINT, CAUSE_STORE_ACCESS },
	{ 0x143, FUNCTIONS(stval), 0, 0x777, 0x999 },
	{ 0x144, FUNCTIONS(sip), 0, SIP_SSIP, 0 },
	{ CSR_STIMECMP, FUNCTIONS(stimecmp), TIME_NEVER, TIME_LATER, TIME_LATER - 1 },
	{ 0x180, FUNCTIONS(satp), 0, 0, 0 },
};

static struct copy *find(unsigned csr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(copies); i++)
		if (copies[i].csr == csr)
			return &copies[i];
	return NULL;
}

bool copies_has(unsigned csr)
{
	return find(csr) && (csr != CSR_STIMECMP || fdt_has_isa(boot_fdt, "sstc"));
}

/* Page tables that map everything to itself: one for the hart, one for its guest. */
static u64 identity(unsigned n)
{
	static u64 satp[2];

	if (!satp[n])
		satp[n] = paging_satp(paging_new());
	return satp[n];
}

static void choose_values(struct copy *copy)
{
	switch (copy->csr) {
	case 0x100:
		copy->virtual_value = csr_get(CSR_VSSTATUS) | SSTATUS_SUM;
		copy->written = copy->virtual_value | SSTATUS_MXR;
		break;
	case 0x105:
		copy->virtual_value = (u64)guest_vector;
		copy->written = (u64)guest_vector_other;
		break;
	case 0x180: copy->written = identity(1); break;
	}
}

static void fence_vs(void)
{
	asm volatile(INSN_HFENCE_VVMA_ALL ::: "memory");
}

static u64 set_up(struct copy *copy)
{
	choose_values(copy);
	copy->set_virtual(copy->virtual_value);
	if (copy->csr == CSR_STIMECMP)
		copy->set_real(copy->real_value);
	if (copy->csr == 0x144)
		csr_put(CSR_HVIP, HVIP_VSSIP);
	if (copy->csr == 0x180)
		paging_use(identity(0));
	return copy->real();
}

static void clean_up(struct copy *copy)
{
	switch (copy->csr) {
	case 0x100:
		csr_put(CSR_VSSTATUS, csr_get(CSR_VSSTATUS) & ~(SSTATUS_SUM | SSTATUS_MXR));
		break;
	case 0x104: csr_put(CSR_VSIE, 0); break;
	case 0x105: csr_put(CSR_VSTVEC, (u64)guest_vector); break;
	case 0x144: csr_put(CSR_HVIP, 0); break;
	case CSR_STIMECMP: csr_put(CSR_VSTIMECMP, TIME_NEVER); break;
	case 0x180:
		csr_put(CSR_VSATP, 0);
		fence_vs();
		paging_use(0);
		break;
	}
}

/* sepc, scause and stval of the hart are overwritten by the trap that ends each run. */
static bool is_overwritten(unsigned csr)
{
	return csr == 0x141 || csr == 0x142 || csr == 0x143;
}

static char accessed(const struct copy *copy, bool is_write, u64 real, u64 virtual, u64 value)
{
	if (!is_write && copy->csr == 0x100 && (value ^ virtual) == SSTATUS_SD)
		return 's';
	if (!is_write)
		return value == virtual && value != real ? 'c' : value == real ? 'r' : '?';
	if (copy->real() != real && !is_overwritten(copy->csr))
		return 'r';
	return copy->virtual() == copy->written && copy->written != virtual ? 'c' : '?';
}

struct outcome copies_try(const struct item *item, u32 word)
{
	struct copy *copy = find(word >> 20);
	u64 real = set_up(copy), virtual = copy->virtual();
	struct snippet snippet = snippet_of(item, word, true, copy->written);
	struct outcome outcome = world_run(&snippet, VS);

	if (outcome.cause == NO_TRAP)
		outcome.flag =
			accessed(copy, item->how == HOW_CSR_WRITE, real, virtual, outcome.value);
	clean_up(copy);
	return outcome;
}
