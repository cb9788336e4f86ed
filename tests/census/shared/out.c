/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffered output: by SBI's debug console where there is one, else by the serial port. */
#include "out.h"

#include "console.h"
#include "sbi.h"

#define BUFFER_SIZE 8192
#define LINE	    128 /* less than print() takes at once */

static char buffer[BUFFER_SIZE + 1];
static unsigned used;

static void flush_by_sbi(void)
{
	for (unsigned done = 0; done < used;) {
		struct sbiret ret =
			sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, used - done, (u64)buffer + done, 0);

		if (ret.error)
			return;
		done += (unsigned)ret.value;
	}
}

static void flush_by_port(void)
{
	for (unsigned done = 0; done < used; done += LINE) {
		unsigned end = done + LINE < used ? done + LINE : used;
		char next = buffer[end];

		buffer[end] = '\0';
		print("%s", buffer + done);
		buffer[end] = next;
	}
}

void out_flush(void)
{
	if (sbi_has(SBI_EXT_DBCN))
		flush_by_sbi();
	else
		flush_by_port();
	used = 0;
}

void out_char(char c)
{
	buffer[used++] = c;
	if (used == BUFFER_SIZE)
		out_flush();
}

void out_text(const char *text)
{
	while (*text)
		out_char(*text++);
}

static void out_number(u64 value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		out_char(digits[--n]);
}

void out_decimal(u64 value)
{
	out_number(value, 10);
}

void out_hex(u64 value)
{
	out_number(value, 16);
}
