/* SPDX-License-Identifier: BSD-2-Clause */
/* The device tree that a guest gets, as QEMU's virt machine would tell it (docs/guest-machine.md).
 */
#include "vm/guest_dt.h"
#include "dev/goldfish_rtc.h"
#include "dev/ns16550.h"
#include "dev/power_button.h"
#include "dev/syscon.h"
#include "lib/fdt_writer.h"
#include "lib/format.h"
#include "lib/random.h"
#include "lib/spinlock.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/csr.h"
#include "vm/virtio.h"

/* References between nodes: those of harts, and of their interrupt controllers, + their index. */
enum {
	PHANDLE_PLIC = 1,
	PHANDLE_TEST,
	PHANDLE_CPU,
	PHANDLE_INTC = PHANDLE_CPU + VM_MAX_VCPUS,
};

#define NO_INTERRUPT 0xffffffffU /* a PLIC context that is connected to nothing */

static struct random random;
static struct spinlock random_lock;

void guest_dt_seed(const void *seed, size_t size)
{
	random_seed(&random, seed, size);
}

static void put_chosen(struct fdt_writer *w, const struct vm_description *d,
		       const struct loaded *loaded)
{
	u8 rng_seed[64];
	u64 kaslr_seed;

	spin_lock(&random_lock);
	random_bytes(&random, rng_seed, sizeof(rng_seed));
	random_bytes(&random, &kaslr_seed, sizeof(kaslr_seed));
	spin_unlock(&random_lock);

	fdt_begin_node(w, "chosen");
	if (d->bootargs[0])
		fdt_put_string(w, "bootargs", d->bootargs);
	if (d->initrd.size) {
		fdt_put_u64(w, "linux,initrd-start", loaded->initrd.v);
		fdt_put_u64(w, "linux,initrd-end", loaded->initrd.v + d->initrd.size);
	}
	fdt_put_bytes(w, "rng-seed", rng_seed, sizeof(rng_seed));
	fdt_put_u64(w, "kaslr-seed", kaslr_seed);
	if (d->has_serial)
		fdt_put_string(w, "stdout-path", "/soc/serial@10000000");
	fdt_end_node(w);
}

static void put_isa(struct fdt_writer *w, const char *isa)
{
	static char list[2 * ISA_STRING_MAX]; /* under the caller's lock */
	size_t length = isa_to_list(isa, list, sizeof(list));

	fdt_put_string(w, "riscv,isa", isa);
	if (machine.has_isa_list && length) {
		fdt_put_string(w, "riscv,isa-base", "rv64i");
		fdt_put_bytes(w, "riscv,isa-extensions", list, length);
	}
	if (isa_has(isa, "zicbom"))
		fdt_put_u32(w, "riscv,cbom-block-size", machine.cbom_block_size);
	if (isa_has(isa, "zicboz"))
		fdt_put_u32(w, "riscv,cboz-block-size", machine.cboz_block_size);
	if (isa_has(isa, "zicbop"))
		fdt_put_u32(w, "riscv,cbop-block-size", machine.cbop_block_size);
}

static void put_cpu(struct fdt_writer *w, unsigned index, const char *isa)
{
	fdt_begin_node_at(w, "cpu", index);
	fdt_put_u32(w, "phandle", PHANDLE_CPU + index);
	fdt_put_string(w, "device_type", "cpu");
	fdt_put_u32(w, "reg", index);
	fdt_put_string(w, "status", "okay");
	fdt_put_string(w, "compatible", "riscv");
	put_isa(w, isa);
	if (machine.mmu_type)
		fdt_put_string(w, "mmu-type", machine.mmu_type);
	fdt_begin_node(w, "interrupt-controller");
	fdt_put_u32(w, "#interrupt-cells", 1);
	fdt_put_empty(w, "interrupt-controller");
	fdt_put_string(w, "compatible", "riscv,cpu-intc");
	fdt_put_u32(w, "phandle", PHANDLE_INTC + index);
	fdt_end_node(w);
	fdt_end_node(w);
}

/* One cluster, as QEMU says of a machine with one socket. */
static void put_cpu_map(struct fdt_writer *w, unsigned nr_vcpus)
{
	char name[16];

	fdt_begin_node(w, "cpu-map");
	fdt_begin_node(w, "cluster0");
	for (unsigned i = 0; i < nr_vcpus; i++) {
		snprintf(name, sizeof(name), "core%u", i);
		fdt_begin_node(w, name);
		fdt_put_u32(w, "cpu", PHANDLE_CPU + i);
		fdt_end_node(w);
	}
	fdt_end_node(w);
	fdt_end_node(w);
}

static void put_cpus(struct fdt_writer *w, const struct vm_description *d, const char *isa)
{
	fdt_begin_node(w, "cpus");
	fdt_put_u32(w, "#address-cells", 1);
	fdt_put_u32(w, "#size-cells", 0);
	fdt_put_u32(w, "timebase-frequency", (u32)machine.timebase_hz);
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		put_cpu(w, i, isa);
	put_cpu_map(w, d->nr_vcpus);
	fdt_end_node(w);
}

/* The numbering of contexts is QEMU's: M-mode of each hart, which guests lack, then S-mode. */
static void put_plic(struct fdt_writer *w, unsigned nr_vcpus)
{
	static const char *const compatible[] = { "sifive,plic-1.0.0", "riscv,plic0" };
	u32 contexts[4 * VM_MAX_VCPUS];

	for (u32 i = 0; i < nr_vcpus; i++) {
		contexts[4 * i] = PHANDLE_INTC + i;
		contexts[4 * i + 1] = NO_INTERRUPT;
		contexts[4 * i + 2] = PHANDLE_INTC + i;
		contexts[4 * i + 3] = IRQ_S_EXT;
	}
	fdt_begin_node_at(w, "plic", VPLIC_BASE);
	fdt_put_u32(w, "phandle", PHANDLE_PLIC);
	fdt_put_u32(w, "riscv,ndev", VPLIC_NR_SOURCES - 1);
	fdt_put_reg(w, VPLIC_BASE, VPLIC_SIZE);
	fdt_put_cells(w, "interrupts-extended", contexts, 4 * nr_vcpus);
	fdt_put_empty(w, "interrupt-controller");
	fdt_put_strings(w, "compatible", compatible, ARRAY_SIZE(compatible));
	fdt_put_u32(w, "#address-cells", 0);
	fdt_put_u32(w, "#interrupt-cells", 1);
	fdt_end_node(w);
}

static void begin_device(struct fdt_writer *w, const char *name, const char *compatible, u64 base,
			 u64 size, u32 irq)
{
	fdt_begin_node_at(w, name, base);
	fdt_put_string(w, "compatible", compatible);
	fdt_put_reg(w, base, size);
	fdt_put_u32(w, "interrupts", irq);
	fdt_put_u32(w, "interrupt-parent", PHANDLE_PLIC);
}

static void put_test(struct fdt_writer *w)
{
	static const char *const compatible[] = { "sifive,test1", "sifive,test0", "syscon" };

	fdt_begin_node_at(w, "test", SYSCON_BASE);
	fdt_put_strings(w, "compatible", compatible, ARRAY_SIZE(compatible));
	fdt_put_reg(w, SYSCON_BASE, SYSCON_SIZE);
	fdt_put_u32(w, "phandle", PHANDLE_TEST);
	fdt_end_node(w);
}

static void put_soc(struct fdt_writer *w, const struct vm_description *d)
{
	fdt_begin_node(w, "soc");
	fdt_put_u32(w, "#address-cells", 2);
	fdt_put_u32(w, "#size-cells", 2);
	fdt_put_string(w, "compatible", "simple-bus");
	fdt_put_empty(w, "ranges");
	put_plic(w, d->nr_vcpus);
	if (d->has_serial) {
		begin_device(w, "serial", "ns16550a", NS16550_BASE, NS16550_SIZE, NS16550_IRQ);
		fdt_put_u32(w, "clock-frequency", NS16550_CLOCK_FREQUENCY);
		fdt_end_node(w);
	}
	if (d->has_rtc) {
		begin_device(w, "rtc", "google,goldfish-rtc", GOLDFISH_RTC_BASE, GOLDFISH_RTC_SIZE,
			     GOLDFISH_RTC_IRQ);
		fdt_end_node(w);
	}
	if (d->has_test)
		put_test(w);
	if (d->has_power_button) {
		begin_device(w, "ps2", "altr,ps2-1.0", POWER_BUTTON_BASE, POWER_BUTTON_SIZE,
			     POWER_BUTTON_IRQ);
		fdt_end_node(w);
	}
	for (u32 slot = 0; slot < d->nr_devices; slot++) {
		begin_device(w, "virtio_mmio", "virtio,mmio", VM_VIRTIO_ADDR(slot),
			     VIRTIO_MMIO_SIZE, VM_VIRTIO_IRQ(slot));
		fdt_end_node(w);
	}
	fdt_end_node(w);
}

/* What a system that knows no SBI writes to the test device to end or restart the machine. */
static void put_syscon_user(struct fdt_writer *w, const char *name, const char *compatible,
			    u32 value)
{
	fdt_begin_node(w, name);
	fdt_put_string(w, "compatible", compatible);
	fdt_put_u32(w, "value", value);
	fdt_put_u32(w, "offset", 0);
	fdt_put_u32(w, "regmap", PHANDLE_TEST);
	fdt_end_node(w);
}

static void put_memory(struct fdt_writer *w, const struct vm_description *d, gpa_t ram)
{
	fdt_begin_node_at(w, "memory", ram.v);
	fdt_put_string(w, "device_type", "memory");
	fdt_put_reg(w, ram.v, d->memory_size);
	fdt_end_node(w);
}

int guest_dt_write(const struct vm_description *d, gpa_t ram, const struct loaded *loaded,
		   const char *isa, void *buf, size_t size)
{
	static struct spinlock lock; /* of put_isa()'s buffer */
	struct fdt_writer w;
	int result;

	spin_lock(&lock);
	fdt_writer_init(&w, buf, size);
	fdt_begin_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_string(&w, "compatible", "riscv-virtio");
	fdt_put_string(&w, "model", "riscv-virtio,doppel");
	put_chosen(&w, d, loaded);
	put_memory(&w, d, ram);
	put_cpus(&w, d, isa);
	put_soc(&w, d);
	if (d->has_test) {
		put_syscon_user(&w, "poweroff", "syscon-poweroff", SYSCON_PASS);
		put_syscon_user(&w, "reboot", "syscon-reboot", SYSCON_RESET);
	}
	fdt_end_node(&w);
	result = fdt_writer_finish(&w);
	spin_unlock(&lock);
	return result;
}
