/* SPDX-License-Identifier: BSD-2-Clause */
/* What is typed, on its way to the console in focus. */
#include "dev/terminal_input.h"
#include "dev/console.h"
#include "platform/qemu-virt/uart.h"

#define SIZE KIB(16) /* a power of two */

static struct {
	u8 bytes[SIZE];
	u32 head, tail; /* atomic */
} input;

void terminal_input_init(void)
{
	input.head = input.tail = 0;
}

static u32 count(void)
{
	return __atomic_load_n(&input.head, __ATOMIC_RELAXED) -
	       __atomic_load_n(&input.tail, __ATOMIC_RELAXED);
}

bool terminal_input_is_empty(void)
{
	return count() == 0;
}

bool terminal_input_has_room(void)
{
	return count() < SIZE;
}

void terminal_input_read_port(void (*accept)(u8 byte))
{
	u8 byte;

	while (terminal_input_has_room() && uart_get(&byte))
		accept(byte);
	uart_enable_input_interrupt(terminal_input_has_room());
}

void terminal_input_add(u8 byte)
{
	input.bytes[input.head++ % SIZE] = byte;
}

bool terminal_input_move(struct console *console)
{
	u32 before = input.tail;

	spin_lock(&console->lock);
	while (input.tail != input.head &&
	       console_add_input(console, input.bytes[input.tail % SIZE]))
		input.tail++;
	if (input.tail != before)
		console->has_news = true;
	spin_unlock(&console->lock);
	uart_enable_input_interrupt(terminal_input_has_room());
	return input.tail != before;
}

u32 terminal_input_drop(void)
{
	u32 dropped = count();

	input.tail = input.head;
	uart_enable_input_interrupt(true);
	return dropped;
}
