/* SPDX-License-Identifier: BSD-2-Clause */
/* Steal time: how a guest learns for how long a vCPU would have run, but had no hart. */
#ifndef DOPPEL_VCPU_STA_H
#define DOPPEL_VCPU_STA_H

#include "lib/types.h"

#define STA_SIZE 64 /* bytes of guest RAM, aligned to as many (SBI 2.0 section 16.1) */

struct sta {
	bool is_on;
	gpa_t shmem;  /* where the guest reads */
	u32 sequence; /* as written there */
	u64 since;    /* ticks that were stolen before it was turned on */
	u64 told;     /* ticks that the guest was told of */
};

struct vcpu;

/* Clears the memory and tells there from now on. False: it is not RAM; all is as before. */
bool sta_start(struct vcpu *vcpu, gpa_t shmem);
void sta_stop(struct vcpu *vcpu);

/* Tells what was stolen meanwhile. Each time that the vCPU comes to a hart, before it runs. */
void sta_update(struct vcpu *vcpu);

#endif
