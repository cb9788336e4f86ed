/* SPDX-License-Identifier: BSD-2-Clause */
/* The CSRs of the guest's supervisor, and the instructions that access them. */
#include "fdt.h"
#include "guest.h"
#include "hart.h"
#include "sbi.h"

#define SSTATUS_WRITABLE                                                                    \
	(SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_VS | SSTATUS_FS | SSTATUS_SUM | \
	 SSTATUS_MXR)
#define SSTATUS_UXL_64	(2UL << 32)
#define SIE_WRITABLE	(SIP_SSIP | SIP_STIP | SIP_SEIP)
#define SENVCFG_CBO	0xf0UL
#define SATP_MODE(satp) ((satp) >> SATP_MODE_SHIFT)

#define CSRRW 1
#define CSRRS 2
#define CSRRC 3

static bool has_sstc(void)
{
	static int known = -1;

	if (known < 0)
		known = fdt_has_isa(boot_fdt, "sstc");
	return known;
}

/* The firmware's timer, or the hart's; its interrupt is taken once. */
void csr_set_timer(u64 when)
{
	guest.stimecmp = when;
	guest.timer_pending = false;
	if (has_sstc())
		asm volatile("csrw %0, %1" ::"i"(CSR_STIMECMP), "r"(when) : "memory");
	else
		sbi_set_timer(when);
	csr_set(sie, SIP_STIP);
}

u64 csr_sip(void)
{
	return (guest.software_pending ? SIP_SSIP : 0) | (guest.timer_pending ? SIP_STIP : 0);
}

static u64 read_sstatus(void)
{
	bool dirty = (guest.sstatus & SSTATUS_FS) == SSTATUS_FS ||
		     (guest.sstatus & SSTATUS_VS) == SSTATUS_VS;

	return guest.sstatus | SSTATUS_UXL_64 | (dirty ? SSTATUS_SD : 0);
}

static void write_sstatus(u64 value)
{
	u64 changed = guest.sstatus ^ value;

	guest.sstatus = value & SSTATUS_WRITABLE;
	/* The shadow tables were made for what these bits were. */
	if (changed & (SSTATUS_SUM | SSTATUS_MXR))
		shadow_flush();
}

static void write_satp(u64 value)
{
	u64 mode = SATP_MODE(value);

	if (mode != 0 && mode != SATP_MODE_SV39)
		return; /* WARL: other modes are not offered */
	guest.satp = mode ? value : 0;
	shadow_flush();
}

static bool read(u32 csr, u64 *value)
{
	switch (csr) {
	case 0x100: *value = read_sstatus(); return true;
	case 0x104: *value = guest.sie; return true;
	case 0x105: *value = guest.stvec; return true;
	case 0x106: *value = guest.scounteren; return true;
	case 0x10a: *value = guest.senvcfg; return true;
	case 0x140: *value = guest.sscratch; return true;
	case 0x141: *value = guest.sepc; return true;
	case 0x142: *value = guest.scause; return true;
	case 0x143: *value = guest.stval; return true;
	case 0x144: *value = csr_sip(); return true;
	case 0x180: *value = guest.satp; return true;
	case CSR_STIMECMP: *value = guest.stimecmp; return has_sstc();
	default: return false;
	}
}

static void write(u32 csr, u64 value)
{
	switch (csr) {
	case 0x100: write_sstatus(value); break;
	case 0x104: guest.sie = value & SIE_WRITABLE; break;
	case 0x105: guest.stvec = value & ~2UL; break;
	case 0x106: guest.scounteren = value & 0xffffffff; break;
	case 0x10a: guest.senvcfg = value & SENVCFG_CBO; break;
	case 0x140: guest.sscratch = value; break;
	case 0x141: guest.sepc = value & ~1UL; break;
	case 0x142: guest.scause = value; break;
	case 0x143: guest.stval = value; break;
	case 0x144: guest.software_pending = value & SIP_SSIP; break;
	case 0x180: write_satp(value); break;
	case CSR_STIMECMP: csr_set_timer(value); break;
	}
}

bool csr_emulate(u32 insn)
{
	unsigned op = insn >> 12 & 3, rd = insn >> 7 & 31, rs1 = insn >> 15 & 31;
	u64 source = insn >> 14 & 1 ? rs1 : rs1 ? frame.gpr[rs1] : 0;
	u64 old;

	if (!read(insn >> 20, &old))
		return false;
	if (op == CSRRW)
		write(insn >> 20, source);
	else if (rs1)
		write(insn >> 20, op == CSRRS ? old | source : old & ~source);
	if (rd)
		frame.gpr[rd] = old;
	return true;
}
