// SPDX-License-Identifier: BSD-2-Clause
#include "console.h"

#define COM1	  0x3f8
#define COM1_FCR  (COM1 + 2)
#define COM1_LCR  (COM1 + 3)
#define COM1_LSR  (COM1 + 5)
#define LSR_THRE  0x20
#define PORT_EXIT 0xf4 /* isa-debug-exit, as the emulator is started with */

void console_init(void)
{
	out8(COM1_LCR, 3);
	out8(COM1_FCR, 0);
}

static void put_char(char c)
{
	while (!(in8(COM1_LSR) & LSR_THRE))
		;
	out8(COM1, (u8)c);
}

void put_text(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_hex(u64 value)
{
	put_text("0x");
	int shift = 60;
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[value >> shift & 15]);
}

void put_number(u32 value)
{
	char digits[11];
	int at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_text(digits + at);
}

void machine_exit(u8 status)
{
	out8(PORT_EXIT, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}
