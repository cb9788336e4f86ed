/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550A serial port (National Semiconductor PC16550D data sheet; wired as on QEMU's virt). */
#ifndef DOPPEL_DEV_NS16550_H
#define DOPPEL_DEV_NS16550_H

#include "dev/irq_line.h"
#include "dev/mmio.h"
#include "lib/types.h"

/* QEMU's virt says 0x100 bytes in the device tree; only the first eight are there. */
#define NS16550_BASE		0x10000000UL
#define NS16550_SIZE		0x100UL
#define NS16550_IRQ		10
#define NS16550_CLOCK_FREQUENCY 3686400U

#define NS16550_FIFO_SIZE 16

struct ns16550_fifo {
	u8 data[NS16550_FIFO_SIZE];
	u8 head;  /* index of the oldest byte */
	u8 count; /* bytes held */
};

struct ns16550_state {
	struct ns16550_fifo rx;
	struct ns16550_fifo tx; /* bytes that the backend would not take yet */
	u16 divisor;		/* kept for the guest to read; there is no baud rate */
	u8 ier;
	u8 fcr; /* FIFO enable and receiver trigger */
	u8 lcr;
	u8 mcr;
	u8 scr;
	u8 msr;			 /* modem inputs, and what changed since the last read */
	bool overrun;		 /* LSR.OE */
	bool tx_empty_interrupt; /* the transmitter became empty and no one was told yet */
	bool may_have_input;	 /* the backend has not said that it has no more */
	bool irq_level;		 /* the wire, as last driven */
};

/* Where the bytes come from and go to. Neither may call back into the device. */
struct ns16550_backend {
	/* Takes one byte. False: full now; call ns16550_tx_ready() when it is no more. */
	bool (*put)(void *ctx, u8 byte);

	/*
	 * Fetches the next byte of input. False: none; call ns16550_poll_input() when there is.
	 * The device asks only when it has room: input waits behind it, however much it is.
	 */
	bool (*get)(void *ctx, u8 *byte);
};

struct ns16550 {
	struct ns16550_state s;
	struct irq_line irq;
	const struct ns16550_backend *backend;
	void *ctx;
};

/* All of these are called with the lock of the VM held. */
void ns16550_init(struct ns16550 *uart, struct irq_line irq, const struct ns16550_backend *backend,
		  void *ctx);

/* To power-on state; bytes on the way in or out are dropped. */
void ns16550_reset(struct ns16550 *uart);

/* The backend has new input, or takes output again after it refused a byte. */
void ns16550_poll_input(struct ns16550 *uart);
void ns16550_tx_ready(struct ns16550 *uart);

/* The guest's accesses, single bytes only: an mmio_handler for a struct ns16550. */
bool ns16550_mmio(void *ns16550, struct mmio_access *access);

#endif
