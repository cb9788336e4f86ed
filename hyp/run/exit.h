/* SPDX-License-Identifier: BSD-2-Clause */
/* What to do after a trap of a guest. */
#ifndef DOPPEL_EXIT_H
#define DOPPEL_EXIT_H

#include "sbi/sbi.h"

/* Handles the trap that brought the vCPU on this hart out of its guest. */
enum exit_action exit_handle(struct vcpu *vcpu);

/* The handlers of one kind of trap each. */
enum exit_action exit_guest_page_fault(struct vcpu *vcpu, u64 cause);	/* fault.c */
enum exit_action exit_virtual_instruction(struct vcpu *vcpu);		/* instruction.c */
enum exit_action exit_illegal_instruction(struct vcpu *vcpu);		/* instruction.c */

/* Raises an exception in the guest; the result is what exit_handle() returns then. */
enum exit_action exit_inject(struct vcpu *vcpu, u64 cause, u64 tval);

#endif
