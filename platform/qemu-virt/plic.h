/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own PLIC (RISC-V PLIC specification 1.0.0). Guests see hyp/vplic instead. */
#ifndef DOPPEL_PLATFORM_PLIC_H
#define DOPPEL_PLATFORM_PLIC_H

#include "lib/types.h"

/* Notes where the controller is. Firmware has left all sources disabled. */
void plic_init(hpa_t base);

/* Lets source interrupt the hart behind a context (its S-mode one, as the device tree numbers it).
 */
void plic_enable(unsigned context, unsigned source);

/* The other way. What is pending, or comes while no context is enabled, waits. */
void plic_disable(unsigned context, unsigned source);

/* The next pending source for the context, or 0; it stays masked until completed. */
unsigned plic_claim(unsigned context);
void plic_complete(unsigned context, unsigned source);

#endif
