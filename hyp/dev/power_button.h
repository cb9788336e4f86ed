/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A power button: a PS/2 keyboard with one key, behind the PS/2 port of Altera's University
 * Program. Debian's RISC-V kernel can bind no simpler button: it has drivers for this port and for
 * such keyboards, but none for buttons on GPIO lines.
 */
#ifndef DOPPEL_DEV_POWER_BUTTON_H
#define DOPPEL_DEV_POWER_BUTTON_H

#include "dev/irq_line.h"
#include "dev/mmio.h"
#include "lib/types.h"

/* Not in use on QEMU's virt. The first eight bytes are registers. */
#define POWER_BUTTON_BASE 0x102000UL
#define POWER_BUTTON_SIZE 0x1000UL
#define POWER_BUTTON_IRQ  12

#define POWER_BUTTON_FIFO_SIZE 16

struct power_button_state {
	u8 fifo[POWER_BUTTON_FIFO_SIZE]; /* bytes from the keyboard */
	u8 head;			 /* index of the oldest byte */
	u8 count;			 /* bytes held */
	u8 command;			 /* that waits for its argument; 0: none */
	bool is_scanning;		 /* the keyboard reports its key */
	bool irq_enabled;		 /* control register, RE */
	bool irq_level;			 /* the wire, as last driven */
};

struct power_button {
	struct power_button_state s;
	struct irq_line irq;
};

/* All of these are called with the lock of the VM held. */
void power_button_init(struct power_button *button, struct irq_line irq);

/* To power-on state. */
void power_button_reset(struct power_button *button);

/*
 * Presses the key and releases it. False: the guest has not enabled the port or the keyboard, or
 * leaves earlier presses unread; nothing happens.
 */
bool power_button_press(struct power_button *button);

/* The guest's accesses, 4 bytes wide: an mmio_handler for a struct power_button. */
bool power_button_mmio(void *power_button, struct mmio_access *access);

#endif
