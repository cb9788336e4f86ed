/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of TLB upkeep, against harts whose TLBs keep everything until a fence takes it out: no vCPU
 * may ever find a translation there that is not its own, or that it has fenced on another hart.
 */
#include "unit.h"
#include "core/hart.h"
#include "riscv/csr.h"
#include "riscv/fence.h"
#include "stage2/tlb.h"

#include <string.h>

#define NR_HARTS 3
#define NR_VMS	 6
#define NR_VCPUS 2 /* of each VM */

struct hart *hart_in_tp;

struct sim_vcpu {
	struct sim_vm *vm;
	int last_hart; /* -1: none yet */
};

struct sim_vm {
	struct guest_mmu mmu;
	struct sim_vcpu vcpus[NR_VCPUS];
};

/* What a hart's TLB may hold under one VMID: of whom. Two stages, as two fences tell them apart. */
struct tlb_entry {
	bool g_stage[NR_VMS];
	bool vs_stage[NR_VMS][NR_VCPUS];
};

struct sim_hart {
	struct hart hart;
	u64 hgatp;
	bool is_ordered[NR_VMS]; /* it has fenced since the VM's tables last changed */
	struct tlb_entry tlb[8]; /* by VMID */
};

static struct sim_hart sim_harts[NR_HARTS];
static struct sim_vm sim_vms[NR_VMS];
static unsigned vmid_bits;
static unsigned nr_fences[SFENCE_ALL + 1];

static struct sim_hart *here(void)
{
	return (struct sim_hart *)hart_in_tp;
}

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_HGATP);
	return here()->hgatp;
}

/* The VMID field holds as many bits as there are (privileged specification 18.2.11). */
void fake_csr_write(unsigned csr, u64 value)
{
	u64 missing = 0x3fffULL >> vmid_bits << vmid_bits << 44;

	assert_int_equal(csr, CSR_HGATP);
	here()->hgatp = value & ~missing;
}

static u64 current_vmid(void)
{
	return here()->hgatp >> 44 & 0x3fff;
}

void fake_fence(enum fake_fence kind, u64 gva, u64 id)
{
	struct sim_hart *hart = here();

	(void)gva;
	nr_fences[kind]++;
	switch (kind) {
	case GVMA_VMID:
		assert_int_equal(id, current_vmid());
		memset(hart->tlb[id].g_stage, 0, sizeof(hart->tlb[id].g_stage));
		for (unsigned i = 0; i < NR_VMS; i++) {
			if (sim_vms[i].mmu.vmid.id == id)
				hart->is_ordered[i] = true;
		}
		break;
	case GVMA_ALL:
		memset(hart->is_ordered, 1, sizeof(hart->is_ordered));
		for (size_t i = 0; i < ARRAY_SIZE(hart->tlb); i++)
			memset(hart->tlb[i].g_stage, 0, sizeof(hart->tlb[i].g_stage));
		break;
	case VVMA_ALL:
		memset(hart->tlb[current_vmid()].vs_stage, 0, sizeof(hart->tlb[0].vs_stage));
		break;
	default: fail_msg("fence %u", kind);
	}
}

u64 stage2_hgatp(const struct stage2 *s2, u64 vmid)
{
	return 8ULL << 60 | vmid << 44 | (u64)s2->root;
}

static void begin(unsigned bits)
{
	vmid_bits = bits;
	memset(sim_harts, 0, sizeof(sim_harts));
	memset(sim_vms, 0, sizeof(sim_vms));
	memset(nr_fences, 0, sizeof(nr_fences));
	for (unsigned i = 0; i < NR_HARTS; i++)
		sim_harts[i].hart.index = i;
	for (u64 i = 0; i < NR_VMS; i++) {
		sim_vms[i].mmu.s2.root = (u64 *)(i + 1);
		for (unsigned n = 0; n < NR_VCPUS; n++)
			sim_vms[i].vcpus[n] = (struct sim_vcpu){ &sim_vms[i], -1 };
	}
	hart_in_tp = &sim_harts[0].hart;
	tlb_probe();
	assert_int_equal(here()->hgatp, 0);
}

/* A vCPU comes to a hart, looks whose translations it would use, and leaves its own. */
static void run(struct sim_hart *hart, struct sim_vcpu *vcpu)
{
	struct sim_vm *vm = vcpu->vm;
	unsigned self = (unsigned)(vm - sim_vms), index = (unsigned)(vcpu - vm->vcpus);
	struct tlb_entry *tlb;

	hart_in_tp = &hart->hart;
	tlb_enter(&vm->mmu, vcpu, vcpu->last_hart == (int)hart->hart.index);
	assert_int_equal(hart->hgatp >> 60, 8);
	assert_int_equal(hart->hgatp & (BIT(44) - 1), (u64)vm->mmu.s2.root);
	assert_true(hart->is_ordered[self]);
	tlb = &hart->tlb[current_vmid()];
	for (unsigned i = 0; i < NR_VMS; i++) {
		assert_true(i == self || !tlb->g_stage[i]);
		for (unsigned n = 0; n < NR_VCPUS; n++)
			assert_true((i == self && n == index) || !tlb->vs_stage[i][n]);
	}
	/* It may have fenced elsewhere since it left this. */
	assert_true(vcpu->last_hart == (int)hart->hart.index || !tlb->vs_stage[self][index]);
	tlb->g_stage[self] = true;
	tlb->vs_stage[self][index] = true;
	vcpu->last_hart = (int)hart->hart.index;
}

/* Something is taken out of a VM's tables. */
static void change(struct sim_vm *vm)
{
	for (unsigned i = 0; i < NR_HARTS; i++)
		sim_harts[i].is_ordered[vm - sim_vms] = false;
	tlb_renew(&vm->mmu);
}

static void nobody_meets_translations_of_others(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits <= 3; bits++) {
		struct prng prng = { 0x5eed0020 + bits };
		struct sim_vcpu *on[NR_HARTS] = { NULL };

		begin(bits);
		for (unsigned i = 0; i < 20000; i++) {
			unsigned at = prng_below(&prng, NR_HARTS);
			struct sim_vm *vm = &sim_vms[prng_below(&prng, NR_VMS)];
			struct sim_vcpu *vcpu = &vm->vcpus[prng_below(&prng, NR_VCPUS)];
			bool busy = false;

			for (unsigned n = 0; n < NR_HARTS; n++)
				busy |= n != at && on[n] == vcpu;
			if (busy)
				continue;
			on[at] = vcpu;
			if (prng_below(&prng, 50) == 0)
				change(vm);
			run(&sim_harts[at], vcpu);
		}
	}
}

/* The reason for all this: the usual way into a guest is without a fence. */
static void a_vcpu_that_stays_pays_nothing(void **state)
{
	(void)state;
	begin(3);
	run(&sim_harts[0], &sim_vms[0].vcpus[0]);
	run(&sim_harts[0], &sim_vms[1].vcpus[0]);
	memset(nr_fences, 0, sizeof(nr_fences));
	for (unsigned i = 0; i < 10; i++)
		run(&sim_harts[0], &sim_vms[i % 2].vcpus[0]);
	assert_int_equal(nr_fences[GVMA_ALL] + nr_fences[VVMA_ALL], 0);
	/* Another vCPU of the VM: its own tables, the same VMID. */
	run(&sim_harts[0], &sim_vms[0].vcpus[1]);
	assert_int_equal(nr_fences[GVMA_ALL], 0);
	assert_int_equal(nr_fences[VVMA_ALL], 1);
}

/* Once on each hart; the VMID is new, so that nobody else's translations are dropped. */
static void a_renewed_vmid_is_fenced_on_each_hart(void **state)
{
	(void)state;
	begin(3);
	for (unsigned i = 0; i < NR_HARTS; i++)
		run(&sim_harts[i], &sim_vms[0].vcpus[0]);
	change(&sim_vms[0]);
	memset(nr_fences, 0, sizeof(nr_fences));
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; i < NR_HARTS; i++)
			run(&sim_harts[i], &sim_vms[0].vcpus[0]);
		assert_int_equal(nr_fences[GVMA_VMID], NR_HARTS);
		assert_int_equal(nr_fences[GVMA_ALL], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_meets_translations_of_others),
		cmocka_unit_test(a_vcpu_that_stays_pays_nothing),
		cmocka_unit_test(a_renewed_vmid_is_fenced_on_each_hart),
	};

	return RUN_TESTS(tests);
}
