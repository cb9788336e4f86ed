/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual machine: made of RAM, vCPUs and devices; reset, started, ended. */
#include "vm/vm.h"
#include "core/log.h"
#include "core/panic.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/page.h"
#include "riscv/io.h"
#include "riscv/sbi_abi.h"
#include "vcpu/interrupts.h"
#include "vcpu/sched.h"
#include "vm/guest_dt.h"
#include "vm/load.h"

/* The time of the day is read from the machine's own goldfish RTC. */
#define RTC_TIME_LOW  0x00
#define RTC_TIME_HIGH 0x04

struct vm *vms[VMS_MAX];
unsigned nr_vms;

static void set_external(void *ctx, unsigned vcpu, bool level)
{
	struct vm *vm = ctx;

	vcpu_set_external(vm->vcpus[vcpu], level);
}

static void port_ready(void *ctx)
{
	struct vm *vm = ctx;

	spin_lock(&vm->lock);
	ns16550_poll_input(&vm->uart);
	ns16550_tx_ready(&vm->uart);
	spin_unlock(&vm->lock);
}

static u64 wall_clock_ns(void *ctx)
{
	static struct spinlock lock; /* reading the low half latches the high one */
	u64 low, high;

	(void)ctx;
	if (!machine.rtc.v)
		return time_to_ns(time_now());
	spin_lock(&lock);
	low = io_read32(machine.rtc.v + RTC_TIME_LOW);
	high = io_read32(machine.rtc.v + RTC_TIME_HIGH);
	spin_unlock(&lock);
	return high << 32 | low;
}

static void set_rtc_alarm(void *ctx, u64 ns_from_now)
{
	struct vm *vm = ctx;
	u64 ticks = time_from_ns(ns_from_now), now = time_now();

	timer_stop(&vm->rtc_alarm);
	if (ns_from_now != GOLDFISH_RTC_NEVER && ticks < TIME_NEVER - now)
		timer_start(&vm->rtc_alarm, now + ticks);
}

static void rtc_alarm_expired(struct timer *timer)
{
	struct vm *vm = container_of(timer, struct vm, rtc_alarm);

	spin_lock(&vm->lock);
	goldfish_rtc_alarm_fired(&vm->rtc);
	spin_unlock(&vm->lock);
}

/* The devices call these with the lock of the VM held: what is asked for is done after the access.
 */
static void note_end(struct vm *vm, enum vm_end end)
{
	if (vm->end == VM_GOES_ON)
		vm->end = end;
}

static void syscon_poweroff(void *ctx, bool failed, u16 code)
{
	(void)code;
	note_end(ctx, failed ? VM_SYSTEM_FAILURE : VM_POWEROFF);
}

static void syscon_reset(void *ctx)
{
	note_end(ctx, VM_REBOOT);
}

static void create_devices(struct vm *vm)
{
	static const struct goldfish_rtc_ops rtc_ops = { wall_clock_ns, set_rtc_alarm };
	static const struct syscon_ops syscon_ops = { syscon_poweroff, syscon_reset };
	const struct vm_description *d = &vm->description;

	vplic_init(&vm->vplic, vm->nr_vcpus, set_external, vm);
	mmio_bus_add(&vm->bus, "plic", VPLIC_BASE, VPLIC_SIZE, vplic_mmio, &vm->vplic);
	console_init(&vm->console, d->name, port_ready, vm);
	ns16550_init(&vm->uart, (struct irq_line){ vplic_set_level, &vm->vplic, NS16550_IRQ },
		     &console_backend, &vm->console);
	if (d->has_serial)
		mmio_bus_add(&vm->bus, "serial", NS16550_BASE, NS16550_SIZE, ns16550_mmio,
			     &vm->uart);
	vm->rtc_alarm.expired = rtc_alarm_expired;
	goldfish_rtc_init(&vm->rtc,
			  (struct irq_line){ vplic_set_level, &vm->vplic, GOLDFISH_RTC_IRQ },
			  &rtc_ops, vm);
	if (d->has_rtc)
		mmio_bus_add(&vm->bus, "rtc", GOLDFISH_RTC_BASE, GOLDFISH_RTC_SIZE,
			     goldfish_rtc_mmio, &vm->rtc);
	syscon_init(&vm->syscon, &syscon_ops, vm);
	if (d->has_test)
		mmio_bus_add(&vm->bus, "test", SYSCON_BASE, SYSCON_SIZE, syscon_mmio, &vm->syscon);
}

static struct vcpu *create_vcpu(struct vm *vm, unsigned index)
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
	vcpu->features = &vcpu_features;
	sched_init_vcpu(vcpu);
	return vcpu;
}

static bool create_vcpus(struct vm *vm)
{
	while (vm->nr_vcpus < vm->description.nr_vcpus) {
		struct vcpu *vcpu = create_vcpu(vm, vm->nr_vcpus);

		if (!vcpu)
			return false;
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

static void destroy(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		fp_destroy(&vm->vcpus[i]->fp);
		page_free(vm->vcpus[i], page_order(sizeof(struct vcpu)));
	}
	if (vm->mmu.s2.root)
		stage2_destroy(&vm->mmu.s2);
	guest_memory_give_back(&vm->memory);
	page_free(vm, page_order(sizeof(*vm)));
}

const char *vm_create(const struct vm_description *description)
{
	struct vm *vm;
	struct loaded plan;
	const char *problem = load_plan(description, GPA(VM_RAM_BASE), &plan);

	if (problem)
		return problem;
	if (nr_vms == VMS_MAX)
		return "there are more VMs than Doppel can hold (64)";
	vm = page_alloc(page_order(sizeof(*vm)));
	if (!vm)
		return "the hypervisor's own memory is used up; describe fewer VMs";
	vm->description = *description;
	vm->id = nr_vms;
	if (!guest_memory_take(&vm->memory, GPA(VM_RAM_BASE), description->memory_size)) {
		destroy(vm);
		return "the machine has not enough free memory left; give it more "
		       "(./doppel run --host-memory) or the VM less";
	}
	if (!map_memory(vm) || !create_vcpus(vm)) {
		destroy(vm);
		return "the hypervisor's own memory is used up; describe fewer VMs or vCPUs";
	}
	create_devices(vm);
	vms[nr_vms++] = vm;
	return NULL;
}

static void reset_vcpus(struct vm *vm)
{
	u64 delta = 0 - time_now(); /* the guest's time begins with its machine */

	for_each_vcpu (vcpu, vm) {
		vcpu_reset(vcpu);
		vcpu->time_delta = delta;
		vcpu->hsm_state = SBI_HSM_STOPPED;
	}
}

const char *vm_reset(struct vm *vm)
{
	static u8 tree[LOAD_DEVICE_TREE_SIZE];
	static struct spinlock tree_lock;
	const struct vm_description *d = &vm->description;
	struct loaded loaded;
	const char *problem = load_plan(d, vm->memory.start, &loaded);
	u64 start;
	int size;

	if (problem)
		return problem;
	spin_lock(&vm->lock);
	reset_vcpus(vm);
	ns16550_reset(&vm->uart);
	goldfish_rtc_reset(&vm->rtc);
	vplic_reset(&vm->vplic);
	for_each_vcpu (vcpu, vm)
		vcpu->requests = 0; /* those that the reset of the devices made */
	vm->end = VM_GOES_ON;
	vm->nr_live = 0;
	vm->nr_boots++;
	spin_unlock(&vm->lock);

	start = time_now();
	load_images(d, &vm->memory, &loaded, interrupts_handle_pending);
	log_debug("vm %s: images loaded in %lu us", d->name, time_to_ns(time_now() - start) / 1000);
	spin_lock(&tree_lock);
	size = guest_dt_write(d, vm->memory.start, &loaded, vcpu_features.isa, tree, sizeof(tree));
	if (size > 0)
		guest_write(&vm->memory, loaded.device_tree, tree, (u64)size);
	spin_unlock(&tree_lock);
	if (size <= 0)
		return "the guest's device tree does not fit into its 64 KiB; shorten the bootargs";
	vcpu_set_entry(vm->vcpus[0], loaded.entry.v, loaded.device_tree.v);
	return NULL;
}

/* Lock held, so that a VM that ends tells every vCPU that has been started. */
static void start_vcpu(struct vm *vm, struct vcpu *vcpu)
{
	vcpu->hsm_state = SBI_HSM_STARTED;
	vm->nr_live++;
	sched_start(vcpu);
}

void vm_start(struct vm *vm)
{
	spin_lock(&vm->lock);
	start_vcpu(vm, vm->vcpus[0]);
	spin_unlock(&vm->lock);
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

void vm_request_end(struct vm *vm, enum vm_end end)
{
	spin_lock(&vm->lock);
	note_end(vm, end);
	spin_unlock(&vm->lock);
	for_each_vcpu (vcpu, vm)
		vcpu_request(vcpu, REQUEST_STOP);
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
	spin_unlock(&vm->lock);
	vm_request_end(vm, VM_KILLED);
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
		vm->end = VM_KILLED;
		snprintf(vm->kill_reason, sizeof(vm->kill_reason),
			 "the guest stopped its last hart");
	}
	spin_unlock(&vm->lock);
	return was_last;
}

static void show_end(struct vm *vm)
{
	const char *name = vm->description.name;

	switch (vm->end) {
	case VM_POWEROFF: log_info("vm %s: powered off", name); break;
	case VM_SYSTEM_FAILURE:
		log_error("vm %s: shut down by its guest, reason: system failure", name);
		break;
	default:
		log_error("vm %s: killed: %s", name, vm->kill_reason);
		log_raw("the last exits of each hart that ran it, oldest first:\n");
		for_each_hart (hart)
			trace_show(&hart->trace, hart->index, (int)vm->id);
		break;
	}
}

/* The terminal goes to the next VM that still runs. */
static void move_focus(const struct vm *from)
{
	struct console *next = NULL;

	for (unsigned i = nr_vms; i-- > 0;) {
		if (!__atomic_load_n(&vms[i]->has_ended, __ATOMIC_ACQUIRE))
			next = &vms[i]->console;
	}
	console_release_focus(&from->console, next);
}

void vm_finish(struct vm *vm)
{
	if (vm->end == VM_REBOOT) {
		const char *problem;

		log_info("vm %s: reboots", vm->description.name);
		problem = vm_reset(vm);
		ASSERT(!problem); /* the same images were loaded before */
		vm_start(vm);
		return;
	}
	timer_stop(&vm->rtc_alarm);
	console_reset(&vm->console);
	show_end(vm);
	__atomic_store_n(&vm->has_ended, true, __ATOMIC_RELEASE);
	move_focus(vm);
}

bool vms_all_over(u16 *exit_code)
{
	*exit_code = EXIT_POWEROFF;
	for (unsigned i = 0; i < nr_vms; i++) {
		if (!__atomic_load_n(&vms[i]->has_ended, __ATOMIC_ACQUIRE))
			return false;
		if (vms[i]->end == VM_KILLED)
			*exit_code = EXIT_KILLED;
		if (vms[i]->end == VM_SYSTEM_FAILURE && *exit_code == EXIT_POWEROFF)
			*exit_code = EXIT_SYSTEM_FAILURE;
	}
	return true;
}
