/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire between a device and an interrupt controller. */
#ifndef DOPPEL_DEV_IRQ_LINE_H
#define DOPPEL_DEV_IRQ_LINE_H

#include "lib/types.h"

/* A level-triggered interrupt wire: a device drives it, the controller behind it decides. */
struct irq_line {
	void (*set_level)(void *controller, unsigned source, bool level);
	void *controller;
	unsigned source;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
	line->set_level(line->controller, line->source, level);
}

#endif
