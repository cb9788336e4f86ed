/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An external interrupt that is pending and enabled for a hart before the hart is started is taken
 * as soon as the hart lets it in. (OpenSBI resets the PLIC's context of a hart that it starts.)
 */
#include "console.h"
#include "sbi.h"

#define UART_BASE   0x10000000UL
#define UART_IER    1
#define IER_THRE    2
#define UART_SOURCE 10

#define PLIC_PRIORITY(source)	(0x0c000000UL + 4 * (source))
#define PLIC_ENABLE(context)	(0x0c002000UL + 0x80 * (context))
#define PLIC_THRESHOLD(context) (0x0c200000UL + 0x1000 * (context))
#define S_CONTEXT(hart)		(2 * (hart) + 1)

#define SETTLE_TICKS 20000 /* 2 ms */

static volatile u64 taken;

static void plic_write(u64 at, u32 value)
{
	*(volatile u32 *)at = value;
}

static void mask(u64 code)
{
	taken |= BIT(code);
	csr_write(sie, 0);
}

static void let_in(u64 arg)
{
	u64 start = rdtime();

	(void)arg;
	hart_self()->on_interrupt = mask;
	taken = 0;
	csr_write(sie, SIP_SEIP);
	interrupts_on();
	while (rdtime() - start < SETTLE_TICKS)
		;
	interrupts_off();
}

static void look(const char *what, u64 want)
{
	bool good = hart_start(hart_nth(1), let_in, 0) == 0 && hart_wait_stopped(hart_nth(1));

	check(good && taken == want, what);
}

void guest_main(void)
{
	u64 context = S_CONTEXT(hart_nth(1));

	scenario_begin("start-external");
	plic_write(PLIC_PRIORITY(UART_SOURCE), 1);
	plic_write(PLIC_ENABLE(context), BIT(UART_SOURCE));
	plic_write(PLIC_THRESHOLD(context), 0);
	((volatile u8 *)UART_BASE)[UART_IER] = IER_THRE;
	look("pending before the hart is started", SIP_SEIP);
	look("still so when it is started again", SIP_SEIP);
	plic_write(PLIC_ENABLE(context), 0);
	look("disabled while the hart is stopped", 0);
	plic_write(PLIC_ENABLE(context), BIT(UART_SOURCE));
	look("enabled while the hart is stopped", SIP_SEIP);
	plic_write(PLIC_THRESHOLD(context), 7);
	look("below the threshold", 0);
	((volatile u8 *)UART_BASE)[UART_IER] = 0;
	scenario_end();
}
