/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's traps mean: the monitor's business, or the guest's own. */
#include "census_call.h"
#include "console.h"
#include "guest.h"
#include "insn.h"
#include "item.h"

#define UART_BASE 0x10000000UL
#define UART_SIZE 8

#define MASK_RS1_RS2	    0xfe007fffU
#define INSN_SINVAL_VMA	    0x16000073U
#define INSN_SFENCE_W_INVAL 0x18000073U
#define INSN_SFENCE_INVAL   0x18100073U

#define OPCODE(insn) ((insn)&0x7f)
#define FUNCT3(insn) ((insn) >> 12 & 7)
#define RD(insn)     ((insn) >> 7 & 31)
#define RS1(insn)    ((insn) >> 15 & 31)
#define RS2(insn)    ((insn) >> 20 & 31)
#define OP_LOAD	     0x03
#define OP_STORE     0x23
#define OP_SYSTEM    0x73

/* What the monitor did about a trap, in its log. */
#define REFLECTED 'r' /* to the guest's own trap vector */
#define EMULATED  'e' /* an instruction, or a call */
#define FILLED	  'f' /* an entry of the shadow page tables */
#define DEVICE	  'd'

void exit_inject(u64 cause, u64 tval)
{
	bool is_interrupt = cause & CAUSE_INTERRUPT;

	guest.action = REFLECTED;
	guest.sepc = frame.gpr[0];
	guest.scause = cause;
	guest.stval = tval;
	guest.sstatus &= ~(SSTATUS_SPP | SSTATUS_SPIE);
	if (!guest.user)
		guest.sstatus |= SSTATUS_SPP;
	if (guest.sstatus & SSTATUS_SIE)
		guest.sstatus |= SSTATUS_SPIE;
	guest.sstatus &= ~SSTATUS_SIE;
	guest.user = false;
	frame.gpr[0] = guest.stvec & ~3UL;
	if (is_interrupt && (guest.stvec & 1))
		frame.gpr[0] += 4 * (cause & ~CAUSE_INTERRUPT);
}

static void emulate_sret(void)
{
	guest.user = !(guest.sstatus & SSTATUS_SPP);
	guest.sstatus &= ~(SSTATUS_SPP | SSTATUS_SIE);
	if (guest.sstatus & SSTATUS_SPIE)
		guest.sstatus |= SSTATUS_SIE;
	guest.sstatus |= SSTATUS_SPIE;
	frame.gpr[0] = guest.sepc;
}

static void emulate_fence(u32 insn)
{
	if (RS1(insn))
		shadow_flush_page(frame.gpr[RS1(insn)]);
	else
		shadow_flush();
}

/* Waits for what the guest waits for; only the timer comes from outside. */
static void emulate_wfi(void)
{
	while (!(csr_sip() & guest.sie)) {
		wfi();
		if (csr_read(sip) & SIP_STIP) {
			guest.timer_pending = true;
			csr_clear(sie, SIP_STIP);
		}
	}
}

/* A privileged instruction of the guest's supervisor. False: it has no such one. */
static bool emulate(u32 insn)
{
	if (insn == INSN_SRET) {
		emulate_sret();
		return true;
	}
	if (OPCODE(insn) == OP_SYSTEM && FUNCT3(insn) & 3) {
		if (!csr_emulate(insn))
			return false;
	} else if ((insn & MASK_RS1_RS2) == INSN_SFENCE_VMA ||
		   (insn & MASK_RS1_RS2) == INSN_SINVAL_VMA) {
		emulate_fence(insn);
	} else if (insn == INSN_WFI) {
		emulate_wfi();
	} else if (insn != INSN_SFENCE_W_INVAL && insn != INSN_SFENCE_INVAL) {
		return false;
	}
	frame.gpr[0] += 4;
	return true;
}

static void handle_illegal(void)
{
	u32 insn;

	if (!shadow_fetch(frame.gpr[0], &insn))
		return; /* fetched again, it tells why */
	if (guest.user || !emulate(insn))
		exit_inject(CAUSE_ILLEGAL, insn);
}

/* A byte of the serial port. */
static bool access_device(u64 gpa)
{
	volatile u8 *reg = (volatile u8 *)gpa;
	u32 insn = 0;
	bool is_known = shadow_fetch(frame.gpr[0], &insn);
	bool is_load = OPCODE(insn) == OP_LOAD && (FUNCT3(insn) & 3) == 0;
	bool is_store = OPCODE(insn) == OP_STORE && FUNCT3(insn) == 0;

	if (!is_known || gpa - UART_BASE >= UART_SIZE || (!is_load && !is_store))
		return false;
	if (is_store)
		*reg = RS2(insn) ? (u8)frame.gpr[RS2(insn)] : 0;
	else if (RD(insn))
		frame.gpr[RD(insn)] = FUNCT3(insn) & 4 ? *reg : (u64)(s64)(signed char)*reg;
	frame.gpr[0] += 4;
	return true;
}

/* True: nothing happened that the guest should know of. */
static bool handle_page_fault(u64 va, enum access access)
{
	u64 cause, gpa;

	if (shadow_fill(va, access, &cause, &gpa)) {
		guest.action = FILLED;
		return true;
	}
	if (cause == ~0UL) {
		if (access != FETCH && access_device(gpa)) {
			guest.action = DEVICE;
			return false;
		}
		cause = access == FETCH	 ? CAUSE_FETCH_ACCESS
			: access == LOAD ? CAUSE_LOAD_ACCESS
					 : CAUSE_STORE_ACCESS;
	}
	exit_inject(cause, va);
	return false;
}

/* For the census: the instruction that it looks at has trapped. */
static void note(u64 cause, u64 pc)
{
	u32 armed = (guest.armed & 3) == 3 ? guest.armed : guest.armed & 0xffff;
	u32 insn;

	if (!guest.armed || (pc != HOLE_ADDRESS && (!shadow_fetch(pc, &insn) || insn != armed)))
		return;
	if (cause == CAUSE_USER_ECALL && frame.gpr[17] == CENSUS_EXT)
		return;
	if (guest.armed_traps++ == 0)
		guest.armed_cause = cause;
}

static void handle_interrupt(u64 code)
{
	guest.counts[CAUSES_COUNTED - INTERRUPTS_COUNTED + code % INTERRUPTS_COUNTED]++;
	if (code != CAUSE_TIMER_INTERRUPT)
		return;
	guest.timer_pending = true;
	csr_clear(sie, SIP_STIP); /* until the guest has set it anew */
}

static enum access access_of(u64 cause)
{
	return cause == CAUSE_FETCH_PAGE_FAULT	? FETCH
	       : cause == CAUSE_LOAD_PAGE_FAULT ? LOAD
						: STORE;
}

static void handle_ecall(void)
{
	if (guest.user) {
		exit_inject(CAUSE_USER_ECALL, 0);
		return;
	}
	frame.gpr[0] += 4;
	sbi_handle();
}

static void handle_exception(u64 cause, u64 tval)
{
	u64 pc = frame.gpr[0];

	guest.counts[cause % (CAUSES_COUNTED - INTERRUPTS_COUNTED)]++;
	switch (cause) {
	case CAUSE_FETCH_PAGE_FAULT:
	case CAUSE_LOAD_PAGE_FAULT:
	case CAUSE_STORE_PAGE_FAULT:
		if (!handle_page_fault(tval, access_of(cause)))
			note(cause, pc);
		return;
	case CAUSE_USER_ECALL:
		note(cause, pc);
		handle_ecall();
		return;
	case CAUSE_ILLEGAL:
		note(cause, pc);
		handle_illegal();
		return;
	default: note(cause, pc); exit_inject(cause, tval);
	}
}

static void deliver_interrupt(void)
{
	u64 pending = csr_sip() & guest.sie;

	if (!pending || (!guest.user && !(guest.sstatus & SSTATUS_SIE)))
		return;
	exit_inject(CAUSE_INTERRUPT |
			    (pending & SIP_SSIP ? CAUSE_SOFTWARE_INTERRUPT : CAUSE_TIMER_INTERRUPT),
		    0);
}

/* The guest's registers and tables are as the handling of the trap has left them: good enough. */
static void log_trap(u64 cause, u64 pc, bool user)
{
	bool is_user_now = guest.user;
	u32 insn = 0;

	guest.user = user;
	if (!shadow_fetch(pc, &insn))
		insn = 0;
	guest.user = is_user_now;
	if (guest.logged < LOG_SIZE)
		guest.log[guest.logged++] =
			CENSUS_MAKE_ENTRY(insn, cause & 0x7f, cause >> 63, user, guest.action);
}

void exit_handle(void)
{
	u64 cause = csr_read(scause), pc = frame.gpr[0];
	bool user = guest.user, was_logging = guest.logging;

	if (csr_read(sstatus) & SSTATUS_SPP) {
		print("BAD trap in the monitor: scause %lx stval %lx sepc %lx\n", cause,
		      csr_read(stval), pc);
		sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
	}
	guest.action = EMULATED;
	if (cause & CAUSE_INTERRUPT)
		handle_interrupt(cause & ~CAUSE_INTERRUPT);
	else
		handle_exception(cause, csr_read(stval));
	deliver_interrupt();
	if (was_logging && guest.logging)
		log_trap(cause, pc, user);
}
