/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's interrupt controller (RISC-V PLIC Specification 1.0.0). */
#ifndef DOPPEL_VPLIC_H
#define DOPPEL_VPLIC_H

#include "dev/mmio.h"
#include "lib/types.h"

/*
 *                                   priority   enable     threshold
 *                                      │          │           │
 *     device ─wire─► gateway ─► pending bit ─► best of ─► above it? ─► external interrupt
 *                       ▲                    each context               of that vCPU
 *                       │                         │
 *                       └── complete ◄── guest ◄──┘ claim
 *
 * The gateway lets one request of a source through, and the next when the last is completed.
 *
 * The register layout and the numbers are QEMU's virt machine's. Context 2h is M-mode of hart h,
 * which a guest does not have: its registers read 0 and ignore writes. Context 2h + 1 is S-mode.
 */
#define VPLIC_BASE	   0x0c000000UL
#define VPLIC_SIZE	   0x600000UL
#define VPLIC_NR_SOURCES   96 /* source 0 does not exist */
#define VPLIC_MAX_VCPUS	   32
#define VPLIC_PRIORITY_MAX 7

#define VPLIC_WORDS (VPLIC_NR_SOURCES / 32)

/* What the guest can see or cause; bit n % 32 of word n / 32 is source n. */
struct vplic_state {
	u32 level[VPLIC_WORDS];	  /* the wires, as the devices drive them */
	u32 pending[VPLIC_WORDS]; /* requests that nobody claimed yet */
	u32 claimed[VPLIC_WORDS]; /* claimed and not completed: the gateway holds back */
	u32 enable[VPLIC_MAX_VCPUS][VPLIC_WORDS];
	u32 external; /* bit n: vCPU n was told that an interrupt is pending */
	u32 idle;     /* bit n: all registers of its context read 0 */
	u8 priority[VPLIC_NR_SOURCES];
	u8 threshold[VPLIC_MAX_VCPUS];
};

/* Called from inside all functions below; must not call back. */
struct vplic_ops {
	/* The level of a vCPU's S-mode external interrupt: when it changes, or ends to be idle. */
	void (*set_external)(void *ctx, unsigned vcpu, bool level);
	/*
	 * The context of a vCPU is idle, as after reset, or not any more: nothing to claim, and a
	 * threshold of 0. While it is, reading it gives 0 and has no effect. May be NULL.
	 */
	void (*set_idle)(void *ctx, unsigned vcpu, bool is_idle);
};

struct vplic {
	struct vplic_state s;
	unsigned nr_vcpus;
	u32 *shown; /* vplic_show(); NULL: nothing */
	const struct vplic_ops *ops;
	void *ctx; /* for ops */
};

/* The lock of the VM is held in all of these. */

/* Prepares a controller for 1 to VPLIC_MAX_VCPUS vCPUs, reset, all wires low. */
void vplic_init(struct vplic *plic, unsigned nr_vcpus, const struct vplic_ops *ops, void *ctx);

/* Where the registers of a vCPU's context are: a page from the start of the region. */
#define VPLIC_CONTEXT(vcpu) (0x200000UL + 0x1000UL * (2 * (vcpu) + 1))

/*
 * The enable bits of all contexts: registers that Linux reads at each interrupt, and whose reading
 * has no effect. From now on `pages`, VPLIC_SHOWN_SIZE() of cleared memory, holds them at the
 * offsets from VPLIC_SHOWN on: a guest that has them mapped reads them without an exit. They are
 * written here and never read.
 */
#define VPLIC_SHOWN		   0x2000UL
#define VPLIC_SHOWN_SIZE(nr_vcpus) ((nr_vcpus) <= 16 ? 0x1000UL : 0x2000UL)
void vplic_show(struct vplic *plic, u32 *pages);

/* To reset state. Wires keep their level and, if high, request again: reset the devices first. */
void vplic_reset(struct vplic *plic);

/* Drives the wire of a source of a struct vplic; fits struct irq_line. Other sources: ignored. */
void vplic_set_level(void *vplic, unsigned source, bool level);

/* The guest's accesses to the region, 4 bytes wide only: an mmio_handler for a struct vplic. */
bool vplic_mmio(void *vplic, struct mmio_access *access);

#endif
