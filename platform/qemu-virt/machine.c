/* SPDX-License-Identifier: BSD-2-Clause */
/* What machine this is: everything Doppel knows of the hardware, read once from its device tree. */
#include "platform/qemu-virt/machine.h"
#include "lib/fdt.h"
#include "lib/string.h"
#include "riscv/csr.h"
#include "riscv/firmware.h"
#include "riscv/io.h"

/* The SiFive test device: what QEMU does at a store of these (hw/misc/sifive_test.c). */
#define TEST_PASS 0x5555
#define TEST_FAIL 0x3333

#define EXIT_PATIENCE_SECONDS 10

struct machine machine = { .bootargs = "" };

static void add_range(struct machine_range *ranges, unsigned *count, u64 start, u64 size)
{
	if (!size || start + size < start)
		return;
	if (*count == MACHINE_MAX_RANGES)
		machine.has_too_many_ranges = true;
	else
		ranges[(*count)++] = (struct machine_range){ HPA(start), size };
}

static void probe_ram(const struct fdt *fdt)
{
	int root = fdt_root(fdt), reserved = fdt_find_path(fdt, "/reserved-memory"), node;
	u64 start, size;

	fdt_for_each_child (fdt, node, root) {
		const char *type = fdt_string(fdt, node, "device_type");

		if (!type || strcmp(type, "memory") != 0)
			continue;
		for (u32 i = 0; fdt_reg(fdt, node, root, i, &start, &size); i++)
			add_range(machine.ram, &machine.nr_ram, start, size);
	}
	for (u32 i = 0; fdt_reservation(fdt, i, &start, &size); i++)
		add_range(machine.reserved, &machine.nr_reserved, start, size);
	fdt_for_each_child (fdt, node, reserved) {
		for (u32 i = 0; fdt_reg(fdt, node, reserved, i, &start, &size); i++)
			add_range(machine.reserved, &machine.nr_reserved, start, size);
	}
}

/* The extensions of the first hart that this one does not have are nobody's to rely on. */
static void keep_common_isa(const char *isa)
{
	static char names[2 * ISA_STRING_MAX];
	size_t length = isa_to_list(machine.isa, names, sizeof(names));

	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		if (!isa_has(isa, name))
			isa_remove(machine.isa, name);
	}
}

static void probe_isa(const struct fdt *fdt, int cpu)
{
	const char *isa = fdt_string(fdt, cpu, "riscv,isa");

	if (!isa || strlen(isa) >= sizeof(machine.isa))
		return;
	if (machine.isa[0]) {
		keep_common_isa(isa);
		return;
	}
	memcpy(machine.isa, isa, strlen(isa) + 1);
	machine.has_isa_list = fdt_has_property(fdt, cpu, "riscv,isa-extensions");
	machine.mmu_type = fdt_string(fdt, cpu, "mmu-type");
	fdt_u32(fdt, cpu, "riscv,cbom-block-size", &machine.cbom_block_size);
	fdt_u32(fdt, cpu, "riscv,cboz-block-size", &machine.cboz_block_size);
	fdt_u32(fdt, cpu, "riscv,cbop-block-size", &machine.cbop_block_size);
}

static void probe_harts(const struct fdt *fdt, u64 boot_hartid)
{
	int cpus = fdt_find_path(fdt, "/cpus"), cpu;
	u32 timebase = 0;

	fdt_u32(fdt, cpus, "timebase-frequency", &timebase);
	machine.timebase_hz = timebase;
	machine.harts[0].id = boot_hartid;
	machine.nr_harts = 1;
	fdt_for_each_child (fdt, cpu, cpus) {
		const char *type = fdt_string(fdt, cpu, "device_type");
		u64 id;

		if (!type || strcmp(type, "cpu") != 0 || !fdt_is_enabled(fdt, cpu) ||
		    !fdt_reg(fdt, cpu, cpus, 0, &id, NULL))
			continue;
		probe_isa(fdt, cpu);
		if (id == boot_hartid)
			continue;
		if (machine.nr_harts < MACHINE_MAX_HARTS)
			machine.harts[machine.nr_harts++].id = id;
		else
			machine.nr_harts_left_out++;
	}
}

static struct machine_hart *find_hart(u64 id)
{
	for (unsigned i = 0; i < machine.nr_harts; i++) {
		if (machine.harts[i].id == id)
			return &machine.harts[i];
	}
	return NULL;
}

/* interrupts-extended holds a pair for each context: the hart's interrupt controller, the cause. */
static void probe_plic_contexts(const struct fdt *fdt, int plic)
{
	int cpus = fdt_find_path(fdt, "/cpus");
	struct fdt_property pairs;
	u32 phandle, cause;

	fdt_property(fdt, plic, "interrupts-extended", &pairs);
	for (u32 i = 0; fdt_cell(&pairs, 2 * i, &phandle) && fdt_cell(&pairs, 2 * i + 1, &cause);
	     i++) {
		int cpu = fdt_parent(fdt, fdt_find_phandle(fdt, phandle));
		struct machine_hart *hart;
		u64 id;

		if (cause != IRQ_S_EXT || !fdt_reg(fdt, cpu, cpus, 0, &id, NULL))
			continue;
		hart = find_hart(id);
		if (hart) {
			hart->plic_context = i;
			hart->has_plic_context = true;
		}
	}
}

static int find_device(const struct fdt *fdt, const char *compatible, hpa_t *base, u64 *size)
{
	int node = fdt_next_compatible(fdt, FDT_NONE, compatible);

	if (node != FDT_NONE)
		fdt_reg(fdt, node, fdt_parent(fdt, node), 0, &base->v, size);
	return node;
}

/* QEMU lists its transports from the highest address down. */
static void probe_virtio(const struct fdt *fdt)
{
	int node = FDT_NONE;

	while ((node = fdt_next_compatible(fdt, node, "virtio,mmio")) != FDT_NONE &&
	       machine.nr_virtio < MACHINE_MAX_VIRTIO) {
		struct machine_virtio found = { HPA(0), 0 };
		unsigned at = machine.nr_virtio;

		if (!fdt_reg(fdt, node, fdt_parent(fdt, node), 0, &found.base.v, NULL) ||
		    !fdt_u32(fdt, node, "interrupts", &found.irq))
			continue;
		for (; at && machine.virtio[at - 1].base.v > found.base.v; at--)
			machine.virtio[at] = machine.virtio[at - 1];
		machine.virtio[at] = found;
		machine.nr_virtio++;
	}
}

static void probe_devices(const struct fdt *fdt)
{
	int uart = find_device(fdt, "ns16550a", &machine.uart, NULL);
	int plic = find_device(fdt, "riscv,plic0", &machine.plic, &machine.plic_size);

	if (plic == FDT_NONE)
		plic = find_device(fdt, "sifive,plic-1.0.0", &machine.plic, &machine.plic_size);
	if (plic != FDT_NONE)
		probe_plic_contexts(fdt, plic);
	fdt_u32(fdt, uart, "interrupts", &machine.uart_irq);
	find_device(fdt, "sifive,test0", &machine.test, NULL);
	find_device(fdt, "google,goldfish-rtc", &machine.rtc, NULL);
	probe_virtio(fdt);
}

static void probe_chosen(const struct fdt *fdt)
{
	int chosen = fdt_find_path(fdt, "/chosen");
	struct fdt_property seed;
	u64 start = 0, end = 0;

	if (fdt_string(fdt, chosen, "bootargs"))
		machine.bootargs = fdt_string(fdt, chosen, "bootargs");
	fdt_u64(fdt, chosen, "linux,initrd-start", &start);
	fdt_u64(fdt, chosen, "linux,initrd-end", &end);
	if (end > start)
		machine.payload = (struct machine_range){ HPA(start), end - start };
	if (fdt_property(fdt, chosen, "rng-seed", &seed)) {
		machine.rng_seed = seed.value;
		machine.rng_seed_size = seed.len;
	}
}

const char *machine_probe(hpa_t device_tree, u64 boot_hartid)
{
	struct fdt fdt;

	if (fdt_open(&fdt, (const void *)device_tree.v, MIB(2)) != FDT_OK)
		return "the firmware passed no readable device tree";
	machine.device_tree = (struct machine_range){ device_tree, fdt.size };
	machine.model = fdt_string(&fdt, fdt_root(&fdt), "model");
	if (!machine.model)
		machine.model = "unknown";
	probe_harts(&fdt, boot_hartid);
	probe_ram(&fdt);
	probe_devices(&fdt);
	probe_chosen(&fdt);

	if (!machine.uart.v)
		return "the device tree has no ns16550a serial port";
	if (!machine.nr_ram)
		return "the device tree tells of no RAM";
	if (machine.has_too_many_ranges)
		return "the device tree tells of more ranges of RAM than Doppel can keep";
	if (!machine.timebase_hz)
		return "the device tree has no timebase-frequency";
	if (!machine.isa[0])
		return "the device tree has no riscv,isa of a CPU";
	if (!isa_has(machine.isa, "h"))
		return "the CPU has no H extension; with QEMU, use -cpu rv64 or -cpu max";
	if (!machine.plic.v || !machine.harts[0].has_plic_context)
		return "the machine has no PLIC with an S-mode context; with QEMU, do not use "
		       "-M virt,aia=...";
	return NULL;
}

const char *machine_option(const char *name)
{
	size_t length = strlen(name);

	for (const char *word = machine.bootargs; *word;) {
		if (strncmp(word, name, length) == 0) {
			const char *rest = word + length;

			if (*rest == '=')
				return rest + 1;
			if (*rest == ' ' || *rest == '\0')
				return "";
		}
		while (*word && *word != ' ')
			word++;
		while (*word == ' ')
			word++;
	}
	return NULL;
}

/*
 * QEMU stops some time after the store. If the firmware asked it to shut down meanwhile, its
 * request would count, and the exit code would be lost.
 */
void machine_exit(u16 code)
{
	if (machine.test.v) {
		u64 patience = csr_read(CSR_TIME) + machine.timebase_hz * EXIT_PATIENCE_SECONDS;

		io_write32(machine.test.v, code ? (u32)code << 16 | TEST_FAIL : TEST_PASS);
		while (csr_read(CSR_TIME) < patience)
			;
	}
	firmware_shutdown();
	for (;;)
		wait_for_interrupt();
}
