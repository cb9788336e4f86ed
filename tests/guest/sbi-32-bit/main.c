/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parameters that the SBI gives 32 bits: what is in the upper half of the register does not matter,
 * be it a sign extension or anything else. The run ends with a system failure that is told so.
 */
#include "console.h"
#include "sbi.h"

#define SIGN_EXTENDED(x) (0xffffffff00000000UL | (x))
#define GARBAGE(x)	 (0x0123456700000000UL | (x))

void resume_and_stop(void);

static volatile u64 resumed;
static volatile long refused;

static void suspend(u64 arg)
{
	(void)arg;
	csr_write(sie, SIP_SSIP);
	refused = sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND,
			    SIGN_EXTENDED(SBI_HSM_SUSPEND_NON_RETENTIVE), (u64)resume_and_stop,
			    (u64)&resumed)
			  .error;
}

static void test_non_retentive(void)
{
	u64 hart = hart_nth(1), start = rdtime();

	check_equal("start", (u64)hart_start(hart, suspend, 0), 0);
	while (hart_status(hart) != SBI_HSM_SUSPENDED && rdtime() - start < 10000000)
		;
	check_equal("non-retentive suspend, the type sign-extended", (u64)hart_status(hart),
		    SBI_HSM_SUSPENDED);
	sbi_send_ipi(1, hart);
	check(hart_wait_stopped(hart) && resumed == (u64)&resumed && !refused,
	      "it resumes at the address given");
}

static u64 suspend_type(u64 type)
{
	csr_write(sie, SIP_SSIP);
	csr_set(sip, SIP_SSIP);
	return (u64)sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, type, 0, 0).error;
}

static u64 reset(u64 type, u64 reason)
{
	return (u64)sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, type, reason).error;
}

void guest_main(void)
{
	scenario_begin("sbi-32-bit");
	test_non_retentive();
	check_equal("retentive suspend, anything in the upper half",
		    suspend_type(GARBAGE(SBI_HSM_SUSPEND_RETENTIVE)), 0);
	check((s64)suspend_type(SIGN_EXTENDED(0xf0000000)) < 0 && (s64)suspend_type(GARBAGE(1)) < 0,
	      "suspends that there are none of");
	check((s64)reset(SIGN_EXTENDED(0xf0000000), 0) < 0 && (s64)reset(GARBAGE(3), 0) < 0,
	      "resets that there are none of");
	print("== end sbi-32-bit\n");
	reset(GARBAGE(SBI_SRST_SHUTDOWN), GARBAGE(SBI_SRST_SYSTEM_FAILURE));
	print("BAD system reset returned\n");
	sbi_shutdown(SBI_SRST_NO_REASON);
}
