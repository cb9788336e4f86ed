/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted, by name (docs/stats.md). */
#ifndef DOPPEL_STATS_H
#define DOPPEL_STATS_H

#include "vm/vm.h"

/* Gets one counter; the name is the function's only until it returns. */
typedef void stats_sink(void *ctx, const char *name, u64 value);

/* All counters of a VM; and those of the hypervisor itself. */
void stats_vm(const struct vm *vm, stats_sink *sink, void *ctx);
void stats_hypervisor(stats_sink *sink, void *ctx);

/* Exits of a VM, of all causes. */
u64 stats_exits(const struct vm *vm);

/* ./doppel run --stats: one line a counter, "stat <vm> <name> <count>", if the boot arguments ask.
 */
void stats_show(void);

#endif
