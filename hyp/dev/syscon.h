/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch a guest turns itself off with: SiFive's test device, as on QEMU's virt machine. */
#ifndef DOPPEL_DEV_SYSCON_H
#define DOPPEL_DEV_SYSCON_H

#include "dev/mmio.h"
#include "lib/types.h"

#define SYSCON_BASE 0x100000UL
#define SYSCON_SIZE 0x1000UL

/* Values of the one register, in its lower half; the upper half is the code of a failure. */
#define SYSCON_FAIL  0x3333U
#define SYSCON_PASS  0x5555U
#define SYSCON_RESET 0x7777U

/* Called from inside syscon_mmio(): to be noted, and done when the access is over. */
struct syscon_ops {
	/* failed: the guest wrote SYSCON_FAIL, with this code; else code is 0. */
	void (*poweroff)(void *ctx, bool failed, u16 code);
	void (*reset)(void *ctx);
};

/* There is no state: a write acts at once, and reads give 0. */
struct syscon {
	const struct syscon_ops *ops;
	void *ctx;
};

void syscon_init(struct syscon *syscon, const struct syscon_ops *ops, void *ctx);

/* The guest's accesses, 2 or 4 bytes wide: an mmio_handler for a struct syscon. VM lock held. */
bool syscon_mmio(void *syscon, struct mmio_access *access);

#endif
