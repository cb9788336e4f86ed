/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remote fences to a hart that is just being started and stopped, again and again: the sender comes
 * back from each. The started hart stays until it has seen so, lest its stopping ends the wait.
 * Meanwhile the starter sleeps.
 */
#include "console.h"
#include "sbi.h"

#define ROUNDS 150
#define LIMIT  50000000UL /* ticks: 5 s */

static volatile u64 fences, stop, failed;
static u64 starter;

static void send_fences(u64 arg)
{
	(void)arg;
	while (!stop) {
		failed |= (u64)sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, -1UL).error;
		fences++;
	}
}

static void see_fences(u64 arg)
{
	u64 first = fences, start = rdtime();

	(void)arg;
	while (fences - first < 2 && !stop) {
		if (rdtime() - start > LIMIT)
			stop = 1;
	}
	sbi_send_ipi(1, starter);
}

static bool start_and_sleep(void)
{
	if (hart_start(hart_nth(2), see_fences, 0) != 0)
		return false;
	while (!(csr_read(sip) & SIP_SSIP))
		wfi();
	csr_clear(sip, SIP_SSIP);
	return hart_wait_stopped(hart_nth(2));
}

void guest_main(void)
{
	unsigned round;

	scenario_begin("start-fence");
	starter = hart_self()->id;
	csr_write(sie, SIP_SSIP);
	check_equal("start of the sender", (u64)hart_start(hart_nth(1), send_fences, 0), 0);
	for (round = 0; round < ROUNDS && !stop; round++) {
		if (!start_and_sleep())
			break;
	}
	check_equal("starts of a hart while fences are sent to it", round, ROUNDS);
	stop = 1;
	check(hart_wait_stopped(hart_nth(1)) && !failed, "the sender has come back from each");
	scenario_end();
}
