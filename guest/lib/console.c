/* SPDX-License-Identifier: BSD-2-Clause */
/* Output through the 16550 of virt, by polling: the same natively and in a guest. */
#include "console.h"

#include <stdarg.h>

#include "fdt.h"
#include "sbi.h"

#define UART_BASE 0x10000000UL
#define UART_THR  0
#define UART_LSR  5
#define LSR_THRE  0x20

static struct spinlock lock;
static const char *scenario;
static enum { UNKNOWN, NS16550, SBI_CONSOLE } backend;

static volatile u8 *uart_reg(unsigned n)
{
	return (volatile u8 *)(UART_BASE + n);
}

static void put_char(char c)
{
	if (backend == UNKNOWN)
		backend = fdt_has_compatible(boot_fdt, "ns16550a") ? NS16550 : SBI_CONSOLE;
	if (backend == SBI_CONSOLE) {
		sbi_call1(SBI_LEGACY_CONSOLE_PUTCHAR, 0, (u8)c);
		return;
	}
	while (!(*uart_reg(UART_LSR) & LSR_THRE))
		;
	*uart_reg(UART_THR) = (u8)c;
}

struct line {
	char text[256];
	unsigned len;
};

static void line_put(struct line *line, char c)
{
	if (line->len < sizeof(line->text))
		line->text[line->len++] = c;
}

static void line_number(struct line *line, u64 value, unsigned base, unsigned width, char pad)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (width > n) {
		line_put(line, pad);
		width--;
	}
	while (n)
		line_put(line, digits[--n]);
}

static void line_signed(struct line *line, s64 value)
{
	if (value < 0)
		line_put(line, '-');
	line_number(line, value < 0 ? -(u64)value : (u64)value, 10, 0, ' ');
}

static void line_string(struct line *line, const char *s)
{
	while (*s)
		line_put(line, *s++);
}

static void line_format(struct line *line, const char *format, va_list args)
{
	for (; *format; format++) {
		unsigned width = 0;
		bool is_long = false;
		char pad = ' ';

		if (*format != '%') {
			line_put(line, *format);
			continue;
		}
		if (*++format == '0')
			pad = '0';
		while (*format >= '0' && *format <= '9')
			width = width * 10 + (unsigned)(*format++ - '0');
		while (*format == 'l') {
			is_long = true;
			format++;
		}
		switch (*format) {
		case 'c': line_put(line, (char)va_arg(args, int)); break;
		case 's': line_string(line, va_arg(args, const char *)); break;
		case 'd': line_signed(line, is_long ? va_arg(args, s64) : va_arg(args, s32)); break;
		case 'u':
		case 'x':
			line_number(line, is_long ? va_arg(args, u64) : va_arg(args, u32),
				    *format == 'u' ? 10 : 16, width, pad);
			break;
		default: line_put(line, *format); break;
		}
	}
}

void print(const char *format, ...)
{
	struct line line = { .len = 0 };
	va_list args;

	va_start(args, format);
	line_format(&line, format, args);
	va_end(args);
	spin_lock(&lock);
	for (unsigned i = 0; i < line.len; i++)
		put_char(line.text[i]);
	spin_unlock(&lock);
}

void console_break_lock(void)
{
	spin_unlock(&lock);
}

void scenario_begin(const char *name)
{
	u64 start = rdtime();

	scenario = name;
	/*
	 * OpenSBI 1.1 marks a hart as to be started before it writes where. A hart that is still on
	 * its way to the waiting loop would enter at _start, a second time: let all of them arrive.
	 */
	while (is_native() && rdtime() - start < 50000)
		;
	print("\n== begin %s\n", name);
}

void scenario_end(void)
{
	print("== end %s\n", scenario);
	sbi_shutdown(SBI_SRST_NO_REASON);
}

bool check(bool good, const char *what)
{
	print("%s %s\n", good ? "ok" : "BAD", what);
	return good;
}

bool check_equal(const char *what, u64 got, u64 want)
{
	if (got == want)
		return check(true, what);
	print("BAD %s: got 0x%lx, want 0x%lx\n", what, got, want);
	return false;
}

bool check_trap(const char *what, const struct trap *trap, u64 cause, u64 tval)
{
	if (trap->cause == cause && (cause == NO_TRAP || trap->tval == tval))
		return check(true, what);
	print("BAD %s: got cause %ld stval 0x%lx (sepc 0x%lx), want cause %ld stval 0x%lx\n", what,
	      trap->cause, trap->tval, trap->epc, cause, tval);
	return false;
}

bool check_trap_status(const char *what, const struct trap *trap, bool from_user, bool enabled)
{
	u64 want = (from_user ? 0 : SSTATUS_SPP) | (enabled ? SSTATUS_SPIE : 0);

	return check_equal(what, trap->status & (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE), want);
}

void skip(const char *what)
{
	print("skip %s\n", what);
}

bool is_native(void)
{
	return sbi_call0(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID).value == SBI_IMPL_OPENSBI;
}

bool check_but_native(bool good, const char *what)
{
	if (good || !is_native())
		return check(good, what);
	skip(what);
	return false;
}
