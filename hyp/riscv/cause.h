/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of trap causes. */
#ifndef DOPPEL_CAUSE_H
#define DOPPEL_CAUSE_H

#include "lib/types.h"

/*
 * A short stable name ("ecall-vs", "guest-load-page-fault", "irq-timer"): the trace and the
 * statistics use it. "reserved" for causes that the specification leaves open.
 */
const char *cause_name(u64 code, bool is_interrupt);

#endif
