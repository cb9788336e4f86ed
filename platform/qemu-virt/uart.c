/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own serial port (NS16550A), which Doppel owns and all consoles share. */
#include "platform/qemu-virt/uart.h"
#include "riscv/io.h"

enum { THR = 0, RBR = 0, IER = 1, FCR = 2, LCR = 3, LSR = 5 };

#define IER_RX_AVAILABLE BIT(0)
#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1		 0x03
#define LSR_DATA_READY	 BIT(0)
#define LSR_THR_EMPTY	 BIT(5)

/* Some milliseconds even on a slow emulator; a working port is ready at once. */
#define BUSY_LIMIT 1000000

static u64 base;

void uart_init(hpa_t port)
{
	base = port.v;
	io_write8(base + IER, 0);
	io_write8(base + LCR, LCR_8N1);
	io_write8(base + FCR, FCR_ENABLE_CLEAR);
}

void uart_put(u8 byte)
{
	if (!base)
		return;
	for (int i = 0; i < BUSY_LIMIT; i++) {
		if (io_read8(base + LSR) & LSR_THR_EMPTY) {
			io_write8(base + THR, byte);
			return;
		}
	}
}

bool uart_get(u8 *byte)
{
	if (!base || !(io_read8(base + LSR) & LSR_DATA_READY))
		return false;
	*byte = io_read8(base + RBR);
	return true;
}

void uart_enable_input_interrupt(bool enable)
{
	io_write8(base + IER, enable ? IER_RX_AVAILABLE : 0);
}
