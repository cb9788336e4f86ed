/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of a VM, and what connects them with it. */
#include "vm/devices.h"
#include "mem/page.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/io.h"
#include "vm/registers.h"
#include "vm/virtio.h"

/* The time of the day is read from the machine's own goldfish RTC. */
#define RTC_TIME_LOW  0x00
#define RTC_TIME_HIGH 0x04

static void set_external(void *ctx, unsigned vcpu, bool level)
{
	struct vm *vm = ctx;

	vcpu_set_external(vm->vcpus[vcpu], level);
}

static void set_idle(void *ctx, unsigned vcpu, bool is_idle)
{
	registers_set_idle(ctx, vcpu, is_idle);
}

static void port_ready(void *ctx)
{
	struct vm *vm = ctx;

	spin_lock(&vm->lock);
	ns16550_poll_input(&vm->uart);
	ns16550_tx_ready(&vm->uart);
	spin_unlock(&vm->lock);
	vm_virtio_console_ready(vm);
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

/* The lock of the VM is held: what is asked for is noted, and done after the access. */
static void syscon_poweroff(void *ctx, bool failed, u16 code)
{
	(void)code;
	vm_note_end(ctx, failed ? VM_SYSTEM_FAILURE : VM_POWEROFF);
}

static void syscon_reset(void *ctx)
{
	vm_note_end(ctx, VM_REBOOT);
}

const char *devices_create(struct vm *vm)
{
	static const struct vplic_ops vplic_ops = { set_external, set_idle };
	static const struct goldfish_rtc_ops rtc_ops = { wall_clock_ns, set_rtc_alarm };
	static const struct syscon_ops syscon_ops = { syscon_poweroff, syscon_reset };
	const struct vm_description *d = &vm->description;
	u32 *registers;

	vplic_init(&vm->vplic, vm->nr_vcpus, &vplic_ops, vm);
	mmio_bus_add(&vm->bus, "plic", VPLIC_BASE, VPLIC_SIZE, vplic_mmio, &vm->vplic);
	registers =
		registers_create(vm, GPA(VPLIC_BASE + VPLIC_SHOWN), VPLIC_SHOWN_SIZE(vm->nr_vcpus));
	vplic_show(&vm->vplic, registers);
	if (!registers || !registers_show_idle(vm) ||
	    !console_create(&vm->console, vm->name, port_ready, vm))
		return "the hypervisor's own memory is used up; describe fewer VMs or vCPUs";
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
	power_button_init(&vm->power_button,
			  (struct irq_line){ vplic_set_level, &vm->vplic, POWER_BUTTON_IRQ });
	if (d->has_power_button)
		mmio_bus_add(&vm->bus, "power-button", POWER_BUTTON_BASE, POWER_BUTTON_SIZE,
			     power_button_mmio, &vm->power_button);
	syscon_init(&vm->syscon, &syscon_ops, vm);
	if (d->has_test)
		mmio_bus_add(&vm->bus, "test", SYSCON_BASE, SYSCON_SIZE, syscon_mmio, &vm->syscon);
	return vm_virtio_create(vm);
}

void devices_reset(struct vm *vm)
{
	ns16550_reset(&vm->uart);
	goldfish_rtc_reset(&vm->rtc);
	power_button_reset(&vm->power_button);
	vplic_reset(&vm->vplic);
}

void devices_stop(struct vm *vm)
{
	timer_stop(&vm->rtc_alarm);
	/* What is in flight is waited for by whoever uses the RAM next. */
	(void)vm_virtio_reset(vm);
	console_drain(&vm->console);
}

void devices_destroy(struct vm *vm)
{
	timer_stop_and_wait(&vm->rtc_alarm);
	console_destroy(&vm->console);
	registers_destroy(vm->vplic.shown, VPLIC_SHOWN_SIZE(vm->nr_vcpus));
	registers_destroy(vm->idle_context, PAGE_SIZE);
	vm_virtio_destroy(vm);
}
