/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores to device registers: every width, every destination register, the compressed
 * forms; and what no device answers: other widths, misaligned, FP, atomics. Those get an access
 * fault.
 *
 * Natively some devices of virt answer more than a guest is promised; such checks are skipped
 * there.
 */
#include "console.h"
#include "insn.h"
#include "sbi.h"
#include "string.h"

#define PLIC_BASE	0x0c000000UL
#define PLIC_PRIORITY_1 (PLIC_BASE + 4)
#define UART_BASE	0x10000000UL
#define UART_LSR	(UART_BASE + 5)
#define UART_SCR	(UART_BASE + 7)
#define RTC_BASE	0x101000UL
#define RTC_ALARM_LOW	(RTC_BASE + 0x08)
#define RTC_ALARM_HIGH	(RTC_BASE + 0x0c)
#define TEST_BASE	0x100000UL
#define BUTTON_BASE	0x102000UL

static void write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

static u32 read32(u64 address)
{
	return *(volatile u32 *)address;
}

/*
 * Runs words in U-mode with satp = Bare: there every register is free, and the ecall at the end
 * shows them all. a0 to a2 are given.
 */
static struct trap run_user(const u32 *words, unsigned count, u64 a0, u64 a1, u64 a2)
{
	const u64 args[8] = { a0, a1, a2, 3, 4, 5, 6, 7 };

	return user_try(exec_prepare(words, count, true), args);
}

struct extension_case {
	const char *name;
	u32 width;
	u64 address;
	u64 want;
};

static void test_extension(void)
{
	static const struct extension_case cases[] = {
		{ "lb", 0, UART_SCR, 0xffffffffffffff9cUL },
		{ "lbu", 4, UART_SCR, 0x9cUL },
		{ "lw", 2, RTC_ALARM_LOW, 0xffffffff87654321UL },
		{ "lwu", 6, RTC_ALARM_LOW, 0x87654321UL },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		bool good = true;

		for (u32 rd = 0; rd < 32; rd++) {
			/* the base is a0, or for rd = a0 itself: both must be right */
			const u32 words[] = { INSN_LOAD(cases[i].width, rd, REG_A0, 0) };
			struct trap trap = run_user(words, 1, cases[i].address, 0, 0);
			u64 got = rd ? trap.regs[rd] : 0;

			if (trap.cause == CAUSE_USER_ECALL && got == (rd ? cases[i].want : 0) &&
			    (rd == REG_A0 || trap.regs[REG_A0] == cases[i].address))
				continue;
			good = false;
			print("BAD %s to x%u: cause %ld stval 0x%lx, value 0x%lx\n", cases[i].name,
			      rd, trap.cause, trap.tval, got);
		}
		print("%s %s to each register\n", good ? "ok" : "BAD", cases[i].name);
	}
}

/* No register but the destination changes, and the next instruction is executed, once. */
static void test_others_untouched(void)
{
	const u32 words[] = {
		INSN_ADDI(5, 0, 0x55),
		INSN_ADDI(28, 0, 0x7c),
		INSN_LOAD(2, 30, REG_A0, 0),
		INSN_ADDI(5, 5, 1),
		INSN_PAIR(0x0289 /* c.addi x5, 2 */, 0x02a1 /* c.addi x5, 8 */),
	};
	struct trap trap = run_user(words, ARRAY_SIZE(words), RTC_ALARM_LOW, 11, 12);

	check(trap.cause == CAUSE_USER_ECALL && trap.regs[5] == 0x55 + 11 &&
		      trap.regs[28] == 0x7c && trap.regs[30] == 0xffffffff87654321UL &&
		      trap.regs[11] == 11 && trap.regs[12] == 12 && trap.regs[13] == 3 &&
		      trap.regs[17] == 7,
	      "a load changes its register and nothing else");
}

static void test_store_sources(void)
{
	bool words_good = true, bytes_good = true;

	for (u32 rs = 0; rs < 32; rs++) {
		/* a5 = base; then rs = a value, unless it is x0 or the base */
		const u32 value = 0x400 + rs;
		const u32 store[] = {
			INSN_ADDI(REG_A5, REG_A0, 0),
			rs == REG_A5 ? INSN_NOP : INSN_ADDI(rs, 0, value),
			INSN_STORE(2, rs, REG_A5, 0),
		};
		const u32 store_byte[] = {
			INSN_ADDI(REG_A5, REG_A0, 0),
			rs == REG_A5 ? INSN_NOP : INSN_ADDI(rs, 0, -100 + (int)rs),
			INSN_STORE(0, rs, REG_A5, 0),
		};
		struct trap trap = run_user(store, ARRAY_SIZE(store), RTC_ALARM_HIGH, 0, 0);
		u32 want = rs == 0 ? 0 : rs == REG_A5 ? (u32)RTC_ALARM_HIGH : value;

		words_good &= trap.cause == CAUSE_USER_ECALL && read32(RTC_ALARM_HIGH) == want;
		trap = run_user(store_byte, ARRAY_SIZE(store_byte), UART_SCR, 0, 0);
		want = rs == 0 ? 0 : rs == REG_A5 ? (u8)UART_SCR : (u8)(-100 + (int)rs);
		bytes_good &= trap.cause == CAUSE_USER_ECALL && *(volatile u8 *)UART_SCR == want;
	}
	check(words_good, "sw from each register");
	check(bytes_good, "sb from each register");
}

static void test_offsets(void)
{
	static const int offsets[] = { 0, 4, -4, 2047 - 3, -2048 };
	bool good = true;

	write32(PLIC_PRIORITY_1, 5);
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		const u32 words[] = { INSN_LOAD(2, REG_A1, REG_A0, offsets[i]) };
		struct trap trap = run_user(words, 1, PLIC_PRIORITY_1 - (u64)(s64)offsets[i], 0, 0);

		good &= trap.cause == CAUSE_USER_ECALL && trap.regs[REG_A1] == 5;
	}
	check(good, "loads with an offset");
}

/* The compressed forms, at an address of 4n and of 4n + 2. */
static void test_compressed(void)
{
	const struct {
		const char *name;
		u16 insn;
		u8 result;
		bool is_store;
	} cases[] = {
		{ "c.lw a1, 0(a0)", 0x410c, REG_A1, false },
		{ "c.lw a5, 4(a0)", 0x415c, REG_A5, false },
		{ "c.lw s0, 64(a0)", 0x4120, 8, false },
		{ "c.lwsp a1, 0(sp)", 0x4582, REG_A1, false },
		{ "c.lwsp t6, 8(sp)", 0x4fa2, 31, false },
		{ "c.lwsp s2, 128(sp)", 0x490a, 18, false },
		{ "c.sw a1, 0(a0)", 0xc10c, 0, true },
		{ "c.swsp a1, 0(sp)", 0xc02e, 0, true },
	};
	static const u32 distance[] = { 0, 4, 64, 0, 8, 128, 0, 0 };
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned odd = 0; odd < 2; odd++) {
			/* the two c.addi count what is executed behind the access */
			const u32 words[] = {
				INSN_ADDI(REG_SP, REG_A0, 0),
				INSN_ADDI(7, 0, 0),
				odd ? INSN_PAIR(0x0385 /* c.addi x7, 1 */, cases[i].insn)
				    : INSN_PAIR(cases[i].insn, 0x0385),
				INSN_PAIR(0x0389 /* c.addi x7, 2 */, 0x0391 /* c.addi x7, 4 */),
			};
			u64 base = PLIC_PRIORITY_1 + 160 - distance[i];
			struct trap trap;
			bool right;

			write32(PLIC_PRIORITY_1 + 160, cases[i].is_store ? 1 : 6);
			trap = run_user(words, ARRAY_SIZE(words), base, 3, 0);
			right = trap.cause == CAUSE_USER_ECALL && trap.regs[7] == 7;
			if (cases[i].is_store)
				right &= read32(PLIC_PRIORITY_1 + 160) == 3;
			else
				right &= trap.regs[cases[i].result] == 6;
			good &= right;
			if (!right)
				print("BAD %s: cause %ld stval 0x%lx x7 %lu\n", cases[i].name,
				      trap.cause, trap.tval, trap.regs[7]);
		}
	}
	check(good, "compressed loads and stores");
}

/* The instruction itself may lie across two pages. */
static void test_across_pages(void)
{
	static u8 pages[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const u32 words[] = { INSN_LOAD(2, REG_A1, REG_A0, 0), INSN_ECALL };
	const u64 args[8] = { PLIC_PRIORITY_1 };
	struct trap trap;

	write32(PLIC_PRIORITY_1, 4);
	memcpy(pages + PAGE_SIZE - 2, words, sizeof(words));
	fence_i();
	trap = user_try((u64)pages + PAGE_SIZE - 2, args);
	check(trap.cause == CAUSE_USER_ECALL && trap.regs[REG_A1] == 4,
	      "a load whose instruction lies across two pages");
}

struct width_case {
	const char *name;
	u32 insn; /* address in a0, value or destination in a1 */
	u8 width;
	u8 is_store;
	u8 is_plain; /* an integer load or store */
};

static const struct width_case widths[] = {
	{ "lb", INSN_LOAD(0, REG_A1, REG_A0, 0), 1, 0, 1 },
	{ "lbu", INSN_LOAD(4, REG_A1, REG_A0, 0), 1, 0, 1 },
	{ "lh", INSN_LOAD(1, REG_A1, REG_A0, 0), 2, 0, 1 },
	{ "lhu", INSN_LOAD(5, REG_A1, REG_A0, 0), 2, 0, 1 },
	{ "lw", INSN_LOAD(2, REG_A1, REG_A0, 0), 4, 0, 1 },
	{ "lwu", INSN_LOAD(6, REG_A1, REG_A0, 0), 4, 0, 1 },
	{ "ld", INSN_LOAD(3, REG_A1, REG_A0, 0), 8, 0, 1 },
	{ "c.ld", INSN_PAIR(0x610c, INSN_C_NOP), 8, 0, 1 },
	{ "sb", INSN_STORE(0, REG_A1, REG_A0, 0), 1, 1, 1 },
	{ "sh", INSN_STORE(1, REG_A1, REG_A0, 0), 2, 1, 1 },
	{ "sw", INSN_STORE(2, REG_A1, REG_A0, 0), 4, 1, 1 },
	{ "sd", INSN_STORE(3, REG_A1, REG_A0, 0), 8, 1, 1 },
	{ "c.sd", INSN_PAIR(0xe10c, INSN_C_NOP), 8, 1, 1 },
	{ "flw", INSN_FP_LOAD(2, 1, REG_A0, 0), 4, 0, 0 },
	{ "fld", INSN_FP_LOAD(3, 1, REG_A0, 0), 8, 0, 0 },
	{ "c.fld", INSN_PAIR(0x210c, INSN_C_NOP), 8, 0, 0 },
	{ "fsw", INSN_FP_STORE(2, 1, REG_A0, 0), 4, 1, 0 },
	{ "fsd", INSN_FP_STORE(3, 1, REG_A0, 0), 8, 1, 0 },
	{ "c.fsd", INSN_PAIR(0xa10c, INSN_C_NOP), 8, 1, 0 },
	{ "lr.w", INSN_AMO(2, 2, REG_A1, REG_A0, 0), 4, 0, 0 },
	{ "lr.d", INSN_AMO(2, 3, REG_A1, REG_A0, 0), 8, 0, 0 },
	{ "amoadd.w", INSN_AMO(0, 2, REG_A1, REG_A0, 0), 4, 1, 0 },
	{ "amoswap.w", INSN_AMO(1, 2, REG_A1, REG_A0, REG_A1), 4, 1, 0 },
	{ "amoor.d", INSN_AMO(8, 3, REG_A1, REG_A0, 0), 8, 1, 0 },
};

/* Which widths a device promises, as a mask of 1, 2, 4, 8. */
static void test_widths(const char *device, u64 address, unsigned allowed, bool no_stores)
{
	bool good = true;

	for (unsigned user = 0; user < 2; user++) {
		for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
			const struct width_case *c = &widths[i];
			bool answered = c->is_plain && (c->width & allowed);
			u64 success = user ? CAUSE_USER_ECALL : NO_TRAP;
			u64 fault = c->is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
			const u64 args[8] = { address, 0 };
			struct trap trap;
			u64 code;

			/* natively some devices answer, and AMOs fault as loads */
			if ((no_stores && c->is_store && answered) || (is_native() && !answered))
				continue;
			code = exec_prepare(&c->insn, 1, user);
			trap = user ? user_try(code, args) : trap_try(code, args);
			if (answered && trap.cause == success)
				continue;
			if (!answered && trap.cause == fault && trap.tval == address &&
			    trap.epc == code)
				continue;
			good = false;
			print("BAD %s of %s in %c: cause %ld stval 0x%lx\n", c->name, device,
			      user ? 'U' : 'S', trap.cause, trap.tval);
		}
	}
	print("%s widths of the %s\n", good ? "ok" : "BAD", device);
}

/* Misaligned, or partly outside of the register: an access fault or an address-misaligned
 * exception. */
static void test_misaligned(void)
{
	static const u64 addresses[] = { PLIC_PRIORITY_1 + 1, PLIC_PRIORITY_1 + 2,
					 RTC_BASE + 3,	      RTC_BASE + 2,
					 TEST_BASE + 1,	      PLIC_BASE + 0x1ffd };
	bool good = true;

	if (is_native()) {
		skip("misaligned accesses"); /* QEMU splits them */
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		for (unsigned w = 0; w < ARRAY_SIZE(widths); w++) {
			const struct width_case *c = &widths[w];
			const u64 args[8] = { addresses[i], 0 };
			struct trap trap;
			u64 access = c->is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
			u64 misaligned =
				c->is_store ? CAUSE_STORE_MISALIGNED : CAUSE_LOAD_MISALIGNED;

			if (addresses[i] % c->width == 0)
				continue;
			/* QEMU 7.2 raises 4 for a misaligned AMO by itself */
			if (!c->is_plain && c->is_store)
				misaligned = CAUSE_LOAD_MISALIGNED;
			trap = trap_try(exec_prepare(&c->insn, 1, false), args);
			if ((trap.cause == access || trap.cause == misaligned ||
			     trap.cause == misaligned + 2) &&
			    trap.tval == addresses[i])
				continue;
			good = false;
			print("BAD %s at 0x%lx: cause %ld stval 0x%lx\n", c->name, addresses[i],
			      trap.cause, trap.tval);
		}
	}
	check(good, "misaligned accesses");
}

/* Right behind the last register of a device, and between devices. */
static void test_edges(void)
{
	static const u64 addresses[] = { TEST_BASE - 4, BUTTON_BASE + 0x1000, PLIC_BASE - 4,
					 UART_BASE + 0x100, UART_BASE + 0x9000 };
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		const u32 load = INSN_LOAD(2, REG_A1, REG_A0, 0),
			  store = INSN_STORE(2, 0, REG_A0, 0);
		struct trap trap = exec_insn(load, addresses[i], false);

		if (is_native() && i == 4)
			continue; /* more virtio slots than a guest may have */
		good &= trap.cause == CAUSE_LOAD_ACCESS && trap.tval == addresses[i];
		trap = exec_insn(store, addresses[i], false);
		good &= trap.cause == CAUSE_STORE_ACCESS && trap.tval == addresses[i];
	}
	check(good, "accesses beside the devices");
}

/* Anywhere in the devices: an answer or an access fault, and the guest goes on. No UART stores. */
static void test_random(void)
{
	static const struct {
		u64 base, size;
		bool stores;
	} regions[] = {
		{ PLIC_BASE, 0x4000000, true },
		{ UART_BASE, 0x100, false },
		{ RTC_BASE, 0x1000, true },
		{ TEST_BASE, 0x1000, false },
	};
	u64 seed = 2026;
	bool good = true;

	for (unsigned n = 0; n < 4000; n++) {
		u64 r = random_next(&seed);
		unsigned region = r & 3;
		const struct width_case *c = &widths[(r >> 8) % ARRAY_SIZE(widths)];
		u64 address = regions[region].base + (r >> 16) % regions[region].size;
		const u64 args[8] = { address, random_next(&seed) };
		struct trap trap;

		if (c->is_store && !regions[region].stores)
			continue;
		trap = trap_try(exec_prepare(&c->insn, 1, false), args);
		if (trap.cause == NO_TRAP || trap.cause == CAUSE_LOAD_ACCESS ||
		    trap.cause == CAUSE_STORE_ACCESS || trap.cause == CAUSE_LOAD_MISALIGNED ||
		    trap.cause == CAUSE_STORE_MISALIGNED)
			continue;
		good = false;
		print("BAD %s at 0x%lx: cause %ld\n", c->name, address, trap.cause);
	}
	check(good, "4000 random accesses");
}

void guest_main(void)
{
	scenario_begin("mmio-widths");
	csr_write(sie, 0);
	csr_set(sstatus, FS_INITIAL << FS_SHIFT);
	*(volatile u8 *)UART_SCR = 0x9c;
	write32(RTC_ALARM_HIGH, 0x7fffffff);
	write32(RTC_ALARM_LOW, 0x87654321);
	test_extension();
	test_others_untouched();
	test_store_sources();
	test_offsets();
	test_compressed();
	test_across_pages();
	test_widths("PLIC", PLIC_PRIORITY_1 + 4, 4, false);
	test_widths("serial port", UART_BASE, 1, true);
	test_widths("RTC", RTC_BASE, 4, true);
	test_widths("test device", TEST_BASE, 2 | 4, true);
	if (is_native())
		skip("widths of the power button"); /* virt has none */
	else
		test_widths("power button", BUTTON_BASE, 4, false);
	test_misaligned();
	test_edges();
	test_random();
	scenario_end();
}
