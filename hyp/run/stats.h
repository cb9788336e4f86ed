/* SPDX-License-Identifier: BSD-2-Clause */
/* What ./doppel run --stats prints at the end (docs/stats.md). */
#ifndef DOPPEL_STATS_H
#define DOPPEL_STATS_H

/* One line a counter, "stat <vm> <name> <count>", if the boot arguments ask for it. */
void stats_show(void);

#endif
