/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual CPU: its architectural state, and how it comes to a hart and leaves it. */
#include "vcpu/vcpu.h"
#include "lib/string.h"
#include "riscv/fence.h"
#include "vcpu/account.h"
#include "vcpu/sched.h"

#define XLEN_64 2UL /* of the UXL and VSXL fields (section 3.1.6.2) */

void vcpu_reset(struct vcpu *vcpu)
{
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->csrs = (struct vs_csrs){
		.sstatus = XLEN_64 << SSTATUS_UXL_SHIFT,
		.stimecmp = TIME_NEVER,
	};
	fp_reset(&vcpu->fp);
	/*
	 * Requests before the mailbox: one that is posted in between then stays known. The
	 * interrupt controller does not tell again what it has told.
	 */
	vcpu->requests = REQUEST_EXTERNAL | REQUEST_HIDDEN;
	mailbox_reset(&vcpu->mailbox);
	vcpu->cycle_offset = vcpu->instret_offset = 0;
	pmu_reset(vcpu);
	sta_stop(vcpu);
	vcpu->timer_deadline = TIME_NEVER;
	vcpu->is_waiting = false;
	vcpu->resume_at_address = false;
	vcpu->last_hart = NULL; /* whatever the TLBs hold of it is not the new machine's */
}

void vcpu_set_entry(struct vcpu *vcpu, u64 pc, u64 opaque)
{
	vcpu->pc = pc;
	vcpu->in_user_mode = false;
	vcpu->gpr[REG_A0] = vcpu->index;
	vcpu->gpr[REG_A1] = opaque;
	vcpu->csrs.satp = 0;
	vcpu->csrs.sstatus &= ~SSTATUS_SIE;
}

/*
 * Guest time as host ticks. The guest's clock is behind the host's (delta is 0 or negative), so
 * that what wraps lies beyond the end of time.
 */
static u64 host_deadline(const struct vcpu *vcpu, u64 guest_time)
{
	u64 deadline = guest_time - vcpu->clock->delta;

	return deadline < guest_time ? TIME_NEVER : deadline;
}

static void load_csrs(const struct vcpu *vcpu)
{
	const struct vs_csrs *csrs = &vcpu->csrs;

	csr_write(CSR_VSSTATUS, csrs->sstatus);
	csr_write(CSR_VSIE, csrs->sie);
	csr_write(CSR_VSTVEC, csrs->stvec);
	csr_write(CSR_VSSCRATCH, csrs->sscratch);
	csr_write(CSR_VSEPC, csrs->sepc);
	csr_write(CSR_VSCAUSE, csrs->scause);
	csr_write(CSR_VSTVAL, csrs->stval);
	csr_write(CSR_SCOUNTEREN, csrs->scounteren);
	csr_write(CSR_SENVCFG, csrs->senvcfg);
	csr_write(CSR_HTIMEDELTA, vcpu->clock->delta);
	if (vcpu->features->has_sstc)
		csr_write(CSR_VSTIMECMP, csrs->stimecmp);
	csr_write(CSR_HVIP, csrs->hvip); /* last: on QEMU 7.2 vstimecmp clears VSTIP */
}

static void save_csrs(struct vcpu *vcpu)
{
	struct vs_csrs *csrs = &vcpu->csrs;

	csrs->sstatus = csr_read(CSR_VSSTATUS);
	csrs->sie = csr_read(CSR_VSIE);
	csrs->stvec = csr_read(CSR_VSTVEC);
	csrs->sscratch = csr_read(CSR_VSSCRATCH);
	csrs->sepc = csr_read(CSR_VSEPC);
	csrs->scause = csr_read(CSR_VSCAUSE);
	csrs->stval = csr_read(CSR_VSTVAL);
	csrs->satp = csr_read(CSR_VSATP);
	csrs->scounteren = csr_read(CSR_SCOUNTEREN);
	csrs->senvcfg = csr_read(CSR_SENVCFG);
	csrs->hvip = csr_read(CSR_HVIP) & HVIP_ALL;
	csr_write(CSR_HVIP, 0);
	if (vcpu->features->has_sstc) {
		csrs->stimecmp = csr_read(CSR_VSTIMECMP);
		csr_write(CSR_VSTIMECMP, TIME_NEVER); /* or this hart's own WFI never sleeps */
	}
}

/* Which mode the next sret goes to: the guest's, VS or VU. */
static void set_return_mode(bool user_mode)
{
	csr_set(CSR_HSTATUS, HSTATUS_SPV);
	if (user_mode) {
		csr_clear(CSR_HSTATUS, HSTATUS_SPVP);
		csr_clear(CSR_SSTATUS, SSTATUS_SPP);
	} else {
		csr_set(CSR_HSTATUS, HSTATUS_SPVP);
		csr_set(CSR_SSTATUS, SSTATUS_SPP);
	}
}

/*
 * QEMU 7.2 now and then forgets to deliver vstimecmp's interrupt: it is pending in hip, enabled,
 * and a guest that spins until time goes on spins for ever. Entering a guest makes QEMU look again.
 * So a guest, which may run for long without any exit, has one every HEARTBEAT_NS or little more.
 * The beat is also when dozing guests are noticed; it is uneven, so as not to keep step with
 * theirs.
 */
#define HEARTBEAT_NS	 50000000
#define HEARTBEAT_JITTER 0xffff /* ticks */

static void start_heartbeat(struct hart *hart)
{
	u64 now = time_now(), jitter = now * 0x9e3779b97f4a7c15UL >> 40 & HEARTBEAT_JITTER;

	hart->last_heartbeat = now;
	timer_start(&hart->heartbeat, now + time_from_ns(HEARTBEAT_NS) + jitter);
}

static void sample_doze(struct hart *hart)
{
	if (hart->current)
		vcpu_sample_doze(hart->current, time_now() - hart->last_heartbeat);
}

static void heartbeat_expired(struct timer *timer)
{
	struct hart *hart = container_of(timer, struct hart, heartbeat);

	sample_doze(hart);
	start_heartbeat(hart);
}

void vcpu_load(struct vcpu *vcpu)
{
	struct hart *hart = this_hart();

	/*
	 * Not the guest's page tables before its G-stage: in between, the hart could fill its TLB
	 * from one guest's tables under the other's identifier (section 19.2.10).
	 */
	csr_write(CSR_VSATP, 0);
	__atomic_store_n(&vcpu->seen_renewals,
			 __atomic_load_n(&vcpu->mmu->renewals, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	tlb_enter(vcpu->mmu, vcpu, vcpu->last_hart == hart);
	/*
	 * Instructions that it wrote elsewhere, or another wrote into its memory: fetch anew. And
	 * what was hidden while it was elsewhere was fenced there, not here.
	 */
	if (vcpu->last_hart != hart) {
		fence_i();
		hfence_gvma_gpa(vcpu->coming_page);
	}
	vcpu->last_hart = hart;
	load_csrs(vcpu);
	csr_write(CSR_VSATP, vcpu->csrs.satp);
	set_return_mode(vcpu->in_user_mode);

	sta_update(vcpu);

	hart->current = vcpu;
	vcpu->stats.loads++;
	vcpu->cycle_offset -= csr_read(CSR_CYCLE);
	vcpu->instret_offset -= csr_read(CSR_INSTRET);
	timer_set_guest_deadline(host_deadline(vcpu, vcpu->timer_deadline));
	hart->heartbeat.expired = heartbeat_expired;
	start_heartbeat(hart);
	vcpu_check_timer(vcpu);
}

void vcpu_save(struct vcpu *vcpu)
{
	sample_doze(this_hart()); /* who leaves often, for the monitor say, sees no heartbeat */
	vcpu->in_user_mode = !(csr_read(CSR_SSTATUS) & SSTATUS_SPP);
	fp_unload(vcpu);
	save_csrs(vcpu);
	timer_set_guest_deadline(TIME_NEVER);
	timer_stop(&this_hart()->heartbeat);
	vcpu->cycle_offset += csr_read(CSR_CYCLE);
	vcpu->instret_offset += csr_read(CSR_INSTRET);
	this_hart()->current = NULL;
}

void vcpu_restart_at(struct vcpu *vcpu, u64 pc, u64 opaque)
{
	vcpu_set_entry(vcpu, pc, opaque);
	csr_write(CSR_VSATP, 0);
	csr_clear(CSR_VSSTATUS, SSTATUS_SIE);
	set_return_mode(vcpu->in_user_mode);
}

u64 vcpu_read_cycle(const struct vcpu *vcpu)
{
	return csr_read(CSR_CYCLE) + vcpu->cycle_offset;
}

u64 vcpu_read_instret(const struct vcpu *vcpu)
{
	return csr_read(CSR_INSTRET) + vcpu->instret_offset;
}

void vcpu_request(struct vcpu *vcpu, u64 request)
{
	__atomic_fetch_or(&vcpu->requests, request, __ATOMIC_RELEASE);
	if (request & REQUEST_SSIP)
		vcpu->member.is_urgent = true;
	sched_notify(vcpu);
}

void vcpu_request_lazily(struct vcpu *vcpu, u64 request)
{
	__atomic_fetch_or(&vcpu->requests, request, __ATOMIC_RELEASE);
	sched_notify_running(vcpu);
}

void vcpu_request_look(struct vcpu *vcpu)
{
	__atomic_fetch_or(&vcpu->requests, REQUEST_LOOK, __ATOMIC_RELAXED);
}

/* As at its own access to a device: no need to go through a request. */
static bool is_here(const struct vcpu *vcpu)
{
	return vcpu->hart == this_hart() && this_hart()->current == vcpu;
}

void vcpu_note_hidden(struct vcpu *vcpu)
{
	if (is_here(vcpu))
		hfence_gvma_gpa(vcpu->coming_page);
	else
		__atomic_fetch_or(&vcpu->requests, REQUEST_HIDDEN, __ATOMIC_RELEASE);
}

void vcpu_set_external(struct vcpu *vcpu, bool level)
{
	__atomic_store_n(&vcpu->external_level, level, __ATOMIC_RELAXED);
	if (is_here(vcpu))
		vcpu_do_requests(vcpu, REQUEST_EXTERNAL);
	else
		vcpu_request(vcpu, REQUEST_EXTERNAL);
}

static __attribute__((noinline)) void do_fences(struct vcpu *vcpu, u64 requests)
{
	if (requests & REQUEST_HIDDEN)
		hfence_gvma_gpa(vcpu->coming_page);
	if (requests & REQUEST_FENCE)
		mailbox_drain(vcpu);
}

void vcpu_do_requests(struct vcpu *vcpu, u64 requests)
{
	if (requests & REQUEST_SSIP) {
		csr_set(CSR_HVIP, HVIP_VSSIP);
		vcpu->stats.injected_interrupts++;
		vcpu->stats.fw_events[FW_IPI_RECEIVED]++;
	}
	if (requests & REQUEST_EXTERNAL) {
		timer_tidy(); /* who raises it may have stopped what would come a little later */
		if (__atomic_load_n(&vcpu->external_level, __ATOMIC_RELAXED)) {
			csr_set(CSR_HVIP, HVIP_VSEIP);
			vcpu->stats.injected_interrupts++;
		} else {
			csr_clear(CSR_HVIP, HVIP_VSEIP);
		}
	}
	if (requests & (REQUEST_FENCE | REQUEST_HIDDEN))
		do_fences(vcpu, requests);
}

bool vcpu_has_wakeup(struct vcpu *vcpu)
{
	(void)vcpu;
	/* vsie has its bits one place below those of hip (section 19.2.3). */
	return csr_read(CSR_HIP) & csr_read(CSR_VSIE) << 1 & HVIP_ALL;
}

void vcpu_set_timer(struct vcpu *vcpu, u64 guest_time)
{
	u64 deadline;

	if (vcpu_features.has_sstc) {
		csr_write(CSR_VSTIMECMP, guest_time);
		return;
	}
	deadline = host_deadline(vcpu, guest_time);
	/* Emulated: the interrupt is hvip.VSTIP, the time is one of the hart's deadlines. */
	vcpu->timer_deadline = guest_time;
	csr_clear(CSR_HVIP, HVIP_VSTIP);
	if (deadline <= time_now())
		vcpu_check_timer(vcpu);
	else
		timer_set_guest_deadline(deadline);
}

void vcpu_check_timer(struct vcpu *vcpu)
{
	if (vcpu->timer_deadline > time_now() + vcpu->clock->delta)
		return;
	vcpu->timer_deadline = TIME_NEVER;
	csr_set(CSR_HVIP, HVIP_VSTIP);
	vcpu->stats.injected_interrupts++;
}

u64 vcpu_wakeup_time(const struct vcpu *vcpu)
{
	u64 deadline = host_deadline(vcpu, vcpu->timer_deadline);

	/* A timer interrupt that is not enabled does not end the wait. */
	if (!(csr_read(CSR_VSIE) & BIT(IRQ_S_TIMER)))
		return TIME_NEVER;
	if (vcpu->features->has_sstc)
		deadline = MIN(deadline, host_deadline(vcpu, csr_read(CSR_VSTIMECMP)));
	return deadline;
}
