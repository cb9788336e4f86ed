/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of device registers that a guest reads without an exit. */
#include "vm/registers.h"
#include "mem/page.h"

static bool map(struct vm *vm, gpa_t gpa, const u32 *registers, u64 size)
{
	return stage2_map(&vm->mmu.s2, gpa, page_to_hpa(registers), size, STAGE2_R) == STAGE2_OK;
}

u32 *registers_create(struct vm *vm, gpa_t gpa, u64 size)
{
	u32 *registers = page_alloc(page_order(size));

	if (registers && !map(vm, gpa, registers, size)) {
		registers_destroy(registers, size);
		return NULL;
	}
	return registers;
}

void registers_destroy(u32 *registers, u64 size)
{
	if (registers)
		page_free(registers, page_order(size));
}

/* All of their registers read 0: one page serves for all. */
bool registers_show_idle(struct vm *vm)
{
	vm->idle_context = page_alloc(0);
	if (!vm->idle_context)
		return false;
	for_each_vcpu (vcpu, vm) {
		gpa_t gpa = GPA(VPLIC_BASE + VPLIC_CONTEXT(vcpu->index));

		if (!map(vm, gpa, vm->idle_context, PAGE_SIZE))
			return false;
		vm->idle_entries[vcpu->index] = stage2_entry(&vm->mmu.s2, gpa);
		vcpu->coming_page = gpa;
	}
	return true;
}

void registers_set_idle(struct vm *vm, unsigned vcpu, bool is_idle)
{
	stage2_set_visible(vm->idle_entries[vcpu], is_idle);
	if (!is_idle)
		vcpu_note_hidden(vm->vcpus[vcpu]);
}
