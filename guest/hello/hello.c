/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest in one page: it prints a line each second and answers each key; q powers off.
 *
 * It takes no interrupts. They are enabled in sie but not in sstatus: WFI returns when one is
 * pending, and the loop looks which one it was.
 */
#include <stdbool.h>
#include <stdint.h>

#define SECOND 10000000UL /* ticks of `time`: virt's timebase is 10 MHz */

/* The machine: docs/guest-machine.md. */
#define UART	      ((volatile uint8_t *)0x10000000)
#define UART_DATA     0
#define UART_IER      1 /* bit 0: interrupt when there is input */
#define UART_LSR      5 /* bit 0: there is input; bit 5: there is room for output */
#define UART_IRQ      10
#define PLIC_PRIORITY ((volatile uint32_t *)0x0c000000)
#define PLIC_ENABLE   ((volatile uint32_t *)0x0c002080) /* of hart 0 in S-mode */
#define PLIC_CLAIM    ((volatile uint32_t *)0x0c201004)

#define SIE_STIE (1UL << 5) /* the timer */
#define SIE_SEIE (1UL << 9) /* the PLIC */

#define SBI_TIME	 0x54494d45UL
#define SBI_SYSTEM_RESET 0x53525354UL

void hello(void);

/* Every SBI call that is needed here is number 0 of its extension. */
static void sbi_call(uint64_t extension, uint64_t arg)
{
	register uint64_t a0 asm("a0") = arg;
	register uint64_t a1 asm("a1") = 0;
	register uint64_t a6 asm("a6") = 0;
	register uint64_t a7 asm("a7") = extension;

	asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}

static uint64_t now(void)
{
	uint64_t time;

	asm volatile("rdtime %0" : "=r"(time));
	return time;
}

static void wait(void)
{
	asm volatile("wfi");
}

static void put(char c)
{
	while (!(UART[UART_LSR] & 0x20))
		;
	UART[UART_DATA] = (uint8_t)c;
}

static void print(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			put('\r');
		put(*text);
	}
}

static void print_number(uint64_t value)
{
	if (value >= 10)
		print_number(value / 10);
	put((char)('0' + value % 10));
}

static void answer_keys(void)
{
	uint32_t irq = *PLIC_CLAIM; /* 0: none */

	while (UART[UART_LSR] & 1) {
		char key = (char)UART[UART_DATA];

		print("you typed ");
		put(key >= ' ' && key <= '~' ? key : '?');
		print("\n");
		if (key == 'q')
			sbi_call(SBI_SYSTEM_RESET, 0); /* shut down; does not return */
	}
	if (irq)
		*PLIC_CLAIM = irq;
}

void hello(void)
{
	uint64_t next = now();

	print("Hello! I am a guest. Keys are answered, q powers off.\n");
	UART[UART_IER] = 1;
	PLIC_PRIORITY[UART_IRQ] = 1;
	*PLIC_ENABLE = 1U << UART_IRQ;
	asm volatile("csrw sie, %0" ::"r"(SIE_STIE | SIE_SEIE));
	for (uint64_t seconds = 0;; wait()) {
		answer_keys();
		if (now() < next)
			continue;
		print("up for ");
		print_number(seconds++);
		print(" s\n");
		next += SECOND;
		sbi_call(SBI_TIME, next); /* until then, its interrupt is no longer pending */
	}
}
