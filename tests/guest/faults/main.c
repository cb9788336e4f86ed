/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every fault that a guest can cause by itself arrives as the privileged specification says:
 * cause, stval, sepc, and SPP, SPIE, SIE of sstatus.
 */
#include "console.h"
#include "fdt.h"
#include "insn.h"
#include "paging.h"
#include "sbi.h"

#define PLIC_BASE 0x0c000000UL
#define UART_BASE 0x10000000UL

/* Where the Sv39 tests put their pages: anything outside the identity map. */
#define TEST_VA 0x4000000000UL - 0x40000000UL
#define USER_VA 0x100000000UL

struct access {
	const char *name;
	u32 insn; /* address in a0 */
	u64 access_fault;
	u64 page_fault;
};

static const struct access accesses[] = {
	{ "lb", INSN_LOAD(0, REG_A0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "lhu", INSN_LOAD(5, REG_A0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "lw", INSN_LOAD(2, REG_A0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "ld", INSN_LOAD(3, REG_A0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "ld to x0", INSN_LOAD(3, 0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "c.ld", INSN_PAIR(0x6108, INSN_C_NOP), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "fld", INSN_FP_LOAD(3, 0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "sb", INSN_STORE(0, 0, REG_A0, 0), CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE_FAULT },
	{ "sw", INSN_STORE(2, 0, REG_A0, 0), CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE_FAULT },
	{ "sd", INSN_STORE(3, 0, REG_A0, 0), CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE_FAULT },
	{ "c.sd", INSN_PAIR(0xe108, INSN_C_NOP), CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE_FAULT },
	{ "fsd", INSN_FP_STORE(3, 0, REG_A0, 0), CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE_FAULT },
};

static const struct access atomics[] = {
	{ "lr.w", INSN_AMO(2, 2, REG_A0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "lr.d", INSN_AMO(2, 3, REG_A0, REG_A0, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT },
	{ "amoadd.w", INSN_AMO(0, 2, REG_A0, REG_A0, 0), CAUSE_STORE_ACCESS,
	  CAUSE_STORE_PAGE_FAULT },
	{ "amoswap.d", INSN_AMO(1, 3, REG_A0, REG_A0, 0), CAUSE_STORE_ACCESS,
	  CAUSE_STORE_PAGE_FAULT },
};

enum expected { ACCESS_FAULT, PAGE_FAULT };

/* Prints only what is wrong: a sweep reports one line in the end. */
static bool one_fault(const char *what, const struct trap *trap, u64 cause, u64 tval, u64 epc)
{
	if (trap->cause == cause && trap->tval == tval && trap->epc == epc)
		return true;
	print("BAD %s at 0x%lx: got cause %ld stval 0x%lx sepc 0x%lx, want cause %ld sepc 0x%lx\n",
	      what, tval, trap->cause, trap->tval, trap->epc, cause, epc);
	return false;
}

static bool fetch_faults(u64 address, enum expected expected)
{
	struct trap trap = trap_call((void *)address, 0, 0, 0);

	return one_fault("fetch", &trap,
			 expected == ACCESS_FAULT ? CAUSE_FETCH_ACCESS : CAUSE_FETCH_PAGE_FAULT,
			 address, address);
}

static bool table_faults(const struct access *table, unsigned count, u64 address,
			 enum expected expected)
{
	bool good = true;

	for (unsigned i = 0; i < count; i++) {
		u64 code = exec_prepare(&table[i].insn, 1, false);
		struct trap trap = trap_call((void *)code, address, 0, 0);
		u64 cause = expected == ACCESS_FAULT ? table[i].access_fault : table[i].page_fault;

		good &= one_fault(table[i].name, &trap, cause, address, code);
	}
	return good;
}

static bool data_faults(u64 address, enum expected expected)
{
	return table_faults(accesses, ARRAY_SIZE(accesses), address, expected);
}

static bool atomic_faults(u64 address, enum expected expected)
{
	return table_faults(atomics, ARRAY_SIZE(atomics), address, expected);
}

/* Addresses where virt has neither RAM nor a device, in any configuration of the tests. */
static u64 hole(unsigned n)
{
	static u64 ram_base, ram_size;

	if (!ram_size)
		fdt_memory(boot_fdt, &ram_base, &ram_size);
	switch (n) {
	case 0: return 0x10200000;
	case 1: return 0x2c000000;
	case 2: return ram_base + ram_size;
	case 3: return ram_base + ram_size + 0x1000;
	case 4: return 0x10000000000; /* 2^40: beyond Sv39x4's half that all emulators get right */
	case 5: return 0x20000000000; /* 2^41: the first guest physical address Sv39x4 has not */
	case 6: return 0x80000000000000;
	default: return 0;
	}
}

static void test_holes_bare(void)
{
	bool fetch = true, data = true, atomic = true;

	for (unsigned i = 0; hole(i); i++) {
		fetch &= fetch_faults(hole(i), ACCESS_FAULT);
		data &= data_faults(hole(i), ACCESS_FAULT);
		if (!is_native())
			atomic &= atomic_faults(hole(i), ACCESS_FAULT);
	}
	check(fetch, "Bare: jumps outside memory");
	check(data, "Bare: loads and stores outside memory");
	/* QEMU itself performs AMOs outside of memory as a load first: cause 5. */
	if (is_native())
		skip("Bare: atomics outside memory");
	else
		check(atomic, "Bare: atomics outside memory");
}

static void test_misaligned_atomics(void)
{
	static u64 word[2];
	struct trap lr = exec_insn(atomics[0].insn, (u64)word + 2, false);
	struct trap amo = exec_insn(atomics[2].insn, (u64)word + 2, false);

	check_trap("misaligned lr", &lr, CAUSE_LOAD_MISALIGNED, (u64)word + 2);
	if (amo.cause == CAUSE_LOAD_MISALIGNED)
		skip("misaligned amo"); /* QEMU 7.2: delegated, so a hypervisor cannot mend it */
	else
		check_trap("misaligned amo", &amo, CAUSE_STORE_MISALIGNED, (u64)word + 2);
}

static void test_holes_sv39(u64 *root)
{
	bool fetch = true, data = true, atomic = true;

	for (unsigned i = 0; hole(i); i++) {
		u64 va = TEST_VA + 0x1000 * i;

		paging_map(root, va, hole(i), PTE_KERNEL, 0);
		sfence_vma();
		fetch &= fetch_faults(va, ACCESS_FAULT);
		data &= data_faults(va, ACCESS_FAULT);
		if (!is_native())
			atomic &= atomic_faults(va, ACCESS_FAULT);
	}
	check(fetch, "Sv39: jumps to a page outside memory");
	check(data, "Sv39: loads and stores to a page outside memory");
	if (is_native())
		skip("Sv39: atomics to a page outside memory");
	else
		check(atomic, "Sv39: atomics to a page outside memory");
}

/*
 * A page table that is not in memory. Section "Virtual Address Translation Process", step 2: an
 * access fault of the original kind. (QEMU natively raises a page fault instead.)
 */
static void test_tables_nowhere(u64 *root)
{
	static const u64 nowhere[] = { 0x10200000, 0x10000000000, PLIC_BASE, UART_BASE };
	u64 va = TEST_VA - 0x40000000;
	bool fetch = true, data = true, atomic = true;

	if (is_native()) {
		skip("Sv39: page tables outside memory, fetch");
		skip("Sv39: page tables outside memory, load and store");
		skip("Sv39: page tables outside memory, atomics");
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
		for (unsigned level = 1; level <= 2; level++) {
			if (level == 1)
				*paging_entry(root, va, 2) = 0;
			*paging_entry(root, va, level) = nowhere[i] >> 2 | PTE_V;
			sfence_vma();
			fetch &= fetch_faults(va, ACCESS_FAULT);
			data &= data_faults(va, ACCESS_FAULT);
			atomic &= atomic_faults(va, ACCESS_FAULT);
		}
	}
	*paging_entry(root, va, 2) = 0;
	sfence_vma();
	check(fetch, "Sv39: page tables outside memory, fetch");
	check(data, "Sv39: page tables outside memory, load and store");
	check(atomic, "Sv39: page tables outside memory, atomics");
}

struct bad_pte {
	const char *name;
	u64 flags;
	bool fetch, load, store; /* which of them fault */
};

static void test_page_faults(u64 *root)
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	static const struct bad_pte ptes[] = {
		{ "not valid", 0, true, true, true },
		{ "not valid but else complete", PTE_KERNEL & ~PTE_V, true, true, true },
		{ "write without read", PTE_V | PTE_W | PTE_A | PTE_D, true, true, true },
		{ "write and execute without read", PTE_V | PTE_W | PTE_X | PTE_A | PTE_D, true,
		  true, true },
		{ "read only", PTE_V | PTE_R | PTE_A | PTE_D, true, false, true },
		{ "execute only", PTE_V | PTE_X | PTE_A | PTE_D, false, true, true },
		{ "no execute", PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, true, false, false },
		{ "a page of U, SUM=0", PTE_USER, true, true, true },
		{ "reserved bit 54", PTE_KERNEL | BIT(54), true, true, true },
	};
	const u64 va = TEST_VA + 0x100000;
	const u32 load = INSN_LOAD(3, REG_A0, REG_A0, 0), store = INSN_STORE(3, 0, REG_A0, 8);

	((u32 *)page)[0] = INSN_RET;
	for (unsigned i = 0; i < ARRAY_SIZE(ptes); i++) {
		bool good = true;
		struct trap trap;

		paging_map(root, va, (u64)page, ptes[i].flags, 0);
		sfence_vma();
		fence_i();
		trap = trap_call((void *)va, 0, 0, 0);
		good &= ptes[i].fetch ? one_fault("fetch", &trap, CAUSE_FETCH_PAGE_FAULT, va, va)
				      : trap.cause == NO_TRAP;
		trap = exec_insn(load, va, false);
		good &= ptes[i].load ? one_fault("load", &trap, CAUSE_LOAD_PAGE_FAULT, va, trap.epc)
				     : trap.cause == NO_TRAP;
		trap = exec_insn(store, va, false);
		good &= ptes[i].store ? one_fault("store", &trap, CAUSE_STORE_PAGE_FAULT, va + 8,
						  trap.epc)
				      : trap.cause == NO_TRAP;
		print("%s Sv39 page: %s\n", good ? "ok" : "BAD", ptes[i].name);
	}
	paging_map(root, va, (u64)page, PTE_V | PTE_R | PTE_A | PTE_D, 0);
	sfence_vma();
	struct trap amo = exec_insn(atomics[2].insn, va, false);
	check_trap("Sv39: amo to a read-only page", &amo, CAUSE_STORE_PAGE_FAULT, va);
	check(data_faults(0x8000000000UL, PAGE_FAULT), "Sv39: not canonical, data");
	check(fetch_faults(0x8000000000UL, PAGE_FAULT), "Sv39: not canonical, fetch");
	check(data_faults(TEST_VA + 0x200000, PAGE_FAULT), "Sv39: unmapped, data");
	amo = exec_insn(atomics[2].insn, TEST_VA + 0x200000, false);
	if (amo.cause == CAUSE_LOAD_PAGE_FAULT)
		skip("Sv39: unmapped, atomics"); /* QEMU 7.2, in the guest's own page table */
	else
		check(atomic_faults(TEST_VA + 0x200000, PAGE_FAULT), "Sv39: unmapped, atomics");
	paging_map(root, TEST_VA + 0x400000, 0x80201000, PTE_KERNEL, 1);
	sfence_vma();
	check(data_faults(TEST_VA + 0x400000, PAGE_FAULT), "Sv39: misaligned superpage");
}

/* A page that ends in the middle of an instruction, and one that ends in the middle of a double. */
static void test_page_crossing(u64 *root)
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const u64 va = TEST_VA + 0x600000, last = va + PAGE_SIZE - 2;
	const u32 nop = INSN_NOP;
	struct trap trap;

	paging_map(root, va, (u64)page, PTE_KERNEL, 0);
	paging_map(root, va + PAGE_SIZE, 0, 0, 0);
	*(u16 *)(page + PAGE_SIZE - 2) = (u16)nop;
	sfence_vma();
	fence_i();
	trap = trap_call((void *)last, 0, 0, 0);
	check(one_fault("fetch", &trap, CAUSE_FETCH_PAGE_FAULT, va + PAGE_SIZE, last),
	      "instruction that ends in an unmapped page");
	paging_map(root, va + PAGE_SIZE, 0x10200000, PTE_KERNEL, 0);
	sfence_vma();
	if (is_native()) {
		skip("instruction that ends outside memory"); /* QEMU 7.2 itself dies of it */
	} else {
		trap = trap_call((void *)last, 0, 0, 0);
		check(one_fault("fetch", &trap, CAUSE_FETCH_ACCESS, va + PAGE_SIZE, last),
		      "instruction that ends outside memory");
	}
	*(u16 *)(page + PAGE_SIZE - 2) = INSN_C_NOP;
	sfence_vma();
	fence_i();
	trap = trap_call((void *)last, 0, 0, 0);
	check(one_fault("fetch", &trap, CAUSE_FETCH_ACCESS, va + PAGE_SIZE, va + PAGE_SIZE),
	      "compressed instruction, then outside memory");
}

static void test_breakpoints(void)
{
	const u32 both[] = { INSN_EBREAK, INSN_PAIR(INSN_C_EBREAK, INSN_C_NOP) };

	for (unsigned user = 0; user < 2; user++) {
		for (unsigned i = 0; i < 2; i++) {
			struct trap trap = exec_insn(both[i], 0, user);

			/* stval may be the address of the instruction, or 0 */
			check(trap.cause == CAUSE_BREAKPOINT &&
				      trap.epc == exec_prepare(&both[i], 1, user) &&
				      (trap.tval == 0 || trap.tval == trap.epc),
			      i ? "c.ebreak" : "ebreak");
		}
	}
}

static void test_user(u64 *root)
{
	const u32 ecall = INSN_ECALL;
	const u32 load = INSN_LOAD(3, REG_A0, REG_A0, 0);
	const u64 no_args[8] = { 0 };
	const u64 kernel_args[8] = { 0x80200000 };
	u64 code = exec_prepare(&ecall, 1, true);
	struct trap trap;

	paging_use(0);
	trap = user_try(code, no_args);
	check(one_fault("ecall", &trap, CAUSE_USER_ECALL, 0, code), "Bare: ecall from U");
	trap = exec_insn(load, hole(0), true);
	check_trap("Bare: load outside memory from U", &trap, CAUSE_LOAD_ACCESS, hole(0));
	trap = exec_insn(accesses[8].insn, hole(0), true);
	check_trap("Bare: store outside memory from U", &trap, CAUSE_STORE_ACCESS, hole(0));
	trap = user_try(hole(0), no_args);
	check_trap("Bare: jump outside memory from U", &trap, CAUSE_FETCH_ACCESS, hole(0));
	paging_map(root, USER_VA, code, PTE_USER, 0);
	paging_map(root, USER_VA + PAGE_SIZE, hole(0), PTE_USER, 0);
	paging_use(paging_satp(root));
	exec_prepare(&ecall, 1, true);
	trap = user_try(USER_VA, no_args);
	check(one_fault("ecall", &trap, CAUSE_USER_ECALL, 0, USER_VA), "Sv39: ecall from U");
	exec_prepare(&load, 1, true);
	trap = user_try(USER_VA, kernel_args);
	check_trap("Sv39: load of the kernel's page from U", &trap, CAUSE_LOAD_PAGE_FAULT,
		   0x80200000);
	trap = user_try(USER_VA, (const u64[8]){ USER_VA + PAGE_SIZE });
	check_trap("Sv39: load outside memory from U", &trap, CAUSE_LOAD_ACCESS,
		   USER_VA + PAGE_SIZE);
	trap = user_try(USER_VA + PAGE_SIZE, no_args);
	check_trap("Sv39: jump outside memory from U", &trap, CAUSE_FETCH_ACCESS,
		   USER_VA + PAGE_SIZE);
	trap = user_try(0x80200000, no_args);
	check_trap("Sv39: jump to the kernel's page from U", &trap, CAUSE_FETCH_PAGE_FAULT,
		   0x80200000);
}

struct illegal {
	const char *name;
	u32 bits;
	bool is_short;
};

/*
 * stval is 0 or the instruction's bits. QEMU 10 shows more than the 16 bits of some compressed ones
 * where the trap is delegated, and natively the instruction of an earlier trap where it is not.
 */
static bool is_tval_right(const struct illegal *insn, u64 tval)
{
	u64 shown = insn->is_short ? tval & 0xffff : tval;

	return tval == 0 || shown == insn->bits || is_native();
}

static void test_illegal(void)
{
	static const struct illegal table[] = {
		{ "all zero", 0x0000, true },
		{ "all ones", 0xffffffff, false },
		{ "c.addi4spn without immediate", 0x0004, true },
		{ "c.lui without immediate", 0x6201, true },
		{ "c.addiw to x0", 0x2005, true },
		{ "c.jr x0", 0x8002, true },
		{ "c.lwsp to x0", 0x4002, true },
		{ "c.ldsp to x0", 0x6002, true },
		{ "custom-0", 0x0000000b, false },
		{ "custom-1", 0x0000002b, false },
		{ "reserved opcode", 0x0000006b, false },
		{ "op with funct7 all ones", 0xfe000033, false },
		{ "load with funct3 7", 0x00007003, false },
		{ "store with funct3 7", 0x00007023, false },
		{ "branch with funct3 2", 0x00002063, false },
		{ "jalr with funct3 1", 0x00001067, false },
		{ "amo with funct3 5", 0x0000502f, false },
		{ "system with funct3 4", 0x00004073, false },
		{ "uret", 0x00200073, false },
		{ "dret", 0x7b200073, false },
		{ "mret", INSN_MRET, false },
		{ "mnret", 0x70200073, false },
		{ "hfence.vvma", INSN_HFENCE_VVMA, false },
		{ "hfence.gvma", INSN_HFENCE_GVMA, false },
		{ "hlv.b", INSN_HLV_B, false },
		{ "hlv.w", INSN_HLV_W, false },
		{ "hlv.d", INSN_HLV_D, false },
		{ "hlvx.hu", INSN_HLVX_HU, false },
		{ "hlvx.wu", INSN_HLVX_WU, false },
		{ "hsv.b", INSN_HSV_B, false },
		{ "hsv.w", INSN_HSV_W, false },
		{ "hsv.d", INSN_HSV_D, false },
	};

	for (unsigned user = 0; user < 2; user++) {
		bool good = true;

		for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
			const u32 word = table[i].is_short ? INSN_PAIR(table[i].bits, INSN_C_NOP)
							   : table[i].bits;
			u64 code = exec_prepare(&word, 1, user);
			struct trap trap = user ? user_try(code, (const u64[8]){ 0x80200000 })
						: trap_call((void *)code, 0x80200000, 0, 0);

			if (trap.cause == CAUSE_ILLEGAL && trap.epc == code &&
			    is_tval_right(&table[i], trap.tval))
				continue;
			good = false;
			print("BAD %s (0x%x) in %c: cause %ld stval 0x%lx\n", table[i].name,
			      table[i].bits, user ? 'U' : 'S', trap.cause, trap.tval);
		}
		check(good, user ? "illegal instructions in U" : "illegal instructions in S");
	}
}

/* What is legal in S and not in U. */
static void test_privileged_in_user(void)
{
	static const struct illegal table[] = {
		{ "sret", INSN_SRET, false },
		{ "wfi", INSN_WFI, false },
		{ "sfence.vma", INSN_SFENCE_VMA, false },
		{ "csrr sstatus", INSN_CSR(2, REG_A0, 0x100, 0), false },
		{ "csrr satp", INSN_CSR(2, REG_A0, 0x180, 0), false },
		{ "csrw satp", INSN_CSR(1, 0, 0x180, 0), false },
		{ "csrw sscratch", INSN_CSR(1, 0, 0x140, 0), false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		struct trap trap = exec_insn(table[i].bits, 0, true);
		bool good = trap.cause == CAUSE_ILLEGAL &&
			    (trap.tval == 0 || trap.tval == table[i].bits);

		print("%s %s in U is illegal", good ? "ok" : "BAD", table[i].name);
		if (!good)
			print(" (cause %ld stval 0x%lx)", trap.cause, trap.tval);
		print("\n");
	}
}

static void ignore_interrupt(u64 code)
{
	(void)code;
}

/* SPP, SPIE and SIE, for a delegated trap and for those a hypervisor has to inject. */
static void test_status(void)
{
	const u32 illegal = 0x0000006b, breakpoint = INSN_EBREAK;
	const u32 load = INSN_LOAD(3, REG_A0, REG_A0, 0);

	hart_self()->on_interrupt = ignore_interrupt;
	csr_write(sie, 0);
	for (unsigned on = 0; on < 2; on++) {
		struct trap traps[3];

		if (on)
			interrupts_on();
		traps[0] = exec_insn(breakpoint, 0, false);
		traps[1] = exec_insn(illegal, 0, false);
		traps[2] = exec_insn(load, hole(0), false);
		interrupts_off();
		check_trap_status("sstatus after ebreak in S", &traps[0], false, on);
		check_trap_status("sstatus after illegal in S", &traps[1], false, on);
		check_trap_status("sstatus after access fault in S", &traps[2], false, on);
	}
	for (unsigned on = 0; on < 2; on++) {
		const u32 words[] = { breakpoint, illegal, load };
		static const char *const names[] = { "sstatus after ebreak in U",
						     "sstatus after illegal in U",
						     "sstatus after access fault in U" };

		for (unsigned i = 0; i < 3; i++) {
			struct trap trap;

			if (on)
				csr_set(sstatus, SSTATUS_SPIE);
			else
				csr_clear(sstatus, SSTATUS_SPIE);
			trap = exec_insn(words[i], hole(0), true);
			check_trap_status(names[i], &trap, true, on);
		}
	}
}

void guest_main(void)
{
	u64 *root = paging_new();

	scenario_begin("faults");
	csr_set(sstatus, FS_INITIAL << FS_SHIFT);
	test_holes_bare();
	test_misaligned_atomics();
	test_breakpoints();
	test_illegal();
	test_privileged_in_user();
	test_status();
	paging_use(paging_satp(root));
	test_holes_sv39(root);
	test_tables_nowhere(root);
	test_page_faults(root);
	test_page_crossing(root);
	test_user(root);
	paging_use(0);
	scenario_end();
}
