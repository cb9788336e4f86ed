/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM that a guest gives back while it runs, and that comes back when it is touched.
 *
 * A granule leaves in three steps: it is taken out of the G-stage; the VM gets a new VMID, and
 * vCPUs that are on harts have to leave them once, so that no hart can use a translation of it;
 * then its frame goes to the pool. Nobody waits for that: what is on its way is looked at now and
 * then.
 */
#include "vm/ram.h"
#include "core/timer.h"
#include "riscv/io.h"

bool vm_ram_allow_holes(struct vm *vm)
{
	return vm->memory.frames || guest_memory_allow_holes(&vm->memory);
}

static u64 offset_of(const struct vm *vm, gpa_t gpa)
{
	return gpa.v - vm->memory.start.v;
}

/* Lock of the VM's RAM held. */
static bool release(struct vm *vm, u64 offset)
{
	struct vm_ram *ram = &vm->ram;

	if (ram->nr_leaving == VM_RAM_LEAVING || !frames_take_out(vm->memory.frames, offset))
		return false;
	/* Without memory to split a larger page it stays mapped, and must not leave. */
	if (stage2_unmap(&vm->mmu.s2, GPA(vm->memory.start.v + offset), RAM_GRANULE) != STAGE2_OK) {
		hpa_t hpa;

		(void)frames_populate(vm->memory.frames, offset, &hpa);
		return false;
	}
	ram->leaving[ram->nr_leaving++] = (u32)(offset / RAM_GRANULE);
	return true;
}

u64 vm_ram_release(struct vm *vm, gpa_t gpa, u64 size)
{
	u64 first, end, released = 0;

	if (!vm->memory.frames || !guest_memory_contains(&vm->memory, gpa, size))
		return 0;
	first = ALIGN_UP(offset_of(vm, gpa), RAM_GRANULE);
	end = ALIGN_DOWN(offset_of(vm, gpa) + size, RAM_GRANULE);
	spin_lock(&vm->ram.lock);
	/* Those that left before the last flush are waited for first: none may join them. */
	for (u64 offset = first; offset < end && !vm->ram.is_flushed; offset += RAM_GRANULE) {
		if (release(vm, offset))
			released += RAM_GRANULE;
	}
	spin_unlock(&vm->ram.lock);
	return released;
}

void vm_ram_flush(struct vm *vm)
{
	bool any;

	spin_lock(&vm->ram.lock);
	any = vm->ram.nr_leaving && !vm->ram.is_flushed;
	if (any) {
		tlb_renew(&vm->mmu);
		vm->ram.is_flushed = true;
	}
	spin_unlock(&vm->ram.lock);
	for (unsigned i = 0; any && i < vm->nr_vcpus; i++)
		vcpu_request_lazily(vm->vcpus[i], REQUEST_RELOAD);
}

/* No vCPU is on a hart with what was the translation before the last renewal. */
static bool nobody_reaches(const struct vm *vm)
{
	u64 renewals = __atomic_load_n(&vm->mmu.renewals, __ATOMIC_RELAXED);

	fence_full();
	for_each_vcpu (vcpu, vm) {
		if (__atomic_load_n(&vcpu->hart, __ATOMIC_ACQUIRE) &&
		    __atomic_load_n(&vcpu->seen_renewals, __ATOMIC_ACQUIRE) != renewals)
			return false;
	}
	return true;
}

bool vm_ram_collect(struct vm *vm)
{
	struct vm_ram *ram = &vm->ram;
	bool done;

	spin_lock(&ram->lock);
	if (ram->is_flushed && nobody_reaches(vm)) {
		for (unsigned i = 0; i < ram->nr_leaving; i++)
			frames_let_go(vm->memory.frames, ram->leaving[i] * RAM_GRANULE);
		ram->nr_leaving = 0;
		ram->is_flushed = false;
	}
	done = !ram->nr_leaving;
	spin_unlock(&ram->lock);
	return done;
}

/* Several vCPUs may come for the same: it is mapped once. */
enum vm_ram_fault vm_ram_fault(struct vm *vm, gpa_t gpa)
{
	enum vm_ram_fault result = RAM_IS_SHORT;
	gpa_t start = GPA(ALIGN_DOWN(gpa.v, RAM_GRANULE));
	struct stage2_leaf leaf;
	hpa_t hpa;

	if (!vm->memory.frames || !guest_memory_contains(&vm->memory, gpa, 1))
		return RAM_NOT_THERE;
	spin_lock(&vm->ram.lock);
	if (stage2_walk(&vm->mmu.s2, gpa, &leaf))
		result = RAM_IS_BACK;
	else if (frames_populate(vm->memory.frames, offset_of(vm, start), &hpa) &&
		 stage2_map(&vm->mmu.s2, start, hpa, RAM_GRANULE, STAGE2_RWX) == STAGE2_OK)
		result = RAM_IS_BACK;
	spin_unlock(&vm->ram.lock);
	return result;
}

/* How long a VM waits for RAM that its guest gave back and now wants again. */
#define PATIENCE_NS 10000000000UL
/* One that has not come back for so long does not wait any more: it was reset, paused, ended. */
#define WAIT_GAP_NS 1000000000UL

bool vm_ram_wait(struct vm *vm)
{
	u64 now = time_now();

	if (!vm->ram.short_since || now - vm->ram.short_seen > time_from_ns(WAIT_GAP_NS))
		vm->ram.short_since = now;
	vm->ram.short_seen = now;
	if (now - vm->ram.short_since <= time_from_ns(PATIENCE_NS))
		return true;
	vm_kill(vm, "it needs memory that it gave back, and the machine has none left; give it "
		    "more (./doppel run --host-memory) or take its balloon away");
	return false;
}

void vm_ram_is_back(struct vm *vm)
{
	vm->ram.short_since = 0;
}

/* What a balloon does with the VM's RAM. */

static void give_page(void *ctx, gpa_t page)
{
	struct vm *vm = ctx;

	if (frames_give_page(vm->memory.frames, offset_of(vm, page)))
		vm_ram_release(vm, GPA(ALIGN_DOWN(page.v, RAM_GRANULE)), RAM_GRANULE);
}

static bool want_page(void *ctx, gpa_t page, unsigned *budget)
{
	struct vm *vm = ctx;
	u64 offset = offset_of(vm, page);
	hpa_t hpa;

	frames_want_page(vm->memory.frames, offset);
	if (frames_is_present(vm->memory.frames, offset))
		return true;
	if (!*budget)
		return false;
	--*budget;
	return frames_populate(vm->memory.frames, offset, &hpa);
}

static void report(void *ctx, gpa_t gpa, u64 size)
{
	vm_ram_release(ctx, gpa, size);
}

static bool flush(void *ctx)
{
	vm_ram_flush(ctx);
	return vm_ram_collect(ctx);
}

static bool collect(void *ctx)
{
	return vm_ram_collect(ctx);
}

static void want_all(void *ctx)
{
	struct vm *vm = ctx;

	frames_want_all(vm->memory.frames);
}

static u64 present(void *ctx)
{
	struct vm *vm = ctx;

	return guest_memory_present(&vm->memory);
}

const struct virtio_balloon_ops vm_ram_balloon_ops = {
	give_page, want_page, report, flush, collect, want_all, present,
};
