/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of trap causes. */
#include "riscv/cause.h"
#include "riscv/csr.h"

static const char *const exceptions[CAUSE_COUNT] = {
	[CAUSE_FETCH_MISALIGNED] = "fetch-misaligned",
	[CAUSE_FETCH_ACCESS] = "fetch-access-fault",
	[CAUSE_ILLEGAL_INSTRUCTION] = "illegal-instruction",
	[CAUSE_BREAKPOINT] = "breakpoint",
	[CAUSE_LOAD_MISALIGNED] = "load-misaligned",
	[CAUSE_LOAD_ACCESS] = "load-access-fault",
	[CAUSE_STORE_MISALIGNED] = "store-misaligned",
	[CAUSE_STORE_ACCESS] = "store-access-fault",
	[CAUSE_ECALL_U] = "ecall-u",
	[CAUSE_ECALL_HS] = "ecall-hs",
	[CAUSE_ECALL_VS] = "ecall-vs",
	[CAUSE_FETCH_PAGE_FAULT] = "fetch-page-fault",
	[CAUSE_LOAD_PAGE_FAULT] = "load-page-fault",
	[CAUSE_STORE_PAGE_FAULT] = "store-page-fault",
	[CAUSE_SOFTWARE_CHECK] = "software-check",
	[CAUSE_FETCH_GUEST_PAGE_FAULT] = "guest-fetch-page-fault",
	[CAUSE_LOAD_GUEST_PAGE_FAULT] = "guest-load-page-fault",
	[CAUSE_VIRTUAL_INSTRUCTION] = "virtual-instruction",
	[CAUSE_STORE_GUEST_PAGE_FAULT] = "guest-store-page-fault",
};

static const char *const interrupts[] = {
	[IRQ_S_SOFT] = "irq-soft",	     [IRQ_VS_SOFT] = "irq-vs-soft",
	[IRQ_S_TIMER] = "irq-timer",	     [IRQ_VS_TIMER] = "irq-vs-timer",
	[IRQ_S_EXT] = "irq-external",	     [IRQ_VS_EXT] = "irq-vs-external",
	[IRQ_S_GEXT] = "irq-guest-external",
};

const char *cause_name(u64 code, bool is_interrupt)
{
	const char *name = NULL;

	if (is_interrupt && code < ARRAY_SIZE(interrupts))
		name = interrupts[code];
	if (!is_interrupt && code < ARRAY_SIZE(exceptions))
		name = exceptions[code];
	return name ? name : "reserved";
}
