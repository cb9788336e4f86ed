/* SPDX-License-Identifier: BSD-2-Clause */
/* Raising an exception in the guest, as its hart would. */
#ifndef DOPPEL_INJECT_H
#define DOPPEL_INJECT_H

#include "lib/types.h"

struct vcpu;

/*
 * Makes the guest take an exception at its pc: supervisor CSRs as a trap into S-mode sets them
 * (privileged specification 10.1.1 and 19.6.2), goes on in VS-mode at vstvec. On the vCPU's hart.
 */
void inject_exception(struct vcpu *vcpu, u64 cause, u64 tval);

#endif
