/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering VS-mode and VU-mode for the length of one instruction. */
#ifndef CENSUS_WORLD_H
#define CENSUS_WORLD_H

/* Offsets in struct world, for enter.S; world.c asserts that they are right. */
#define WORLD_PC       0
#define WORLD_ARGS     8
#define WORLD_SP       72
#define WORLD_STVEC    80
#define WORLD_SSCRATCH 88

#ifndef __ASSEMBLER__

#include "sweep.h"

struct world {
	u64 pc;
	u64 args[8]; /* a0 to a7; a0 comes back */
	u64 sp, stvec, sscratch;
};

enum guest_mode { VU, VS };

/* CSRs by number: the assemblers in use do not all know the names. */
#define CSR_VSSTATUS   0x200
#define CSR_VSIE       0x204
#define CSR_VSTVEC     0x205
#define CSR_VSSCRATCH  0x240
#define CSR_VSEPC      0x241
#define CSR_VSCAUSE    0x242
#define CSR_VSTVAL     0x243
#define CSR_VSIP       0x244
#define CSR_VSTIMECMP  0x24d
#define CSR_VSATP      0x280
#define CSR_HSTATUS    0x600
#define CSR_HEDELEG    0x602
#define CSR_HIDELEG    0x603
#define CSR_HCOUNTEREN 0x606
#define CSR_HENVCFG    0x60a
#define CSR_HSTATEEN0  0x60c
#define CSR_HTVAL      0x643
#define CSR_HVIP       0x645
#define CSR_HGATP      0x680
#define CSR_STIMECMP   0x14d

/* csr_read() of guest/lib with a number from a macro. */
#define csr_get(csr)                                                              \
	({                                                                        \
		u64 value_;                                                       \
		asm volatile("csrr %0, %1" : "=r"(value_) : "i"(csr) : "memory"); \
		value_;                                                           \
	})
#define csr_put(csr, value) asm volatile("csrw %0, %1" ::"i"(csr), "r"((u64)(value)) : "memory")

#define HSTATUS_SPV  BIT(7)
#define HSTATUS_SPVP BIT(8)
#define HSTATUS_HU   BIT(9)
#define HSTATUS_VTVM BIT(20)
#define HSTATUS_VTW  BIT(21)
#define HSTATUS_VTSR BIT(22)
#define HVIP_VSSIP   BIT(2)

#define CAUSE_ECALL_VS	       10
#define CAUSE_FETCH_GUEST_PAGE 20
#define CAUSE_LOAD_GUEST_PAGE  21
#define CAUSE_STORE_GUEST_PAGE 23

/* A G-stage that maps RAM to itself. */
void world_init(void);

/* Maps the first GiB to itself too, or not: devices, and the hole that accesses go to. */
void world_map_devices(bool mapped);

/* Executes a snippet in VS-mode or VU-mode, under what hstatus and the other CSRs say. */
struct outcome world_run(const struct snippet *snippet, enum guest_mode mode);

/* The VS-mode trap vector of a guest, and a second address that may stand in stvec. */
extern const char guest_vector[], guest_vector_other[];

#endif
#endif
