/* SPDX-License-Identifier: BSD-2-Clause */
/* Svnapot: sixteen pages of 4 KiB by one translation, of a device and of RAM. */
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "paging.h"
#include "sbi.h"

#define PLIC	 0x0c000000UL
#define PRIORITY 4	  /* of source 1 */
#define ENABLE	 0x2080UL /* of hart 0, S-mode: on another page of the sixteen */

#define NAPOT_PAGES  16
#define NAPOT_SIZE   (NAPOT_PAGES * PAGE_SIZE)
#define NAPOT_64K_PA BIT(15) /* what the PPN of such an entry has in its lowest bits */
#define PTE_N	     BIT(63)

#define DEVICE 0xc0010000UL
#define MEMORY 0xc0020000UL

static u32 memory[NAPOT_SIZE / 4] __attribute__((aligned(NAPOT_SIZE)));

static void map_64k(u64 *root, u64 va, u64 pa)
{
	for (unsigned i = 0; i < NAPOT_PAGES; i++) {
		u64 at = va + i * PAGE_SIZE;

		paging_map(root, at, pa | NAPOT_64K_PA, PTE_KERNEL, 0);
		*paging_entry(root, at, 0) |= PTE_N;
	}
}

static bool loads(u64 at, u64 want)
{
	struct trap trap = exec_insn(INSN_LOAD(2, REG_A0, REG_A0, 0), at, false);

	return trap.cause == NO_TRAP && trap.value == want;
}

static void test(void)
{
	u64 *root = paging_new();
	bool good = true;

	map_64k(root, DEVICE, PLIC);
	map_64k(root, MEMORY, (u64)memory);
	paging_use(paging_satp(root));
	*(volatile u32 *)(PLIC + PRIORITY) = 5;
	*(volatile u32 *)(PLIC + ENABLE) = 0x402;
	check(loads(DEVICE + PRIORITY, 5), "a load from the first page of a device");
	check(loads(DEVICE + ENABLE, 0x402), "a load from another page of it");
	*(volatile u32 *)(DEVICE + ENABLE) = 2;
	check_equal("a store to another page of it", *(volatile u32 *)(PLIC + ENABLE), 2);
	*(volatile u32 *)(PLIC + ENABLE) = 0;
	for (unsigned i = 0; i < NAPOT_PAGES; i++) {
		memory[i * PAGE_SIZE / 4 + i] = i + 100;
		good &= loads(MEMORY + i * (PAGE_SIZE + 4), i + 100);
	}
	check(good, "loads from RAM");
	paging_use(0);
}

void guest_main(void)
{
	scenario_begin("svnapot");
	if (check(fdt_has_isa(boot_fdt, "svnapot"), "the ISA string has svnapot"))
		test();
	scenario_end();
}
