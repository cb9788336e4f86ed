/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a vCPU: into the guest, out at a trap, what to do about it, and in again. */
#ifndef DOPPEL_EXIT_H
#define DOPPEL_EXIT_H

#include "sbi/sbi.h"

/* Why a vCPU leaves its hart. */
enum fate {
	GOES_ON,      /* it does not */
	TURN_IS_OVER, /* others wait for the hart */
	WAITS,	      /* for an interrupt */
	IS_OFF,	      /* its hart was stopped, or its VM ends */
};

/* Runs the vCPU that is loaded on this hart until it leaves. Never returns GOES_ON. */
enum fate exit_run(struct vcpu *vcpu);

/* The handlers of one kind of trap each. */
exit_action_t exit_guest_page_fault(struct vcpu *vcpu, u64 cause);	/* fault.c */
exit_action_t exit_virtual_instruction(struct vcpu *vcpu);		/* instruction.c */
exit_action_t exit_illegal_instruction(struct vcpu *vcpu);		/* instruction.c */

/* Raises an exception in the guest; the result is what such a handler returns then. */
exit_action_t exit_inject(struct vcpu *vcpu, u64 cause, u64 tval);

#endif
