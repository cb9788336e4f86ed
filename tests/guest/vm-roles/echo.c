/* SPDX-License-Identifier: BSD-2-Clause */
/* The role of a guest that is typed at: it takes less than a user can paste. */
#include "roles.h"

#include "console.h"

#define UART	       0x10000000UL
#define UART_LSR       (UART + 5)
#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY  0x20

#define CTRL_D	  0x04
#define AT_ONCE	  64 /* bytes; a pause of a millisecond follows */
#define FNV_BASIS 0xcbf29ce484222325UL
#define FNV_PRIME 0x100000001b3UL

static u8 typed(void)
{
	while (!(*(volatile u8 *)UART_LSR & LSR_DATA_READY))
		;
	return *(volatile u8 *)UART;
}

static void show(u8 byte)
{
	while (!(*(volatile u8 *)UART_LSR & LSR_THR_EMPTY))
		;
	*(volatile u8 *)UART = byte;
}

static void pause(void)
{
	u64 start = rdtime();

	while (rdtime() - start < MS)
		;
}

void echo(void)
{
	u64 checksum = FNV_BASIS, count = 0;

	print("type\n");
	for (u8 byte; (byte = typed()) != CTRL_D;) {
		checksum = (checksum ^ byte) * FNV_PRIME;
		show(byte);
		if (++count % AT_ONCE == 0)
			pause();
	}
	print("\n%lu bytes, checksum %016lx\n", count, checksum);
}
