/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control and status registers and their fields, by the names and in the order of the RISC-V
 * privileged specification (version 20240411). Section numbers refer to it.
 * Plain numbers only: assembly includes this file too.
 */
#ifndef DOPPEL_CSR_H
#define DOPPEL_CSR_H

#ifdef __ASSEMBLER__
#define CSR_BIT(n) (1 << (n))
#else
#define CSR_BIT(n) (1UL << (n))
#endif

/* Unprivileged: floating point, vector, counters */
#define CSR_FCSR	 0x003
#define CSR_SEED	 0x015
#define CSR_CYCLE	 0xc00
#define CSR_TIME	 0xc01
#define CSR_INSTRET	 0xc02
#define CSR_HPMCOUNTER31 0xc1f

/* Supervisor trap setup (section 10.1) */
#define CSR_SSTATUS    0x100
#define CSR_SIE	       0x104
#define CSR_STVEC      0x105
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG    0x10a
#define CSR_SSTATEEN0  0x10c

/* Supervisor trap handling */
#define CSR_SSCRATCH 0x140
#define CSR_SEPC     0x141
#define CSR_SCAUSE   0x142
#define CSR_STVAL    0x143
#define CSR_SIP	     0x144
#define CSR_STIMECMP 0x14d /* Sstc */
#define CSR_SATP     0x180

/* Hypervisor (section 19.2) */
#define CSR_HSTATUS    0x600
#define CSR_HEDELEG    0x602
#define CSR_HIDELEG    0x603
#define CSR_HIE	       0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE      0x607
#define CSR_HENVCFG    0x60a
#define CSR_HSTATEEN0  0x60c
#define CSR_HTVAL      0x643
#define CSR_HIP	       0x644
#define CSR_HVIP       0x645
#define CSR_HTINST     0x64a
#define CSR_HGATP      0x680

/* Virtual supervisor (sections 19.2.11 to 19.2.18) */
#define CSR_VSSTATUS  0x200
#define CSR_VSIE      0x204
#define CSR_VSTVEC    0x205
#define CSR_VSSCRATCH 0x240
#define CSR_VSEPC     0x241
#define CSR_VSCAUSE   0x242
#define CSR_VSTVAL    0x243
#define CSR_VSIP      0x244
#define CSR_VSTIMECMP 0x24d /* Sstc */
#define CSR_VSATP     0x280

/* sstatus and vsstatus (section 10.1.1) */
#define SSTATUS_SIE	  CSR_BIT(1)
#define SSTATUS_SPIE	  CSR_BIT(5)
#define SSTATUS_SPP	  CSR_BIT(8)
#define SSTATUS_VS_SHIFT  9
#define SSTATUS_VS	  (3 << SSTATUS_VS_SHIFT)
#define SSTATUS_FS_SHIFT  13
#define SSTATUS_FS	  (3 << SSTATUS_FS_SHIFT)
#define SSTATUS_SUM	  CSR_BIT(18)
#define SSTATUS_MXR	  CSR_BIT(19)
#define SSTATUS_UXL_SHIFT 32

/* Interrupts, as bit numbers of sip, sie, hvip, hie (sections 10.1.3 and 19.2.3) */
#define IRQ_S_SOFT   1
#define IRQ_VS_SOFT  2
#define IRQ_S_TIMER  5
#define IRQ_VS_TIMER 6
#define IRQ_S_EXT    9
#define IRQ_VS_EXT   10
#define IRQ_S_GEXT   12
#define HVIP_VSSIP   CSR_BIT(IRQ_VS_SOFT)
#define HVIP_VSTIP   CSR_BIT(IRQ_VS_TIMER)
#define HVIP_VSEIP   CSR_BIT(IRQ_VS_EXT)
#define HVIP_ALL     (HVIP_VSSIP | HVIP_VSTIP | HVIP_VSEIP)

/* scause (section 10.1.8; with the H extension's causes of section 19.6.1) */
#define CAUSE_INTERRUPT_BIT	     63
#define CAUSE_FETCH_MISALIGNED	     0
#define CAUSE_FETCH_ACCESS	     1
#define CAUSE_ILLEGAL_INSTRUCTION    2
#define CAUSE_BREAKPOINT	     3
#define CAUSE_LOAD_MISALIGNED	     4
#define CAUSE_LOAD_ACCESS	     5
#define CAUSE_STORE_MISALIGNED	     6
#define CAUSE_STORE_ACCESS	     7
#define CAUSE_ECALL_U		     8
#define CAUSE_ECALL_HS		     9
#define CAUSE_ECALL_VS		     10
#define CAUSE_FETCH_PAGE_FAULT	     12
#define CAUSE_LOAD_PAGE_FAULT	     13
#define CAUSE_STORE_PAGE_FAULT	     15
#define CAUSE_SOFTWARE_CHECK	     18
#define CAUSE_FETCH_GUEST_PAGE_FAULT 20
#define CAUSE_LOAD_GUEST_PAGE_FAULT  21
#define CAUSE_VIRTUAL_INSTRUCTION    22
#define CAUSE_STORE_GUEST_PAGE_FAULT 23
#define CAUSE_COUNT		     24

/* hstatus (section 19.2.1) */
#define HSTATUS_GVA	   CSR_BIT(6)
#define HSTATUS_SPV	   CSR_BIT(7)
#define HSTATUS_SPVP	   CSR_BIT(8)
#define HSTATUS_VTVM	   CSR_BIT(20)
#define HSTATUS_VTW	   CSR_BIT(21)
#define HSTATUS_VTSR	   CSR_BIT(22)
#define HSTATUS_VSXL_SHIFT 32

/* henvcfg (section 19.2.5) and senvcfg (section 10.1.10) */
#define ENVCFG_FIOM	  CSR_BIT(0)
#define ENVCFG_CBIE	  (3 << 4)
#define ENVCFG_CBIE_FLUSH (1 << 4) /* cbo.inval performs a flush */
#define ENVCFG_CBCFE	  CSR_BIT(6)
#define ENVCFG_CBZE	  CSR_BIT(7)
#define HENVCFG_ADUE	  CSR_BIT(61)
#define HENVCFG_PBMTE	  CSR_BIT(62)
#define HENVCFG_STCE	  CSR_BIT(63)

/* hcounteren (section 19.2.6) */
#define COUNTEREN_CY CSR_BIT(0)
#define COUNTEREN_TM CSR_BIT(1)
#define COUNTEREN_IR CSR_BIT(2)

/* hstateen0 (chapter 4, Smstateen/Ssstateen) */
#define STATEEN0_C	CSR_BIT(0)
#define STATEEN0_ENVCFG CSR_BIT(62)
#define STATEEN0_SE	CSR_BIT(63)

/* satp, vsatp (section 10.1.11) and hgatp (section 19.2.10) */
#define ATP_MODE_SHIFT	 60
#define ATP_MODE_BARE	 0
#define ATP_MODE_SV39	 8
#define ATP_MODE_SV48	 9
#define ATP_MODE_SV57	 10
#define HGATP_VMID_SHIFT 44
#define HGATP_VMID_BITS	 14
#define ATP_PPN_MASK	 (CSR_BIT(44) - 1)

/* Page-table entries (section 10.4.1) */
#define PTE_V	      CSR_BIT(0)
#define PTE_R	      CSR_BIT(1)
#define PTE_W	      CSR_BIT(2)
#define PTE_X	      CSR_BIT(3)
#define PTE_U	      CSR_BIT(4)
#define PTE_G	      CSR_BIT(5)
#define PTE_A	      CSR_BIT(6)
#define PTE_D	      CSR_BIT(7)
#define PTE_N	      CSR_BIT(63) /* Svnapot */
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((CSR_BIT(44) - 1) << PTE_PPN_SHIFT)

/* htinst pseudoinstructions of implicit accesses (section 19.6.3) */
#define HTINST_PSEUDO_LOAD  0x3000
#define HTINST_PSEUDO_STORE 0x3020

#ifndef __ASSEMBLER__

#include "lib/types.h"

#define csr_read(csr)                                                                 \
	({                                                                            \
		u64 value_;                                                           \
		__asm__ volatile("csrr %0, %1" : "=r"(value_) : "i"(csr) : "memory"); \
		value_;                                                               \
	})
#define csr_write(csr, value) \
	({ __asm__ volatile("csrw %0, %1" : : "i"(csr), "rK"((u64)(value)) : "memory"); })
#define csr_swap(csr, value)                                    \
	({                                                      \
		u64 old_;                                       \
		__asm__ volatile("csrrw %0, %1, %2"             \
				 : "=r"(old_)                   \
				 : "i"(csr), "rK"((u64)(value)) \
				 : "memory");                   \
		old_;                                           \
	})
#define csr_set(csr, bits) \
	({ __asm__ volatile("csrs %0, %1" : : "i"(csr), "rK"((u64)(bits)) : "memory"); })
#define csr_clear(csr, bits) \
	({ __asm__ volatile("csrc %0, %1" : : "i"(csr), "rK"((u64)(bits)) : "memory"); })

#endif
#endif
