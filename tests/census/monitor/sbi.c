/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the guest's supervisor: a few of SBI's, and those of census_call.h. */
#include "sbi.h"

#include "census_call.h"
#include "guest.h"
#include "hart.h"

#define UART_THR ((volatile u8 *)0x10000000)

#define ALL_CAUSES (~0UL)

static u64 count(u64 cause)
{
	u64 total = 0;

	if (cause < CAUSES_COUNTED)
		return guest.counts[cause];
	for (unsigned i = 0; i < CAUSES_COUNTED; i++)
		total += guest.counts[i];
	return total;
}

static struct sbiret census_call(u64 function, u64 a0)
{
	switch (function) {
	case CENSUS_ARM:
		guest.armed = (u32)a0;
		guest.armed_cause = ~0UL;
		guest.armed_traps = 0;
		return (struct sbiret){ 0, 0 };
	case CENSUS_RESULT:
		return (struct sbiret){ (long)guest.armed_cause, (long)guest.armed_traps };
	case CENSUS_COUNT: return (struct sbiret){ 0, (long)count(a0) };
	case CENSUS_LOG:
		guest.logging = a0;
		guest.logged = a0 ? 0 : guest.logged;
		return (struct sbiret){ 0, 0 };
	case CENSUS_ENTRY:
		if (a0 >= guest.logged)
			return (struct sbiret){ SBI_ERR_INVALID_PARAM, 0 };
		return (struct sbiret){ 0, (long)guest.log[a0] };
	default: return (struct sbiret){ SBI_ERR_NOT_SUPPORTED, 0 };
	}
}

static struct sbiret base_call(u64 function, u64 a0)
{
	if (function == SBI_BASE_GET_IMPL_ID)
		return (struct sbiret){ 0, CENSUS_IMPL_ID };
	if (function == SBI_BASE_PROBE_EXTENSION)
		return (struct sbiret){ 0, a0 == SBI_EXT_BASE || a0 == SBI_EXT_TIME ||
						   a0 == SBI_EXT_SRST || a0 == SBI_EXT_DBCN };
	return sbi_call1(SBI_EXT_BASE, function, a0);
}

static struct sbiret console_write(u64 length, u64 gpa)
{
	const u8 *text = guest_memory(gpa, length);

	if (!text)
		return (struct sbiret){ SBI_ERR_INVALID_PARAM, 0 };
	for (u64 i = 0; i < length; i++)
		*UART_THR = text[i];
	return (struct sbiret){ 0, (long)length };
}

void sbi_handle(void)
{
	u64 *gpr = frame.gpr, extension = gpr[17], function = gpr[16];
	struct sbiret ret = { SBI_ERR_NOT_SUPPORTED, 0 };

	if (extension == CENSUS_EXT)
		ret = census_call(function, gpr[10]);
	else if (extension == SBI_EXT_BASE)
		ret = base_call(function, gpr[10]);
	else if (extension == SBI_EXT_DBCN && function == SBI_DBCN_WRITE)
		ret = console_write(gpr[10], gpr[11]);
	else if (extension == SBI_EXT_SRST)
		ret = sbi_call2(extension, function, gpr[10], gpr[11]);
	else if (extension == SBI_EXT_TIME && function == SBI_TIME_SET_TIMER) {
		csr_set_timer(gpr[10]);
		ret.error = 0;
	}
	gpr[10] = (u64)ret.error;
	gpr[11] = (u64)ret.value;
}
