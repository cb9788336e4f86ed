/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the device tree that a guest gets: opened with our reader, and accepted by dtc. */
#include "unit.h"
#include "lib/fdt.h"
#include "platform/qemu-virt/machine.h"
#include "vm/guest_dt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM 0x80000000ULL
#define ISA "rv64imafdc_zicbom_zicboz_zicsr_zifencei_sstc"

/* What a guest has of "-cpu max" of QEMU 10: about the longest string there is. */
static const char max_isa[] =
	"rv64imafdcbv_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicond_"
	"zicntr_zicsr_zifencei_zihintntl_zihintpause_zihpm_zimop_zmmul_za64rs_zaamo_zabha_"
	"zacas_zama16b_zalrsc_zawrs_zfa_zfbfmin_zfh_zfhmin_zca_zcb_zcd_zcmop_zba_zbb_zbc_zbkb_"
	"zbkc_zbkx_zbs_zk_zkn_zknd_zkne_zknh_zks_zksed_zksh_zkt_ztso_zvbb_zvbc_zve32f_zve32x_"
	"zve64f_zve64d_zve64x_zvfbfmin_zvfbfwma_zvfh_zvfhmin_zvkb_zvkg_zvkn_zvknc_zvkned_zvkng_"
	"zvknha_zvknhb_zvks_zvksc_zvksed_zvksg_zvksh_zvkt_smcntrpmf_smepmp_smmpm_ssccptr_"
	"sscounterenw_sstc_sstvala_sstvecd_ssu64xl_svadu_svinval_svnapot_svpbmt_svvptc";

struct machine machine;

struct fixture {
	struct vm_description d;
	struct loaded loaded;
	const char *isa;
	u8 *blob;
	int size;
	struct fdt fdt;
};

static int setup(void **state)
{
	static struct fixture f;

	machine = (struct machine){ .timebase_hz = 10000000,
				    .has_isa_list = true,
				    .mmu_type = "riscv,sv57",
				    .cbom_block_size = 64,
				    .cboz_block_size = 128,
				    .cbop_block_size = 32 };
	f = (struct fixture){
		.d = { .name = "test",
		       .nr_vcpus = 1,
		       .memory_size = MIB(512),
		       .bootargs = "",
		       .has_serial = true,
		       .has_rtc = true,
		       .has_test = true,
		       .has_power_button = true },
		.loaded = { GPA(RAM + MIB(2)), GPA(RAM + MIB(500)), GPA(RAM + MIB(400)) },
		.isa = ISA,
	};
	f.blob = malloc(LOAD_DEVICE_TREE_SIZE);
	assert_non_null(f.blob);
	guest_dt_seed("a seed", 6);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->blob);
	return 0;
}

/* dtc reads it back without a complaint. */
static void check_with_dtc(const struct fixture *f)
{
	char path[] = "/tmp/doppel-guest-dt-XXXXXX", command[128], complaint[256] = "";
	int fd = mkstemp(path);
	FILE *dtc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->blob, (size_t)f->size), f->size);
	close(fd);
	snprintf(command, sizeof(command),
		 "dtc -W no-interrupt_provider -I dtb -O dts -o /dev/null %s 2>&1", path);
	dtc = popen(command, "r");
	assert_non_null(dtc);
	if (!fgets(complaint, sizeof(complaint), dtc))
		complaint[0] = '\0';
	assert_string_equal(complaint, "");
	assert_int_equal(pclose(dtc), 0);
	unlink(path);
}

static void make(struct fixture *f)
{
	f->size =
		guest_dt_write(&f->d, GPA(RAM), &f->loaded, f->isa, f->blob, LOAD_DEVICE_TREE_SIZE);
	assert_true(f->size > 0 && (u64)f->size <= LOAD_DEVICE_TREE_SIZE);
	assert_int_equal(fdt_open(&f->fdt, f->blob, (size_t)f->size), FDT_OK);
}

static int path(const struct fixture *f, const char *name)
{
	int node = fdt_find_path(&f->fdt, name);

	if (node == FDT_NONE)
		fail_msg("%s is missing", name);
	return node;
}

static u32 number(const struct fixture *f, int node, const char *name)
{
	u32 value = 0xbad;

	if (!fdt_u32(&f->fdt, node, name, &value))
		fail_msg("%s/%s is missing", fdt_node_name(&f->fdt, node), name);
	return value;
}

static void check_string(const struct fixture *f, int node, const char *name, const char *expected)
{
	const char *string = fdt_string(&f->fdt, node, name);

	assert_non_null(string);
	assert_string_equal(string, expected);
}

static void check_reg(const struct fixture *f, const char *name, u64 base, u64 length)
{
	int node = path(f, name);
	u64 address, size;

	assert_true(fdt_reg(&f->fdt, node, fdt_parent(&f->fdt, node), 0, &address, &size));
	assert_int_equal(address, base);
	assert_int_equal(size, length);
	assert_false(fdt_reg(&f->fdt, node, fdt_parent(&f->fdt, node), 1, &address, &size));
}

static void check_cpu(const struct fixture *f, int cpu, u32 index, u32 phandles[])
{
	int intc = fdt_find_child(&f->fdt, cpu, "interrupt-controller");

	assert_int_equal(number(f, cpu, "reg"), index);
	check_string(f, cpu, "device_type", "cpu");
	check_string(f, cpu, "compatible", "riscv");
	check_string(f, cpu, "status", "okay");
	check_string(f, cpu, "mmu-type", "riscv,sv57");
	check_string(f, cpu, "riscv,isa", f->isa);
	check_string(f, cpu, "riscv,isa-base", "rv64i");
	check_string(f, intc, "compatible", "riscv,cpu-intc");
	assert_int_equal(number(f, intc, "#interrupt-cells"), 1);
	assert_true(fdt_has_property(&f->fdt, intc, "interrupt-controller"));
	phandles[index] = number(f, intc, "phandle");
	assert_int_equal(fdt_find_phandle(&f->fdt, phandles[index]), intc);
}

static void check_cpu_map(const struct fixture *f, int map)
{
	int cluster = fdt_find_child(&f->fdt, map, "cluster0"), core;
	u32 index = 0;

	fdt_for_each_child (&f->fdt, core, cluster) {
		char name[32];

		snprintf(name, sizeof(name), "core%u", index);
		assert_string_equal(fdt_node_name(&f->fdt, core), name);
		snprintf(name, sizeof(name), "/cpus/cpu@%x", index++);
		assert_int_equal(fdt_find_phandle(&f->fdt, number(f, core, "cpu")), path(f, name));
	}
	assert_int_equal(index, f->d.nr_vcpus);
}

/* QEMU's order: for each hart M-mode, which guests lack, and S-mode's external interrupt, 9. */
static void check_plic(const struct fixture *f, const u32 phandles[])
{
	int plic = path(f, "/soc/plic@c000000");
	struct fdt_property contexts;
	u32 cell;

	assert_true(fdt_property(&f->fdt, plic, "interrupts-extended", &contexts));
	assert_int_equal(contexts.len, f->d.nr_vcpus * 16);
	for (u32 i = 0; i < f->d.nr_vcpus; i++) {
		assert_true(fdt_cell(&contexts, 4 * i, &cell));
		assert_int_equal(cell, phandles[i]);
		assert_true(fdt_cell(&contexts, 4 * i + 1, &cell));
		assert_int_equal(cell, 0xffffffff);
		assert_true(fdt_cell(&contexts, 4 * i + 2, &cell));
		assert_int_equal(cell, phandles[i]);
		assert_true(fdt_cell(&contexts, 4 * i + 3, &cell));
		assert_int_equal(cell, 9);
	}
	assert_int_equal(number(f, plic, "riscv,ndev"), 95);
	assert_true(fdt_is_compatible(&f->fdt, plic, "sifive,plic-1.0.0"));
	check_reg(f, "/soc/plic@c000000", 0xc000000, 0x600000);
}

static void check_cpus(struct fixture *f, unsigned nr_vcpus)
{
	u32 phandles[VM_MAX_VCPUS], index = 0;
	int cpus, cpu;

	f->d.nr_vcpus = nr_vcpus;
	make(f);
	check_with_dtc(f);
	cpus = path(f, "/cpus");
	assert_int_equal(number(f, cpus, "timebase-frequency"), 10000000);
	assert_int_equal(number(f, cpus, "#address-cells"), 1);
	assert_int_equal(number(f, cpus, "#size-cells"), 0);
	fdt_for_each_child (&f->fdt, cpu, cpus) {
		char name[16];

		if (index == nr_vcpus) {
			assert_string_equal(fdt_node_name(&f->fdt, cpu), "cpu-map");
			check_cpu_map(f, cpu);
			break;
		}
		snprintf(name, sizeof(name), "cpu@%x", index);
		assert_string_equal(fdt_node_name(&f->fdt, cpu), name);
		check_cpu(f, cpu, index++, phandles);
	}
	assert_true(path(f, "/cpus/cpu-map") > 0);
	check_plic(f, phandles);
}

static void one_cpu(void **state)
{
	check_cpus(*state, 1);
}

static void many_cpus(void **state)
{
	check_cpus(*state, 2);
	check_cpus(*state, 17);
	check_cpus(*state, VM_MAX_VCPUS);
}

/* All that a VM can have must fit into what load_plan() leaves for the tree. */
static void the_largest_machine_fits(void **state)
{
	struct fixture *f = *state;
	char bootargs[4096];

	memset(bootargs, 'a', sizeof(bootargs));
	bootargs[sizeof(bootargs) - 1] = '\0';
	f->d.bootargs = bootargs;
	f->d.initrd.size = 1;
	f->d.nr_devices = VM_MAX_VIRTIO;
	f->isa = max_isa;
	check_cpus(f, VM_MAX_VCPUS);
}

static void extensions_are_listed_with_their_sizes(void **state)
{
	static const char list[] = "i\0m\0a\0f\0d\0c\0zicbom\0zicboz\0zicsr\0zifencei\0sstc";
	struct fixture *f = *state;
	struct fdt_property extensions;
	int cpu;

	make(f);
	cpu = path(f, "/cpus/cpu@0");
	assert_true(fdt_property(&f->fdt, cpu, "riscv,isa-extensions", &extensions));
	assert_int_equal(extensions.len, sizeof(list));
	assert_memory_equal(extensions.value, list, sizeof(list));
	assert_int_equal(number(f, cpu, "riscv,cbom-block-size"), 64);
	assert_int_equal(number(f, cpu, "riscv,cboz-block-size"), 128);
	assert_false(fdt_has_property(&f->fdt, cpu, "riscv,cbop-block-size"));

	/* A machine of before the list, without cache blocks or an MMU type. */
	machine.has_isa_list = false;
	machine.mmu_type = NULL;
	f->isa = "rv64imac_zicbop";
	make(f);
	cpu = path(f, "/cpus/cpu@0");
	check_string(f, cpu, "riscv,isa", "rv64imac_zicbop");
	assert_false(fdt_has_property(&f->fdt, cpu, "riscv,isa-extensions"));
	assert_false(fdt_has_property(&f->fdt, cpu, "riscv,isa-base"));
	assert_false(fdt_has_property(&f->fdt, cpu, "mmu-type"));
	assert_false(fdt_has_property(&f->fdt, cpu, "riscv,cbom-block-size"));
	assert_false(fdt_has_property(&f->fdt, cpu, "riscv,cboz-block-size"));
	assert_int_equal(number(f, cpu, "riscv,cbop-block-size"), 32);
}

static void memory_is_what_the_description_says(void **state)
{
	static const u64 sizes[] = { MIB(8), MIB(512), GIB(2), GIB(4), GIB(512) };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		f->d.memory_size = sizes[i];
		make(f);
		check_reg(f, "/memory@80000000", RAM, sizes[i]);
		check_string(f, path(f, "/memory@80000000"), "device_type", "memory");
	}
}

static void chosen_has_what_was_given(void **state)
{
	struct fixture *f = *state;
	u64 value;
	int chosen;

	make(f);
	chosen = path(f, "/chosen");
	assert_false(fdt_has_property(&f->fdt, chosen, "bootargs"));
	assert_false(fdt_has_property(&f->fdt, chosen, "linux,initrd-start"));
	assert_false(fdt_has_property(&f->fdt, chosen, "linux,initrd-end"));

	f->d.bootargs = "console=ttyS0 \"quoted\" root=/dev/vda";
	f->d.initrd.size = 123457;
	make(f);
	check_with_dtc(f);
	chosen = path(f, "/chosen");
	check_string(f, chosen, "bootargs", f->d.bootargs);
	assert_true(fdt_u64(&f->fdt, chosen, "linux,initrd-start", &value));
	assert_int_equal(value, RAM + MIB(400));
	assert_true(fdt_u64(&f->fdt, chosen, "linux,initrd-end", &value));
	assert_int_equal(value, RAM + MIB(400) + 123457);
}

static void check_device(const struct fixture *f, const char *name, const char *compatible,
			 u64 base, u64 size, u32 irq)
{
	int node = path(f, name), plic = path(f, "/soc/plic@c000000");

	assert_true(fdt_is_compatible(&f->fdt, node, compatible));
	check_reg(f, name, base, size);
	if (!irq)
		return;
	assert_int_equal(number(f, node, "interrupts"), irq);
	assert_int_equal(fdt_find_phandle(&f->fdt, number(f, node, "interrupt-parent")), plic);
}

static void check_devices(const struct fixture *f)
{
	const struct fdt *fdt = &f->fdt;
	const char *console = fdt_string(fdt, path(f, "/chosen"), "stdout-path");
	int soc = path(f, "/soc"), node;
	unsigned count = 0;

	assert_true(fdt_is_compatible(fdt, soc, "simple-bus"));
	assert_true(fdt_has_property(fdt, soc, "ranges"));
	fdt_for_each_child (fdt, node, soc)
		count++;
	assert_int_equal(count, 1U + f->d.has_serial + f->d.has_rtc + f->d.has_test +
					f->d.has_power_button);
	assert_int_equal(console != NULL, f->d.has_serial);
	if (f->d.has_serial) {
		check_device(f, "/soc/serial@10000000", "ns16550a", 0x10000000, 0x100, 10);
		assert_int_equal(number(f, path(f, console), "clock-frequency"), 3686400);
	}
	if (f->d.has_rtc)
		check_device(f, "/soc/rtc@101000", "google,goldfish-rtc", 0x101000, 0x1000, 11);
	if (f->d.has_power_button)
		check_device(f, "/soc/ps2@102000", "altr,ps2-1.0", 0x102000, 0x1000, 12);
	if (!f->d.has_test) {
		assert_int_equal(fdt_find_path(fdt, "/poweroff"), FDT_NONE);
		assert_int_equal(fdt_find_path(fdt, "/reboot"), FDT_NONE);
		return;
	}
	check_device(f, "/soc/test@100000", "syscon", 0x100000, 0x1000, 0);
	assert_int_equal(number(f, path(f, "/poweroff"), "value"), 0x5555);
	assert_int_equal(number(f, path(f, "/reboot"), "value"), 0x7777);
	for (unsigned i = 0; i < 2; i++) {
		node = path(f, i ? "/poweroff" : "/reboot");
		assert_true(fdt_is_compatible(fdt, node, i ? "syscon-poweroff" : "syscon-reboot"));
		assert_int_equal(number(f, node, "offset"), 0);
		assert_int_equal(fdt_find_phandle(fdt, number(f, node, "regmap")),
				 path(f, "/soc/test@100000"));
	}
}

static void devices_are_those_that_the_vm_has(void **state)
{
	struct fixture *f = *state;

	for (unsigned set = 0; set < 16; set++) {
		f->d.has_serial = set & 1;
		f->d.has_rtc = set & 2;
		f->d.has_test = set & 4;
		f->d.has_power_button = set & 8;
		make(f);
		check_with_dtc(f);
		check_devices(f);
	}
}

/* As on virt for as many as it has: a page and a source each, in the order of slots. */
static void virtio_devices_have_a_node_each(void **state)
{
	static const u32 irqs[VM_MAX_VIRTIO] = { 1,  2,	 3,  4,	 5,  6,	 7,  8,	 13, 14, 15, 16,
						 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28 };
	struct fixture *f = *state;

	for (unsigned count = 0; count <= VM_MAX_VIRTIO; count++) {
		unsigned slot = 0;
		int node;

		f->d.nr_devices = count;
		make(f);
		check_with_dtc(f);
		fdt_for_each_compatible (&f->fdt, node, "virtio,mmio") {
			u64 base = 0x10001000 + 0x1000 * (u64)slot;
			char name[40];

			assert_true(slot < count);
			snprintf(name, sizeof(name), "/soc/virtio_mmio@%lx", (unsigned long)base);
			assert_int_equal(path(f, name), node);
			check_device(f, name, "virtio,mmio", base, 0x1000, irqs[slot++]);
		}
		assert_int_equal(slot, count);
	}
}

static void seeds_are_fresh_each_time(void **state)
{
	struct fixture *f = *state;
	u8 rng[4][64], kaslr[4][8];

	for (unsigned i = 0; i < 4; i++) {
		struct fdt_property prop;

		make(f);
		assert_true(fdt_property(&f->fdt, path(f, "/chosen"), "rng-seed", &prop));
		assert_int_equal(prop.len, 64);
		memcpy(rng[i], prop.value, 64);
		assert_true(fdt_property(&f->fdt, path(f, "/chosen"), "kaslr-seed", &prop));
		assert_int_equal(prop.len, 8);
		memcpy(kaslr[i], prop.value, 8);
		for (unsigned n = 0; n < i; n++) {
			assert_memory_not_equal(rng[n], rng[i], 64);
			assert_memory_not_equal(kaslr[n], kaslr[i], 8);
		}
		for (unsigned at = 0; at + 8 <= 64; at++) /* neither tells the other */
			assert_memory_not_equal(rng[i] + at, kaslr[i], 8);
	}
}

static void a_buffer_that_is_too_small_is_told(void **state)
{
	struct fixture *f = *state;
	unsigned refused = 0;

	f->d.nr_vcpus = 2;
	make(f);
	for (int size = 0; size < f->size + 2100; size += 1 + size / 50) {
		u8 *small = malloc(size ? (size_t)size : 1); /* the sanitizer guards its end */
		int result =
			guest_dt_write(&f->d, GPA(RAM), &f->loaded, f->isa, small, (size_t)size);

		assert_true(result < 0 || result == f->size);
		assert_true(result <= size);
		refused += result < 0;
		free(small);
	}
	assert_true(refused > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(many_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(the_largest_machine_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(extensions_are_listed_with_their_sizes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(memory_is_what_the_description_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(chosen_has_what_was_given, setup, teardown),
		cmocka_unit_test_setup_teardown(devices_are_those_that_the_vm_has, setup, teardown),
		cmocka_unit_test_setup_teardown(virtio_devices_have_a_node_each, setup, teardown),
		cmocka_unit_test_setup_teardown(seeds_are_fresh_each_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_buffer_that_is_too_small_is_told, setup,
						teardown),
	};

	return RUN_TESTS(tests);
}
