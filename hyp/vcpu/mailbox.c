/* SPDX-License-Identifier: BSD-2-Clause */
/* Remote fences on their way to a vCPU. */
#include "vcpu/mailbox.h"
#include "lib/string.h"
#include "mem/page.h"
#include "riscv/fence.h"
#include "riscv/io.h"
#include "vcpu/vcpu.h"

/* SBI 2.0 section 8: start = size = 0, or size = 2^XLEN - 1, mean the whole address space. */
static bool is_whole(const struct fence *fence)
{
	return fence->size == FENCE_ALL || (fence->start == 0 && fence->size == 0) ||
	       fence->size > FENCE_MAX_PAGES * PAGE_SIZE;
}

static void fence_vma(const struct fence *fence)
{
	u64 first = ALIGN_DOWN(fence->start, PAGE_SIZE);
	u64 pages = (fence->start - first + fence->size + PAGE_SIZE - 1) / PAGE_SIZE;
	bool by_asid = fence->kind == FENCE_VMA_ASID;

	if (is_whole(fence)) {
		if (by_asid)
			hfence_vvma_asid(fence->asid);
		else
			hfence_vvma_all();
		return;
	}
	for (u64 i = 0; i < pages; i++) {
		gva_t gva = GVA(first + i * PAGE_SIZE);

		if (by_asid)
			hfence_vvma_gva_asid(gva, fence->asid);
		else
			hfence_vvma_gva(gva);
	}
}

enum fw_event fence_event(enum fence_kind kind)
{
	switch (kind) {
	case FENCE_I: return FW_FENCE_I_SENT;
	case FENCE_VMA: return FW_SFENCE_VMA_SENT;
	default: return FW_SFENCE_VMA_ASID_SENT;
	}
}

void fence_execute(const struct fence *fence)
{
	if (fence->kind == FENCE_I)
		fence_i();
	else
		fence_vma(fence);
}

u64 mailbox_post(struct vcpu *to, const struct fence *fence)
{
	struct mailbox *box = &to->mailbox;
	u64 ticket;

	spin_lock(&box->lock);
	if (box->count < MAILBOX_FENCES)
		box->fences[box->count++] = *fence;
	else
		box->overflow = true;
	ticket = ++box->posted;
	spin_unlock(&box->lock);
	to->member.is_urgent = true;
	vcpu_request_lazily(to, REQUEST_FENCE);
	return ticket;
}

void mailbox_drain(struct vcpu *vcpu)
{
	struct mailbox *box = &vcpu->mailbox;
	struct fence fences[MAILBOX_FENCES];
	bool overflow;
	unsigned count;
	u64 posted;

	spin_lock(&box->lock);
	count = box->count;
	memcpy(fences, box->fences, count * sizeof(fences[0]));
	overflow = box->overflow;
	posted = box->posted;
	box->count = 0;
	box->overflow = false;
	spin_unlock(&box->lock);

	if (overflow) {
		fence_i();
		hfence_vvma_all();
	}
	for (unsigned i = 0; i < count; i++) {
		vcpu->stats.fw_events[fence_event(fences[i].kind) + 1]++;
		if (!overflow)
			fence_execute(&fences[i]);
	}
	__atomic_store_n(&box->done, posted, __ATOMIC_RELEASE);
}

void mailbox_reset(struct mailbox *box)
{
	spin_lock(&box->lock);
	box->count = 0;
	box->overflow = false;
	__atomic_store_n(&box->done, box->posted, __ATOMIC_RELEASE);
	spin_unlock(&box->lock);
}

void mailbox_wait(struct vcpu *self, struct vcpu *to, u64 ticket)
{
	while (__atomic_load_n(&to->mailbox.done, __ATOMIC_ACQUIRE) < ticket &&
	       __atomic_load_n(&to->hart, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&self->requests, __ATOMIC_RELAXED) & REQUEST_FENCE) {
			__atomic_fetch_and(&self->requests, ~REQUEST_FENCE, __ATOMIC_ACQUIRE);
			mailbox_drain(self);
		}
	}
}
