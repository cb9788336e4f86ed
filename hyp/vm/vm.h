/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual machine: everything about a guest is reachable from here. */
#ifndef DOPPEL_VM_H
#define DOPPEL_VM_H

#include "dev/console.h"
#include "dev/goldfish_rtc.h"
#include "dev/mmio_bus.h"
#include "dev/ns16550.h"
#include "dev/syscon.h"
#include "lib/spinlock.h"
#include "vcpu/vcpu.h"
#include "vm/description.h"
#include "vplic/vplic.h"

#define VM_RAM_BASE 0x80000000UL

/* Which event ended, or will end, this run of a VM. The first one counts. */
enum vm_end {
	VM_GOES_ON,
	VM_POWEROFF,
	VM_REBOOT,
	VM_SYSTEM_FAILURE, /* the guest shut itself down and says that it failed */
	VM_KILLED,	   /* by the hypervisor: vm->kill_reason */
};

#define VM_KILL_REASON_SIZE 128

struct vm {
	/* What an access to a device needs comes first. */
	struct spinlock lock;
	enum vm_end end; /* under lock */
	struct mmio_bus bus;

	struct vm_description description;
	unsigned id; /* its place in vms[] */
	struct guest_memory memory;
	struct guest_mmu mmu;

	/* Devices. Under lock. */
	struct vplic vplic;
	struct ns16550 uart;
	struct goldfish_rtc rtc;
	struct syscon syscon;
	struct console console;
	struct timer rtc_alarm;

	/* Life. Under lock. */
	char kill_reason[VM_KILL_REASON_SIZE];
	unsigned nr_live; /* vCPUs that are not off */
	bool has_ended;	  /* for good */
	unsigned nr_boots;

	unsigned nr_vcpus;
	struct vcpu *vcpus[VM_MAX_VCPUS];
};

#define VMS_MAX 64
extern struct vm *vms[VMS_MAX];
extern unsigned nr_vms;

#define for_each_vcpu(vcpu, vm)                            \
	for (struct vcpu *const *at_ = (vm)->vcpus, *vcpu; \
	     at_ < (vm)->vcpus + (vm)->nr_vcpus && ((vcpu) = *at_, true); at_++)

/*
 * Creates the VM of a description: takes its RAM, maps it, makes its vCPUs and devices.
 * Returns NULL or a sentence for the user: what is short, and what to do.
 */
const char *vm_create(const struct vm_description *description);

/*
 * Resets the machine: kernel, initrd and device tree loaded, devices and vCPUs in their reset
 * state; other RAM keeps what it holds, as at a machine's reset. All vCPUs are off. Returns NULL or
 * what is wrong with the images.
 */
const char *vm_reset(struct vm *vm);

/* Starts vCPU 0 of a VM that was reset. */
void vm_start(struct vm *vm);

/*
 * Ends this run: every vCPU of the VM will leave the scheduler; then the VM reboots or is over. The
 * first call counts. Any hart, VM lock not held.
 */
void vm_request_end(struct vm *vm, enum vm_end end);

/* Ends the VM because of what its guest did; the first reason is kept and shown. */
void vm_kill(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Starts a vCPU that is off at pc, with a1 = opaque (SBI 2.0 section 9.1). Returns an SBI error.
 */
long vm_start_vcpu(struct vm *vm, unsigned index, u64 pc, u64 opaque);

/* A vCPU has left the scheduler. Returns true when it was the last: then call vm_finish(). */
bool vm_vcpu_is_off(struct vcpu *vcpu);

/* After that: reboots the VM, or marks it as over and shows why. */
void vm_finish(struct vm *vm);

/* What QEMU's exit status is to be once all VMs are over; false: some still run. */
bool vms_all_over(u16 *exit_code);

#endif
