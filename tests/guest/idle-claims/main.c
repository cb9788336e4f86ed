/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers that a guest reads without an exit must not be older than an exit would tell: the
 * PLIC's claim register while there is nothing to claim, its enable bits, and a virtio device's
 * registers. The source is the 16550's empty transmitter; this hart polls, and never takes the
 * interrupt.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

#define PLIC_BASE	  0x0c000000UL
#define PLIC_PRIORITY(s)  (PLIC_BASE + 4 * (s))
#define PLIC_ENABLE(c)	  (PLIC_BASE + 0x2000 + 0x80 * (c))
#define PLIC_THRESHOLD(c) (PLIC_BASE + 0x200000 + 0x1000 * (c))
#define PLIC_CLAIM(c)	  (PLIC_THRESHOLD(c) + 4)

#define UART_IRQ  10
#define UART_BASE 0x10000000UL
#define IER	  1
#define IIR	  2
#define LSR	  5
#define IER_THRI  2
#define LSR_TEMT  0x40

#define ROUNDS	 100
#define READS	 1000
#define PATIENCE 10000000UL /* ticks: 1 s */

static u64 context; /* of this hart, S-mode */
static volatile unsigned wanted, done;

static u32 read32(u64 address)
{
	return *(volatile u32 *)address;
}

static void write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

static void raise(void)
{
	*(volatile u8 *)(UART_BASE + IER) = IER_THRI;
}

static void quiet(void)
{
	(void)*(volatile u8 *)(UART_BASE + IIR);
	*(volatile u8 *)(UART_BASE + IER) = 0;
}

/* No print while the transmitter is the source. */
static void wait_for_transmitter(void)
{
	while (!(*(volatile u8 *)(UART_BASE + LSR) & LSR_TEMT))
		;
}

/* The other hart: raises the interrupt when it is asked to, after a while that differs. */
static void other_hart(u64 arg)
{
	(void)arg;
	for (unsigned round = 1; round <= ROUNDS; round++) {
		while (wanted != round)
			;
		for (u64 start = rdtime(); rdtime() - start < 100 * (round % 8);)
			;
		raise();
		done = round;
	}
}

/* Claims by polling. 0: nothing came. */
static u32 poll(void)
{
	u64 start = rdtime();
	u32 source;

	do {
		source = read32(PLIC_CLAIM(context));
	} while (!source && rdtime() - start < PATIENCE);
	return source;
}

/* Serves what was claimed; true: there was nothing else. */
static bool serve(void)
{
	quiet();
	write32(PLIC_CLAIM(context), UART_IRQ);
	return read32(PLIC_CLAIM(context)) == 0;
}

static bool all_read_as(u64 address, u32 value)
{
	bool good = true;

	for (unsigned i = 0; i < READS; i++)
		good &= read32(address) == value;
	return good;
}

static void test_reads(void)
{
	write32(PLIC_ENABLE(context), BIT(UART_IRQ));
	check(all_read_as(PLIC_ENABLE(context), BIT(UART_IRQ)), "the enable bits, 1000 times");
	check(all_read_as(PLIC_CLAIM(context), 0), "nothing to claim, 1000 times");
	check(all_read_as(PLIC_THRESHOLD(context), 0), "no threshold, 1000 times");
}

static void test_own_interrupts(void)
{
	bool good = true;

	wait_for_transmitter();
	for (unsigned round = 0; round < ROUNDS; round++) {
		raise();
		good &= poll() == UART_IRQ && serve();
	}
	check(good, "what this hart makes pending can be claimed");
}

/* A claim does not look at the threshold ("Interrupt Claim Process"); QEMU's PLIC does. */
static void test_thresholds(void)
{
	bool is_read = true, is_claimed = true;

	wait_for_transmitter();
	for (u32 threshold = 1; threshold <= 7; threshold++) {
		write32(PLIC_THRESHOLD(context), threshold);
		is_read &= read32(PLIC_THRESHOLD(context)) == threshold;
		raise();
		is_claimed &= read32(PLIC_CLAIM(context)) == UART_IRQ;
		write32(PLIC_THRESHOLD(context), 0);
		is_read &= read32(PLIC_THRESHOLD(context)) == 0;
		if (!is_claimed)
			(void)poll();
		is_read &= serve();
	}
	check(is_read, "a threshold can be read");
	check_but_native(is_claimed, "and does not hide what can be claimed");
}

static void test_others_interrupts(void)
{
	bool good = hart_start(hart_nth(1), other_hart, 0) == 0;

	wait_for_transmitter();
	for (unsigned round = 1; good && round <= ROUNDS; round++) {
		wanted = round;
		good &= poll() == UART_IRQ;
		while (done != round)
			;
		good &= serve();
	}
	check(good, "what another hart makes pending can be claimed by one that polls");
}

void guest_main(void)
{
	context = 2 * hart_nth(0) + 1;
	scenario_begin("idle-claims");
	write32(PLIC_PRIORITY(UART_IRQ), 1);
	write32(PLIC_THRESHOLD(context), 0);
	test_reads();
	test_own_interrupts();
	test_thresholds();
	test_others_interrupts();
	write32(PLIC_ENABLE(context), 0);
	scenario_end();
}
