/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cost of one operation, seen from the guest. Prints `bench NAME N`: a tick of the timebase is
 * 100 ns, and under `-icount shift=0` an instruction takes 1 ns, so N is instructions there and
 * nanoseconds elsewhere. The loop's own instructions are in N, as in the figures to compare with.
 */
#include "console.h"
#include "fdt.h"
#include "paging.h"
#include "sbi.h"

#define OPERATIONS  5000
#define NS_PER_TICK 100

#define PLIC_PRIORITY_1 0x0c000004UL
#define UART_LSR	0x10000005UL

#define FAR_AWAY (1UL << 60)

/* Calls the firmware with a0 to a3; the error of the last call. */
static long loop_ecall(u64 ext, u64 fid, u64 arg0, u64 arg1, u64 arg2, u64 arg3)
{
	register u64 a0 asm("a0") = arg0;
	register u64 a1 asm("a1") = arg1;
	register u64 a2 asm("a2") = arg2;
	register u64 a3 asm("a3") = arg3;
	register u64 a6 asm("a6") = fid;
	register u64 a7 asm("a7") = ext;
	u64 count = OPERATIONS;

	asm volatile("1:	mv	a0, %[arg0]\n"
		     "	mv	a1, %[arg1]\n"
		     "	ecall\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     : "+r"(a0), "+r"(a1), [count] "+r"(count)
		     : "r"(a2), "r"(a3), "r"(a6), "r"(a7), [arg0] "r"(arg0), [arg1] "r"(arg1)
		     : "memory");
	return (long)a0;
}

/* An IPI to this hart, and sip.SSIP cleared as soon as it is there. */
static long loop_ipi(u64 hart)
{
	register u64 a0 asm("a0") = 1;
	register u64 a1 asm("a1") = hart;
	register u64 a6 asm("a6") = SBI_IPI_SEND;
	register u64 a7 asm("a7") = SBI_EXT_IPI;
	u64 count = OPERATIONS;

	asm volatile("1:	li	a0, 1\n"
		     "	mv	a1, %[hart]\n"
		     "	ecall\n"
		     "	csrci	sip, 2\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     : "+r"(a0), "+r"(a1), [count] "+r"(count)
		     : "r"(a6), "r"(a7), [hart] "r"(hart)
		     : "memory");
	return (long)a0;
}

static void loop_lw(u64 address)
{
	u64 count = OPERATIONS, value;

	asm volatile(".option push\n"
		     ".option norvc\n"
		     "1:	lw	%[value], (%[address])\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     ".option pop\n"
		     : [value] "=&r"(value), [count] "+r"(count)
		     : [address] "r"(address)
		     : "memory");
}

static void loop_c_lw(u64 address)
{
	register u64 a0 asm("a0") = address;
	u64 count = OPERATIONS;

	asm volatile("1:	c.lw	a1, (a0)\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     : [count] "+r"(count)
		     : "r"(a0)
		     : "a1", "memory");
}

static void loop_sw(u64 address)
{
	u64 count = OPERATIONS;

	asm volatile(".option push\n"
		     ".option norvc\n"
		     "1:	sw	zero, (%[address])\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     ".option pop\n"
		     : [count] "+r"(count)
		     : [address] "r"(address)
		     : "memory");
}

static void loop_lbu(u64 address)
{
	u64 count = OPERATIONS, value;

	asm volatile("1:	lbu	%[value], (%[address])\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     : [value] "=&r"(value), [count] "+r"(count)
		     : [address] "r"(address)
		     : "memory");
}

static void loop_rdtime(void)
{
	u64 count = OPERATIONS, value;

	asm volatile("1:	rdtime	%[value]\n"
		     "	addi	%[count], %[count], -1\n"
		     "	bnez	%[count], 1b\n"
		     : [value] "=&r"(value), [count] "+r"(count)
		     :
		     : "memory");
}

static u64 self;
static u64 *root; /* of Sv39 */

static long run_base(void)
{
	return loop_ecall(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0, 0);
}

static long run_unknown(void)
{
	return loop_ecall(0x0badc0de, 0, 0, 0, 0, 0) == SBI_ERR_NOT_SUPPORTED ? 0 : -1;
}

static long run_set_timer(void)
{
	return loop_ecall(SBI_EXT_TIME, SBI_TIME_SET_TIMER, FAR_AWAY, 0, 0, 0);
}

static long run_ipi(void)
{
	return loop_ipi(self);
}

static long run_fence_i(void)
{
	return loop_ecall(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, self, 0, 0);
}

static long run_sfence_vma(void)
{
	return loop_ecall(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, self, 0x80200000, PAGE_SIZE);
}

static long run_plic_read(void)
{
	loop_lw(PLIC_PRIORITY_1);
	return 0;
}

static long run_plic_read_compressed(void)
{
	loop_c_lw(PLIC_PRIORITY_1);
	return 0;
}

static long run_plic_write(void)
{
	loop_sw(PLIC_PRIORITY_1);
	return 0;
}

static long run_uart_lsr(void)
{
	loop_lbu(UART_LSR);
	return 0;
}

static long run_rdtime(void)
{
	loop_rdtime();
	return 0;
}

/*
 * What an exit costs beside its instructions: an emulator that forgets all translations at each
 * exit finds them again, one for each page that is touched. With and without a call in each round.
 */
#define TOUCHED 64

static u8 touched[TOUCHED][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static long touch_pages(bool calls)
{
	long error = 0;

	paging_use(paging_satp(root));
	for (unsigned i = 0; i < OPERATIONS; i++) {
		if (calls)
			error |= sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION).error;
		for (unsigned page = 0; page < TOUCHED; page++)
			(void)*(volatile u8 *)touched[page];
	}
	paging_use(0);
	return error;
}

static long run_touch(void)
{
	return touch_pages(false);
}

static long run_call_and_touch(void)
{
	return touch_pages(true);
}

static const struct {
	const char *name;
	long (*run)(void);
} benches[] = {
	{ "rdtime", run_rdtime },
	{ "base", run_base },
	{ "unknown", run_unknown },
	{ "set_timer", run_set_timer },
	{ "ipi_self", run_ipi },
	{ "fence_i_self", run_fence_i },
	{ "sfence_vma_self", run_sfence_vma },
	{ "plic_read", run_plic_read },
	{ "plic_read_c", run_plic_read_compressed },
	{ "plic_write", run_plic_write },
	{ "uart_lsr", run_uart_lsr },
	{ "touch", run_touch },
	{ "call_and_touch", run_call_and_touch },
};

/*
 * Two harts that wake each other by an IPI and sleep. Where they share a hart of the host, each of
 * the 2 * OPERATIONS turns is a call, a WFI that traps, and a switch to the other vCPU.
 */
static volatile u64 turn;

static void take_turns(u64 me)
{
	u64 other = hart_nth(me ? 0 : 1);

	csr_write(sie, SIP_SSIP);
	for (u64 i = me; i < 2 * OPERATIONS; i += 2) {
		while (turn != i) {
			wfi();
			csr_clear(sip, SIP_SSIP);
		}
		turn = i + 1;
		sbi_send_ipi(1, other);
	}
}

static void run_switch(void)
{
	u64 start;

	hart_start(hart_nth(1), take_turns, 1);
	start = rdtime();
	take_turns(0);
	while (turn != 2 * OPERATIONS)
		wfi();
	print("bench switch %lu\n", (rdtime() - start) * NS_PER_TICK / (2 * OPERATIONS));
}

static void run_all(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(benches); i++) {
		u64 start;
		long error;

		benches[i].run(); /* once unmeasured: caches of firmware, emulator and hypervisor */
		start = rdtime();
		error = benches[i].run();
		print("bench %s %lu\n", benches[i].name,
		      (rdtime() - start) * NS_PER_TICK / OPERATIONS);
		if (error)
			print("BAD %s: error %ld\n", benches[i].name, error);
	}
}

/* With one hart all operations; with two the switch between them. */
void guest_main(void)
{
	self = hart_self()->id;
	root = paging_new();
	csr_write(sie, 0);
	scenario_begin("bench");
	if (hart_count() == 1)
		run_all();
	else
		run_switch();
	scenario_end();
}
