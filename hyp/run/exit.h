/* SPDX-License-Identifier: BSD-2-Clause */
/* What to do after a trap of a guest. */
#ifndef DOPPEL_EXIT_H
#define DOPPEL_EXIT_H

#include "sbi/sbi.h"

/* Runs the vCPU that is loaded on this hart until it leaves. Never returns GOES_ON. */
enum fate exit_run(struct vcpu *vcpu);

/*
 * Handle one exit; called by hyp/vcpu/switch.S. They return vcpu to go on, NULL to leave. At an
 * environment call from VS-mode gpr[] holds none of SAVED_REGS, at any other exit it holds all.
 */
struct vcpu *exit_handle_ecall(struct vcpu *vcpu, u64 scause);
struct vcpu *exit_handle(struct vcpu *vcpu, u64 scause);

/* The handlers of one kind of trap each. */
exit_action_t exit_guest_page_fault(struct vcpu *vcpu, u64 cause); /* fault.c: load, store */
exit_action_t exit_fetch_guest_page_fault(struct vcpu *vcpu);	   /* fault.c */
exit_action_t exit_virtual_instruction(struct vcpu *vcpu);	   /* instruction.c */
exit_action_t exit_illegal_instruction(struct vcpu *vcpu);	   /* instruction.c */

/* Raises an exception in the guest; the result is what such a handler returns then. */
exit_action_t exit_inject(struct vcpu *vcpu, u64 cause, u64 tval);

#endif
