/* SPDX-License-Identifier: BSD-2-Clause */
/* Supervisor Binary Interface calls that more than one guest program makes. */
#include "sbi.h"

#include "csr.h"

struct sbiret sbi_call(u64 ext, u64 fid, u64 arg0, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	register u64 a0 asm("a0") = arg0;
	register u64 a1 asm("a1") = arg1;
	register u64 a2 asm("a2") = arg2;
	register u64 a3 asm("a3") = arg3;
	register u64 a4 asm("a4") = arg4;
	register u64 a6 asm("a6") = fid;
	register u64 a7 asm("a7") = ext;

	asm volatile("ecall"
		     : "+r"(a0), "+r"(a1)
		     : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
		     : "memory");
	return (struct sbiret){ (long)a0, (long)a1 };
}

bool sbi_has(u64 ext)
{
	struct sbiret ret = sbi_call1(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, ext);

	return ret.error == SBI_SUCCESS && ret.value != 0;
}

void sbi_set_timer(u64 when)
{
	sbi_call1(SBI_EXT_TIME, SBI_TIME_SET_TIMER, when);
}

void sbi_send_ipi(u64 mask, u64 base)
{
	sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, mask, base);
}

void sbi_shutdown(u64 reason)
{
	sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_SHUTDOWN, reason);
	for (;;)
		wfi();
}
