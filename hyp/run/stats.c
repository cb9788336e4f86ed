/* SPDX-License-Identifier: BSD-2-Clause */
/* What ./doppel run --stats prints at the end: the sums over the vCPUs of each VM. */
#include "run/stats.h"
#include "core/log.h"
#include "mem/page.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/cause.h"
#include "sbi/sbi.h"

static void show(const char *vm, const char *group, const char *name, u64 count)
{
	log_raw("stat %s %s%s %lu\n", vm, group, name, count);
}

static u64 sum_at(const struct vm *vm, size_t offset)
{
	u64 sum = 0;

	for_each_vcpu (vcpu, vm)
		sum += *(const u64 *)((const u8 *)&vcpu->stats + offset);
	return sum;
}

/* The sum over all vCPUs of a counter, which may be an element of an array. */
#define SUM(vm, counter) sum_at(vm, __builtin_offsetof(struct vcpu_stats, counter))

static void show_exits(const struct vm *vm)
{
	const char *name = vm->name;
	u64 all = 0;

	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		all += SUM(vm, exceptions[i]);
	for (unsigned i = 0; i < 16; i++)
		all += SUM(vm, interrupts[i]);
	show(name, "exits", "", all);
	for (unsigned i = 0; i < CAUSE_COUNT; i++) {
		if (SUM(vm, exceptions[i]))
			show(name, "exit.", cause_name(i, false), SUM(vm, exceptions[i]));
	}
	for (unsigned i = 0; i < 16; i++) {
		if (SUM(vm, interrupts[i]))
			show(name, "exit.", cause_name(i, true), SUM(vm, interrupts[i]));
	}
}

static void show_vm(const struct vm *vm)
{
	const char *name = vm->name;

	show_exits(vm);
	for (unsigned i = 0; i < SBI_SLOTS; i++) {
		if (sbi_slots[i].name)
			show(name, "sbi.", sbi_slots[i].name, SUM(vm, sbi[i]));
	}
	for (unsigned i = 0; i < vm->bus.nr_regions; i++)
		show(name, "mmio.", vm->bus.regions[i].name, vm->bus.regions[i].accesses);
	show(name, "inject.", "fault", SUM(vm, injected_faults));
	show(name, "inject.", "interrupt", SUM(vm, injected_interrupts));
	show(name, "emulate.", "csr", SUM(vm, csr_emulated));
	show(name, "fp.", "load", SUM(vm, fp_loads));
	show(name, "sched.", "load", SUM(vm, loads));
	show(name, "sched.", "wfi-block", SUM(vm, wfi_blocks));
	show(name, "time.", "run-us", time_to_ns(SUM(vm, run_ticks)) / 1000);
	show(name, "boots", "", vm->nr_boots);
	show(name, "memory.", "hypervisor-bytes",
	     (BIT(page_order(sizeof(*vm))) + 4 + vm->mmu.s2.nr_tables +
	      vm->nr_vcpus * (BIT(page_order(sizeof(struct vcpu))) +
			      (fp_vlenb ? BIT(page_order(32 * fp_vlenb)) : 0))) *
		     PAGE_SIZE);
}

void stats_show(void)
{
	if (!machine_option("stats"))
		return;
	for_each_vm(vm) show_vm(vm);
	show("doppel", "memory.", "pages-used", page_used());
	show("doppel", "memory.", "pages-total", page_total());
}
