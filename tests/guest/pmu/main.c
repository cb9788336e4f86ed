/* SPDX-License-Identifier: BSD-2-Clause */
/* The SBI PMU extension: cycle, instret, and firmware counters of this guest. */
#include "console.h"
#include "sbi.h"

#define EVENT_CYCLES	   0x00001UL
#define EVENT_INSTRUCTIONS 0x00002UL
#define EVENT_SET_TIMER	   0xf0005UL
#define EVENT_IPI_SENT	   0xf0006UL
#define EVENT_FENCE_I_SENT 0xf0008UL
#define EVENT_SFENCE_SENT  0xf000aUL

#define CFG_CLEAR_VALUE BIT(1)
#define CFG_AUTO_START	BIT(2)
#define START_SET_INIT	BIT(0)
#define STOP_RESET	BIT(0)

#define INFO_FIRMWARE BIT(63)

static u64 counters, all;

static struct sbiret configure(u64 event, u64 flags)
{
	return sbi_call(SBI_EXT_PMU, SBI_PMU_CONFIG_MATCHING, 0, all, flags, event, 0);
}

static struct sbiret start(u64 counter, u64 flags, u64 value)
{
	return sbi_call4(SBI_EXT_PMU, SBI_PMU_COUNTER_START, counter, 1, flags, value);
}

static struct sbiret stop(u64 counter, u64 flags)
{
	return sbi_call3(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, counter, 1, flags);
}

static struct sbiret fw_read(u64 counter)
{
	return sbi_call1(SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ, counter);
}

/* Counters are what they say: hardware ones name a CSR from 0xc00 to 0xc1f and at most 64 bits. */
static void test_info(void)
{
	u64 hardware = 0, firmware = 0, valid = 0;
	bool good = true, cycle = false, instret = false;

	for (u64 i = 0; i < counters; i++) {
		struct sbiret ret = sbi_call1(SBI_EXT_PMU, SBI_PMU_COUNTER_INFO, i);
		u64 csr = (u64)ret.value & 0xfff;

		if (ret.error)
			continue; /* the index of time, which is no counter, may be invalid */
		valid++;
		if ((u64)ret.value & INFO_FIRMWARE) {
			firmware++;
			continue;
		}
		hardware++;
		good &= csr >= 0xc00 && csr < 0xc20 && csr != 0xc01;
		cycle |= csr == 0xc00;
		instret |= csr == 0xc02;
	}
	check(good && valid + 1 >= counters, "every counter has its description");
	check(cycle && instret, "there are cycle and instret");
	check(hardware >= 2 && firmware >= 1, "there are hardware and firmware counters");
	check(sbi_call1(SBI_EXT_PMU, SBI_PMU_COUNTER_INFO, counters).error ==
			      SBI_ERR_INVALID_PARAM &&
		      sbi_call1(SBI_EXT_PMU, SBI_PMU_COUNTER_INFO, -1UL).error ==
			      SBI_ERR_INVALID_PARAM,
	      "a counter that is not there");
}

static void set_timer_5(void)
{
	for (unsigned i = 0; i < 5; i++)
		sbi_set_timer(-1UL);
}

static void send_ipi_5(void)
{
	for (unsigned i = 0; i < 5; i++) {
		sbi_send_ipi(1, hart_self()->id);
		csr_clear(sip, SIP_SSIP);
	}
}

static void fence_i_5(void)
{
	for (unsigned i = 0; i < 5; i++)
		sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, hart_self()->id);
}

static void sfence_5(void)
{
	for (unsigned i = 0; i < 5; i++)
		sbi_call4(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, hart_self()->id, 0, 0);
}

static void test_firmware(const char *what, u64 event, void (*five_times)(void))
{
	struct sbiret ret = configure(event, CFG_CLEAR_VALUE | CFG_AUTO_START);
	u64 counter = (u64)ret.value;
	bool good = ret.error == 0;

	five_times();
	ret = fw_read(counter);
	good &= ret.error == 0 && ret.value == 5;
	good &= stop(counter, 0).error == 0;
	five_times();
	good &= fw_read(counter).value == 5;
	good &= start(counter, START_SET_INIT, 1000).error == 0;
	five_times();
	good &= fw_read(counter).value == 1005;
	good &= stop(counter, STOP_RESET).error == 0;
	check_but_native(good, what); /* OpenSBI 1.5 does not count an IPI to the hart itself */
}

static void test_states(void)
{
	struct sbiret ret = configure(EVENT_SET_TIMER, CFG_CLEAR_VALUE);
	u64 counter = (u64)ret.value;

	check_but_native(ret.error == 0 && start(counter, 0, 0).error == 0 &&
				 start(counter, 0, 0).error == SBI_ERR_ALREADY_STARTED,
			 "start of a started counter");
	check_but_native(stop(counter, 0).error == 0 &&
				 stop(counter, 0).error == SBI_ERR_ALREADY_STOPPED,
			 "stop of a stopped counter");
	stop(counter, STOP_RESET);
}

static void test_hardware(void)
{
	struct sbiret cycles = configure(EVENT_CYCLES, CFG_AUTO_START);
	struct sbiret instructions = configure(EVENT_INSTRUCTIONS, CFG_AUTO_START);
	u64 before;

	check(cycles.error == 0 && instructions.error == 0 && cycles.value != instructions.value,
	      "cycles and instructions have a counter");
	before = csr_read(instret);
	for (volatile unsigned i = 0; i < 1000; i++)
		;
	check(csr_read(instret) - before >= 3000, "instret counts while it is started");
	check_but_native(fw_read((u64)cycles.value).error == SBI_ERR_INVALID_PARAM,
			 "fw_read of a hardware counter");
	stop((u64)cycles.value, STOP_RESET);
	stop((u64)instructions.value, STOP_RESET);
}

static void test_wild(void)
{
	bool good = true;

	check_equal("fw_read of a counter that is not there", (u64)fw_read(-1UL).error,
		    (u64)SBI_ERR_INVALID_PARAM);
	check_but_native(configure(0xf0016, 0).error < 0 && configure(0xf0100, 0).error < 0 &&
				 configure(0x40000, 0).error < 0 && configure(0xfffff, 0).error < 0,
			 "events that are not there");
	good &= sbi_call(SBI_EXT_PMU, SBI_PMU_CONFIG_MATCHING, counters, 1, 0, EVENT_CYCLES, 0)
			.error == SBI_ERR_INVALID_PARAM;
	good &= sbi_call(SBI_EXT_PMU, SBI_PMU_CONFIG_MATCHING, -1UL, -1UL, 0, EVENT_CYCLES, 0)
			.error == SBI_ERR_INVALID_PARAM;
	good &= sbi_call4(SBI_EXT_PMU, SBI_PMU_COUNTER_START, counters, 1, 0, 0).error ==
		SBI_ERR_INVALID_PARAM;
	good &= sbi_call4(SBI_EXT_PMU, SBI_PMU_COUNTER_START, -2UL, -1UL, 0, 0).error ==
		SBI_ERR_INVALID_PARAM;
	good &= sbi_call3(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, 64, -1UL, 0).error ==
		SBI_ERR_INVALID_PARAM;
	good &= sbi_call3(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, BIT(63), 1, 0).error ==
		SBI_ERR_INVALID_PARAM;
	check(good, "sets with counters that are not there");
	if (is_native()) {
		skip("reserved flags"); /* OpenSBI 1.1 ignores them */
		skip("high half of a firmware counter");
		return;
	}
	good = configure(EVENT_SET_TIMER, BIT(8)).error == SBI_ERR_INVALID_PARAM;
	good &= configure(EVENT_SET_TIMER, BIT(63)).error == SBI_ERR_INVALID_PARAM;
	good &= start(0, BIT(2), 0).error == SBI_ERR_INVALID_PARAM;
	good &= stop(0, BIT(2)).error == SBI_ERR_INVALID_PARAM;
	check(good, "reserved flags");
	struct sbiret ret = configure(EVENT_SET_TIMER, CFG_CLEAR_VALUE);
	ret = sbi_call1(SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ_HI, (u64)ret.value);
	check(ret.error == 0 && ret.value == 0, "high half of a firmware counter");
}

void guest_main(void)
{
	struct sbiret ret;

	scenario_begin("pmu");
	csr_write(sie, 0);
	ret = sbi_call0(SBI_EXT_PMU, SBI_PMU_NUM_COUNTERS);
	counters = (u64)ret.value;
	check(ret.error == 0 && counters >= 3 && counters < 128, "number of counters");
	all = counters >= 64 ? -1UL : BIT(counters) - 1;
	test_info();
	test_hardware();
	test_firmware("firmware counter of set_timer", EVENT_SET_TIMER, set_timer_5);
	test_firmware("firmware counter of IPIs", EVENT_IPI_SENT, send_ipi_5);
	test_firmware("firmware counter of fence.i", EVENT_FENCE_I_SENT, fence_i_5);
	test_firmware("firmware counter of sfence.vma", EVENT_SFENCE_SENT, sfence_5);
	test_states();
	test_wild();
	scenario_end();
}
