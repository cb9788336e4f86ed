/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code on a page that may be executed and not read. What a hypervisor has to look at the
 * instruction for works as elsewhere, and the page becomes no more readable by it.
 */
#include "console.h"
#include "insn.h"
#include "paging.h"
#include "sbi.h"

#define CODE	  0xc0004000UL
#define USER_CODE 0xc0005000UL
#define PLIC	  0x0c000000UL
#define PRIORITY  (PLIC + 4)

#define EXECUTE_ONLY (PTE_V | PTE_X | PTE_A | PTE_D)

static u32 *page;

static struct trap run(u32 insn, u64 a0, u64 a1, bool user)
{
	const u64 args[8] = { a0, a1 };

	page[0] = insn;
	page[1] = user ? INSN_ECALL : INSN_RET;
	fence_i();
	return user ? user_try(USER_CODE, args) : trap_try(CODE, args);
}

static void check_illegal(const char *what, bool user)
{
	const u32 illegal = 0xffffffff, custom = 0x0000006b;
	struct trap first = run(illegal, 0, 0, user), second = run(custom, 0, 0, user);

	check(first.cause == CAUSE_ILLEGAL && (first.tval == 0 || first.tval == illegal) &&
		      first.epc == (user ? USER_CODE : CODE) && second.cause == CAUSE_ILLEGAL &&
		      (second.tval == 0 || second.tval == custom),
	      what);
}

static void check_unreadable(const char *what)
{
	struct trap trap = exec_insn(INSN_LOAD(2, REG_A0, REG_A0, 0), CODE, false);

	check_trap(what, &trap, CAUSE_LOAD_PAGE_FAULT, CODE);
}

static void test_device(void)
{
	volatile u32 *priority = (volatile u32 *)PRIORITY;
	struct trap trap;

	*priority = 5;
	trap = run(INSN_LOAD(2, REG_A0, REG_A0, 4), PLIC, 0, false);
	check(trap.cause == NO_TRAP && trap.value == 5, "a load from a device");
	trap = run(INSN_STORE(2, REG_A1, REG_A0, 4), PLIC, 3, false);
	check(trap.cause == NO_TRAP && *priority == 3, "a store to a device");
	trap = run(INSN_PAIR(0x41c8 /* c.lw a0, 4(a1) */, 0x8082 /* c.ret */), 0, PLIC, false);
	check(trap.cause == NO_TRAP && trap.value == 3, "a compressed load from a device");
	*priority = 0;
}

void guest_main(void)
{
	u64 *root;
	struct trap trap;

	scenario_begin("execute-only");
	root = paging_new();
	page = page_new();
	paging_map(root, CODE, (u64)page, EXECUTE_ONLY, 0);
	paging_map(root, USER_CODE, (u64)page, EXECUTE_ONLY | PTE_U, 0);
	paging_use(paging_satp(root));
	check_unreadable("it cannot be read");
	check_illegal("illegal instructions", false);
	check_unreadable("it still cannot be read");
	check_illegal("illegal instructions in U", true);
	trap = run(INSN_CSR(2, REG_A0, 0xc00, 0), 0, 0, false);
	check(trap.cause == NO_TRAP && trap.value != 0, "rdcycle");
	test_device();
	check_unreadable("after all that it cannot be read");
	paging_use(0);
	scenario_end();
}
