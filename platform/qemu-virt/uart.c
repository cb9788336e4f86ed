/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own serial port (NS16550A), which Doppel owns and all consoles share. */
#include "platform/qemu-virt/uart.h"
#include "lib/spinlock.h"
#include "riscv/io.h"

enum { THR = 0, RBR = 0, IER = 1, FCR = 2, LCR = 3, LSR = 5 };

#define IER_RX_AVAILABLE BIT(0)
#define IER_THR_EMPTY	 BIT(1)
#define FCR_ENABLE_CLEAR 0x07
#define FCR_TRIGGER_14	 0xc0 /* interrupts for input: at 14 bytes, or soon after the last one */
#define LCR_8N1		 0x03
#define LSR_DATA_READY	 BIT(0)
#define LSR_THR_EMPTY	 BIT(5)

/*
 * How often a busy port is looked at; one that works is ready at once. Some hundred microseconds,
 * for a hart waits; at the end of everything, a second.
 */
#define BUSY_LIMIT  300
#define LAST_EFFORT 1000000

static u64 base;
static int busy_limit = BUSY_LIMIT;
static bool is_stalled;
static struct spinlock ier_lock;
static u8 ier;

void uart_init(hpa_t port)
{
	base = port.v;
	if (!base)
		return;
	io_write8(base + IER, 0);
	io_write8(base + LCR, LCR_8N1);
	io_write8(base + FCR, FCR_ENABLE_CLEAR | FCR_TRIGGER_14);
}

bool uart_try_put(u8 byte)
{
	if (!base || !(io_read8(base + LSR) & LSR_THR_EMPTY))
		return false;
	io_write8(base + THR, byte);
	is_stalled = false;
	return true;
}

bool uart_put(u8 byte)
{
	for (int i = 0; !uart_try_put(byte); i++) {
		if (!base || is_stalled || i == busy_limit) {
			is_stalled = true;
			return false;
		}
	}
	return true;
}

void uart_make_last_effort(void)
{
	busy_limit = LAST_EFFORT;
	is_stalled = false;
}

bool uart_get(u8 *byte)
{
	if (!base || !(io_read8(base + LSR) & LSR_DATA_READY))
		return false;
	*byte = io_read8(base + RBR);
	return true;
}

static void set_ier(u8 bit, bool enable)
{
	u8 wanted;

	spin_lock(&ier_lock);
	wanted = (u8)(enable ? ier | bit : ier & ~bit);
	if (base && wanted != ier) {
		ier = wanted;
		io_write8(base + IER, ier);
	}
	spin_unlock(&ier_lock);
}

void uart_enable_input_interrupt(bool enable)
{
	set_ier(IER_RX_AVAILABLE, enable);
}

void uart_enable_output_interrupt(bool enable)
{
	set_ier(IER_THR_EMPTY, enable);
}
