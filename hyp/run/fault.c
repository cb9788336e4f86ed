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

static enum exit_action access_fault(struct vcpu *vcpu, bool is_write, u64 gva)
{
	return exit_inject(vcpu, is_write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, gva);
}

/* The value that a load leaves in its register. */
static u64 extend(const struct insn_access *insn, u64 value)
{
	unsigned unused = 64U - 8U * insn->len;

	if (insn->is_signed)
		return (u64)((s64)(value << unused) >> unused);
	return value << unused >> unused;
}

/* A device may have been told to end or restart the machine. */
static enum exit_action after_access(struct vcpu *vcpu, const struct insn_access *insn)
{
	struct vm *vm = vcpu->vm;

	if (unlikely(vm->end != VM_GOES_ON)) {
		vm_request_end(vm, vm->end);
		return EXIT_LEAVE;
	}
	return (enum exit_action)insn->insn_len;
}

static enum exit_action emulate(struct vcpu *vcpu, const struct insn_access *insn, u64 gva,
				gpa_t gpa)
{
	struct vm *vm = vcpu->vm;
	struct mmio_region *region = mmio_bus_find(&vm->bus, gpa);
	struct mmio_access access = { .len = insn->len, .is_write = insn->kind == INSN_STORE };
	bool done;

	if (!region || (insn->kind != INSN_LOAD && insn->kind != INSN_STORE))
		return access_fault(vcpu, insn_is_write(insn->kind), gva);
	vcpu->stats.mmio[region - vm->bus.regions]++;
	if (access.is_write)
		access.value = vcpu->gpr[insn->reg] & (~0UL >> (64 - 8 * insn->len));
	spin_lock(&vm->lock);
	done = mmio_region_access(region, gpa, &access);
	spin_unlock(&vm->lock);
	if (unlikely(!done))
		return access_fault(vcpu, access.is_write, gva);
	if (!access.is_write)
		vcpu_set_gpr(vcpu, insn->reg, extend(insn, access.value));
	return after_access(vcpu, insn);
}

/*
 * htinst says nothing (QEMU 7.2 never fills it): fetch the instruction, and find out whether it is
 * what the fault is about by translating its address once more.
 */
static enum exit_action decode_by_fetch(struct vcpu *vcpu, u64 gva, gpa_t gpa)
{
	struct insn_access access;
	gpa_t translated;
	u32 insn;

	switch (guest_fetch(GVA(vcpu->pc), &insn)) {
	case ACCESS_OK: break;
	case ACCESS_GUEST_FAULT: return EXIT_RESUME; /* it is gone by now: the guest will see */
	case ACCESS_HOST_FAULT: return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	}
	access = insn_decode_access(insn);
	if (!guest_walk(vcpu->memory, csr_read(CSR_VSATP), GVA(gva), &translated) ||
	    translated.v != gpa.v)
		return access_fault(vcpu, insn_is_write(access.kind), gva);
	return emulate(vcpu, &access, gva, gpa);
}

/*
 * A page table of the guest lies where no RAM is: an access fault of the kind of the original
 * access. scause should tell that kind, but QEMU 7.2 reports every implicit fault as that of a load.
 */
static enum exit_action implicit_fault(struct vcpu *vcpu, u64 cause, u64 gva)
{
	struct insn_access access;
	u32 insn;

	if (cause == CAUSE_STORE_GUEST_PAGE_FAULT)
		return access_fault(vcpu, true, gva);
	if (guest_fetch(GVA(vcpu->pc), &insn) != ACCESS_OK)
		return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	access = insn_decode_access(insn);
	return access_fault(vcpu, insn_is_write(access.kind), gva);
}

enum exit_action exit_guest_page_fault(struct vcpu *vcpu, u64 cause)
{
	u64 gva = csr_read(CSR_STVAL), htinst = csr_read(CSR_HTINST);
	/* htval lacks the two lowest bits; those of an explicit access are stval's (18.2.8). */
	gpa_t gpa = GPA(csr_read(CSR_HTVAL) << 2 | (gva & 3));
	struct insn_access access;

	if (cause == CAUSE_FETCH_GUEST_PAGE_FAULT)
		return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	if (htinst == HTINST_PSEUDO_LOAD || htinst == HTINST_PSEUDO_STORE)
		return implicit_fault(vcpu, cause, gva);
	access = insn_decode_transformed(htinst);
	if (access.kind == INSN_OTHER)
		return decode_by_fetch(vcpu, gva, gpa);
	return emulate(vcpu, &access, gva, gpa);
}
