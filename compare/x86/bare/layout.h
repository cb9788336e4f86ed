/* SPDX-License-Identifier: BSD-2-Clause */
/* Selectors, vectors and addresses of the bare kernel, for C and assembly. */
#pragma once

/* The order of the user's three is what sysret wants (AMD64 manual 2, section 6.1.1). */
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS32 (0x18 | 3)
#define USER_DS	  (0x20 | 3)
#define USER_CS64 (0x28 | 3)
#define TSS	  0x30
#define OTHER_TSS 0x40
#define CALL_GATE (0x50 | 3)
#define LDT	  0x60
#define GDT_BYTES 0x70

#ifdef __x86_64__
#define USER_CS USER_CS64
#else
#define USER_CS USER_CS32
#endif

#define VECTOR_TIMER	0x40
#define VECTOR_SPURIOUS 0xff
#define VECTOR_RETURNED 0x100 /* no trap: the probe came back */

#define STACK_BYTES 0x4000
