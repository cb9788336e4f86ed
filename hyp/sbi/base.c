/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI Base extension (SBI 2.0 chapter 4). */
#include "riscv/firmware.h"
#include "sbi/sbi.h"

/* Not registered with the SBI's list of implementations: "Dop". */
#define DOPPEL_IMPL_ID	    0x446f70
#define DOPPEL_IMPL_VERSION 1

/*
 * The guest's harts are of the make of the machine's. This one and the next are not inlined, so
 * that the calls that guests make often need no stack frame.
 */
static __attribute__((noinline)) exit_action_t machine_id(struct vcpu *vcpu, u64 function)
{
	struct sbi_ret ret = firmware_call(SBI_EXT_BASE, function, 0, 0, 0);

	return sbi_return(vcpu, ret.error, ret.value);
}

static __attribute__((noinline)) exit_action_t probe_extension(struct vcpu *vcpu)
{
	return sbi_return(vcpu, SBI_SUCCESS, sbi_is_implemented(vcpu->gpr[REG_A0]));
}

exit_action_t sbi_base(struct vcpu *vcpu, u64 function)
{
	switch (function) {
	case SBI_BASE_GET_SPEC_VERSION: return sbi_return(vcpu, SBI_SUCCESS, SBI_SPEC_VERSION_2_0);
	case SBI_BASE_GET_IMPL_ID: return sbi_return(vcpu, SBI_SUCCESS, DOPPEL_IMPL_ID);
	case SBI_BASE_GET_IMPL_VERSION: return sbi_return(vcpu, SBI_SUCCESS, DOPPEL_IMPL_VERSION);
	case SBI_BASE_PROBE_EXTENSION: return probe_extension(vcpu);
	case SBI_BASE_GET_MVENDORID:
	case SBI_BASE_GET_MARCHID:
	case SBI_BASE_GET_MIMPID: return machine_id(vcpu, function);
	default: return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	}
}
