/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of the machine, on the hart that takes them. */
#include "vcpu/interrupts.h"
#include "core/hart.h"
#include "core/panic.h"
#include "lib/spinlock.h"
#include "platform/qemu-virt/plic.h"
#include "riscv/csr.h"
#include "riscv/io.h"

#define MAX_SOURCES 128
#define MOVE_AFTER  8U /* interrupts in a row that ended on the same other hart */

struct source {
	void (*handler)(unsigned source);
	bool may_move;
	/* Who has claimed it: */
	struct hart *toward; /* the hart that was kicked at the last interrupts */
	unsigned nr_toward;
};

static struct source sources[MAX_SOURCES];
static struct spinlock routes_lock; /* a word of the PLIC is for many sources */

void interrupts_enable(unsigned source, void (*handler)(unsigned source), struct hart *hart,
		       bool may_move)
{
	ASSERT(source < MAX_SOURCES);
	sources[source] = (struct source){ .handler = handler, .may_move = may_move };
	spin_lock(&routes_lock);
	plic_enable(hart->plic_context, source);
	spin_unlock(&routes_lock);
}

void interrupts_init_hart(void)
{
	csr_write(CSR_SIE, BIT(IRQ_S_SOFT) | BIT(IRQ_S_TIMER) | BIT(IRQ_S_EXT));
}

/*
 * Who waits for a device may run on another hart, which had to be kicked. When that is so time and
 * again, its interrupts go there. Returns that hart, or NULL. The source is still claimed.
 */
static struct hart *count_kick(struct source *source)
{
	struct hart *kicked = this_hart()->kicked;

	if (!source->may_move)
		return NULL;
	source->nr_toward = kicked && kicked == source->toward ? source->nr_toward + 1 : 1;
	source->toward = kicked;
	if (!kicked || source->nr_toward < MOVE_AFTER)
		return NULL;
	source->nr_toward = 0;
	return kicked;
}

/* Both have it for a moment: one of them finds that there is nothing to claim. */
static void move(unsigned source, const struct hart *from, const struct hart *to)
{
	spin_lock(&routes_lock);
	plic_enable(to->plic_context, source);
	plic_disable(from->plic_context, source);
	spin_unlock(&routes_lock);
}

static void handle_external(void)
{
	struct hart *self = this_hart();
	unsigned source;

	while ((source = plic_claim(self->plic_context)) != 0) {
		struct hart *to = NULL;

		self->kicked = NULL;
		if (source < MAX_SOURCES && sources[source].handler) {
			sources[source].handler(source);
			to = count_kick(&sources[source]);
		}
		plic_complete(self->plic_context, source);
		if (to)
			move(source, self, to);
	}
}

bool interrupts_handle(u64 code)
{
	switch (code) {
	case IRQ_S_SOFT:
		/* Cleared before the requests that it announces are looked at. */
		csr_clear(CSR_SIP, BIT(IRQ_S_SOFT));
		fence_io();
		panic_stop_if_requested();
		return true;
	case IRQ_S_TIMER: timer_interrupt(); return true;
	case IRQ_S_EXT: handle_external(); return true;
	default: return false;
	}
}

void interrupts_handle_pending(void)
{
	u64 pending = csr_read(CSR_SIP) & csr_read(CSR_SIE);

	for (u64 code = 0; pending >> code; code++) {
		if (pending >> code & 1)
			interrupts_handle(code);
	}
}
