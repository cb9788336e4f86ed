/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that is looked at by the monitor's tests (tests/monitor): its memory, page tables and
 * registers hold what the tests know, and its only hart runs in a circle.
 *
 *     0x8080_0000  a text, also at virtual 0x12_3456_7000 (4 KiB page, read-only)
 *     0x8080_1000  a number, also at virtual 0x12_3456_8000: the page behind that
 *     0x80a0_0000  also at virtual 0x20_0000_0000 (2 MiB page)
 *
 * "loop" in its bootargs: it prints a line again and again instead. "wait": it waits in WFI.
 * "listen": it enables its power button, and does nothing when that is pressed.
 */
#include "console.h"
#include "fdt.h"
#include "paging.h"
#include "sbi.h"
#include "string.h"

#define DATA	    0x80800000UL
#define LARGE	    0x80a00000UL
#define DATA_GVA    0x1234567000UL
#define LARGE_GVA   0x2000000000UL
#define NUMBER	    0x0123456789abcdefUL
#define READ_ONLY   (PTE_V | PTE_R | PTE_A)
#define LINE_PERIOD 1000000 /* ticks: 100 ms */

static void fill_memory(void)
{
	static const char text[] = "This text is what the monitor is to show.";
	u64 *root = paging_new();

	memcpy((void *)DATA, text, sizeof(text));
	*(volatile u64 *)(DATA + PAGE_SIZE) = NUMBER;
	paging_map(root, DATA_GVA, DATA, READ_ONLY, 0);
	paging_map(root, DATA_GVA + PAGE_SIZE, DATA + PAGE_SIZE, READ_ONLY, 0);
	paging_map(root, LARGE_GVA, LARGE, PTE_KERNEL, 1);
	paging_use(paging_satp(root));
}

static void print_lines(void)
{
	for (u64 n = 0;; n++) {
		u64 start = rdtime();

		print("line %lu\n", n);
		while (rdtime() - start < LINE_PERIOD)
			;
	}
}

/* A PS/2 port of Altera's: receive interrupts on; the keyboard shall report its key. */
static void listen_to_power_button(void)
{
	volatile u32 *port = (volatile u32 *)0x102000UL;

	port[1] = 1;
	port[0] = 0xf4;
}

static bool is_told(const char *what)
{
	struct fdt_property bootargs;

	return fdt_find(boot_fdt, "/chosen", "bootargs", &bootargs) &&
	       strcmp((const char *)bootargs.data, what) == 0;
}

static void __attribute__((noreturn)) run_in_a_circle(void)
{
	register u64 s2 __asm__("s2") = DATA_GVA;
	register u64 s3 __asm__("s3") = NUMBER;
	register u64 t6 __asm__("t6") = 0x66;

	__asm__ volatile("1:	j	1b" : : "r"(s2), "r"(s3), "r"(t6));
	__builtin_unreachable();
}

void guest_main(void)
{
	fill_memory();
	if (is_told("loop"))
		print_lines();
	if (is_told("listen"))
		listen_to_power_button();
	print("ready\n");
	while (is_told("wait"))
		wfi();
	run_in_a_circle();
}
