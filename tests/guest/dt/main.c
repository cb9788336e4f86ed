/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device tree tells is what was asked for and what is there; and a guest is not told of H.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"
#include "string.h"

#define MEMORY	 (256UL << 20)
#define BOOTARGS "doppel.test=1 second=\"two words\""
#define HARTS	 3

static bool property_is(const char *path, const char *name, const char *text)
{
	struct fdt_property p;

	return fdt_find(boot_fdt, path, name, &p) && p.len == strlen(text) + 1 &&
	       memcmp(p.data, text, p.len) == 0;
}

static bool is_random(const char *name, u32 min)
{
	struct fdt_property p;
	u8 any = 0;

	if (!fdt_find(boot_fdt, "/chosen", name, &p) || p.len < min)
		return false;
	for (u32 i = 0; i < p.len; i++)
		any |= p.data[i];
	return any != 0;
}

static void test_chosen(void)
{
	struct fdt_property p;

	check(property_is("/chosen", "bootargs", BOOTARGS), "bootargs");
	check(fdt_find(boot_fdt, "/chosen", "stdout-path", &p), "stdout-path");
	if (is_native())
		skip("rng-seed, 32 bytes or more"); /* OpenSBI may have used it up */
	else
		check(is_random("rng-seed", 32), "rng-seed, 32 bytes or more");
	if (is_native())
		skip("kaslr-seed");
	else
		check(is_random("kaslr-seed", 8), "kaslr-seed");
}

static void test_memory(void)
{
	static const u64 pattern = 0x0123456789abcdefUL;
	u64 base, size, old_first, old_last;
	volatile u64 *first, *last;

	fdt_memory(boot_fdt, &base, &size);
	check(base == 0x80000000 && size == MEMORY, "256 MiB of memory at 0x80000000");
	first = (volatile u64 *)(base + 0x200000 - 8); /* OpenSBI keeps what is below */
	if (is_native())
		first = (volatile u64 *)(base + 0x200000);
	last = (volatile u64 *)(base + size - 8);
	old_first = *first;
	old_last = *last;
	*first = pattern;
	*last = ~pattern;
	fence();
	check(*first == pattern && *last == ~pattern,
	      "the first and the last word hold what is written");
	*first = old_first;
	*last = old_last;
}

struct cpus {
	unsigned count;
	bool good;
};

static bool visit_cpu(const struct fdt_property *p, void *context)
{
	struct cpus *cpus = context;

	if (strncmp(p->path, "/cpus/cpu@", 10) != 0 || strlen(p->path) != 11)
		return false;
	if (strcmp(p->name, "reg") == 0) {
		u64 id = p->len == 4 ? fdt_u32(p->data) : fdt_u64(p->data);

		cpus->good &= hart_status(id) >= 0 && p->path[10] == (char)('0' + id);
		cpus->count++;
	}
	if (strcmp(p->name, "riscv,isa") == 0)
		cpus->good &= strncmp((const char *)p->data, "rv64", 4) == 0;
	if (strcmp(p->name, "mmu-type") == 0)
		cpus->good &= strncmp((const char *)p->data, "riscv,sv", 8) == 0;
	return false;
}

static void test_cpus(void)
{
	struct cpus cpus = { 0, true };
	struct fdt_property p;

	fdt_visit(boot_fdt, visit_cpu, &cpus);
	check(cpus.good && cpus.count == HARTS && hart_count() == HARTS,
	      "3 harts, each with its node");
	check(fdt_find(boot_fdt, "/cpus", "timebase-frequency", &p) && fdt_u32(p.data) == 10000000,
	      "timebase");
	check(fdt_has_isa(boot_fdt, "i") && fdt_has_isa(boot_fdt, "m") &&
		      fdt_has_isa(boot_fdt, "a") && fdt_has_isa(boot_fdt, "f") &&
		      fdt_has_isa(boot_fdt, "d") && fdt_has_isa(boot_fdt, "c"),
	      "imafdc");
	check(!fdt_has_isa(boot_fdt, "h"), "no h");
	check(fdt_find(boot_fdt, "/cpus/cpu@0", "mmu-type", &p), "mmu-type");
}

static void test_devices(void)
{
	static const char *const there[] = { "ns16550a", "sifive,plic-1.0.0", "google,goldfish-rtc",
					     "syscon-poweroff", "syscon-reboot" };
	static const char *const not_there[] = { "cfi-flash", "pci-host-ecam-generic",
						 "qemu,fw-cfg-mmio", "sifive,clint0" };
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(there); i++)
		if (!fdt_has_compatible(boot_fdt, there[i])) {
			good = false;
			print("BAD no %s\n", there[i]);
		}
	check(good, "serial port, PLIC, clock, power switch");
	if (is_native()) {
		skip("power button");
		skip("nothing that is not there");
		return;
	}
	check(fdt_has_compatible(boot_fdt, "altr,ps2-1.0"), "power button");
	good = true;
	for (unsigned i = 0; i < ARRAY_SIZE(not_there); i++)
		if (fdt_has_compatible(boot_fdt, not_there[i])) {
			good = false;
			print("BAD there is a %s\n", not_there[i]);
		}
	check(good, "nothing that is not there");
}

void guest_main(void)
{
	u64 base, size, fdt = (u64)boot_fdt;

	scenario_begin("dt");
	fdt_memory(boot_fdt, &base, &size);
	check(fdt_is_valid(boot_fdt) && fdt % 8 == 0 && fdt >= base &&
		      fdt + fdt_u32((const u8 *)boot_fdt + 4) <= base + size,
	      "a device tree in memory, aligned to 8");
	check_equal("a0 is the hart id", hart_self()->boot_a0, hart_self()->id);
	check_equal("satp is 0", hart_self()->boot_satp, 0);
	check_equal("sstatus.SIE is 0", hart_self()->boot_status & SSTATUS_SIE, 0);
	test_chosen();
	test_memory();
	test_cpus();
	test_devices();
	scenario_end();
}
