/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual machine control block: AMD64 manual 2, appendix B. Exit codes: appendix C. */
#pragma once

#include "../types.h"

struct segment {
	u16 selector, attributes;
	u32 limit;
	u64 base;
};

struct vmcb {
	/* Table B-1: the control area */
	u16 intercept_cr_read, intercept_cr_write, intercept_dr_read, intercept_dr_write;
	u32 intercept_exceptions;
	u32 intercept_1, intercept_2, intercept_3; /* a bit for each exit code from 0x60 on */
	u8 reserved_18[0x40 - 0x18];
	u64 iopm, msrpm, tsc_offset;
	u32 asid;
	u8 tlb_control, reserved_5d[3];
	u32 v_intr, v_vector;
	u64 interrupt_shadow;
	u64 exit_code, exit_info_1, exit_info_2, exit_int_info;
	u64 nested_enable;
	u8 reserved_98[0xa8 - 0x98];
	u64 event_injection, nested_cr3;
	u8 reserved_b8[0xc8 - 0xb8];
	u64 next_rip;
	u8 reserved_d0[0x400 - 0xd0];

	/* Table B-2: the state save area */
	struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_4a0[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved_4cc;
	u64 efer;
	u8 reserved_4d8[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_580[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved_5e0[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 reserved_648[0x668 - 0x648];
	u64 pat;
	u8 reserved_670[0x1000 - 0x670];
} __attribute__((packed, aligned(4096)));

_Static_assert(__builtin_offsetof(struct vmcb, v_intr) == 0x60, "table B-1");
_Static_assert(__builtin_offsetof(struct vmcb, exit_code) == 0x70, "table B-1");
_Static_assert(__builtin_offsetof(struct vmcb, nested_cr3) == 0xb0, "table B-1");
_Static_assert(__builtin_offsetof(struct vmcb, cpl) == 0x4cb, "table B-2");
_Static_assert(__builtin_offsetof(struct vmcb, cr4) == 0x548, "table B-2");
_Static_assert(__builtin_offsetof(struct vmcb, rip) == 0x578, "table B-2");
_Static_assert(__builtin_offsetof(struct vmcb, rsp) == 0x5d8, "table B-2");
_Static_assert(__builtin_offsetof(struct vmcb, cr2) == 0x640, "table B-2");
_Static_assert(__builtin_offsetof(struct vmcb, pat) == 0x668, "table B-2");
_Static_assert(sizeof(struct vmcb) == 0x1000, "appendix B");

#define V_TPR		 0xfu
#define V_IRQ		 (1u << 8)
#define V_PRIORITY_SHIFT 16
#define V_INTR_MASKING	 (1u << 24)
#define TLB_FLUSH_ALL	 1

#define EVENT_TYPE(event) ((event) >> 8 & 7)
#define EVENT_INTERRUPT	  0u
#define EVENT_EXCEPTION	  3u
#define EVENT_SOFTWARE	  4u
#define EVENT_HAS_ERROR	  (1u << 11)
#define EVENT_VALID	  (1u << 31)

#define EXIT_CR_READ	       0x00
#define EXIT_CR_WRITE	       0x10
#define EXIT_DR_READ	       0x20
#define EXIT_DR_WRITE	       0x30
#define EXIT_EXCEPTION	       0x40
#define EXIT_FIRST_BIT	       0x60 /* of intercept_1 */
#define EXIT_INTR	       0x60
#define EXIT_IDTR_READ	       0x66
#define EXIT_GDTR_READ	       0x67
#define EXIT_CPUID	       0x72
#define EXIT_INVD	       0x76
#define EXIT_HLT	       0x78
#define EXIT_INVLPG	       0x79
#define EXIT_INVLPGA	       0x7a
#define EXIT_IOIO	       0x7b
#define EXIT_MSR	       0x7c
#define EXIT_SHUTDOWN	       0x7f
#define EXIT_SECOND_BIT	       0x80 /* of intercept_2 */
#define EXIT_VMRUN	       0x80
#define EXIT_VMMCALL	       0x81
#define EXIT_VMLOAD	       0x82
#define EXIT_VMSAVE	       0x83
#define EXIT_STGI	       0x84
#define EXIT_CLGI	       0x85
#define EXIT_SKINIT	       0x86
#define EXIT_RDTSCP	       0x87
#define EXIT_ICEBP	       0x88
#define EXIT_MWAIT_CONDITIONAL 0x8c
#define EXIT_XSETBV	       0x8d
#define EXIT_NPF	       0x400

#define IOIO_IN	      (1u << 0)
#define IOIO_STRING   (1u << 2)
#define IOIO_REPEATED (1u << 3)
#define IOIO_BYTE     (1u << 4)
#define VECTOR_UD     6
#define VECTOR_GP     13
#define VECTOR_PF     14
#define PF_PRESENT    1u
#define PF_WRITE      2u
#define PF_USER	      4u

#define CR0_PG	    (1ull << 31)
#define CR0_WP	    (1ull << 16)
#define CR0_TS	    (1ull << 3)
#define CR0_ET	    (1ull << 4)
#define CR0_PE	    (1ull << 0)
#define CR4_PAE	    (1ull << 5)
#define CR4_OSXSAVE (1 << 18)
#define EFER_LME    (1ull << 8)
#define EFER_LMA    (1ull << 10)
#define EFER_SVME   (1ull << 12)

#define HAS_SVM (1u << 2) /* ECX of CPUID 0x80000001 */
