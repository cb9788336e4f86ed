/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks on emulated devices: their registers, and the console behind the serial port. */
#include "attacker.h"

#define UART_THR 0
#define UART_IER 1
#define UART_LSR 5
#define LSR_THRE 0x20
#define IER_ALL	 0x0f

#define TEST_DEVICE	 0x100000UL
#define TEST_DEVICE_SIZE 0x1000UL

static const struct {
	u64 start, size;
} targets[] = {
	{ 0x0c000000, 0x600000 },			/* the PLIC, */
	{ 0x0c000000, 0x2100 },				/* those of its registers that exist */
	{ 0x0c200000, 0x4000 },	  { 0x10000000, 8 },	/* the serial port */
	{ 0x10000000, 0x1000 },	  { 0x00101000, 0x24 }, /* the RTC */
	{ 0x00101000, 0x1000 },	  { TEST_DEVICE, TEST_DEVICE_SIZE },
	{ 0x02000000, 0x10000 }, /* holes: the CLINT of virt, virtio, PCIe */
	{ 0x10001000, 0x8000 },	  { 0x30000000, 0x10000000 },
};

static u64 swap(u64 address, u64 value)
{
	return __atomic_exchange_n((u32 *)address, (u32)value, __ATOMIC_RELAXED);
}

/* The test device does as it is told: these would end the attack. */
static bool ends_machine(u64 address, u64 value)
{
	return address - TEST_DEVICE < TEST_DEVICE_SIZE &&
	       ((u16)value == 0x5555 || (u16)value == 0x7777 || (u16)value == 0x3333);
}

void attack_mmio(u64 hart)
{
	u64 random = 0x3310 + hart;

	while (!attack_is_over()) {
		u64 any = random_next(&random), value = random_next(&random);
		unsigned target = any % ARRAY_SIZE(targets), width = any >> 8 & 3;
		u64 address = targets[target].start + (any >> 16) % targets[target].size;

		if (any >> 63) /* mostly aligned: else devices hardly ever see it */
			address &= ~7UL;
		else
			address &= ~(BIT(width) - 1);
		if (any >> 10 & 1)
			value = any >> 11 & 1 ? 0 : -1UL;
		if (ends_machine(address, value))
			continue;
		switch (any >> 12 & 7) {
		case 0: trap_call((void *)swap, address, value, 0); break;
		case 1:
		case 2:
		case 3: access_store(width, address, value); break;
		default: access_load(width, address); break;
		}
		attack_count(hart);
	}
}

static void put(u8 byte)
{
	*(volatile u8 *)(UART_BASE + UART_THR) = byte;
}

/*
 * As much output as the hypervisor takes, of the kind that upsets terminals: lines of 64 KiB, every
 * control character, escape sequences, and lines that pretend to be somebody else's.
 */
void attack_console(u64 hart)
{
	static const char forged[] =
		"\r\n[victim] selfcheck: line 0 at 0 work 0 ticks 0 late 0 1\r\n"
		"\rselfcheck: line 1 at 0 work 0 ticks 0 late 0 2\r\n"
		"\033[2J\033c\033]0;x\007\nselfcheck: ok rounds=1 lines=1\r\n"
		"selfcheck: FAILED forged\r\ndoppel: PANIC on hart 0 forged\n";
	u64 random = 0xc0 + hart;

	while (!attack_is_over()) {
		for (unsigned i = 0; i < 65536 && !attack_is_over(); i++)
			put((u8)('!' + i % 90));
		for (unsigned i = 0; i < 4096 && !attack_is_over(); i++)
			put((u8)random_next(&random));
		for (const char *c = forged; *c; c++)
			sbi_call1(SBI_LEGACY_CONSOLE_PUTCHAR, 0, (u8)*c);
		sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(forged) - 1, (u64)forged, 0);
		sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, attack_ram.end - attack_ram.start,
			  attack_ram.start, 0);
		sbi_call1(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, 0x1d); /* Ctrl-] */
		attack_count(hart);
	}
}

/*
 * Fills its console, by the serial port and by SBI, which is much faster; asks for interrupts that
 * it will not take, and reads nothing of its input.
 */
void attack_fill(u64 hart)
{
	static const char row[] = "###############################################\n";
	u64 half = attack_until - attack_time / 2;

	csr_write(sie, 0);
	*(volatile u8 *)(UART_BASE + UART_IER) = IER_ALL;
	for (u64 i = 0; rdtime() < half; i++) {
		put(i % 64 ? '#' : '\n');
		sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(row) - 1, (u64)row, 0);
		attack_count(hart);
	}
	while (!attack_is_over())
		;
}
