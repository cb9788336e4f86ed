/* SPDX-License-Identifier: BSD-2-Clause */
/* Storms of exceptions and of timer interrupts. */
#include "attacker.h"
#include "fdt.h"
#include "insn.h"
#include "paging.h"

#define UNMAPPED      0x7000000000UL /* in no page table here, */
#define HOLE	      0x40000000UL   /* and no RAM or device is there */
#define SATP_NOWHERE  (SATP_MODE_SV39 << SATP_MODE_SHIFT | HOLE >> 12)
#define REARM_AT_ONCE 64

/* CSRs of the hypervisor and of M-mode have bit 9 set. */
static u32 foreign_csr(u64 any)
{
	return INSN_CSR(1 + any % 3, REG_A0, (any >> 8 & 0xfff) | 0x200, REG_A0);
}

static u32 illegal(u64 any)
{
	static const u32 words[] = {
		0,	    0xffffffff, INSN_MRET,    INSN_HFENCE_VVMA, INSN_HFENCE_GVMA,
		INSN_HLV_D, INSN_HSV_D, INSN_HLVX_WU, INSN_EBREAK
	};

	return any >> 63 ? foreign_csr(any) : words[any % ARRAY_SIZE(words)];
}

/* No guest has what these instructions would do. */
static void try_illegal(u64 any)
{
	struct trap trap = exec_insn(illegal(any), any, any >> 12 & 1);

	if (trap.cause == NO_TRAP || trap.cause == CAUSE_USER_ECALL)
		attack_finding("instruction %lx was executed", illegal(any), 0);
}

static void one_fault(u64 any)
{
	const u64 args[8] = { 0 };

	switch (any >> 8 & 7) {
	case 0: access_load(any & 3, UNMAPPED + (any >> 20 & 0xffffff)); break;
	case 1: access_store(any & 3, UNMAPPED + (any >> 20 & 0xffffff), any); break;
	case 2: trap_try(UNMAPPED | (any >> 20 & 0xfffffe), args); break;
	case 3: trap_try(HOLE | (any >> 20 & 0xfffffe), args); break;
	case 4: access_load(3, (attack_ram.end - 4096) | (any & 7)); break;
	case 5: access_store(3, HOLE | (any & 0xffff), any); break;
	default: try_illegal(any); break;
	}
}

/* A fault for whose handler there is no memory: the hart faults for ever. */
static void __attribute__((noreturn)) fault_for_ever(u64 hart, u64 *root)
{
	attack_hart_is_lost();
	if (hart % 3 == 0)
		paging_use(paging_satp(root));
	if (hart % 3 == 2)
		csr_write(satp, SATP_NOWHERE);
	csr_write(stvec, hart % 3 ? HOLE : UNMAPPED);
	asm volatile(".word 0");
	attack_finding("hart %lu came back from nowhere", hart, 0);
}

void attack_faults(u64 hart)
{
	u64 random = 0xfa + hart, *root = paging_new();
	u64 half = attack_until - attack_time / 2;

	paging_map(root, UNMAPPED & ~(BIT(30) - 1), 0, 0, 2);
	while (!attack_is_over()) {
		if (hart && rdtime() > half)
			fault_for_ever(hart, root);
		one_fault(random_next(&random));
		attack_count(hart);
	}
}

static volatile u64 storms[HART_MAX];

/* The timer is in the past again before the handler returns, some times. */
static void on_timer(u64 code)
{
	u64 hart = hart_self()->id;

	(void)code;
	attack_count(hart);
	sbi_set_timer(++storms[hart] % REARM_AT_ONCE ? 0 : TIMER_NEVER);
}

static void arm(bool has_sstc, u64 when)
{
	if (has_sstc)
		asm volatile("csrw %0, %1" ::"i"(CSR_STIMECMP), "r"(when));
	else
		sbi_set_timer(when);
}

void attack_timer(u64 hart)
{
	bool has_sstc = fdt_has_isa(boot_fdt, "sstc");
	u64 random = 0x71 + hart;

	hart_self()->on_interrupt = on_timer;
	csr_write(sie, SIP_STIP);
	while (!attack_is_over()) {
		u64 any = random_next(&random), now = rdtime();
		const u64 times[] = { 0, 1, now, now + 1, now + any % 100, -1UL, -2UL, BIT(63) };

		arm(has_sstc && any & 16, times[any % ARRAY_SIZE(times)]);
		if (any >> 62 == 0) {
			sbi_set_timer(now + 10);
			wfi(); /* the timer is pending, or will be soon */
		}
		if (any >> 61 == 7) {
			sbi_set_timer(0);
			interrupts_on();
			interrupts_off();
		}
		attack_count(hart);
	}
	csr_write(sie, 0);
}
