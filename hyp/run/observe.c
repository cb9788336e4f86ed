/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host is told of an exit, gathered around its handling. */
#include "run/observe.h"
#include "riscv/insn.h"
#include "vcpu/guest_access.h"

#define INSN_ECALL	 0x00000073U
#define CAUSE_MASK	 0x7fU
#define IS_INTERRUPT	 0x80U
#define INSN_IS_STORE(i) (INSN_OPCODE(i) == INSN_STORE)
#define INSN_IS_LOAD(i)	 (INSN_OPCODE(i) == INSN_LOAD)

/* A fetch that faults overwrites what the trap has left in CSRs, and handlers read that there. */
static u32 fetch(const struct vcpu *vcpu)
{
	u64 stval = csr_read(CSR_STVAL), htval = csr_read(CSR_HTVAL);
	u64 htinst = csr_read(CSR_HTINST);
	u32 insn;

	if (guest_fetch(GVA(vcpu->pc), &insn) == ACCESS_OK)
		return insn;
	csr_write(CSR_STVAL, stval);
	csr_write(CSR_HTVAL, htval);
	csr_write(CSR_HTINST, htinst);
	return 0;
}

static void note_call(struct trace_event *event, const struct vcpu *vcpu)
{
	event->insn = INSN_ECALL;
	event->call = (u32)vcpu_gpr(vcpu, REG_A7);
	event->function = (u8)vcpu_gpr(vcpu, REG_A6);
	event->value = vcpu_gpr(vcpu, REG_A0);
	event->flags |= TRACE_VALUE;
}

static void note_access(struct trace_event *event, const struct vcpu *vcpu)
{
	u64 htinst = csr_read(CSR_HTINST);

	if (insn_is_transformed(htinst)) {
		event->insn = (u32)htinst;
		event->flags |= TRACE_TRANSFORMED;
	} else {
		event->insn = fetch(vcpu);
	}
}

static void note_instruction(struct trace_event *event, const struct vcpu *vcpu, u64 scause)
{
	switch (scause) {
	case CAUSE_ECALL_VS: note_call(event, vcpu); break;
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
	case CAUSE_STORE_GUEST_PAGE_FAULT: note_access(event, vcpu); break;
	case CAUSE_VIRTUAL_INSTRUCTION:
	case CAUSE_ILLEGAL_INSTRUCTION: event->insn = fetch(vcpu); break;
	default: break; /* no instruction is the reason, or it cannot be read */
	}
}

void observe_exit(struct trace_event *event, const struct vcpu *vcpu, u64 scause, u64 start)
{
	u64 interrupt = scause >> CAUSE_INTERRUPT_BIT;

	*event = (struct trace_event){
		.time = start,
		.pc = vcpu->pc,
		.stval = csr_read(CSR_STVAL),
		.htval = csr_read(CSR_HTVAL),
		.vm = (u16)vcpu->vm->id,
		.vcpu = (u8)vcpu->index,
		.cause = (u8)((scause & CAUSE_MASK) | (interrupt ? IS_INTERRUPT : 0)),
		.flags = vcpu_was_in_user_mode() ? TRACE_USER : 0,
	};
	note_instruction(event, vcpu, scause);
	event->ticks = (u32)csr_read(CSR_HVIP); /* what is pending at the beginning, so far */
	event->instructions = (u32)csr_read(CSR_INSTRET); /* the count at the beginning, so far */
}

static void note_value(struct trace_event *event, const struct vcpu *vcpu)
{
	u32 insn = event->flags & TRACE_TRANSFORMED ? event->insn : insn_transform(event->insn);

	if (INSN_IS_LOAD(insn))
		event->value = vcpu_gpr(vcpu, INSN_RD(insn));
	else if (INSN_IS_STORE(insn))
		event->value = vcpu_gpr(vcpu, INSN_RS2(insn)) &
			       (~0UL >> (64 - 8 * insn_access_size(insn)));
	else
		return;
	event->flags |= TRACE_VALUE;
	if (INSN_IS_STORE(insn))
		event->flags |= TRACE_STORE;
}

void observe_action(struct trace_event *event, const struct vcpu *vcpu, exit_action_t action)
{
	if (event->cause == CAUSE_ECALL_VS)
		event->result = (u8)vcpu_gpr(vcpu, REG_A0);
	else if ((event->cause == CAUSE_LOAD_GUEST_PAGE_FAULT ||
		  event->cause == CAUSE_STORE_GUEST_PAGE_FAULT) &&
		 (action == EXIT_NEXT_2 || action == EXIT_NEXT_4))
		note_value(event, vcpu);
}

/* What became pending for the guest meanwhile. before: hvip as it was. */
static u8 raised(u32 before)
{
	u64 now = csr_read(CSR_HVIP) & ~(u64)before;

	return (u8)((now & BIT(IRQ_VS_SOFT) ? TRACE_RAISED_SOFT : 0) |
		    (now & BIT(IRQ_VS_TIMER) ? TRACE_RAISED_TIMER : 0) |
		    (now & BIT(IRQ_VS_EXT) ? TRACE_RAISED_EXT : 0));
}

void observe_end(struct trace_event *event, const struct trace_ring *ring)
{
	u64 ticks = csr_read(CSR_TIME) - event->time;

	event->flags |= raised(event->ticks);
	event->instructions = (u32)csr_read(CSR_INSTRET) - event->instructions;
	event->ticks = (u32)MIN(ticks, (u64)UINT32_MAX);
	event->what = (u8)trace_last_outcome(ring);
	if (event->what == TRACE_INJECTED)
		event->result = (u8)csr_read(CSR_VSCAUSE);
	host_trace_add(event);
}
