/* SPDX-License-Identifier: BSD-2-Clause */
/* Remote fences on their way to a vCPU. */
#ifndef DOPPEL_MAILBOX_H
#define DOPPEL_MAILBOX_H

#include "lib/spinlock.h"
#include "lib/types.h"
#include "vcpu/stats.h"

enum fence_kind {
	FENCE_I,	/* instruction fetch */
	FENCE_VMA,	/* a range of addresses, all address spaces */
	FENCE_VMA_ASID, /* a range of addresses, one address space */
};

struct fence {
	enum fence_kind kind;
	u64 start, size; /* bytes; size FENCE_ALL: everything */
	u64 asid;
};

#define FENCE_ALL      UINT64_MAX
#define MAILBOX_FENCES 8
/* Beyond this many pages one fence of everything is cheaper. */
#define FENCE_MAX_PAGES 64

struct mailbox {
	struct spinlock lock;
	struct fence fences[MAILBOX_FENCES];
	unsigned count;
	bool overflow; /* more than fit: fence everything */
	u64 posted;    /* fences put in, in all */
	u64 done;      /* fences executed, in all; read by those who wait */
};

struct vcpu;

/* The firmware event that counts a kind of fence as sent; the next one counts it as received. */
enum fw_event fence_event(enum fence_kind kind);

/* Executes a fence for the vCPU on this hart, now. */
void fence_execute(const struct fence *fence);

/*
 * Asks another vCPU for a fence; one that is on no hart does it when it next comes to one, and need
 * not come for that. Returns a ticket for mailbox_wait().
 */
u64 mailbox_post(struct vcpu *to, const struct fence *fence);

/*
 * Waits until the fence has been executed, or the vCPU is on no hart: it then does it before its
 * next instruction. self, the caller's own vCPU, does its own fences meanwhile: no two wait for
 * each other.
 */
void mailbox_wait(struct vcpu *self, struct vcpu *to, u64 ticket);

/* Empties the mailbox of a vCPU that is off: it will start with a fence of everything. */
void mailbox_reset(struct mailbox *box);

/* Executes what is in the mailbox of the vCPU on this hart. */
void mailbox_drain(struct vcpu *vcpu);

#endif
