/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cold and warm reboot: the program starts again from its image, with a fresh machine. Nothing of a
 * guest survives a reboot, so the runner types at each start what to do next.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

#define UART_BASE 0x10000000UL
#define LSR_DR	  1
#define SCR	  7

#define MAGIC 0x5ca1ab1e5ca1ab1eUL

/* In the image, not in .bss: the image itself must be loaded again. */
static volatile u64 image_word __attribute__((section(".data"))) = MAGIC;

static char type_in(void)
{
	volatile u8 *uart = (volatile u8 *)UART_BASE;

	print("input?\n");
	while (!(uart[5] & LSR_DR))
		;
	return (char)uart[0];
}

static void reboot(u64 type, const char *name)
{
	volatile u8 *uart = (volatile u8 *)UART_BASE;

	print("%s reboot\n", name);
	image_word = 0;
	uart[SCR] = 0x77;
	csr_set(sip, SIP_SSIP);
	sbi_set_timer(0);
	if (hart_count() > 1)
		hart_start(hart_nth(1), (void (*)(u64))wfi, 0);
	print("== pause reboot\n");
	sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, type, SBI_SRST_NO_REASON);
	print("BAD system reset returned\n");
}

void guest_main(void)
{
	scenario_begin("reboot");
	check(image_word == MAGIC, "the image is fresh");
	check(fdt_is_valid(boot_fdt), "there is a device tree");
	check(csr_read(satp) == 0 && !(csr_read(sip) & SIP_SSIP), "satp and sip are fresh");
	check(hart_status(hart_nth(1)) == SBI_HSM_STOPPED, "the other hart is stopped");
	switch (type_in()) {
	case 'c': reboot(SBI_SRST_COLD_REBOOT, "cold"); break;
	case 'w': reboot(SBI_SRST_WARM_REBOOT, "warm"); break;
	case 'q': scenario_end(); break;
	default: print("BAD input\n"); break;
	}
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}
