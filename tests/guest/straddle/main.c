/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Misaligned accesses, one part of which is in RAM and the other in a device: an access fault, and
 * the device's register is neither read nor written as if all of the access were there. (QEMU
 * without a hypervisor does just that.)
 */
#include "console.h"
#include "insn.h"
#include "paging.h"
#include "sbi.h"

/* The threshold of hart 0 for S-mode, the first register of a page; the page after it is RAM. */
#define THRESHOLD 0x0c201000UL
#define DEVICE	  0xc0009000UL
#define RAM_AFTER (DEVICE + PAGE_SIZE)

#define KEPT  3
#define OTHER 0x0505050505050505UL

#define C_LW 0x418c /* c.lw a1, (a1) */
#define C_SW 0xc188 /* c.sw a0, (a1) */

static volatile u32 *threshold = (volatile u32 *)THRESHOLD;
static bool good;

static bool faults(u32 insn, u64 a0, u64 a1, u64 cause)
{
	const u64 args[8] = { a0, a1 };
	const u32 words[] = { insn };
	struct trap trap = trap_try(exec_prepare(words, 1, false), args);

	if (trap.cause == cause && trap.regs[REG_A0] == a0 && trap.regs[REG_A1] == a1 &&
	    *threshold == KEPT)
		return true;
	print("BAD 0x%x: cause %ld a0 0x%lx a1 0x%lx threshold %u\n", insn, trap.cause,
	      trap.regs[REG_A0], trap.regs[REG_A1], *threshold);
	*threshold = KEPT;
	return false;
}

/* `before` bytes of the access lie before the boundary. */
static void try_all(u64 boundary, unsigned width, unsigned before)
{
	u64 at = boundary - before;

	good &= faults(INSN_LOAD(width, REG_A1, REG_A1, 0), OTHER, at, CAUSE_LOAD_ACCESS);
	good &= faults(INSN_LOAD(width, REG_A1, REG_A1, -1), OTHER, at + 1, CAUSE_LOAD_ACCESS);
	good &= faults(INSN_STORE(width, REG_A0, REG_A1, 0), OTHER, at, CAUSE_STORE_ACCESS);
	good &= faults(INSN_STORE(width, REG_A0, REG_A1, 33), OTHER, at - 33, CAUSE_STORE_ACCESS);
}

static void try_widths(const char *what, u64 boundary)
{
	good = true;
	for (unsigned width = 1; width <= 3; width++) {
		for (unsigned before = 1; before < 1U << width; before++)
			try_all(boundary, width, before);
	}
	for (unsigned before = 1; before < 4; before++) {
		u64 at = boundary - before;

		good &= faults(INSN_LOAD(6, REG_A1, REG_A1, 0), OTHER, at, CAUSE_LOAD_ACCESS);
		good &= faults(INSN_PAIR(C_LW, INSN_C_NOP), OTHER, at, CAUSE_LOAD_ACCESS);
		good &= faults(INSN_PAIR(C_SW, INSN_C_NOP), OTHER, at, CAUSE_STORE_ACCESS);
	}
	check(good, what);
}

void guest_main(void)
{
	u64 *root;
	struct trap trap;

	scenario_begin("straddle");
	root = paging_new();
	paging_map(root, DEVICE - PAGE_SIZE, (u64)page_new(), PTE_KERNEL, 0);
	paging_map(root, DEVICE, THRESHOLD, PTE_KERNEL, 0);
	paging_map(root, RAM_AFTER, (u64)page_new(), PTE_KERNEL, 0);
	paging_use(paging_satp(root));
	*threshold = KEPT;
	trap = exec_insn(INSN_LOAD(2, REG_A0, REG_A0, 0), DEVICE, false);
	check(trap.cause == NO_TRAP && trap.value == KEPT, "an aligned load from the device");
	trap = exec_insn(INSN_LOAD(3, REG_A0, REG_A0, -1), DEVICE - 8, false);
	check(trap.cause == NO_TRAP && trap.value == 0, "a misaligned load from RAM");
	try_widths("from RAM into a device", DEVICE);
	try_widths("from a device into RAM", RAM_AFTER);
	paging_use(0);
	*threshold = 0;
	scenario_end();
}
