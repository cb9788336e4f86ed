/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of the machine, on the hart that takes them. Not those of guests. */
#ifndef DOPPEL_INTERRUPTS_H
#define DOPPEL_INTERRUPTS_H

#include "lib/types.h"

struct hart;

/*
 * Who takes the interrupts of a source of the machine's PLIC, and on which hart: always that, or,
 * if they may move, after a while the one on which those run who are waiting for them.
 */
void interrupts_enable(unsigned source, void (*handler)(unsigned source), struct hart *hart,
		       bool may_move);

/* Each hart, once: enables the interrupts; the hypervisor itself is never interrupted by them. */
void interrupts_init_hart(void);

/* Handles the interrupt with this code (of scause). False: nobody knows it. */
bool interrupts_handle(u64 code);

/* Handles all that are pending in sip; for a hart that idles. */
void interrupts_handle_pending(void);

#endif
