/* SPDX-License-Identifier: BSD-2-Clause */
/* CSRs, causes and page-table bits of S-mode, with the names of the RISC-V privileged
 * specification. */
#ifndef GUEST_CSR_H
#define GUEST_CSR_H

#include "types.h"

/* Supervisor status, section "Supervisor Status (sstatus) Register" */
#define SSTATUS_SIE  BIT(1)
#define SSTATUS_SPIE BIT(5)
#define SSTATUS_SPP  BIT(8)
#define SSTATUS_VS   (3UL << 9)
#define SSTATUS_FS   (3UL << 13)
#define SSTATUS_SUM  BIT(18)
#define SSTATUS_MXR  BIT(19)
#define SSTATUS_UXL  (3UL << 32)
#define SSTATUS_SD   BIT(63)

#define FS_OFF	   0UL
#define FS_INITIAL 1UL
#define FS_CLEAN   2UL
#define FS_DIRTY   3UL

#define FS_SHIFT 13
#define VS_SHIFT 9

/* sip and sie */
#define SIP_SSIP BIT(1)
#define SIP_STIP BIT(5)
#define SIP_SEIP BIT(9)

/* scause */
#define CAUSE_INTERRUPT		 BIT(63)
#define CAUSE_FETCH_MISALIGNED	 0
#define CAUSE_FETCH_ACCESS	 1
#define CAUSE_ILLEGAL		 2
#define CAUSE_BREAKPOINT	 3
#define CAUSE_LOAD_MISALIGNED	 4
#define CAUSE_LOAD_ACCESS	 5
#define CAUSE_STORE_MISALIGNED	 6
#define CAUSE_STORE_ACCESS	 7
#define CAUSE_USER_ECALL	 8
#define CAUSE_FETCH_PAGE_FAULT	 12
#define CAUSE_LOAD_PAGE_FAULT	 13
#define CAUSE_STORE_PAGE_FAULT	 15
#define CAUSE_SOFTWARE_INTERRUPT 1
#define CAUSE_TIMER_INTERRUPT	 5
#define CAUSE_EXTERNAL_INTERRUPT 9

/* satp */
#define SATP_MODE_SHIFT 60
#define SATP_MODE_SV39	8UL

/* Page-table entries, section "Sv39" */
#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_G BIT(5)
#define PTE_A BIT(6)
#define PTE_D BIT(7)

#define csr_read(csr)                                                    \
	({                                                               \
		u64 value_;                                              \
		asm volatile("csrr %0, " #csr : "=r"(value_)::"memory"); \
		value_;                                                  \
	})
#define csr_write(csr, v) asm volatile("csrw " #csr ", %0" ::"r"((u64)(v)) : "memory")
#define csr_set(csr, v)	  asm volatile("csrs " #csr ", %0" ::"r"((u64)(v)) : "memory")
#define csr_clear(csr, v) asm volatile("csrc " #csr ", %0" ::"r"((u64)(v)) : "memory")
#define csr_swap(csr, v)                                                         \
	({                                                                       \
		u64 value_ = (u64)(v);                                           \
		asm volatile("csrrw %0, " #csr ", %0" : "+r"(value_)::"memory"); \
		value_;                                                          \
	})

/* By number: the assemblers in use do not all know the name. */
#define CSR_STIMECMP 0x14d

static inline void fence_i(void)
{
	asm volatile("fence.i" ::: "memory");
}

static inline void sfence_vma(void)
{
	asm volatile("sfence.vma" ::: "memory");
}

static inline void fence(void)
{
	asm volatile("fence rw, rw" ::: "memory");
}

static inline void wfi(void)
{
	asm volatile("wfi" ::: "memory");
}

/* Ticks since reset, at the timebase of the machine (10 MHz on virt). */
static inline u64 rdtime(void)
{
	u64 now;

	asm volatile("rdtime %0" : "=r"(now)::"memory");
	return now;
}

#endif
