/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A monitor of the classic kind: the guest's supervisor runs in U-mode, every privileged
 * instruction traps, and shadow page tables stand in for the guest's. No H extension. It is there
 * to be counted, and does no more than the programs of the census need: one hart, Sv39 or Bare, a
 * serial port.
 *
 * Where things are. The guest's physical RAM begins where virt's does, and lies at GUEST_BASE in
 * truth. While the guest runs, satp holds one of two shadow roots, for its supervisor and for its
 * user; the last two pages of the address space are the monitor's in both.
 */
#ifndef CENSUS_GUEST_H
#define CENSUS_GUEST_H

#define FRAME_VA      -8192 /* struct frame */
#define TRAMPOLINE_VA -4096 /* the code of enter.S */

/* Offsets in struct frame, for enter.S; main.c asserts that they are right. */
#define FRAME_PC     0	 /* in the place of x0 */
#define FRAME_SATP   256 /* the monitor's */
#define FRAME_SP     264
#define FRAME_RETURN 272

#ifndef __ASSEMBLER__

#include "csr.h"
#include "types.h"

#define RAM_START  0x80000000UL
#define GUEST_BASE 0x90000000UL
#define GUEST_SIZE (32UL << 20)
#define FDT_OFFSET (GUEST_SIZE - (2UL << 20))

#define LOG_SIZE 64

#define INTERRUPTS_COUNTED \
	16 /* counts[] has exceptions, and behind them interrupts by their code */
#define CAUSES_COUNTED (24 + INTERRUPTS_COUNTED)

struct frame {
	u64 gpr[32]; /* [0] is the pc */
	u64 satp, sp, return_to;
};

/* The guest's hart, as it believes it to be. */
struct guest {
	bool user; /* in its U-mode; else in its S-mode */
	u64 sstatus, stvec, sscratch, sepc, scause, stval, sie, satp;
	u64 scounteren, senvcfg, stimecmp;
	bool software_pending, timer_pending; /* SSIP and STIP of sip */

	u64 counts[CAUSES_COUNTED];
	u32 armed;	 /* an instruction of which a trap is to be noted (census_call.h) */
	u64 armed_cause; /* ~0: none yet */
	u64 armed_traps;

	bool logging;
	unsigned logged;
	u64 log[LOG_SIZE]; /* entries of census_call.h */
	char action;	   /* what was done about the trap: a letter of exit.c */
};

extern struct frame frame; /* the guest's registers */
extern struct guest guest;

/* exit.c: what to do after a trap; the guest can go on then. */
void exit_handle(void);
void exit_inject(u64 cause, u64 tval);

/* csr.c: the instruction is emulated, or false: the guest has no such CSR or may not do that. */
bool csr_emulate(u32 insn);
void csr_set_timer(u64 when);
u64 csr_sip(void);

/* sbi.c: a call of the guest's supervisor. */
void sbi_handle(void);

/* shadow.c */
enum access { FETCH, LOAD, STORE };

void shadow_init(u64 monitor_satp);
u64 shadow_satp(void); /* for the mode that the guest is in */
void shadow_flush(void);
void shadow_flush_page(u64 va);

/*
 * A page fault at va: true if the shadow table now has what the guest's own has. Else *cause is
 * what the guest gets, or ~0 and *gpa: it is not RAM, the guest may have a device there.
 */
bool shadow_fill(u64 va, enum access access, u64 *cause, u64 *gpa);

/* The instruction at the guest's pc, of 16 or 32 bits. False: it cannot be read. */
bool shadow_fetch(u64 va, u32 *insn);

/* The real address of guest physical RAM; NULL if that is not RAM. */
void *guest_memory(u64 gpa, u64 size);

/* enter.S */
void guest_run(u64 satp);

#endif
#endif
