/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted, by name: the sums over the vCPUs of each VM, and the hypervisor's own. */
#include "run/stats.h"
#include "core/log.h"
#include "lib/format.h"
#include "mem/page.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/cause.h"
#include "sbi/sbi.h"
#include "vcpu/account.h"

/* Where the counters go, with their names put together. */
struct sink {
	stats_sink *function;
	void *ctx;
};

static void put(const struct sink *sink, const char *group, const char *name, u64 value)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", group, name);
	sink->function(sink->ctx, full, value);
}

static u64 sum_at(const struct vm *vm, size_t offset)
{
	u64 sum = 0;

	for_each_vcpu (vcpu, vm)
		sum += *(const u64 *)(const void *)((const u8 *)&vcpu->stats + offset);
	return sum;
}

/* The sum over all vCPUs of a counter, which may be an element of an array. */
#define SUM(vm, counter) sum_at(vm, __builtin_offsetof(struct vcpu_stats, counter))

u64 stats_exits(const struct vm *vm)
{
	u64 all = 0;

	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		all += SUM(vm, exceptions[i]);
	for (unsigned i = 0; i < STATS_INTERRUPTS; i++)
		all += SUM(vm, interrupts[i]);
	return all;
}

static void put_exits(const struct vm *vm, const struct sink *sink)
{
	put(sink, "exits", "", stats_exits(vm));
	for (unsigned i = 0; i < CAUSE_COUNT; i++) {
		if (SUM(vm, exceptions[i]))
			put(sink, "exit.", cause_name(i, false), SUM(vm, exceptions[i]));
	}
	for (unsigned i = 0; i < STATS_INTERRUPTS; i++) {
		if (SUM(vm, interrupts[i]))
			put(sink, "exit.", cause_name(i, true), SUM(vm, interrupts[i]));
	}
}

static u64 microseconds(u64 ticks)
{
	return time_to_ns(ticks) / 1000;
}

static void put_times(const struct vm *vm, const struct sink *sink)
{
	struct vcpu_times sum = { 0 };

	for_each_vcpu (vcpu, vm) {
		struct vcpu_times times;

		vcpu_times(vcpu, &times);
		sum.guest += times.guest;
		sum.hypervisor += times.hypervisor;
		sum.stolen += times.stolen;
		sum.idle += times.idle;
	}
	put(sink, "time.", "guest-us", microseconds(sum.guest));
	put(sink, "time.", "hypervisor-us", microseconds(sum.hypervisor));
	put(sink, "time.", "stolen-us", microseconds(sum.stolen));
	put(sink, "time.", "idle-us", microseconds(sum.idle));
}

static u64 pages_of(u64 size)
{
	return BIT(page_order(size));
}

static u64 virtio_pages(const struct vm *vm)
{
	u64 pages = 0;

	for (unsigned i = 0; i < vm->nr_virtio; i++)
		pages += pages_of(vm->virtio[i]->ops->size) + vm->virtio[i]->ops->more_pages +
			 pages_of(VIRTIO_MMIO_SIZE);
	return pages;
}

/* What vm_destroy() gives back to the page pool. */
static u64 memory_of(const struct vm *vm)
{
	u64 vcpu = pages_of(sizeof(struct vcpu)) + (fp_vlenb ? pages_of(32 * fp_vlenb) : 0);
	u64 holes = vm->memory.frames ? BIT(vm->memory.frames->order) : 0;

	return (pages_of(sizeof(*vm)) + pages_of(CONSOLE_RING_SIZE) + STAGE2_ROOT_PAGES +
		vm->mmu.s2.nr_tables + vm->nr_vcpus * vcpu + holes + virtio_pages(vm) +
		pages_of(VPLIC_SHOWN_SIZE(vm->nr_vcpus)) + pages_of(PAGE_SIZE)) *
	       PAGE_SIZE;
}

void stats_vm(const struct vm *vm, stats_sink *function, void *ctx)
{
	const struct sink sink = { function, ctx };

	put_exits(vm, &sink);
	for (unsigned i = 0; i < SBI_SLOTS; i++) {
		if (sbi_slots[i].name)
			put(&sink, "sbi.", sbi_slots[i].name, SUM(vm, sbi[i]));
	}
	for (unsigned i = 0; i < vm->bus.nr_regions; i++)
		put(&sink, "mmio.", vm->bus.regions[i].name, vm->bus.regions[i].accesses);
	put(&sink, "inject.", "fault", SUM(vm, injected_faults));
	put(&sink, "inject.", "interrupt", SUM(vm, injected_interrupts));
	put(&sink, "emulate.", "csr", SUM(vm, csr_emulated));
	put(&sink, "fp.", "load", SUM(vm, fp_loads));
	put(&sink, "sched.", "load", SUM(vm, loads));
	put(&sink, "sched.", "wfi-block", SUM(vm, wfi_blocks));
	put_times(vm, &sink);
	put(&sink, "boots", "", vm->nr_boots);
	put(&sink, "memory.", "hypervisor-bytes", memory_of(vm));
}

void stats_hypervisor(stats_sink *function, void *ctx)
{
	const struct sink sink = { function, ctx };
	u64 count = 0;

	for_each_vm (vm)
		count++;
	put(&sink, "vms", "", count);
	put(&sink, "memory.", "pages-used", page_used());
	put(&sink, "memory.", "pages-total", page_total());
	put(&sink, "memory.", "guest-ram-free", ram_pool_free());
	put(&sink, "timers", "", timer_count());
	put(&sink, "vmids", "", tlb_vmids_held());
}

static void show(void *ctx, const char *name, u64 value)
{
	log_raw("stat %s %s %lu\n", (const char *)ctx, name, value);
}

void stats_show(void)
{
	if (!machine_option("stats"))
		return;
	for_each_vm (vm)
		stats_vm(vm, show, vm->name);
	stats_hypervisor(show, (void *)"doppel");
}
