/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of probes: how to tell, from what a probe left in its results, what the instruction did.
 */
#pragma once

#include "probe_ints.h"
#include "types.h"

/* What the results are compared with. */
enum judge {
	DONE,	   /* it executed; nothing more can be seen */
	READS,	   /* P(0) against the machine's state, which `truth` names */
	CLEARS_IF, /* flags afterwards */
	SETS_IF,
	SETS_IOPL,
	ZERO_FLAG, /* whether lar, lsl, verr, verw find the segment accessible */
	SELECTOR,  /* P(0) is the selector that was to be loaded */
	READS_CPL, /* P(0) is CS, so its low bits are the CPL */
	ENTERS,	   /* CS of what was entered */
};

enum truth {
	T_NONE,
	T_GDTR,
	T_IDTR,
	T_LDTR,
	T_TR,
	T_MSW,
	T_FLAGS,
	T_USER_DS,
	T_KERNEL_DS,
	T_CR0,
	T_CR2,
	T_CR3,
	T_CR4,
	T_CR8,
	T_DR7,
	T_MSR,
	T_PORT,
	T_TSC,
	T_XCR0,
};

/* In the order in which they are shown. X(name, judge, truth) */
#define CLASSIC_PROBES(X)                         \
	X(sgdt, READS, T_GDTR)                    \
	X(sidt, READS, T_IDTR)                    \
	X(sldt, READS, T_LDTR)                    \
	X(smsw, READS, T_MSW)                     \
	X(pushf, READS, T_FLAGS)                  \
	X(popf_if, CLEARS_IF, T_NONE)             \
	X(popf_iopl, SETS_IOPL, T_NONE)           \
	X(lar, ZERO_FLAG, T_NONE)                 \
	X(lsl, ZERO_FLAG, T_NONE)                 \
	X(verr, ZERO_FLAG, T_NONE)                \
	X(verw, ZERO_FLAG, T_NONE)                \
	X(pop_seg, SELECTOR, T_USER_DS)           \
	X(pop_seg_cpl0, SELECTOR, T_KERNEL_DS)    \
	PUSH_SEG(X)                               \
	X(call_far, READS_CPL, T_NONE)            \
	X(call_far_cpl0, READS_CPL, T_NONE)       \
	X(call_gate, ENTERS, T_NONE)              \
	X(jmp_far, DONE, T_NONE)                  \
	X(jmp_far_cpl0, DONE, T_NONE)             \
	X(int_n, ENTERS, T_NONE)                  \
	X(int_n_cpl0, ENTERS, T_NONE)             \
	X(ret_far, DONE, T_NONE)                  \
	X(ret_far_cpl0, DONE, T_NONE)             \
	X(str, READS, T_TR)                       \
	X(mov_from_seg, READS_CPL, T_NONE)        \
	X(mov_to_seg, SELECTOR, T_USER_DS)        \
	X(mov_to_seg_cpl0, SELECTOR, T_KERNEL_DS) \
	X(iret_if, CLEARS_IF, T_NONE)             \
	X(iret_cpl0, DONE, T_NONE)

#define PRIVILEGED_PROBES(X)          \
	X(cli, CLEARS_IF, T_NONE)     \
	X(sti, SETS_IF, T_NONE)       \
	X(hlt, DONE, T_NONE)          \
	X(lgdt, DONE, T_NONE)         \
	X(lidt, DONE, T_NONE)         \
	X(lldt, DONE, T_NONE)         \
	X(ltr, DONE, T_NONE)          \
	X(lmsw, DONE, T_NONE)         \
	X(clts, DONE, T_NONE)         \
	X(mov_from_cr0, READS, T_CR0) \
	X(mov_to_cr0, DONE, T_NONE)   \
	X(mov_from_cr2, READS, T_CR2) \
	X(mov_to_cr2, DONE, T_NONE)   \
	X(mov_from_cr3, READS, T_CR3) \
	X(mov_to_cr3, DONE, T_NONE)   \
	X(mov_from_cr4, READS, T_CR4) \
	X(mov_to_cr4, DONE, T_NONE)   \
	X(mov_from_dr7, READS, T_DR7) \
	X(mov_to_dr7, DONE, T_NONE)   \
	X(invd, DONE, T_NONE)         \
	X(wbinvd, DONE, T_NONE)       \
	X(invlpg, DONE, T_NONE)       \
	X(rdmsr, READS, T_MSR)        \
	X(wrmsr, DONE, T_NONE)        \
	X(rdpmc, DONE, T_NONE)        \
	X(in, READS, T_PORT)          \
	X(out, DONE, T_NONE)          \
	X(rdtsc, READS, T_TSC)        \
	X(rdtscp, READS, T_TSC)       \
	X(xgetbv, READS, T_XCR0)      \
	X(xsetbv, DONE, T_NONE)       \
	X(monitor, DONE, T_NONE)      \
	X(mwait, DONE, T_NONE)        \
	X(rsm, DONE, T_NONE)          \
	X(vmrun, DONE, T_NONE)        \
	X(vmmcall, DONE, T_NONE)      \
	X(vmload, DONE, T_NONE)       \
	X(vmsave, DONE, T_NONE)       \
	X(stgi, DONE, T_NONE)         \
	X(clgi, DONE, T_NONE)         \
	X(skinit, DONE, T_NONE)       \
	X(invlpga, DONE, T_NONE)      \
	WIDTH_PROBES(X)               \
	X(load_cpl0, DONE, T_NONE)    \
	X(store_cpl0, DONE, T_NONE)

#define INNOCUOUS_PROBES(X)    \
	X(add, DONE, T_NONE)   \
	X(load, DONE, T_NONE)  \
	X(pause, DONE, T_NONE) \
	X(cpuid, DONE, T_NONE)

#ifdef __x86_64__
#define PUSH_SEG(X) X(push_seg, READS, T_USER_DS)
#define WIDTH_PROBES(X)               \
	X(mov_from_cr8, READS, T_CR8) \
	X(mov_to_cr8, DONE, T_NONE)   \
	X(swapgs, DONE, T_NONE)       \
	X(sysret, DONE, T_NONE)       \
	X(rdfsbase, DONE, T_NONE)
#else
#define PUSH_SEG(X)	X(push_seg, READS_CPL, T_NONE)
#define WIDTH_PROBES(X) X(sysexit, DONE, T_NONE)
#endif

#define ALL_PROBES(X) CLASSIC_PROBES(X) PRIVILEGED_PROBES(X) INNOCUOUS_PROBES(X)

struct probe {
	const char *name;
	void (*run)(void);
	void (*at)(void);
	enum judge judge;
	enum truth truth;
};

#define PROBE_DECLARE(name, judge, truth) void probe_##name(void), at_##name(void);
#define PROBE_ENTRY(name, judge, truth)	  { #name, probe_##name, at_##name, judge, truth },

ALL_PROBES(PROBE_DECLARE)

/* What probes are given: see the end of probes_privileged.S. */
extern u64 probe_kernel_cs, probe_kernel_ds, probe_user_ds, probe_gate, probe_ldt, probe_other_tss;
extern u64 probe_cr0, probe_cr2, probe_cr3, probe_cr4, probe_cr8, probe_db7, probe_msr, probe_xcr0;
extern u64 probe_kernel_page;
extern u8 probe_gdtr[16], probe_idtr[16];
