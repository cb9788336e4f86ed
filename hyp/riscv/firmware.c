/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to the SBI firmware below the hypervisor (OpenSBI). */
#include "riscv/firmware.h"
#include "riscv/sbi_abi.h"

struct sbi_ret firmware_call(u64 extension, u64 function, u64 arg0, u64 arg1, u64 arg2)
{
	register u64 a0 __asm__("a0") = arg0;
	register u64 a1 __asm__("a1") = arg1;
	register u64 a2 __asm__("a2") = arg2;
	register u64 a6 __asm__("a6") = function;
	register u64 a7 __asm__("a7") = extension;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct sbi_ret){ (long)a0, a1 };
}

bool firmware_has(u64 extension)
{
	struct sbi_ret ret = firmware_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, extension, 0, 0);

	return ret.error == SBI_SUCCESS && ret.value != 0;
}

struct sbi_ret firmware_hart_start(u64 hartid, hpa_t entry, u64 opaque)
{
	return firmware_call(SBI_EXT_HSM, SBI_HSM_HART_START, hartid, entry.v, opaque);
}

void firmware_send_ipi(u64 hartid)
{
	firmware_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, hartid, 0);
}

void firmware_set_timer(u64 deadline)
{
	firmware_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, deadline, 0, 0);
}

void firmware_shutdown(void)
{
	firmware_call(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_SHUTDOWN, SBI_SRST_REASON_NONE, 0);
}
