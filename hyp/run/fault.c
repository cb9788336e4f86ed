/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest page faults: the guest touched a guest physical address that the G-stage does not map. A
 * device may be there; else it is what the real machine answers with an access fault.
 *
 * Three questions, in this order:
 *   - was it the guest's own access, or the hardware's while it walked the guest's page tables
 *     (an implicit access)? There is nothing to emulate for the latter.
 *   - what does the instruction do? htinst tells, or it is fetched.
 *   - which device is there, and does it answer such an access?
 */
#include "riscv/insn.h"
#include "run/exit.h"
#include "vcpu/guest_access.h"
#include "vcpu/guest_walk.h"

static exit_action_t access_fault(struct vcpu *vcpu, bool is_store, u64 gva)
{
	return exit_inject(vcpu, is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, gva);
}

/* The value that a load leaves in its register. */
static u64 extend(u32 insn, u64 value)
{
	unsigned unused = 64U - 8U * insn_access_size(insn);

	value <<= unused;
	return insn_load_is_unsigned(insn) ? value >> unused : (u64)((s64)value >> unused);
}

/* Performs the access of a transformed instruction on the device, whose register may be missing. */
static bool access_device(struct vcpu *vcpu, const struct mmio_region *region, u32 insn, gpa_t gpa)
{
	struct vm *vm = vcpu->vm;
	struct mmio_access access = { .len = insn_access_size(insn),
				      .is_write = INSN_OPCODE(insn) == INSN_STORE };
	bool done;

	if (access.is_write)
		access.value = vcpu->gpr[INSN_RS2(insn)] & (~0UL >> (64 - 8 * access.len));
	spin_lock(&vm->lock);
	done = mmio_region_access(region, gpa, &access);
	spin_unlock(&vm->lock);
	if (done && !access.is_write)
		vcpu_set_gpr(vcpu, INSN_RD(insn), extend(insn, access.value));
	return done;
}

/*
 * Emulates the access of a transformed instruction. Devices have no registers for floating-point,
 * vector or atomic accesses.
 */
static inline exit_action_t emulate(struct vcpu *vcpu, u32 insn, u64 gva, gpa_t gpa)
{
	struct vm *vm = vcpu->vm;
	struct mmio_region *region = mmio_bus_find(&vm->bus, gpa);

	if (unlikely(!region || !insn_is_integer_access(insn) ||
		     !access_device(vcpu, region, insn, gpa)))
		return access_fault(vcpu, insn_faults_as_store(insn), gva);
	region->accesses++;
	/* The device may have been told to end or restart the machine. */
	if (unlikely(vm->end != VM_GOES_ON)) {
		vm_request_end(vm, vm->end);
		return EXIT_LEAVE;
	}
	return insn_length(insn);
}

/* Whether the address that the guest used is, by its own tables, the one that faulted. */
static bool is_explicit(const struct vcpu *vcpu, u64 gva, gpa_t gpa)
{
	gpa_t translated;

	return guest_walk(vcpu->memory, csr_read(CSR_VSATP), GVA(gva), &translated) &&
	       translated.v == gpa.v;
}

/*
 * A page table of the guest lies where no RAM is: an access fault of the kind of the original
 * access. scause should tell that kind, but QEMU 7.2 reports every implicit fault as that of a load.
 */
static exit_action_t implicit_fault(struct vcpu *vcpu, u64 cause, u64 gva)
{
	u32 insn;

	if (cause == CAUSE_STORE_GUEST_PAGE_FAULT)
		return access_fault(vcpu, true, gva);
	if (guest_fetch(GVA(vcpu->pc), &insn) != ACCESS_OK)
		return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	return access_fault(vcpu, insn_faults_as_store(insn_transform(insn)), gva);
}

/* htinst does not tell what the instruction is (QEMU 7.2 never does): fetch it. */
static exit_action_t emulate_fetched(struct vcpu *vcpu, u64 cause, u64 gva, gpa_t gpa)
{
	u32 insn;

	switch (guest_fetch(GVA(vcpu->pc), &insn)) {
	case ACCESS_OK: break;
	case ACCESS_GUEST_FAULT: return EXIT_RESUME; /* it is gone by now: the guest will see */
	case ACCESS_HOST_FAULT: return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	}
	if (!is_explicit(vcpu, gva, gpa))
		return implicit_fault(vcpu, cause, gva);
	return emulate(vcpu, insn_transform(insn), gva, gpa);
}

exit_action_t exit_guest_page_fault(struct vcpu *vcpu, u64 cause)
{
	u64 gva = csr_read(CSR_STVAL), htinst = csr_read(CSR_HTINST);
	/* htval lacks the two lowest bits; those of an explicit access are stval's (18.2.8). */
	gpa_t gpa = GPA(csr_read(CSR_HTVAL) << 2 | (gva & 3));

	if (cause == CAUSE_FETCH_GUEST_PAGE_FAULT)
		return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	if (insn_is_transformed(htinst))
		return emulate(vcpu, (u32)htinst, gva, gpa);
	if (htinst == HTINST_PSEUDO_LOAD || htinst == HTINST_PSEUDO_STORE)
		return implicit_fault(vcpu, cause, gva);
	return emulate_fetched(vcpu, cause, gva, gpa);
}
