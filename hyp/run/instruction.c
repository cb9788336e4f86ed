/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that trap because of what they are: virtual-instruction and illegal-instruction. */
#include "riscv/insn.h"
#include "run/exit.h"
#include "vcpu/guest_access.h"
#include "vcpu/sched.h"

/*
 * The instruction at pc. stval would usually hold it, but not on every emulator and not for every
 * trap. False: it cannot be fetched any more, and trying it again will tell the guest why.
 */
static bool fetch(struct vcpu *vcpu, u32 *insn)
{
	return guest_fetch(GVA(vcpu->pc), insn) == ACCESS_OK;
}

static exit_action_t illegal(struct vcpu *vcpu, u32 insn)
{
	vcpu->stats.fw_events[FW_ILLEGAL_INSN]++;
	return exit_inject(vcpu, CAUSE_ILLEGAL_INSTRUCTION, insn);
}

/*
 * cycle and instret trap because there is no offset for them, as there is for time: the guest reads
 * its own. The other counters count no event and are 0. In VU-mode scounteren still rules
 * (privileged specification 10.1.5).
 */
static bool emulate_counter(struct vcpu *vcpu, const struct insn_csr *insn)
{
	u64 bit = BIT((insn->csr - CSR_CYCLE) % 32), value = 0;

	if (insn->csr < CSR_CYCLE || insn->csr > CSR_HPMCOUNTER31)
		return false;
	if (insn->is_write || (vcpu_was_in_user_mode() && !(csr_read(CSR_SCOUNTEREN) & bit)))
		return false;
	if (insn->csr == CSR_CYCLE)
		value = pmu_read(vcpu, PMU_CYCLE);
	if (insn->csr == CSR_INSTRET)
		value = pmu_read(vcpu, PMU_INSTRET);
	vcpu_set_gpr(vcpu, insn->rd, value);
	vcpu->stats.csr_emulated++;
	return true;
}

/*
 * Zkr: where the firmware gives S-mode the seed CSR, that does not extend to VS-mode; reading the
 * hart's own is what the guest would do natively. It must be read by an instruction that writes.
 */
static bool emulate_seed(struct vcpu *vcpu, const struct insn_csr *insn)
{
	if (insn->csr != CSR_SEED || !insn->is_write || vcpu_was_in_user_mode() ||
	    !vcpu->features->has_seed)
		return false;
	vcpu_set_gpr(vcpu, insn->rd, csr_swap(CSR_SEED, 0));
	vcpu->stats.csr_emulated++;
	return true;
}

exit_action_t exit_virtual_instruction(struct vcpu *vcpu)
{
	struct insn_csr csr;
	u32 insn;

	if (!fetch(vcpu, &insn))
		return EXIT_RESUME;
	if (insn == INSN_WFI && !vcpu_was_in_user_mode()) {
		vcpu->stats.wfi_blocks++;
		return EXIT_BLOCK;
	}
	/* It traps together with WFI, when others wait for the hart: give it to them. */
	if (insn == INSN_WRS_NTO && isa_has(vcpu->features->isa, "zawrs")) {
		sched_end_slice(vcpu);
		vcpu_request_look(vcpu);
		return EXIT_NEXT_4;
	}
	csr = insn_decode_csr(insn);
	if (csr.is_csr && (emulate_counter(vcpu, &csr) || emulate_seed(vcpu, &csr)))
		return EXIT_NEXT_4;
	/* A machine without H has no cause 22: what it does not know is illegal. */
	return illegal(vcpu, insn);
}

exit_action_t exit_illegal_instruction(struct vcpu *vcpu)
{
	u32 insn;

	if (fp_load_on_demand(vcpu))
		return EXIT_RESUME;
	if (!fetch(vcpu, &insn))
		return EXIT_RESUME;
	return illegal(vcpu, insn);
}
