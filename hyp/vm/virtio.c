/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio devices of a VM: which it has, and how they reach it. */
#include "vm/virtio.h"
#include "core/hart.h"
#include "core/timer.h"
#include "lib/format.h"
#include "lib/string.h"
#include "riscv/io.h"
#include "riscv/sbi_abi.h"
#include "vcpu/interrupts.h"
#include "virtio/blk.h"
#include "virtio/net.h"
#include "virtio/console.h"
#include "virtio/rng.h"
#include "vm/ram.h"
#include "vm/registers.h"

#define QUIET_PATIENCE_NS 10000000000UL

static void set_interrupt(struct virtio_device *device, u32 set, u32 clear)
{
	struct vm *vm = device->vm;
	u32 status;

	hart_lock(&vm->lock);
	status = (device->s.interrupt_status | set) & ~clear;
	virtio_set_interrupt_status(device, status);
	vplic_set_level(&vm->vplic, device->irq, status != 0);
	hart_unlock(&vm->lock);
}

/* Who does it: the first vCPU that is on. A VM whose vCPUs are all off asks for nothing. */
static void ask_for_service(struct virtio_device *device)
{
	struct vm *vm = device->vm;

	fence_full(); /* either this sees that a vCPU is off, or that sees what is asked for */
	for_each_vcpu (vcpu, vm) {
		if (__atomic_load_n(&vcpu->hsm_state, __ATOMIC_RELAXED) != SBI_HSM_STOPPED) {
			vcpu_request(vcpu, REQUEST_SERVICE);
			return;
		}
	}
}

void vm_virtio_pass_on(struct vm *vm)
{
	fence_full();
	for (unsigned i = 0; i < vm->nr_virtio; i++) {
		if (__atomic_load_n(&vm->virtio[i]->needs_service, __ATOMIC_RELAXED) ||
		    __atomic_load_n(&vm->virtio[i]->is_resetting, __ATOMIC_RELAXED))
			ask_for_service(vm->virtio[i]);
	}
}

static const struct virtio_vm_ops vm_ops = { set_interrupt, ask_for_service };

bool vm_service_devices(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	unsigned budget = VM_RAM_BACK_PER_TURN / RAM_GRANULE;
	bool done = true;

	for (unsigned i = 0; i < vm->nr_virtio; i++)
		done &= virtio_service(vm->virtio[i], &budget);
	return done;
}

/*
 * The bus calls with the lock of the VM held. A device's own lock comes before that. A reset that
 * must wait keeps this vCPU from going on.
 */
static bool access(void *ctx, struct mmio_access *mmio)
{
	struct virtio_device *device = ctx;
	struct vm *vm = device->vm;
	bool done;

	spin_unlock(&vm->lock);
	done = virtio_mmio(device, mmio);
	if (device->is_resetting)
		vcpu_request(this_hart()->current, REQUEST_SERVICE);
	spin_lock(&vm->lock);
	return done;
}

static const char *create_disk(const struct vm *vm, const struct vm_device *d,
			       struct virtio_device **device)
{
	struct virtio_blk_setup setup = { .vm_name = vm->name,
					  .host_disk = d->disk.host_disk,
					  .serial = d->disk.serial,
					  .is_read_only = d->disk.is_read_only,
					  .overlay = d->disk.overlay,
					  .rate_bytes = d->disk.rate_bytes,
					  .rate_iops = d->disk.rate_iops,
					  .nr_queues = MIN(vm->description.nr_vcpus,
							   VIRTIO_MAX_QUEUES) };

	return virtio_blk_create(&setup, device);
}

static const char *create_balloon(struct vm *vm, struct virtio_device **device)
{
	if (!vm_ram_allow_holes(vm))
		return "the hypervisor's own memory is used up; describe fewer VMs";
	return virtio_balloon_create(&vm_ram_balloon_ops, device);
}

static const char *create_net(const struct vm *vm, const struct vm_device *d,
			      struct virtio_device **device)
{
	struct virtio_net_setup setup = {
		.switch_name = d->net.switch_name,
		.address = d->net.address,
		.prefix = d->net.prefix,
		.gateway = d->net.gateway,
		.dns = d->net.dns,
		.host_name = vm->name,
		.rate_bytes = d->net.rate_bytes,
	};

	memcpy(setup.mac, d->net.mac, sizeof(setup.mac));
	return virtio_net_create(&setup, device);
}

static const char *create_console(struct vm *vm, const struct vm_device *d,
				  struct virtio_device **device)
{
	const struct virtio_console_setup setup = {
		.console = &vm->console,
		.reads_console = !vm->description.has_serial,
		.vm_name = vm->name,
		.ports = d->console.ports,
		.nr_ports = d->console.nr_ports,
	};

	return virtio_console_create(&setup, device);
}

static const char *create(struct vm *vm, const struct vm_device *d, struct virtio_device **device)
{
	switch (d->kind) {
	case VM_DISK: return create_disk(vm, d, device);
	case VM_NET: return create_net(vm, d, device);
	case VM_CONSOLE: return create_console(vm, d, device);
	case VM_RNG: return virtio_rng_create(device);
	case VM_BALLOON: return create_balloon(vm, device);
	default: return "it has a kind of device that Doppel does not have";
	}
}

/* Whether a disk of d, of its first devices, is on the same one of the machine, and one writes. */
static bool spoils(const struct vm_device *disk, const struct vm_description *d, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct vm_device *other = &d->devices[i];

		if (other->kind == VM_DISK &&
		    strcmp(other->disk.host_disk, disk->disk.host_disk) == 0 &&
		    (vm_disk_writes(disk) || vm_disk_writes(other)))
			return true;
	}
	return false;
}

/* No file system survives two that write to it, each by its own idea of what is there. */
static const char *check_disk(const struct vm *vm, unsigned slot)
{
	const struct vm_device *disk = &vm->description.devices[slot];
	bool is_spoilt;

	if (disk->kind != VM_DISK)
		return NULL;
	is_spoilt = spoils(disk, &vm->description, slot);
	for_each_vm (other)
		is_spoilt |= spoils(disk, &other->description, other->description.nr_devices);
	return is_spoilt ? "another disk has the same image, and one of them writes to it; destroy "
			   "its VM, or give both an overlay"
			 : NULL;
}

const char *vm_virtio_create(struct vm *vm)
{
	const struct vm_description *d = &vm->description;

	for (unsigned slot = 0; slot < d->nr_devices; slot++) {
		struct virtio_device *device;
		const char *problem = check_disk(vm, slot);
		u32 *registers;

		if (!problem)
			problem = create(vm, &d->devices[slot], &device);
		if (problem)
			return problem;
		device->vm = vm;
		device->vm_ops = &vm_ops;
		device->base = GPA(VM_VIRTIO_ADDR(slot));
		device->irq = VM_VIRTIO_IRQ(slot);
		snprintf(device->name, sizeof(device->name), "%s", d->devices[slot].name);
		virtio_device_attach(device, &vm->memory);
		vm->virtio[vm->nr_virtio++] = device;
		mmio_bus_add(&vm->bus, device->name, device->base.v, VIRTIO_MMIO_SIZE, access,
			     device);
		registers = registers_create(vm, device->base, VIRTIO_MMIO_SIZE);
		if (!registers)
			return "the hypervisor's own memory is used up; describe fewer devices";
		virtio_device_show(device, registers);
	}
	return NULL;
}

bool vm_virtio_reset(struct vm *vm)
{
	bool done = true;

	for (unsigned i = 0; i < vm->nr_virtio; i++)
		done &= virtio_device_reset(vm->virtio[i]);
	return done;
}

bool vm_virtio_wait_until_reset(struct vm *vm)
{
	u64 patience = time_now() + time_from_ns(QUIET_PATIENCE_NS);

	while (!vm_virtio_reset(vm)) {
		if (time_now() > patience)
			return false;
		interrupts_handle_pending();
	}
	return true;
}

void vm_virtio_console_ready(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_virtio; i++) {
		if (vm->virtio[i]->ops->id == VIRTIO_ID_CONSOLE)
			virtio_console_ready(vm->virtio[i]);
	}
}

void vm_virtio_destroy(struct vm *vm)
{
	while (vm->nr_virtio) {
		struct virtio_device *device = vm->virtio[--vm->nr_virtio];
		u32 *registers = device->shown;

		virtio_device_destroy(device);
		registers_destroy(registers, VIRTIO_MMIO_SIZE);
	}
}

struct virtio_device *vm_virtio_find(struct vm *vm, const char *name)
{
	for (unsigned i = 0; i < vm->nr_virtio; i++) {
		if (strcmp(vm->virtio[i]->name, name) == 0)
			return vm->virtio[i];
	}
	return NULL;
}
