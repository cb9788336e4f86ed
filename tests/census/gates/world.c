/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest of one instruction. */
#include "world.h"

#include "console.h"
#include "sbi.h"

#define HGATP_SV39X4	     (8UL << 60)
#define ROOT_ENTRIES	     2048
#define GIB_PTE(gib)	     ((u64)(gib) << 28)
#define PTE_GUEST	     (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)
#define INSN_HFENCE_GVMA_ALL ".4byte 0x62000073"

_Static_assert(offsetof(struct world, pc) == WORLD_PC, "enter.S");
_Static_assert(offsetof(struct world, args) == WORLD_ARGS, "enter.S");
_Static_assert(offsetof(struct world, sp) == WORLD_SP, "enter.S");
_Static_assert(offsetof(struct world, stvec) == WORLD_STVEC, "enter.S");
_Static_assert(offsetof(struct world, sscratch) == WORLD_SSCRATCH, "enter.S");

void world_enter(struct world *world);

/* The root of Sv39x4 has 16 KiB and is aligned to as much (section 19.5.1). */
static u64 root[ROOT_ENTRIES] __attribute__((aligned(16384)));

static void fence_guest(void)
{
	asm volatile(INSN_HFENCE_GVMA_ALL ::: "memory");
}

void world_map_devices(bool mapped)
{
	root[0] = mapped ? GIB_PTE(0) | PTE_GUEST : 0;
	fence_guest();
}

void world_init(void)
{
	root[2] = GIB_PTE(2) | PTE_GUEST;
	csr_put(CSR_HGATP, HGATP_SV39X4 | (u64)root >> 12);
	fence_guest();
}

static void set_mode(enum guest_mode mode)
{
	u64 hstatus = csr_get(CSR_HSTATUS) & ~HSTATUS_SPVP;

	csr_put(CSR_HSTATUS, hstatus | HSTATUS_SPV | (mode == VS ? HSTATUS_SPVP : 0));
	csr_clear(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
	if (mode == VS)
		csr_set(sstatus, SSTATUS_SPP);
}

/* SPV, SPVP and SPP tell where the trap came from (19.6.2). */
static bool is_mode_right(enum guest_mode mode)
{
	u64 hstatus = csr_get(CSR_HSTATUS), spp = csr_read(sstatus) & SSTATUS_SPP;

	return (hstatus & HSTATUS_SPV) && !(hstatus & HSTATUS_SPVP) == (mode == VU) &&
	       !spp == (mode == VU);
}

/* htval may be 0; else it is the guest physical address >> 2 (19.2.8). These map to themselves. */
static bool is_htval_right(u64 cause, u64 address)
{
	u64 htval = csr_get(CSR_HTVAL);

	if (cause != CAUSE_FETCH_GUEST_PAGE && cause != CAUSE_LOAD_GUEST_PAGE &&
	    cause != CAUSE_STORE_GUEST_PAGE)
		return true;
	return htval == 0 || htval == address >> 2;
}

struct ending {
	u64 cause, tval, epc;
	bool is_delegated;
};

/* The trap to HS-mode, or the one to VS-mode that its vector told of. */
static struct ending ending(void)
{
	struct ending e = { csr_read(scause), csr_read(stval), csr_read(sepc), false };

	if (e.cause == CAUSE_ECALL_VS && e.epc == (u64)guest_vector)
		e = (struct ending){ csr_get(CSR_VSCAUSE), csr_get(CSR_VSTVAL), csr_get(CSR_VSEPC),
				     true };
	return e;
}

struct outcome world_run(const struct snippet *snippet, enum guest_mode mode)
{
	struct world world = { .args = SNIPPET_ARGS(snippet->a0) };
	struct outcome outcome = OUTCOME_EXECUTED;
	struct ending e;
	bool right;
	u64 last;

	world.pc = exec_prepare(snippet->words, snippet->count, true);
	last = world.pc + 4 * (snippet->count - 1);
	set_mode(mode);
	world_enter(&world);
	e = ending();
	right = is_mode_right(e.is_delegated ? VS : mode);
	csr_put(CSR_HSTATUS, csr_get(CSR_HSTATUS) & ~HSTATUS_SPV);
	if (e.epc == last + 4 && (e.cause == CAUSE_ECALL_VS || e.cause == CAUSE_USER_ECALL)) {
		outcome.value = world.args[0];
		return outcome;
	}
	outcome.cause = e.cause;
	outcome.tval = snippet_tval(snippet, e.tval, e.epc);
	if (e.epc != last && e.epc != HOLE_ADDRESS)
		outcome.flag = 'e';
	else if (!right)
		outcome.flag = 'm';
	else if (!is_htval_right(e.cause, snippet->a0))
		outcome.flag = 'h';
	else if (e.is_delegated)
		outcome.flag = 'd';
	return outcome;
}
