/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating-point and vector state, switched lazily: it comes to a hart at the guest's first use and
 * stays until the vCPU leaves. Until then sstatus.FS and VS are Off, and such an instruction traps.
 */
#ifndef DOPPEL_VCPU_FP_H
#define DOPPEL_VCPU_FP_H

#include "lib/types.h"

struct fp_state {
	u64 f[32];
	u64 fcsr;
	u64 v_csrs[4]; /* vstart, vcsr, vl, vtype */
	void *v;       /* 32 registers of vlenb bytes; NULL: the machine has no vectors */
	bool fp_is_loaded, v_is_loaded; /* the hart's registers hold the state */
};

struct vcpu;

/* Bytes of a vector register (vlenb), 0 without vectors. Boot hart, after machine_probe(). */
void fp_probe(void);
extern u64 fp_vlenb;

/* Allocates what a vCPU needs. False: no memory. */
bool fp_init(struct fp_state *fp);
void fp_destroy(struct fp_state *fp);
void fp_reset(struct fp_state *fp);

/*
 * After an illegal-instruction trap of the guest: if state that the guest itself has switched on is
 * not on the hart, loads it and returns true; the instruction is then to be tried again.
 */
bool fp_load_on_demand(struct vcpu *vcpu);

/* Saves what was loaded and turns the units off; the vCPU leaves this hart. */
void fp_unload(struct vcpu *vcpu);

#endif
