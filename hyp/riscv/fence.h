/* SPDX-License-Identifier: BSD-2-Clause */
/* Fences of address translation and instruction fetch, one instruction a function. */
#ifndef DOPPEL_FENCE_H
#define DOPPEL_FENCE_H

#include "lib/types.h"

/* Assemblers know the hypervisor instructions under many names; their encoding is one. */

/* HFENCE.GVMA with rs1 = rs2 = x0: all guest physical addresses of all VMIDs (section 19.3.2). */
static inline void hfence_gvma_all(void)
{
	__asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");
}

/* HFENCE.GVMA: all guest physical addresses of one VMID. */
static inline void hfence_gvma_vmid(u64 vmid)
{
	__asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, %0" ::"r"(vmid) : "memory");
}

/* HFENCE.GVMA: one guest physical address, all VMIDs; rs1 has it without its two lowest bits. */
static inline void hfence_gvma_gpa(gpa_t gpa)
{
	__asm__ volatile(".insn r 0x73, 0, 0x31, x0, %0, x0" ::"r"(gpa.v >> 2) : "memory");
}

/* HFENCE.VVMA: all guest virtual addresses of the VMID that is in hgatp now (section 19.3.2). */
static inline void hfence_vvma_all(void)
{
	__asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" ::: "memory");
}

/* HFENCE.VVMA: one guest virtual address, all address spaces. */
static inline void hfence_vvma_gva(gva_t gva)
{
	__asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" ::"r"(gva.v) : "memory");
}

/* HFENCE.VVMA: all guest virtual addresses of one address space. */
static inline void hfence_vvma_asid(u64 asid)
{
	__asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, %0" ::"r"(asid) : "memory");
}

/* HFENCE.VVMA: one guest virtual address of one address space. */
static inline void hfence_vvma_gva_asid(gva_t gva, u64 asid)
{
	__asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, %1" ::"r"(gva.v), "r"(asid) : "memory");
}

/* FENCE.I: later instruction fetches of this hart see its earlier stores. */
static inline void fence_i(void)
{
	__asm__ volatile("fence.i" ::: "memory");
}

/* SFENCE.VMA of the hypervisor's own map. */
static inline void sfence_vma_all(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

#endif
