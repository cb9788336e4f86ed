/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small monitor that uses AMD's SVM: one guest, the bare kernel of bare/, whose RAM lies
 * elsewhere than the guest believes. Memory is virtualized by nested paging, or by shadow page
 * tables.
 */
#pragma once

#include "vmcb.h"
#include "../bare/console.h"

#define GUEST_RAM_BYTES 0x1000000ull
#define GUEST_RAM_HOST	0x4000000ull /* where the guest's address 0 is in this machine */
#define APIC_GPA	0xfee00000ull
#define PAGE		0x1000ull

/* Indexed as instructions encode registers; rax and rsp are in the VMCB while the guest is out. */
struct guest {
	struct vmcb *vmcb;
	u64 gpr[16];
	int shadow; /* no nested paging */
	int blind;  /* to SGDT: a hole for the test of the comparison to find */
	u32 xcr0;   /* VMRUN does not switch it */
	/* With shadow page tables, what the guest believes to have in its registers: */
	u64 cr0, cr3, cr4, efer;
};

#define RAX 0
#define RCX 1
#define RDX 2
#define RBX 3
#define RSP 4

extern struct guest guest;

/* --- enter.S */

/* Runs the guest until it exits. Interrupts of the machine end that, and stay pending. */
void guest_enter(struct vmcb *vmcb, u64 *gpr, struct vmcb *host);
void interrupts_take(void); /* those that are pending, here */

/* --- machine.c: this machine's own */

void panic(const char *why) __attribute__((noreturn));
void machine_init(void);
void machine_timer(u32 ticks, u32 mode); /* 0 ticks: off; the mode as in the LVT */
u32 xcr0_read(void);
void xcr0_write(u32 value);
void copy(void *to, const void *from, u64 bytes);
void clear(void *at, u64 bytes);

/* --- memory.c: the guest's */

void *guest_ram(u64 gpa, u64 bytes); /* 0 if it has none there */

struct walk {
	int mapped; /* or not present, or the rights do not suffice */
	u32 error;  /* the guest's page fault, if not mapped */
	u64 gpa;
	int writable, user, dirty;
};

/* Translates as the guest's own page tables say; `access` is an error code's W and U. */
struct walk guest_walk(u64 address, u32 access, int mark);
/* The byte of code at rip + offset, and with it the rest of its page; 0 if there is none. */
const u8 *guest_code(u32 offset);

/* --- nested.c, shadow.c */

u64 nested_make(void);
void shadow_restart(void);	 /* forgets all, and takes up the guest's mode and tables */
void shadow_forget(u64 address); /* one page */
/* A page fault: 1 when a shadow entry was made and the guest goes on, 0 when there is no RAM at
 * *gpa; -1 when the fault is the guest's, with its error code. */
int shadow_fault(u64 address, u32 *error, u64 *gpa);

/* --- decode.c */

struct instruction {
	u32 opcode; /* 0x0f?? for the two-byte ones */
	u32 mode, reg, rm;
	int narrow;  /* 16 bits */
	u64 address; /* of the memory operand */
	u64 immediate;
	u32 length;
};

struct instruction instruction_decode(void);
u64 reg_read(u32 number); /* a general register, as instructions encode it */
void reg_write(u32 number, u64 value);

/* --- apic.c: the guest's local APIC, as far as its timer needs it */

void apic_access(u64 gpa);
void apic_timer_fired(void);
void apic_before_entry(void);
void apic_after_exit(void);
int apic_pending(void);

/* --- exits.c, count.c */

void exit_handle(void);
void inject(u32 vector, u32 error);
void intercept_needed(void);
void intercept_all(void);

extern const char EXIT_DEVICE[]; /* a page fault that is an access to a device */

void count_exit(const char *name);
void count_hidden(void); /* a fault of the shadow page tables, which the guest does not see */
const char *exit_name(u64 code);
int count_mark(u32 number); /* whether it is a mark */
int count_listing(void);    /* whether a probe runs */
