/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of the machine, on the hart that takes them. */
#include "vcpu/interrupts.h"
#include "core/hart.h"
#include "core/panic.h"
#include "platform/qemu-virt/plic.h"
#include "riscv/csr.h"
#include "riscv/io.h"

#define MAX_SOURCES 128

static void (*handlers[MAX_SOURCES])(unsigned source);

void interrupts_set_handler(unsigned source, void (*handler)(unsigned source))
{
	ASSERT(source < MAX_SOURCES);
	handlers[source] = handler;
}

void interrupts_init_hart(void)
{
	csr_write(CSR_SIE, BIT(IRQ_S_SOFT) | BIT(IRQ_S_TIMER) | BIT(IRQ_S_EXT));
}

static void handle_external(void)
{
	unsigned context = this_hart()->plic_context, source;

	while ((source = plic_claim(context)) != 0) {
		if (source < MAX_SOURCES && handlers[source])
			handlers[source](source);
		plic_complete(context, source);
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
