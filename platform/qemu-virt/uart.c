/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own serial port (NS16550A), which Doppel owns and all consoles share. */
#include "platform/qemu-virt/uart.h"
#include "lib/spinlock.h"
#include "riscv/io.h"

enum { THR = 0, RBR = 0, IER = 1, FCR = 2, LCR = 3, LSR = 5 };

#define IER_RX_AVAILABLE BIT(0)
#define IER_THR_EMPTY	 BIT(1)
#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1		 0x03
#define LSR_DATA_READY	 BIT(0)
#define LSR_THR_EMPTY	 BIT(5)

/* Some milliseconds even on a slow emulator; a working port is ready at once. */
#define BUSY_LIMIT 1000000

static u64 base;
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
	io_write8(base + FCR, FCR_ENABLE_CLEAR);
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
		if (!base || is_stalled || i == BUSY_LIMIT) {
			is_stalled = true;
			return false;
		}
	}
	return true;
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
