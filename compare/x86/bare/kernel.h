/* SPDX-License-Identifier: BSD-2-Clause */
/* The bare kernel: it runs the list of probes, and operations that are counted, in one mode. */
#pragma once

#include "console.h"
#include "layout.h"
#include "../calls.h"
#include "../probes.h"

#ifdef __x86_64__
#define BITS "64"
#else
#define BITS "32"
#endif

/* Two address spaces differ here, and here pages appear while the operations are counted. */
#define ARENA	  0x40000000ul
#define APIC_BASE 0xfee00000ul
#define RAM_BYTES 0x1000000ul
#define PAGE	  0x1000ul

/* --- machine.c: descriptor tables, exceptions, the local APIC */

/* What the processor and trap.S leave on the stack; up to `vector` it differs in width only. */
struct frame {
#ifdef __x86_64__
	uptr r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, dx, cx, bx, ax;
#else
	uptr di, si, bp, sp_ignored, bx, dx, cx, ax;
#endif
	uptr vector, error, ip, cs, flags, user_sp, user_ss;
};

extern volatile u32 timer_ticks;

void machine_init(void);
void tss_make_available(void); /* both; ltr needs one that is not busy */
void timer_start(u32 ticks);
void timer_repeat(u32 ticks);	     /* 0: no more */
u64 machine_truth(enum truth truth); /* what the kernel knows it set, or reads at CPL 0 */
void trap(struct frame *frame);

/* --- paging.c: PAE or long mode, 4 KiB pages */

struct space {
	u64 *root;
};

extern struct space space_a, space_b;

void paging_init(void);
/* The leaf entry of an address, its tables made if need be. */
u64 *space_leaf(struct space *space, uptr address);
void space_enter(struct space *space);

#define PTE_PRESENT  0x001ull
#define PTE_WRITE    0x002ull
#define PTE_USER     0x004ull
#define PTE_UNCACHED 0x010ull

/* --- trap.S */

struct attempt {
	u32 vector; /* or VECTOR_RETURNED */
	u32 error;
	uptr ip;
	u32 cpl; /* where the exception came from */
};

extern struct attempt attempt;
extern uptr attempt_sp; /* 0: nothing is being tried */

/* Calls `run` at this privilege level with `results` in DI; what ends it is in `attempt`. */
void attempt_run(void (*run)(void), u32 cpl, void *results);
void attempt_end(void) __attribute__((noreturn));

/* --- monitor.c: the monitor below, if there is one */

extern int monitored;
void monitor_detect(void);
u32 monitor_call(u32 number, uptr argument);

/* --- census.c, operations.c */

void census_run(void);
void operations_init(void);
void operations_run(void);
/* A page fault of user code while the operations run: maps the page. */
void operations_fault(uptr address);

static inline u64 read_tsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (u64)high << 32;
}

static inline u64 read_msr(u32 number)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return low | (u64)high << 32;
}

static inline void write_msr(u32 number, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(number), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(0));
}

#define READ_CONTROL(name, type)                                             \
	static inline uptr read_##name(void)                                 \
	{                                                                    \
		uptr value;                                                  \
		__asm__ volatile("mov %%" type ", %0" : "=r"(value));        \
		return value;                                                \
	}                                                                    \
	static inline void write_##name(uptr value)                          \
	{                                                                    \
		__asm__ volatile("mov %0, %%" type ::"r"(value) : "memory"); \
	}
READ_CONTROL(cr0, "cr0")
READ_CONTROL(cr2, "cr2")
READ_CONTROL(cr3, "cr3")
READ_CONTROL(cr4, "cr4")
READ_CONTROL(dr7, "db7")
#ifdef __x86_64__
READ_CONTROL(cr8, "cr8")
#endif

#define CR0_WP		(1ul << 16)
#define CR0_TS		(1ul << 3)
#define CR0_PG		(1ul << 31)
#define CR4_TSD		(1ul << 2)
#define CR4_PAE		(1ul << 5)
#define CR4_PCE		(1ul << 8)
#define CR4_UMIP	(1ul << 11)
#define CR4_FSGSBASE	(1ul << 16)
#define XCR0_X87_SSE	3ul /* what the kernel sets */
#define CR4_OSXSAVE	(1ul << 18)
#define FLAG_IF		0x200ul
#define FLAG_IOPL	0x3000ul
#define MSR_APIC_BASE	0x1b
#define MSR_SYSENTER_CS 0x174
#define MSR_EFER	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_SFMASK	0xc0000084
