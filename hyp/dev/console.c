/* SPDX-License-Identifier: BSD-2-Clause */
/* The far end of a VM's serial port: the machine's console, which all VMs share. */
#include "dev/console.h"
#include "core/log.h"
#include "platform/qemu-virt/uart.h"

const struct ns16550_backend console_backend = { console_put, console_get };

static struct console *focus;

void console_init(struct console *console, const char *name, void (*port_ready)(void *), void *ctx)
{
	*console = (struct console){ .name = name, .port_ready = port_ready, .ctx = ctx };
}

void console_set_focus(struct console *console)
{
	__atomic_store_n(&focus, console, __ATOMIC_RELEASE);
}

void console_release_focus(const struct console *from, struct console *next)
{
	struct console *expected = (struct console *)from;

	if (__atomic_compare_exchange_n(&focus, &expected, next, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED))
		uart_enable_input_interrupt(true); /* its input may have been full */
}

static u32 input_count(const struct console *console)
{
	return console->head - console->tail;
}

/* Input that does not fit waits in the port, and then in the user's terminal. */
static void fill_from_port(struct console *console)
{
	u8 byte;

	while (input_count(console) < CONSOLE_INPUT_SIZE && uart_get(&byte))
		console->input[console->head++ % CONSOLE_INPUT_SIZE] = byte;
	uart_enable_input_interrupt(input_count(console) < CONSOLE_INPUT_SIZE);
}

static void drop_port_input(void)
{
	u8 byte;

	while (uart_get(&byte))
		;
}

void console_interrupt(void)
{
	struct console *console = __atomic_load_n(&focus, __ATOMIC_ACQUIRE);

	uart_enable_output_interrupt(false); /* who has output left will ask again */
	if (!console) {
		drop_port_input();
		return;
	}
	spin_lock(&console->lock);
	fill_from_port(console);
	spin_unlock(&console->lock);
	console->port_ready(console->ctx);
}

bool console_get(void *ctx, u8 *byte)
{
	struct console *console = ctx;
	bool had_some;

	spin_lock(&console->lock);
	had_some = input_count(console) > 0;
	if (had_some) {
		bool was_full = input_count(console) == CONSOLE_INPUT_SIZE;

		*byte = console->input[console->tail++ % CONSOLE_INPUT_SIZE];
		if (was_full && console == focus)
			fill_from_port(console);
	}
	spin_unlock(&console->lock);
	return had_some;
}

static void flush_line(struct console *console)
{
	if (console->line_length)
		log_raw("[%s] %.*s\n", console->name, (int)console->line_length, console->line);
	console->line_length = 0;
}

bool console_put(void *ctx, u8 byte)
{
	struct console *console = ctx;

	if (console == __atomic_load_n(&focus, __ATOMIC_RELAXED)) {
		if (log_guest_byte(byte))
			return true;
		uart_enable_output_interrupt(true);
		return false;
	}
	spin_lock(&console->lock);
	if (byte == '\n' || console->line_length == CONSOLE_LINE_SIZE)
		flush_line(console);
	if (byte != '\n' && byte != '\r')
		console->line[console->line_length++] = (char)byte;
	spin_unlock(&console->lock);
	return true;
}

void console_reset(struct console *console)
{
	spin_lock(&console->lock);
	console->tail = console->head;
	flush_line(console);
	spin_unlock(&console->lock);
}
