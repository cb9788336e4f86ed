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
#include "mem/page.h"
#include "riscv/fence.h"
#include "riscv/insn.h"
#include "run/exit.h"
#include "vcpu/guest_access.h"
#include "vcpu/guest_walk.h"
#include "vm/ram.h"

/* Nothing that the guest could use is there. stval still holds the address that it used. */
static exit_action_t access_fault(struct vcpu *vcpu, bool is_store)
{
	vcpu->stats.fw_events[is_store ? FW_ACCESS_STORE : FW_ACCESS_LOAD]++;
	return exit_inject(vcpu, is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS,
			   csr_read(CSR_STVAL));
}

static __attribute__((noinline)) exit_action_t refuse(struct vcpu *vcpu, u64 insn)
{
	return access_fault(vcpu, insn_faults_as_store((u32)insn));
}

static exit_action_t wait_for_ram(struct vcpu *vcpu)
{
	if (!vm_ram_wait(vcpu->vm))
		return EXIT_LEAVE;
	vcpu_request(vcpu, REQUEST_RELOAD); /* others may run, and give memory back */
	return EXIT_RESUME;
}

static __attribute__((noinline)) bool fill_hole(struct vcpu *vcpu, gpa_t gpa, exit_action_t *action)
{
	switch (vm_ram_fault(vcpu->vm, gpa)) {
	case RAM_NOT_THERE: return false;
	case RAM_IS_SHORT: *action = wait_for_ram(vcpu); return true;
	default:
		vm_ram_is_back(vcpu->vm);
		/* The hart may still hold that nothing was mapped there (section 19.3.2). */
		hfence_gvma_gpa(gpa);
		*action = EXIT_RESUME;
		return true;
	}
}

/* Whether what faulted is RAM that the guest once gave back; action: what to do then. */
static inline bool is_hole(struct vcpu *vcpu, gpa_t gpa, exit_action_t *action)
{
	return unlikely(vcpu->memory->frames) && fill_hole(vcpu, gpa, action);
}

/* The device was told to end or restart the machine. */
static __attribute__((noinline)) exit_action_t end_vm(struct vm *vm)
{
	vm_request_end(vm, vm->end);
	return EXIT_LEAVE;
}

/* The value that a load leaves in its register; the device has zero-extended it. */
static u64 extend(u64 insn, u64 size, u64 value)
{
	u64 unused = 64 - 8 * size;

	if (insn_load_is_unsigned(insn))
		return value;
	return (u64)((s64)(value << unused) >> unused);
}

static inline bool access_device(struct vm *vm, struct mmio_region *region, gpa_t gpa,
				 struct mmio_access *access)
{
	bool done;

	spin_lock(&vm->lock);
	done = mmio_region_access(region, gpa, access);
	spin_unlock(&vm->lock);
	return done;
}

static inline exit_action_t emulate_load(struct vcpu *vcpu, struct mmio_region *region, u64 insn,
					 gpa_t gpa)
{
	u64 size = insn_access_size(insn);
	struct mmio_access access;

	access.len = (u8)size;
	access.is_write = false;
	if (unlikely((gpa.v & (size - 1)) || !access_device(vcpu->vm, region, gpa, &access)))
		return refuse(vcpu, insn);
	vcpu_set_gpr(vcpu, INSN_RD(insn), extend(insn, size, access.value));
	return insn_length(insn);
}

/* A function of its own, so that loads need not keep in registers what only stores need. */
static __attribute__((noinline)) exit_action_t emulate_store(struct vcpu *vcpu,
							     struct mmio_region *region, u64 insn,
							     gpa_t gpa)
{
	u64 size = insn_access_size(insn);
	struct mmio_access access;

	access.len = (u8)size;
	access.is_write = true;
	access.value = vcpu->gpr[INSN_RS2(insn)] & (~0UL >> (64 - 8 * size));
	if (unlikely((gpa.v & (size - 1)) || !access_device(vcpu->vm, region, gpa, &access)))
		return refuse(vcpu, insn);
	if (unlikely(vcpu->vm->end != VM_GOES_ON))
		return end_vm(vcpu->vm);
	return insn_length(insn);
}

/*
 * Emulates the access of a transformed instruction. Devices have no registers for floating-point,
 * vector or atomic accesses, nor for the rest of a misaligned one.
 */
static __attribute__((noinline)) exit_action_t emulate(struct vcpu *vcpu, u64 insn, gpa_t gpa)
{
	struct mmio_region *region = mmio_bus_find(&vcpu->vm->bus, gpa);
	exit_action_t action;

	if (unlikely(!region))
		return is_hole(vcpu, gpa, &action) ? action : refuse(vcpu, insn);
	if (likely(INSN_OPCODE_AND_ADDRESS_OFFSET(insn) == INSN_LOAD))
		return emulate_load(vcpu, region, insn, gpa);
	if (INSN_OPCODE_AND_ADDRESS_OFFSET(insn) == INSN_STORE)
		return emulate_store(vcpu, region, insn, gpa);
	return refuse(vcpu, insn);
}

/* Whether the address that the guest used is, by its own tables, the one that faulted. */
static bool is_explicit(const struct vcpu *vcpu, u64 gva, gpa_t gpa)
{
	u64 vsatp = csr_read(CSR_VSATP);
	gpa_t translated;

	if (vsatp == 0)
		return gva == gpa.v;
	return guest_walk(vcpu->memory, vsatp, GVA(gva), &translated) && translated.v == gpa.v;
}

/*
 * A page table of the guest lies where no RAM is: an access fault of the kind of the original
 * access. scause should tell that kind, but QEMU 7.2 reports every implicit fault as that of a
 * load.
 */
static exit_action_t implicit_fault(struct vcpu *vcpu, u64 cause, u64 gva)
{
	exit_action_t action;
	u32 insn;

	if (is_hole(vcpu, GPA(csr_read(CSR_HTVAL) << 2), &action))
		return action;
	if (cause == CAUSE_STORE_GUEST_PAGE_FAULT)
		return access_fault(vcpu, true);
	/* A fetch that faults overwrites stval. */
	if (guest_fetch(GVA(vcpu->pc), &insn) != ACCESS_OK)
		return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	return refuse(vcpu, insn_transform(insn));
}

/*
 * A misaligned access may begin in RAM and end in a device; stval then tells the beginning of the
 * device's page, which looks aligned. htinst would tell; without it the address is computed anew.
 */
static bool began_in_ram(const struct vcpu *vcpu, u32 insn)
{
	u64 address = vcpu->gpr[insn_base_register(insn)] + (u64)insn_offset(insn);

	return address & (insn_access_size(insn_transform(insn)) - 1);
}

/* htinst does not tell what the instruction is (QEMU 7.2 never does): fetch it. */
static __attribute__((noinline)) exit_action_t emulate_fetched(struct vcpu *vcpu, u64 cause,
							       u64 gva, gpa_t gpa)
{
	exit_action_t action;
	u32 insn;

	if (is_hole(vcpu, gpa, &action))
		return action;
	switch (guest_fetch(GVA(vcpu->pc), &insn)) {
	case ACCESS_OK: break;
	case ACCESS_GUEST_FAULT: return EXIT_RESUME; /* it is gone by now: the guest will see */
	case ACCESS_HOST_FAULT: return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
	}
	if (!is_explicit(vcpu, gva, gpa))
		return implicit_fault(vcpu, cause, gva);
	if (IS_ALIGNED(gva, PAGE_SIZE) && began_in_ram(vcpu, insn))
		return refuse(vcpu, insn_transform(insn));
	return emulate(vcpu, insn_transform(insn) & ~INSN_ADDRESS_OFFSET_MASK, gpa);
}

exit_action_t exit_guest_page_fault(struct vcpu *vcpu, u64 cause)
{
	u64 gva = csr_read(CSR_STVAL), htinst = csr_read(CSR_HTINST);
	/* htval lacks the two lowest bits; those of an explicit access are stval's (19.2.8). */
	gpa_t gpa = GPA(csr_read(CSR_HTVAL) << 2 | (gva & 3));

	if (likely(insn_is_transformed(htinst)))
		return emulate(vcpu, htinst, gpa);
	if (htinst == HTINST_PSEUDO_LOAD || htinst == HTINST_PSEUDO_STORE)
		return implicit_fault(vcpu, cause, gva);
	return emulate_fetched(vcpu, cause, gva, gpa);
}

/* No device has instructions in it. */
exit_action_t exit_fetch_guest_page_fault(struct vcpu *vcpu)
{
	gpa_t gpa = GPA(csr_read(CSR_HTVAL) << 2);
	u64 gva = csr_read(CSR_STVAL);
	exit_action_t action;

	if (is_hole(vcpu, gpa, &action))
		return action;
	return exit_inject(vcpu, CAUSE_FETCH_ACCESS, gva);
}
