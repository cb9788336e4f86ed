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
	u8 priority[VPLIC_NR_SOURCES];
	u8 threshold[VPLIC_MAX_VCPUS];
};

struct vplic {
	struct vplic_state s;
	unsigned nr_vcpus;
	void (*set_external)(void *ctx, unsigned vcpu, bool level);
	void *ctx;
};

/*
 * The lock of the VM is held in all of these. set_external is called from inside them, and only
 * when the level of a vCPU's S-mode external interrupt changes; it must not call back.
 */

/* Prepares a controller for 1 to VPLIC_MAX_VCPUS vCPUs, reset, all wires low. */
void vplic_init(struct vplic *plic, unsigned nr_vcpus,
		void (*set_external)(void *ctx, unsigned vcpu, bool level), void *ctx);

/* To reset state. Wires keep their level and, if high, request again: reset the devices first. */
void vplic_reset(struct vplic *plic);

/* Drives the wire of a source of a struct vplic; fits struct irq_line. Other sources: ignored. */
void vplic_set_level(void *vplic, unsigned source, bool level);

/* The guest's accesses to the region, 4 bytes wide only: an mmio_handler for a struct vplic. */
bool vplic_mmio(void *vplic, struct mmio_access *access);

#endif
