/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a virtual machine: started, paused, reset, ended. */
#include "core/log.h"
#include "dev/terminal.h"
#include "drivers/host_trace.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/page.h"
#include "riscv/io.h"
#include "riscv/sbi_abi.h"
#include "vcpu/interrupts.h"
#include "vm/devices.h"
#include "vm/guest_dt.h"
#include "vm/ram.h"
#include "vm/virtio.h"
#include "vm/vm.h"

/* A guest that reboots in a loop is told of once in a while. */
#define REBOOT_TOLD_NS 1000000000

static bool any_was_killed, any_failed; /* atomic */

/* Takes the event, if it has a place in the state. Lock of the VM held. */
static bool change_state(struct vm *vm, enum vm_event event)
{
	enum vm_state next;

	if (!vm_state_next(vm->state, event, &next))
		return false;
	__atomic_store_n(&vm->state, next, __ATOMIC_RELEASE);
	return true;
}

/* Starting */

/* Lock held, so that a VM that ends tells every vCPU that has been started. */
static void start_vcpu(struct vm *vm, struct vcpu *vcpu)
{
	vcpu->hsm_state = SBI_HSM_STARTED;
	vm->nr_live++;
	sched_start(vcpu);
}

/*
 * The machine at power-on: all vCPUs off and in their reset state, devices too, time 0; then vCPU 0
 * starts, which begins with vm_boot_step(). RAM keeps what it holds, as at a machine's reset. Lock
 * held; no vCPU is in the scheduler.
 */
static void power_on(struct vm *vm)
{
	vm->clock.delta = 0 - time_now();
	for_each_vcpu (vcpu, vm) {
		vcpu_reset(vcpu);
		vcpu->hsm_state = SBI_HSM_STOPPED;
	}
	devices_reset(vm);
	for_each_vcpu (vcpu, vm)
		vcpu->requests = 0; /* those that the reset of the devices made */
	vm->boot = (struct vm_boot){ .is_pending = true,
				     .to_clear = vm->ram_is_foreign ? vm->memory.size : 0 };
	vm->end = VM_GOES_ON;
	vm->kill_reason[0] = '\0';
	__atomic_fetch_and(&vm->held, ~(u32)VM_HELD_PAUSED, __ATOMIC_RELAXED);
	vm->nr_boots++;
	host_trace_note_vm(vm->id, vm->nr_vcpus, vm->name);
	start_vcpu(vm, vm->vcpus[0]);
}

const char *vm_start(struct vm *vm)
{
	bool changed;

	spin_lock(&vm->lock);
	changed = change_state(vm, VM_EVENT_START);
	if (changed)
		power_on(vm);
	spin_unlock(&vm->lock);
	if (changed)
		return NULL;
	return vm->state == VM_PAUSED ? "it is paused; resume it" : "it is running already";
}

enum tree { TREE_IS_WRITTEN, TREE_TOO_LARGE, TREE_NO_RAM };

static enum tree write_device_tree(struct vm *vm)
{
	static u8 tree[LOAD_DEVICE_TREE_SIZE];
	static struct spinlock tree_lock;
	const struct loaded *plan = &vm->boot.plan;
	enum tree result = TREE_TOO_LARGE;
	int size;

	/* First, and not with the lock, for which others wait. */
	if (!guest_bring_back(&vm->memory, plan->device_tree, sizeof(tree)))
		return TREE_NO_RAM;
	spin_lock(&tree_lock);
	size = guest_dt_write(&vm->description, vm->memory.start, plan, vcpu_features.isa, tree,
			      sizeof(tree));
	if (size > 0)
		result = guest_write(&vm->memory, plan->device_tree, tree, (u64)size)
				 ? TREE_IS_WRITTEN
				 : TREE_NO_RAM;
	spin_unlock(&tree_lock);
	return result;
}

/* RAM is missing that the guest that ran before gave back. */
static enum boot_step boot_waits(struct vm *vm)
{
	(void)vm_ram_wait(vm); /* a VM that is killed is told to stop */
	return BOOT_WAITS;
}

static enum boot_step end_boot(struct vm *vm)
{
	struct vcpu *first = vm->vcpus[0];

	switch (write_device_tree(vm)) {
	case TREE_NO_RAM: return boot_waits(vm);
	case TREE_TOO_LARGE:
		vm_kill(vm, "the device tree of its machine does not fit into 64 KiB; shorten its "
			    "bootargs, or give it fewer vCPUs");
		return BOOT_IS_DONE;
	case TREE_IS_WRITTEN: break;
	}
	vcpu_set_entry(first, vm->boot.plan.entry.v, vm->boot.plan.device_tree.v);
	vm->boot.is_pending = false;
	vm_ram_is_back(vm);
	return BOOT_IS_DONE;
}

static enum boot_step clear_piece(struct vm *vm)
{
	struct vm_boot *boot = &vm->boot;
	u64 piece = MIN(boot->to_clear - boot->cleared, LOAD_PIECE);

	if (!guest_clear(&vm->memory, GPA(vm->memory.start.v + boot->cleared), piece))
		return boot_waits(vm);
	boot->cleared += piece;
	return BOOT_GOES_ON;
}

enum boot_step vm_boot_step(struct vm *vm)
{
	struct vm_boot *boot = &vm->boot;

	if (!boot->is_pending)
		return BOOT_IS_DONE;
	/* What the guest that ran before has begun may still read and write this RAM. */
	if (!vm_virtio_reset(vm))
		return BOOT_GOES_ON;
	if (boot->cleared < boot->to_clear)
		return clear_piece(vm);
	vm->ram_is_foreign = false;
	if (boot->progress.copy == 0 && boot->progress.done == 0) {
		const char *problem = load_plan(&vm->description, vm->memory.start, &boot->plan);

		if (problem) {
			vm_kill(vm, "%s", problem);
			return BOOT_IS_DONE;
		}
	}
	switch (load_step(&vm->description, &vm->memory, &boot->plan, &boot->progress)) {
	case LOAD_GOES_ON: return BOOT_GOES_ON;
	case LOAD_NO_RAM: return boot_waits(vm);
	default: return end_boot(vm);
	}
}

long vm_start_vcpu(struct vm *vm, unsigned index, u64 pc, u64 opaque)
{
	struct vcpu *vcpu = vm->vcpus[index];
	long error = SBI_SUCCESS;

	spin_lock(&vm->lock);
	if (vcpu->hsm_state != SBI_HSM_STOPPED) {
		error = SBI_ERR_ALREADY_AVAILABLE;
	} else if (vm->end != VM_GOES_ON) {
		error = SBI_ERR_FAILED;
	} else {
		vcpu_reset(vcpu);
		vcpu_set_entry(vcpu, pc, opaque);
		start_vcpu(vm, vcpu);
	}
	spin_unlock(&vm->lock);
	return error;
}

/* Holding */

/*
 * vm->held says already that vCPUs must leave. A reboot of the guest ends a pause, even now: then
 * none is held. Other harts leave their vCPUs soon; meanwhile they may want something of this one.
 */
static void wait_until_held(struct vm *vm)
{
	for_each_vcpu (vcpu, vm) {
		if (!sched_hold_waiting(vcpu, &vm->held))
			vcpu_request(vcpu, REQUEST_LOOK);
	}
	for_each_vcpu (vcpu, vm) {
		while (vm_is_held(vm) && __atomic_load_n(&vcpu->hart, __ATOMIC_ACQUIRE))
			interrupts_handle_pending();
	}
}

static void let_go(struct vm *vm, u32 why)
{
	if (__atomic_and_fetch(&vm->held, ~why, __ATOMIC_RELEASE))
		return;
	fence_full();
	for_each_vcpu (vcpu, vm)
		sched_unhold(vcpu);
}

void vm_hold(struct vm *vm)
{
	__atomic_fetch_or(&vm->held, VM_HELD_TO_LOOK, __ATOMIC_RELAXED);
	wait_until_held(vm);
}

void vm_release(struct vm *vm)
{
	let_go(vm, VM_HELD_TO_LOOK);
}

const char *vm_pause(struct vm *vm)
{
	bool changed;

	/* State and bit change together: power_on() takes both back. */
	spin_lock(&vm->lock);
	changed = change_state(vm, VM_EVENT_PAUSE);
	if (changed)
		__atomic_fetch_or(&vm->held, VM_HELD_PAUSED, __ATOMIC_RELAXED);
	spin_unlock(&vm->lock);
	if (!changed)
		return vm->state == VM_PAUSED ? "it is paused already"
					      : "it is not running; start it";
	wait_until_held(vm);
	vm->paused_at = time_now(); /* nothing of the guest has seen a later time */
	if (__atomic_load_n(&vm->state, __ATOMIC_ACQUIRE) == VM_PAUSED)
		return NULL;
	return "its guest rebooted or ended at that moment; look at its state, and try again";
}

const char *vm_resume(struct vm *vm)
{
	bool changed;

	spin_lock(&vm->lock);
	changed = change_state(vm, VM_EVENT_RESUME);
	if (changed)
		vm->clock.delta -= time_now() - vm->paused_at;
	spin_unlock(&vm->lock);
	if (!changed)
		return vm->state == VM_RUNNING ? "it is not paused" : "it is not running; start it";
	let_go(vm, VM_HELD_PAUSED);
	return NULL;
}

/* Ending */

static void ask_to_stop(struct vm *vm)
{
	for_each_vcpu (vcpu, vm)
		vcpu_request(vcpu, REQUEST_STOP);
}

void vm_request_end(struct vm *vm, enum vm_end end)
{
	spin_lock(&vm->lock);
	vm_note_end(vm, end);
	spin_unlock(&vm->lock);
	ask_to_stop(vm);
}

void vm_kill(struct vm *vm, const char *fmt, ...)
{
	va_list args;

	spin_lock(&vm->lock);
	if (vm->end == VM_GOES_ON) {
		va_start(args, fmt);
		vsnprintf(vm->kill_reason, sizeof(vm->kill_reason), fmt, args);
		va_end(args);
	}
	vm_note_end(vm, VM_IS_KILLED);
	spin_unlock(&vm->lock);
	ask_to_stop(vm);
}

/* Takes a vCPU out that waits for a hart, if it is still that run of the VM. */
static bool stop_waiting(struct vcpu *vcpu, unsigned ends)
{
	struct vm *vm = vcpu->vm;
	bool stopped;

	spin_lock(&vm->lock);
	stopped = vm->nr_ends == ends && sched_stop_waiting(vcpu);
	spin_unlock(&vm->lock);
	return stopped;
}

/*
 * Ends a run from outside, and returns when that is done. vCPUs that wait for a hart are taken out
 * here, again and again: it may be this hart that they wait for. If the guest reboots, the run that
 * follows is none of ours: whoever counts in vm->nr_ends has the lock of the VM.
 */
static const char *end_now(struct vm *vm, enum vm_end end)
{
	unsigned ends;
	bool alive;

	spin_lock(&vm->lock);
	alive = vm_state_is_alive(vm->state);
	ends = vm->nr_ends;
	/* A guest that is about to reboot does not escape by that. */
	if (alive && (vm->end == VM_GOES_ON || vm->end == VM_REBOOT))
		vm->end = end;
	if (alive)
		ask_to_stop(vm);
	spin_unlock(&vm->lock);
	if (!alive)
		return "it is not running";
	while (__atomic_load_n(&vm->nr_ends, __ATOMIC_ACQUIRE) == ends) {
		for_each_vcpu (vcpu, vm) {
			if (stop_waiting(vcpu, ends) && vm_vcpu_is_off(vcpu))
				(void)vm_finish(vm); /* the monitor sees for itself who is left */
		}
		interrupts_handle_pending();
	}
	return NULL;
}

const char *vm_stop(struct vm *vm)
{
	bool heard;

	if (vm->state != VM_RUNNING)
		return vm->state == VM_PAUSED ? "it is paused; resume it first, or kill it"
					      : "it is not running";
	if (!vm->description.has_power_button)
		return "it has no power button; kill ends it";
	spin_lock(&vm->lock);
	heard = power_button_press(&vm->power_button);
	spin_unlock(&vm->lock);
	return heard ? NULL : "its guest does not listen to the power button; kill ends it";
}

const char *vm_restart(struct vm *vm)
{
	return end_now(vm, VM_REBOOT);
}

const char *vm_end_by_operator(struct vm *vm)
{
	return end_now(vm, VM_IS_ENDED);
}

bool vm_vcpu_is_off(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool was_last;

	spin_lock(&vm->lock);
	vcpu->hsm_state = SBI_HSM_STOPPED;
	was_last = --vm->nr_live == 0;
	/* A machine with all its harts stopped can never do anything again. */
	if (was_last && vm->end == VM_GOES_ON) {
		vm->end = VM_IS_KILLED;
		snprintf(vm->kill_reason, sizeof(vm->kill_reason),
			 "the guest stopped its last hart");
	}
	if (!was_last)
		vm_virtio_pass_on(vm);
	spin_unlock(&vm->lock); /* from here on the VM may be ended by others, and gone */
	return was_last;
}

static void tell_of_reboot(struct vm *vm)
{
	u64 now = time_now();

	if (now - vm->last_reboot_told < time_from_ns(REBOOT_TOLD_NS) && vm->last_reboot_told)
		return;
	vm->last_reboot_told = now;
	log_info("vm %s: reboots (%u boots until now)", vm->name, vm->nr_boots);
}

static void tell_of_kill(const struct vm *vm)
{
	log_error("vm %s: killed: %s", vm->name, vm->kill_reason);
	log_raw("the last exits of each hart that ran it, oldest first:\n");
	for_each_hart (hart)
		trace_show(&hart->trace, (unsigned)hart->id, (int)vm->id, vm->created_at);
}

static enum vm_event show_end(struct vm *vm)
{
	switch (vm->end) {
	case VM_POWEROFF: log_info("vm %s: powered off", vm->name); return VM_EVENT_POWER_OFF;
	case VM_SYSTEM_FAILURE:
		log_error("vm %s: shut down by its guest, reason: system failure", vm->name);
		__atomic_store_n(&any_failed, true, __ATOMIC_RELAXED);
		return VM_EVENT_POWER_OFF;
	case VM_IS_ENDED:
		snprintf(vm->kill_reason, sizeof(vm->kill_reason), "by the operator");
		log_info("vm %s: killed by the operator", vm->name);
		return VM_EVENT_KILL;
	default:
		tell_of_kill(vm);
		__atomic_store_n(&any_was_killed, true, __ATOMIC_RELAXED);
		return VM_EVENT_KILL;
	}
}

/* The terminal goes to the first VM that still runs. */
static void move_focus(struct vm *from)
{
	struct console *next = NULL;

	spin_lock(&vms_lock);
	for_each_vm (vm) {
		if (vm != from && !next &&
		    vm_state_is_alive(__atomic_load_n(&vm->state, __ATOMIC_ACQUIRE)))
			next = &vm->console;
	}
	terminal_release(&from->console, next);
	spin_unlock(&vms_lock);
}

/*
 * From when the lock is released the monitor may destroy the VM: all else comes before. Whoever is
 * last to see it alive decides that no VM is.
 */
static bool end_for_good(struct vm *vm)
{
	enum vm_event event;
	bool others_live = false;

	devices_stop(vm);
	event = show_end(vm);
	move_focus(vm);
	spin_lock(&vms_lock);
	for_each_vm (other)
		others_live |= other != vm && vm_state_is_alive(other->state);
	spin_lock(&vm->lock);
	__atomic_fetch_and(&vm->held, ~(u32)VM_HELD_PAUSED, __ATOMIC_RELAXED);
	change_state(vm, event);
	__atomic_store_n(&vm->nr_ends, vm->nr_ends + 1, __ATOMIC_RELEASE);
	spin_unlock(&vm->lock);
	spin_unlock(&vms_lock);
	return !others_live;
}

static bool reboot(struct vm *vm)
{
	bool reboots;

	spin_lock(&vm->lock);
	reboots = vm->end == VM_REBOOT;
	if (reboots) {
		change_state(vm, VM_EVENT_RESET);
		power_on(vm);
		__atomic_store_n(&vm->nr_ends, vm->nr_ends + 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&vm->lock);
	return reboots;
}

bool vm_finish(struct vm *vm)
{
	if (vm->end == VM_REBOOT)
		tell_of_reboot(vm);
	return !reboot(vm) && end_for_good(vm);
}

u16 vms_exit_code(void)
{
	if (__atomic_load_n(&any_was_killed, __ATOMIC_RELAXED))
		return EXIT_KILLED;
	if (__atomic_load_n(&any_failed, __ATOMIC_RELAXED))
		return EXIT_SYSTEM_FAILURE;
	return EXIT_POWEROFF;
}
