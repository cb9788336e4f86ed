/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every SBI extension with sane and with wild arguments: each call is answered as the RISC-V SBI
 * Specification says, and changes no register but a0 and a1. What the firmware of a native run is
 * known to do otherwise (OpenSBI 1.1) is skipped there.
 */
#include "console.h"
#include "fdt.h"
#include "paging.h"
#include "sbi.h"
#include "string.h"

#define HOLE	  0x10200000UL
#define UART_BASE 0x10000000UL

void ecall_with(u64 regs[34]);

static unsigned harts_here;
static u64 self;
static u64 ram_end;
static bool native;

static bool error_is(const char *what, struct sbiret ret, long want)
{
	if (ret.error == want)
		return check(true, what);
	print("BAD %s: got error %ld value 0x%lx, want error %ld\n", what, ret.error, ret.value,
	      want);
	return false;
}

static bool error_is_either(const char *what, struct sbiret ret, long one, long other)
{
	return error_is(what, ret, ret.error == other ? other : one);
}

static void test_base(void)
{
	static const u64 present[] = {
		SBI_EXT_BASE,
		SBI_EXT_TIME,
		SBI_EXT_IPI,
		SBI_EXT_RFENCE,
		SBI_EXT_HSM,
		SBI_EXT_SRST,
		SBI_LEGACY_SET_TIMER,
		SBI_LEGACY_CONSOLE_PUTCHAR,
		SBI_LEGACY_CONSOLE_GETCHAR,
		SBI_LEGACY_CLEAR_IPI,
		SBI_LEGACY_SEND_IPI,
		SBI_LEGACY_REMOTE_FENCE_I,
		SBI_LEGACY_REMOTE_SFENCE_VMA,
		SBI_LEGACY_REMOTE_SFENCE_ASID,
		SBI_LEGACY_SHUTDOWN,
	};
	static const u64 absent[] = { 0x9, 0xf, 0x11, 0x0badc0de, 0x7fffffff, -1UL, 0x08000000 };
	struct sbiret version = sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION);
	bool good = true;

	check(version.error == 0 && version.value >= (native ? 0x3 : 0x2000000) &&
		      version.value < 0x7fffffff,
	      "base: specification version 2.0");
	for (u64 fid = SBI_BASE_GET_IMPL_ID; fid <= SBI_BASE_GET_MIMPID; fid++)
		good &= sbi_call0(SBI_EXT_BASE, fid).error == 0;
	check(good, "base: all functions succeed");
	good = true;
	for (unsigned i = 0; i < ARRAY_SIZE(present); i++)
		good &= sbi_has(present[i]);
	check(good, "base: probe finds what is there");
	check(native || (sbi_has(SBI_EXT_DBCN) && sbi_has(SBI_EXT_PMU)),
	      "base: probe finds DBCN and PMU");
	good = true;
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++)
		good &= !sbi_has(absent[i]);
	check(good, "base: probe finds nothing else");
}

static void test_unknown(void)
{
	static const u64 extensions[] = { 0x9,	      0xa,	  0xf,	      0x11, 0x0badc0de,
					  0x7fffffff, 0x80000000, 0x08000000, -1UL, -2UL };
	static const u64 known[] = { SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_IPI, SBI_EXT_RFENCE,
				     SBI_EXT_HSM,  SBI_EXT_SRST, SBI_EXT_PMU, SBI_EXT_DBCN };
	static const u64 functions[] = { 9, 100, 0x7fffffff, -1UL };
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++)
		good &= sbi_call0(extensions[i], 0).error == SBI_ERR_NOT_SUPPORTED;
	check(good, "unknown extensions are not supported");
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(functions); j++) {
			struct sbiret ret = sbi_call0(known[i], functions[j]);

			if (ret.error == SBI_ERR_NOT_SUPPORTED)
				continue;
			good = false;
			print("BAD extension 0x%lx function %ld: error %ld\n", known[i],
			      functions[j], ret.error);
		}
	}
	check(good, "unknown functions are not supported");
}

struct mask_case {
	const char *name;
	u64 mask, base;
	long want;
};

/* Hart masks: section "Hart list parameter". The same for IPI and RFENCE. */
static void test_masks(u64 ext, u64 fid, const char *prefix)
{
	const struct mask_case cases[] = {
		{ "self", 1, self, SBI_SUCCESS },
		{ "self, from base 0", BIT(self), 0, SBI_SUCCESS },
		{ "nobody", 0, 0, SBI_SUCCESS },
		{ "base -1, mask 0", 0, -1UL, SBI_SUCCESS },
		{ "base -1, mask -1", -1UL, -1UL, SBI_SUCCESS },
		{ "one hart too far", 1, harts_here, SBI_ERR_INVALID_PARAM },
		{ "bit beyond the last hart", BIT(harts_here) | 1, 0, SBI_ERR_INVALID_PARAM },
		{ "all 64 bits", -1UL, 0, SBI_ERR_INVALID_PARAM },
		{ "bit 63", BIT(63), 0, SBI_ERR_INVALID_PARAM },
		{ "base beyond", 1, 1000000, SBI_ERR_INVALID_PARAM },
		{ "base 2^32", 1, BIT(32), SBI_ERR_INVALID_PARAM },
		{ "base -2", 1, -2UL, SBI_ERR_INVALID_PARAM },
		{ "base -2 whose bit 2 wraps to hart 0", BIT(2), -2UL, SBI_ERR_INVALID_PARAM },
		{ "base 2^63", -1UL, BIT(63), SBI_ERR_INVALID_PARAM },
	};
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sbiret ret = sbi_call4(ext, fid, cases[i].mask, cases[i].base, 0, 0);

		csr_clear(sip, SIP_SSIP);
		if (ret.error == cases[i].want || (native && cases[i].want))
			continue;
		good = false;
		print("BAD %s to %s: error %ld, want %ld\n", prefix, cases[i].name, ret.error,
		      cases[i].want);
	}
	print("%s %s: hart masks\n", good ? "ok" : "BAD", prefix);
}

/* Long enough for an IPI to arrive, if there were one. */
static bool software_interrupt_comes(void)
{
	u64 start = rdtime();

	while (rdtime() - start < 20000)
		if (csr_read(sip) & SIP_SSIP)
			return true;
	return false;
}

static void test_ipi(void)
{
	test_masks(SBI_EXT_IPI, SBI_IPI_SEND, "ipi");
	csr_clear(sip, SIP_SSIP);
	sbi_send_ipi(1, self);
	check(software_interrupt_comes(), "ipi: to self sets sip.SSIP");
	csr_clear(sip, SIP_SSIP);
	check(!software_interrupt_comes(), "ipi: sip.SSIP stays clear once it is cleared");
	sbi_send_ipi(0, -1UL);
	check(software_interrupt_comes(), "ipi: base -1 includes self");
	csr_clear(sip, SIP_SSIP);
	sbi_send_ipi(0, 0);
	check(!software_interrupt_comes(), "ipi: an empty mask reaches nobody");
}

static void test_rfence(void)
{
	static const struct {
		const char *name;
		u64 start, size;
		bool may_refuse;
	} ranges[] = {
		{ "everything, as 0 and 0", 0, 0, false },
		{ "everything, as size -1", 0, -1UL, false },
		{ "everything, as size -1 from somewhere", 0x80200000, -1UL, false },
		{ "one page", 0x80200000, PAGE_SIZE, false },
		{ "one byte", 0x80200001, 1, false },
		{ "nothing", 0x80200000, 0, false },
		{ "1 TiB", 0, BIT(40), false },
		{ "the last page", -PAGE_SIZE, PAGE_SIZE, true },
		{ "beyond the last page", -PAGE_SIZE, 2 * PAGE_SIZE, true },
		{ "from -1", -1UL, -2UL, true },
		{ "2^63 at 2^63", BIT(63), BIT(63), true },
		{ "size -2", PAGE_SIZE, -2UL, true },
	};
	bool good = true;

	test_masks(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, "fence.i");
	test_masks(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, "sfence.vma");
	test_masks(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA_ASID, "sfence.vma with ASID");
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (u64 fid = SBI_RFENCE_SFENCE_VMA; fid <= SBI_RFENCE_SFENCE_VMA_ASID; fid++) {
			struct sbiret ret = sbi_call4(SBI_EXT_RFENCE, fid, 1, self, ranges[i].start,
						      ranges[i].size);

			if (ret.error == 0 ||
			    (ranges[i].may_refuse && ret.error == SBI_ERR_INVALID_ADDRESS))
				continue;
			good = false;
			print("BAD rfence %lu of %s: error %ld\n", fid, ranges[i].name, ret.error);
		}
	}
	check(good, "rfence: ranges");
	error_is_either("rfence: ASID -1",
			sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA_ASID, 1, self, 0, 0, -1UL),
			0, SBI_ERR_INVALID_PARAM);
	good = true;
	for (u64 fid = SBI_RFENCE_HFENCE_FIRST; fid <= SBI_RFENCE_HFENCE_LAST; fid++)
		good &= sbi_call(SBI_EXT_RFENCE, fid, 1, self, 0, 0, 0).error ==
			SBI_ERR_NOT_SUPPORTED;
	check(good, "rfence: hfence on a hart without H");
}

static void test_hsm(void)
{
	static const u64 missing[] = { 1000, BIT(31), BIT(32), BIT(63), -1UL };
	static const u64 reserved[] = { 1,	    0x0fffffff, 0x10000000, 0x7fffffff,
					0x80000001, 0x8fffffff, 0x90000000, 0xffffffff };
	bool good = true, started = true;

	for (unsigned i = 0; i < ARRAY_SIZE(missing); i++) {
		if (native && missing[i] >> 32)
			continue; /* OpenSBI 1.1 looks at 32 bits */
		good &= hart_status(missing[i]) == SBI_ERR_INVALID_PARAM;
		started &= sbi_call3(SBI_EXT_HSM, SBI_HSM_START, missing[i], 0x80200000, 0).error ==
			   SBI_ERR_INVALID_PARAM;
	}
	good &= hart_status(harts_here) == SBI_ERR_INVALID_PARAM;
	check(good, "hsm: status of harts that do not exist");
	check(started, "hsm: start of harts that do not exist");
	check_equal("hsm: this hart is started", (u64)hart_status(self), SBI_HSM_STARTED);
	error_is("hsm: start of a started hart",
		 sbi_call3(SBI_EXT_HSM, SBI_HSM_START, self, 0x80200000, 0),
		 SBI_ERR_ALREADY_AVAILABLE);
	good = true;
	/* with an interrupt pending, so that a suspend that is taken by mistake ends */
	csr_write(sie, SIP_SSIP);
	for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
		csr_set(sip, SIP_SSIP);
		long error =
			sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, reserved[i], 0x80200000, 0).error;
		/* OpenSBI 1.1 calls the platform specific ones not supported */
		if (error == SBI_ERR_INVALID_PARAM || (native && error == SBI_ERR_NOT_SUPPORTED))
			continue;
		good = false;
		print("BAD suspend of type 0x%lx: error %ld\n", reserved[i], error);
	}
	check(good, "hsm: suspend of a reserved type");
	csr_set(sip, SIP_SSIP);
	error_is("hsm: suspend with an interrupt pending",
		 sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0),
		 SBI_SUCCESS);
	csr_set(sip, SIP_SSIP);
	error_is("hsm: the type has 32 bits",
		 sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, BIT(32) | SBI_HSM_SUSPEND_RETENTIVE, 0, 0),
		 SBI_SUCCESS);
	csr_clear(sip, SIP_SSIP);
	csr_write(sie, 0);
}

static void test_srst(void)
{
	static const u64 types[] = { 3, 0x1000, 0xefffffff, 0xf0000000, 0xffffffff, BIT(32) | 3 };
	static const u64 reasons[] = { 2, 0xdfffffff };
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		good &= sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, types[i], 0).error ==
			SBI_ERR_INVALID_PARAM;
	check(good, "srst: reserved types");
	if (native) {
		skip("srst: reserved reasons"); /* OpenSBI 1.1 does not mind and shuts down */
		return;
	}
	good = true;
	for (unsigned i = 0; i < ARRAY_SIZE(reasons); i++)
		good &= sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_SHUTDOWN, reasons[i])
				.error == SBI_ERR_INVALID_PARAM;
	check(good, "srst: reserved reasons");
}

/* Writes all of a text, since the call may take less than it is given. */
static bool dbcn_write_all(const char *text, u64 len)
{
	u64 done = 0;

	while (done < len) {
		struct sbiret ret =
			sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, len - done, (u64)text + done, 0);

		if (ret.error || (u64)ret.value > len - done)
			return false;
		done += (u64)ret.value;
	}
	return true;
}

static void test_dbcn_absent(void)
{
	print("DBCN writes\n");
	skip("dbcn: write");
	print("DBCN writes a byte\n");
	skip("dbcn: write byte");
	skip("dbcn: write across a page");
	skip("dbcn: write of nothing");
	skip("dbcn: write from outside memory");
	skip("dbcn: read to outside memory");
	skip("dbcn: read with no input");
}

static void test_dbcn(void)
{
	static char text[] = "DBCN writes\n";
	static char pages[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	static u64 buffer = 0x1122334455667788;
	const struct {
		u64 len, lo, hi;
		const char *name;
	} bad[] = {
		{ -1UL, (u64)text, 0, "2^64 - 1 bytes" },
		{ -1UL, 0, 0, "2^64 - 1 bytes from 0" },
		{ BIT(63), (u64)text, 0, "2^63 bytes" },
		{ -(u64)text, (u64)text, 0, "up to 2^64" },
		{ -(u64)text + 1, (u64)text, 0, "wrapping to 0" },
		{ 2, ram_end - 1, 0, "across the end of RAM" },
		{ 1, ram_end, 0, "after the end of RAM" },
		{ PAGE_SIZE, ram_end - 8, 0, "a page across the end of RAM" },
		{ 1, (u64)text, 1, "high half 1" },
		{ 1, (u64)text, -1UL, "high half -1" },
		{ 1, -1UL, 0, "the last byte" },
		{ 2, -1UL, 0, "the last byte and the first" },
		{ 1, 0, 0, "address 0" },
		{ 1, HOLE, 0, "no device" },
		{ 1, UART_BASE, 0, "a device" },
		{ 8, BIT(40), 0, "2^40" },
		{ 8, BIT(55), 0, "2^55" },
	};
	bool good = true;
	struct sbiret ret;

	if (!sbi_has(SBI_EXT_DBCN)) {
		test_dbcn_absent();
		return;
	}
	good = dbcn_write_all(text, sizeof(text) - 1);
	check(good, "dbcn: write");
	for (const char *c = "DBCN writes a byte\n"; *c; c++) {
		ret = sbi_call1(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, 0xffffffffffff4100UL | (u8)*c);
		good &= ret.error == 0 && ret.value == 0;
	}
	check(good, "dbcn: write byte");
	memcpy(pages + PAGE_SIZE - 2, "ok d", 4);
	memcpy(pages + PAGE_SIZE + 2, "bcn: write across a page\n", 25);
	if (!dbcn_write_all(pages + PAGE_SIZE - 2, 29))
		print("BAD dbcn: write across a page\n");
	ret = sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, 0, (u64)text, 0);
	check(ret.error == 0 && ret.value == 0, "dbcn: write of nothing");
	for (u64 fid = SBI_DBCN_WRITE; fid <= SBI_DBCN_READ; fid++) {
		good = true;
		/* OpenSBI 1.5 takes a hole for memory, and prints all of it */
		for (unsigned i = 0; i < ARRAY_SIZE(bad) && !native; i++) {
			ret = sbi_call3(SBI_EXT_DBCN, fid, bad[i].len, bad[i].lo, bad[i].hi);
			if (ret.error == SBI_ERR_INVALID_PARAM)
				continue;
			good = false;
			print("BAD dbcn %lu, %s: error %ld value %ld\n", fid, bad[i].name,
			      ret.error, ret.value);
		}
		check(good, fid == SBI_DBCN_WRITE ? "dbcn: write from outside memory"
						  : "dbcn: read to outside memory");
	}
	ret = sbi_call3(SBI_EXT_DBCN, SBI_DBCN_READ, sizeof(buffer), (u64)&buffer, 0);
	fence();
	check(ret.error == 0 && ret.value == 0 && *(volatile u64 *)&buffer == 0x1122334455667788,
	      "dbcn: read with no input");
}

static void legacy_fault(const char *what, u64 ext, u64 pointer, u64 cause)
{
	const u64 args[8] = { pointer, 0, 0, 0, 0, 0, 0, ext };
	struct trap trap = trap_try(exec_prepare((const u32[]){ 0x00000073 }, 1, false), args);

	check_trap(what, &trap, cause, pointer);
}

static void test_legacy(void)
{
	static u64 mask;
	bool good;

	mask = BIT(self);
	check_equal("legacy: set timer", (u64)sbi_call1(SBI_LEGACY_SET_TIMER, 0, -1UL).error, 0);
	for (const char *c = "ok legacy: console putchar\n"; *c; c++)
		sbi_call1(SBI_LEGACY_CONSOLE_PUTCHAR, 0, (u8)*c);
	check_equal("legacy: console getchar, no input",
		    (u64)sbi_call0(SBI_LEGACY_CONSOLE_GETCHAR, 0).error, -1UL);
	csr_clear(sip, SIP_SSIP);
	check_equal("legacy: send ipi", (u64)sbi_call1(SBI_LEGACY_SEND_IPI, 0, (u64)&mask).error,
		    0);
	check(software_interrupt_comes(), "legacy: the ipi comes");
	/* OpenSBI 1.1 does not tell that one was pending */
	check((sbi_call0(SBI_LEGACY_CLEAR_IPI, 0).error > 0 || native) &&
		      !(csr_read(sip) & SIP_SSIP),
	      "legacy: clear ipi, one pending");
	check(sbi_call0(SBI_LEGACY_CLEAR_IPI, 0).error == 0, "legacy: clear ipi, none pending");
	good = sbi_call1(SBI_LEGACY_REMOTE_FENCE_I, 0, (u64)&mask).error == 0;
	good &= sbi_call3(SBI_LEGACY_REMOTE_SFENCE_VMA, 0, (u64)&mask, 0, 0).error == 0;
	good &= sbi_call4(SBI_LEGACY_REMOTE_SFENCE_ASID, 0, (u64)&mask, 0x80200000, 4096, 1)
			.error == 0;
	check(good, "legacy: remote fences");
}

/* "Page and access faults [...] are redirected back with sepc pointing to the faulting ECALL." */
static void test_legacy_faults(void)
{
	u64 *root = paging_new();

	legacy_fault("legacy: hart mask outside memory", SBI_LEGACY_SEND_IPI, HOLE,
		     CAUSE_LOAD_ACCESS);
	legacy_fault("legacy: hart mask beyond RAM", SBI_LEGACY_REMOTE_FENCE_I, ram_end,
		     CAUSE_LOAD_ACCESS);
	paging_map(root, 0x3000000000UL, HOLE, PTE_KERNEL, 0);
	paging_use(paging_satp(root));
	legacy_fault("legacy: hart mask unmapped", SBI_LEGACY_REMOTE_SFENCE_VMA, 0x3100000000UL,
		     CAUSE_LOAD_PAGE_FAULT);
	legacy_fault("legacy: hart mask in a page outside memory", SBI_LEGACY_SEND_IPI,
		     0x3000000000UL, CAUSE_LOAD_ACCESS);
	paging_use(0);
}

struct preserved_case {
	const char *name;
	u64 ext, fid;
	u64 args[5];
};

static void test_registers(void)
{
	static u64 mask;
	const struct preserved_case cases[] = {
		{ "base", SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID, { 0 } },
		{ "base probe", SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, { SBI_EXT_TIME } },
		{ "set timer", SBI_EXT_TIME, SBI_TIME_SET_TIMER, { -1UL } },
		{ "ipi", SBI_EXT_IPI, SBI_IPI_SEND, { 1, self } },
		{ "bad ipi", SBI_EXT_IPI, SBI_IPI_SEND, { 1, 5000 } },
		{ "fence.i", SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, { 1, self } },
		{ "sfence.vma", SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, { 1, self, 0, 0 } },
		{ "sfence.vma with ASID",
		  SBI_EXT_RFENCE,
		  SBI_RFENCE_SFENCE_VMA_ASID,
		  { 1, self, 0x1000, 0x1000, 1 } },
		{ "hart status", SBI_EXT_HSM, SBI_HSM_STATUS, { self } },
		{ "hart start", SBI_EXT_HSM, SBI_HSM_START, { self, 0x80200000, 0 } },
		{ "bad reset", SBI_EXT_SRST, SBI_SRST_RESET, { 3, 0 } },
		{ "pmu", SBI_EXT_PMU, SBI_PMU_NUM_COUNTERS, { 0 } },
		{ "dbcn read", SBI_EXT_DBCN, SBI_DBCN_READ, { 8, (u64)&mask, 0 } },
		{ "unknown", 0x0badc0de, 3, { 0 } },
		{ "legacy timer", SBI_LEGACY_SET_TIMER, 0, { -1UL } },
		{ "legacy clear ipi", SBI_LEGACY_CLEAR_IPI, 0, { 0 } },
		{ "legacy fence.i", SBI_LEGACY_REMOTE_FENCE_I, 0, { (u64)&mask } },
	};
	u64 seed = 1;
	bool good = true;

	mask = BIT(self);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 before[34], after[34];

		for (unsigned r = 0; r < 32; r++)
			before[r] = random_next(&seed);
		memcpy(&before[10], cases[i].args, sizeof(cases[i].args));
		before[16] = cases[i].fid;
		before[17] = cases[i].ext;
		memcpy(after, before, sizeof(after));
		ecall_with(after);
		for (unsigned r = 1; r < 32; r++) {
			if (after[r] == before[r] || r == 10 || (r == 11 && cases[i].ext > 8))
				continue;
			good = false;
			print("BAD %s changed x%u: 0x%lx to 0x%lx\n", cases[i].name, r, before[r],
			      after[r]);
		}
	}
	csr_clear(sip, SIP_SSIP);
	check(good, "registers other than a0 and a1 are preserved");
}

void guest_main(void)
{
	u64 ram_base, ram_size;

	scenario_begin("sbi");
	fdt_memory(boot_fdt, &ram_base, &ram_size);
	ram_end = ram_base + ram_size;
	harts_here = hart_count();
	self = hart_self()->id;
	native = is_native();
	csr_write(sie, 0);
	test_base();
	test_unknown();
	test_ipi();
	test_rfence();
	test_hsm();
	test_srst();
	test_dbcn();
	test_legacy();
	test_legacy_faults();
	test_registers();
	scenario_end();
}
