/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual CPU: its architectural state, and the engine's way to run it on a hart. */
#ifndef DOPPEL_VCPU_H
#define DOPPEL_VCPU_H

#include "core/hart.h"
#include "core/timer.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "mem/guest_memory.h"
#include "riscv/csr.h"
#include "stage2/tlb.h"
#include "vcpu/fp.h"
#include "vcpu/mailbox.h"
#include "vcpu/pmu.h"
#include "vcpu/sched_policy.h"
#include "vcpu/sta.h"
#include "vcpu/stats.h"

struct vm;

/* General registers by number; the calling convention's names of those that SBI uses. */
enum gpr {
	REG_ZERO = 0,
	REG_RA = 1,
	REG_SP = 2,
	REG_A0 = 10,
	REG_A1,
	REG_A2,
	REG_A3,
	REG_A4,
	REG_A5,
	REG_A6,
	REG_A7
};

/* A bit for each register that an exit handler preserves: gp, s0, s1, s2 to s11 (see switch.S). */
#define SAVED_REGS (1UL << 3 | 3UL << 8 | 0x3ffUL << 18)

/* The guest's supervisor CSRs while the vCPU is not on a hart; there they are the VS CSRs. */
struct vs_csrs {
	u64 sstatus;
	u64 sie;
	u64 stvec;
	u64 sscratch;
	u64 sepc;
	u64 scause;
	u64 stval;
	u64 satp;
	u64 stimecmp;	/* Sstc, in guest time */
	u64 scounteren; /* these two have no VS copy: they are the hart's own while the guest runs
			 */
	u64 senvcfg;
	u64 hvip; /* VSSIP, VSTIP, VSEIP as pending, besides what Sstc raises */
};

enum vcpu_state {
	VCPU_OFF,      /* stopped by HSM, or its VM is not running */
	VCPU_RUNNABLE, /* waits for a hart */
	VCPU_RUNNING,  /* on a hart */
	VCPU_BLOCKED,  /* waits for an interrupt */
	VCPU_HELD,     /* its VM is paused, or looked into */
};

/* What becomes of a vCPU after an exit: whether it leaves its hart, and why. */
enum fate {
	GOES_ON,      /* it does not */
	TURN_IS_OVER, /* others wait for the hart */
	WAITS,	      /* for an interrupt */
	IS_HELD,      /* its VM is paused, or looked into */
	IS_OFF,	      /* its hart was stopped, or its VM ends */
};

/* What others ask of a vCPU: bits of vcpu->requests, done before it enters the guest again. */
#define REQUEST_SSIP	 BIT(0) /* raise the supervisor software interrupt */
#define REQUEST_EXTERNAL BIT(1) /* external_level has changed */
#define REQUEST_FENCE	 BIT(2) /* look into the mailbox */
#define REQUEST_STOP	 BIT(3) /* the VM ends: leave the scheduler */
#define REQUEST_LOOK	 BIT(4) /* an interrupt of the hart was handled: time and turns may be over */
#define REQUEST_SERVICE	 BIT(5) /* a device of the VM has work that is done in the VM's own time */
#define REQUEST_RELOAD	 BIT(6) /* the translation was renewed: leave the hart, and come back */
#define REQUEST_HIDDEN	 BIT(7) /* coming_page has left the translation: fence */

/* The clock of a VM: all its vCPUs have the same. */
struct guest_clock {
	u64 delta; /* guest time - host time: htimedelta */
};

struct vcpu {
	/* What hyp/vcpu/switch.S sees (offsets in vcpu/asm_offsets.c). */
	u64 gpr[32];	       /* x0 is never written: use vcpu_set_gpr() */
	u64 pc;		       /* sepc */
	u64 host_sp;	       /* of vcpu_run(), while the guest runs */
	u64 saved_reg_written; /* one of s0 to s11 is newer in gpr[] than in the register */
	struct hart *hart;     /* on which it runs, NULL: on none; tp of that hart's hypervisor */

	u64 requests; /* REQUEST_*, atomic */

	/* Links. */
	struct vm *vm;
	struct guest_mmu *mmu;
	const struct guest_memory *memory;
	const struct guest_clock *clock;
	const struct vcpu_features *features;
	unsigned index;	   /* its hart id in the guest */
	gpa_t coming_page; /* of registers, which comes and goes (vm/registers.h) */
	u64 trace_tag;	   /* which vCPU it is, for the trace */

	struct vcpu_stats stats;
	struct vs_csrs csrs;
	bool in_user_mode; /* VU when it last left the guest; valid while not on a hart */

	/* Run state; changed under the scheduler's lock. */
	enum fate fate; /* after the last exit; the run loop's own */
	enum vcpu_state state;
	u64 state_since; /* ticks */
	u64 charged_at;	 /* ticks, while it runs: up to then it has been charged */
	struct sched_vm *sched_vm;
	struct sched_member member;
	u32 affinity;		/* the harts that it may run on, by index */
	u64 seen_renewals;	/* of the VM's translation, when it was last loaded; atomic */
	struct list run_link;	/* in a run queue */
	struct timer wakeup;	/* while blocked: its own timer interrupt */
	struct hart *last_hart; /* where it ran last: its translations may still be there */

	/* Interrupts. */
	bool external_level; /* as the interrupt controller drives it */
	u64 timer_deadline;  /* without Sstc, of SBI set_timer: guest time, TIME_NEVER: none */
	bool is_waiting;     /* in WFI or hart_suspend: only an interrupt that is enabled goes on */
	struct mailbox mailbox;

	struct fp_state fp;

	/* The sources of cycle and instret: host value + offset on a hart, the value itself off it.
	 */
	u64 cycle_offset, instret_offset;
	struct pmu pmu;
	struct sta sta;

	/* HSM (SBI 2.0 chapter 9). */
	u64 hsm_state;		/* SBI_HSM_*, under the lock of the VM */
	bool resume_at_address; /* non-retentive: goes on at resume_pc with a1 = resume_opaque */
	u64 resume_pc, resume_opaque;
};

/* What the guests of this machine are given; found once, by probing (see vcpu_probe()). */
struct vcpu_features {
	bool has_fp;
	bool has_vector;
	bool has_sstc; /* the guest may use stimecmp */
	bool has_stateen;
	bool has_seed; /* the firmware lets S-mode read the seed CSR (Zkr) */
	u64 henvcfg;   /* as it reads back */
	u64 hstateen0;
	char isa[ISA_STRING_MAX]; /* what guests are told */
};

extern struct vcpu_features vcpu_features;

/* Boot hart, once: derives the features from the machine's ISA and from what its CSRs hold. */
void vcpu_probe(void);

/* Each hart, once: CSRs that are the same for all guests. */
void vcpu_init_hart(void);

/* Power-on state: off, registers and CSRs as at reset. */
void vcpu_reset(struct vcpu *vcpu);

/* Prepares the first instruction: S-mode at pc, a0 = hart id, a1 = opaque, satp = 0 (SBI 9.1). */
void vcpu_set_entry(struct vcpu *vcpu, u64 pc, u64 opaque);

/* As vcpu_set_entry(), for the vCPU that is on this hart. */
void vcpu_restart_at(struct vcpu *vcpu, u64 pc, u64 opaque);

/* Puts the vCPU's state into the registers of this hart, and takes it out again. */
void vcpu_load(struct vcpu *vcpu);
void vcpu_save(struct vcpu *vcpu);

/* Asks a vCPU for something and makes sure that it looks: kicks it, or wakes it (see sched.h). */
void vcpu_request(struct vcpu *vcpu, u64 request);

/*
 * coming_page has left the translation: the vCPU fences before it goes on. It is not made to look:
 * the caller does that, right behind.
 */
void vcpu_note_hidden(struct vcpu *vcpu);

/* The same for what can wait until the vCPU runs again: one that sleeps sleeps on. */
void vcpu_request_lazily(struct vcpu *vcpu, u64 request);

/* Whether it has been asked to leave the scheduler. */
static inline bool vcpu_must_stop(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED) & REQUEST_STOP;
}

/* Makes the run loop of the vCPU on this hart look at timers, waits and turns. */
void vcpu_request_look(struct vcpu *vcpu);

/* Drives the supervisor external interrupt, from the guest's interrupt controller. */
void vcpu_set_external(struct vcpu *vcpu, bool level);

/* Whether an interrupt is pending and enabled in sie: what ends a WFI. On its own hart only. */
bool vcpu_has_wakeup(struct vcpu *vcpu);

/*
 * The guest's timer, absolute guest time; TIME_NEVER turns it off. Clears the pending interrupt if
 * the time has not come yet (SBI 2.0 section 6.1). On its own hart.
 */
void vcpu_set_timer(struct vcpu *vcpu, u64 guest_time);

/* Raises the timer interrupt if the emulated timer's time has come. On its own hart. */
void vcpu_check_timer(struct vcpu *vcpu);

/* Host ticks at which a blocked vCPU's timer interrupt would wake it. Before vcpu_save(). */
u64 vcpu_wakeup_time(const struct vcpu *vcpu);

/* The requests other than REQUEST_STOP, _LOOK, _SERVICE and _RELOAD, done on the vCPU's own hart.
 */
void vcpu_do_requests(struct vcpu *vcpu, u64 requests);

/* The guest's cycle and instret counters; they run whenever the vCPU is on a hart. */
u64 vcpu_read_cycle(const struct vcpu *vcpu);
u64 vcpu_read_instret(const struct vcpu *vcpu);

static inline u64 vcpu_gpr(const struct vcpu *vcpu, unsigned reg)
{
	return vcpu->gpr[reg];
}

/*
 * Sets a register of the guest from an exit handler. gp and s0 to s11 are in the hart's registers
 * at that time: vcpu_run() must be told to load them.
 */
static inline void vcpu_set_gpr(struct vcpu *vcpu, unsigned reg, u64 value)
{
	if (reg == REG_ZERO)
		return;
	vcpu->gpr[reg] = value;
	if (SAVED_REGS >> reg & 1)
		vcpu->saved_reg_written = 1;
}

/* True when the vCPU on this hart left the guest from VU (hstatus.SPVP is its privilege). */
static inline bool vcpu_was_in_user_mode(void)
{
	return !(csr_read(CSR_HSTATUS) & HSTATUS_SPVP);
}

/*
 * Runs the vCPU that is loaded on this hart. At each exit of the guest exit_handle() (run/exit.c)
 * is called with it and scause; when that returns NULL, the vCPU has to leave the hart and this
 * returns.
 */
void vcpu_run(struct vcpu *vcpu);

#endif
