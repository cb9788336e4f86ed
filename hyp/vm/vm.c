/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual machines: the list of them, how one is made, and how it is given back. */
#include "vm/vm.h"
#include "core/log.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/page.h"
#include "riscv/sbi_abi.h"
#include "vm/device_description.h"
#include "vm/devices.h"
#include "vm/guest_dt.h"
#include "vm/virtio.h"

struct vm *vms[VMS_MAX];
struct spinlock vms_lock;

struct vm *vm_find(const char *name)
{
	for_each_vm (vm) {
		if (strcmp(vm->name, name) == 0)
			return vm;
	}
	return NULL;
}

bool vms_alive(void)
{
	bool alive = false;

	spin_lock(&vms_lock);
	for_each_vm (vm)
		alive |= vm_state_is_alive(__atomic_load_n(&vm->state, __ATOMIC_ACQUIRE));
	spin_unlock(&vms_lock);
	return alive;
}

/* The set of harts that a description names by their ids; 0: one of them is not there. */
static u32 find_harts(const struct vm_description *d)
{
	u32 set = 0;

	if (!d->nr_hart_ids)
		return UINT32_MAX;
	for (unsigned i = 0; i < d->nr_hart_ids; i++) {
		u32 found = 0;

		for_each_hart (hart) {
			if (hart->id == d->hart_ids[i] && hart->online)
				found = (u32)BIT(hart->index);
		}
		if (!found)
			return 0;
		set |= found;
	}
	return set;
}

static struct vcpu *create_vcpu(struct vm *vm, unsigned index, u32 set)
{
	struct vcpu *vcpu = page_alloc(page_order(sizeof(*vcpu)));

	if (!vcpu)
		return NULL;
	if (!fp_init(&vcpu->fp)) {
		page_free(vcpu, page_order(sizeof(*vcpu)));
		return NULL;
	}
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->trace_tag = trace_tag(vm->id, index);
	vcpu->mmu = &vm->mmu;
	vcpu->memory = &vm->memory;
	vcpu->clock = &vm->clock;
	vcpu->features = &vcpu_features;
	sched_init_vcpu(vcpu, &vm->sched);
	sched_set_affinity(vcpu, set);
	return vcpu;
}

static bool create_vcpus(struct vm *vm, u32 set)
{
	while (vm->nr_vcpus < vm->description.nr_vcpus) {
		struct vcpu *vcpu = create_vcpu(vm, vm->nr_vcpus, set);

		if (!vcpu)
			return false;
		vcpu->hsm_state = SBI_HSM_STOPPED;
		vm->vcpus[vm->nr_vcpus++] = vcpu;
	}
	return true;
}

static bool map_memory(struct vm *vm)
{
	gpa_t gpa = vm->memory.start;

	if (!stage2_init(&vm->mmu.s2))
		return false;
	for (unsigned i = 0; i < vm->memory.nr_pieces; i++) {
		const struct ram_piece *piece = &vm->memory.pieces[i];

		if (stage2_map(&vm->mmu.s2, gpa, piece->start, piece->size, STAGE2_RWX) !=
		    STAGE2_OK)
			return false;
		gpa.v += piece->size;
	}
	return true;
}

/* Everything that a VM holds, in whatever state its making was left. */
static void give_back(struct vm *vm)
{
	sched_forget_vm(&vm->sched);
	devices_destroy(vm);
	for_each_vcpu (vcpu, vm) {
		timer_stop_and_wait(&vcpu->wakeup);
		fp_destroy(&vcpu->fp);
		page_free(vcpu, page_order(sizeof(*vcpu)));
	}
	tlb_forget(&vm->mmu);
	if (vm->mmu.s2.root)
		stage2_destroy(&vm->mmu.s2);
	guest_memory_give_back(&vm->memory);
	page_free(vm, page_order(sizeof(*vm)));
}

static const char *make(struct vm *vm, u32 set)
{
	const struct vm_description *d = &vm->description;

	if (!guest_memory_take(&vm->memory, GPA(VM_RAM_BASE), d->memory_size))
		return "the machine has not enough free memory left; give it more "
		       "(./doppel run --host-memory) or the VM less";
	vm->ram_is_foreign = ram_pool_is_recycled();
	if (!map_memory(vm) || !create_vcpus(vm, set))
		return "the hypervisor's own memory is used up; describe fewer VMs or vCPUs";
	return devices_create(vm);
}

static unsigned free_place(void)
{
	unsigned id = 0;

	while (id < VMS_MAX && vms[id])
		id++;
	return id;
}

const char *vm_create(const struct vm_description *description, const char *name,
		      struct vm **created)
{
	struct vm *vm;
	struct loaded plan;
	unsigned id = free_place();
	u32 set = find_harts(description);
	const char *problem = load_plan(description, GPA(VM_RAM_BASE), &plan);

	if (problem)
		return problem;
	if (vm_find(name))
		return "there is a VM of that name already; destroy it, or choose another name";
	if (!set)
		return "its property harts names a hart that the machine does not have; correct "
		       "it, or give the machine more (./doppel run --host-cpus)";
	if (id == VMS_MAX)
		return "there are as many VMs as Doppel can hold (256); destroy one";
	vm = page_alloc(page_order(sizeof(*vm)));
	if (!vm)
		return "the hypervisor's own memory is used up; describe fewer VMs";
	vm->description = *description;
	if (strcmp(name, description->name) != 0)
		description_for_copy(&vm->description, name);
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	vm->id = id;
	vm->created_at = time_now();
	sched_init_vm(&vm->sched, description->weight, description->cap);
	problem = make(vm, set);
	if (problem) {
		give_back(vm);
		return problem;
	}
	spin_lock(&vms_lock);
	vms[id] = vm;
	spin_unlock(&vms_lock);
	*created = vm;
	return NULL;
}

const char *vm_destroy(struct vm *vm)
{
	enum vm_state next;

	if (!vm_state_next(vm->state, VM_EVENT_DESTROY, &next))
		return "it is running or paused; kill it first";
	if (!vm_virtio_wait_until_reset(vm))
		return "requests to its disks have not ended; try again later";
	/* Who just ended it may still be on his way out. */
	spin_lock(&vms_lock);
	vms[vm->id] = NULL;
	spin_unlock(&vms_lock);
	give_back(vm);
	return NULL;
}
