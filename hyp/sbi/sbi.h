/* SPDX-License-Identifier: BSD-2-Clause */
/* The Supervisor Binary Interface towards guests, version 2.0: one file an extension, one table. */
#ifndef DOPPEL_SBI_H
#define DOPPEL_SBI_H

#include "lib/types.h"
#include "riscv/sbi_abi.h"
#include "vm/vm.h"

/* What the vCPU does after an exit. 0, 2 and 4 are the bytes that its pc goes on by. */
enum exit_action {
	EXIT_RESUME = 0, /* the same instruction again, or where pc was put */
	EXIT_NEXT_2 = 2,
	EXIT_NEXT_4 = 4,
	EXIT_BLOCK = 5, /* behind the 4-byte instruction, when an interrupt comes */
	EXIT_LEAVE = 6, /* the vCPU is off, or its VM ends */
};

/* Those values in the width of a register: a 32-bit enum would be extended at every return. */
typedef u64 exit_action_t;

/*
 * Performs one call of the vCPU on this hart; the extension is in a7, the function in a6, the
 * arguments in a0 to a5. Answers through sbi_return().
 */
typedef exit_action_t sbi_handler(struct vcpu *vcpu, u64 function);

/*
 * The extensions, each in the slot that its identifier's low bits say. No two share one; the legacy
 * extensions, which are many, and calls of what does not exist have slots that nobody else has.
 */
#define SBI_SLOTS	 STATS_SBI_SLOTS
#define SBI_SLOT(id)	 ((id) % SBI_SLOTS)
#define SBI_SLOT_LEGACY	 30
#define SBI_SLOT_UNKNOWN 31

struct sbi_slot {
	u64 extension;
	sbi_handler *handler;
	const char *name; /* as the statistics show it; NULL: nothing is here */
} __attribute__((aligned(32)));

extern const struct sbi_slot sbi_slots[SBI_SLOTS];

/* Handles the environment call that the vCPU on this hart made. */
exit_action_t sbi_handle(struct vcpu *vcpu);

/* Whether a guest finds the extension. */
bool sbi_is_implemented(u64 extension);

/* The answer: both registers are written, nothing is left from before (SBI 2.0 chapter 3). */
static inline exit_action_t sbi_return(struct vcpu *vcpu, long error, u64 value)
{
	vcpu->gpr[REG_A0] = (u64)error;
	vcpu->gpr[REG_A1] = value;
	return EXIT_NEXT_4;
}

static inline exit_action_t sbi_error(struct vcpu *vcpu, long error)
{
	return sbi_return(vcpu, error, 0);
}

sbi_handler sbi_base, sbi_time, sbi_ipi, sbi_rfence, sbi_hsm, sbi_srst, sbi_dbcn, sbi_pmu, sbi_sta,
	sbi_legacy;

/* What the legacy extension shares with its successors. */
void sbi_send_ipi(struct vcpu *vcpu, u64 targets);
void sbi_remote_fence(struct vcpu *vcpu, u64 targets, const struct fence *fence);

/*
 * Decodes a hart mask (SBI 2.0 section 3.1): bit n of mask is hart base + n, base -1 all harts.
 * *targets gets a bit for each hart of the VM that is meant; false: a hart is meant that the VM
 * does not have.
 */
bool sbi_hart_mask(const struct vcpu *vcpu, u64 mask, u64 base, u64 *targets);

#endif
