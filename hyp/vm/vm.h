/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual machine: everything about a guest is reachable from here. */
#ifndef DOPPEL_VM_H
#define DOPPEL_VM_H

#include "dev/console.h"
#include "dev/goldfish_rtc.h"
#include "dev/mmio_bus.h"
#include "dev/ns16550.h"
#include "dev/power_button.h"
#include "dev/syscon.h"
#include "lib/spinlock.h"
#include "vcpu/sched.h"
#include "vcpu/vcpu.h"
#include "virtio/device.h"
#include "vm/description.h"
#include "vm/load.h"
#include "vm/vm_state.h"
#include "vplic/vplic.h"

#define VM_RAM_BASE 0x80000000UL

/* Which event ended, or will end, this run of a VM. The first one counts. */
enum vm_end {
	VM_GOES_ON,
	VM_POWEROFF,
	VM_REBOOT,
	VM_SYSTEM_FAILURE, /* the guest shut itself down and says that it failed */
	VM_IS_KILLED,	   /* by the hypervisor: vm->kill_reason */
	VM_IS_ENDED,	   /* by the operator: the same, but it is nobody's fault */
};

#define VM_KILL_REASON_SIZE 128

/* Why vCPUs must not run: bits of vm->held. */
#define VM_HELD_PAUSED	BIT(0) /* by the operator */
#define VM_HELD_TO_LOOK BIT(1) /* by vm_hold() */

/* What is to be done in RAM before the first instruction, in the time of vCPU 0. */
struct vm_boot {
	bool is_pending;
	u64 to_clear; /* bytes of RAM, from its beginning, that somebody else had */
	u64 cleared;
	struct loaded plan;
	struct load_progress progress;
};

/* RAM that leaves and comes back (vm/ram.c). */
#define VM_RAM_LEAVING 256

struct vm_ram {
	struct spinlock lock; /* inside a device's; outside those of memory */
	unsigned nr_leaving;  /* granules that are in no table any more, but maybe in a TLB */
	bool is_flushed;      /* and harts have been told so */
	u32 leaving[VM_RAM_LEAVING]; /* offsets / 2 MiB */
	u64 short_since;	     /* ticks; 0: no vCPU waits for RAM */
	u64 short_seen;		     /* ticks: when one last found none */
};

struct vm {
	/* What an access to a device needs comes first. */
	struct spinlock lock;
	enum vm_end end; /* under lock */
	struct mmio_bus bus;

	struct vm_description description;
	char name[VM_NAME_SIZE]; /* the description's, or that of a VM made after it */
	unsigned id;		 /* its place in vms[] */
	struct guest_memory memory;
	struct guest_mmu mmu;
	struct vm_ram ram;
	struct guest_clock clock;
	struct sched_vm sched;

	/* Devices. Under lock. */
	struct vplic vplic;
	u32 *idle_context;		 /* stands for those of the PLIC that are idle */
	u64 *idle_entries[VM_MAX_VCPUS]; /* of the G-stage, that show it */
	struct ns16550 uart;
	struct goldfish_rtc rtc;
	struct syscon syscon;
	struct power_button power_button;
	struct console console;
	struct timer rtc_alarm;
	struct virtio_device *virtio[VM_MAX_VIRTIO]; /* they have locks of their own */
	unsigned nr_virtio;

	/* Life. Under lock. */
	enum vm_state state;
	char kill_reason[VM_KILL_REASON_SIZE];
	unsigned nr_live;    /* vCPUs that are not off */
	u32 held;	     /* atomic; VM_HELD_* */
	u64 paused_at;	     /* host ticks */
	bool ram_is_foreign; /* it may hold what belonged to another VM */
	unsigned nr_boots;
	unsigned nr_ends;		  /* runs that have ended; atomic */
	u64 created_at, last_reboot_told; /* host ticks */
	struct vm_boot boot;		  /* vCPU 0's alone once the VM runs */
	bool trace_is_off;

	unsigned nr_vcpus;
	struct vcpu *vcpus[VM_MAX_VCPUS];
};

/* The VMs that exist; the place of one that is gone is NULL, and is used again. */
#define VMS_MAX 256
extern struct vm *vms[VMS_MAX];

/*
 * Only the monitor's hart creates and destroys; there, no lock is needed to go through them. Other
 * harts do so under vms_lock.
 */
extern struct spinlock vms_lock;

static inline struct vm *vm_next(struct vm *const **at)
{
	while (*at < vms + VMS_MAX && !**at)
		(*at)++;
	return *at < vms + VMS_MAX ? *(*at)++ : NULL;
}

#define for_each_vm(it) for (struct vm *const *at_ = vms, *it; ((it) = vm_next(&at_)) != NULL;)

#define for_each_vcpu(vcpu, vm)                            \
	for (struct vcpu *const *at_ = (vm)->vcpus, *vcpu; \
	     at_ < (vm)->vcpus + (vm)->nr_vcpus && ((vcpu) = *at_, true); at_++)

/* The VM of that name, or NULL. */
struct vm *vm_find(const char *name);

/*
 * The operator's verbs (vm/vm.c and vm/life.c), on the monitor's hart, without locks, and with no
 * vCPU on that hart. They return NULL, or a sentence for the user: what is wrong, and what to do.
 *
 * vm_create() takes the RAM, maps it, makes vCPUs and devices: the state is VM_CREATED.
 * vm_start() and vm_restart() (of a VM that runs or is paused) begin anew from the images; their
 * loading is done in the VM's own time. vm_pause() returns when no vCPU runs any more; the guest's
 * clock stands until vm_resume(). vm_stop() presses the power button: what the guest makes of it is
 * its own. vm_end_by_operator() ends it at once: VM_KILLED, which is nobody's failure. vm_destroy()
 * gives everything back; the VM is gone.
 */
const char *vm_create(const struct vm_description *description, const char *name, struct vm **vm);
const char *vm_start(struct vm *vm);
const char *vm_restart(struct vm *vm);
const char *vm_pause(struct vm *vm);
const char *vm_resume(struct vm *vm);
const char *vm_stop(struct vm *vm);
const char *vm_end_by_operator(struct vm *vm);
const char *vm_destroy(struct vm *vm);

/*
 * For a look inside: when vm_hold() returns no vCPU of the VM is on a hart, and all of their state
 * is in struct vcpu, until vm_release(). The guest's clock goes on. The same hart as above.
 */
void vm_hold(struct vm *vm);
void vm_release(struct vm *vm);

/* Whether vCPUs must leave their harts, and stay off. If not, what was done meanwhile is seen. */
static inline bool vm_is_held(const struct vm *vm)
{
	return __atomic_load_n(&vm->held, __ATOMIC_ACQUIRE) != 0;
}

/* Notes how this run is to end, if nothing is noted yet. Lock of the VM held. */
static inline void vm_note_end(struct vm *vm, enum vm_end end)
{
	if (vm->end == VM_GOES_ON)
		vm->end = end;
}

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

enum boot_step {
	BOOT_IS_DONE,
	BOOT_GOES_ON, /* call it again */
	BOOT_WAITS,   /* the same, in a later turn */
};

/* Does a piece of what is left to do before the first instruction. On vCPU 0's hart, not loaded. */
enum boot_step vm_boot_step(struct vm *vm);

/* A vCPU has left the scheduler. Returns true when it was the last: then call vm_finish(). */
bool vm_vcpu_is_off(struct vcpu *vcpu);

/*
 * After that: reboots the VM, or says how it ended. The VM may be gone when this returns. True: no
 * VM runs any more.
 */
bool vm_finish(struct vm *vm);

/*
 * Lets devices do what they have asked for. False: one that the vCPU has reset has requests in
 * flight; the vCPU does not go on before they are over. The vCPU's own hart, no lock.
 */
bool vm_service_devices(struct vcpu *vcpu);

/* Whether any VM runs or is paused. */
bool vms_alive(void);

/* What QEMU's exit status is to be after what has become of all VMs until now. */
u16 vms_exit_code(void);

#endif
