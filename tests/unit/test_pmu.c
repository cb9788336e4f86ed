/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the vCPU's counters, against counters that are incremented one by one. */
#include "unit.h"
#include "vcpu/pmu.h"
#include "vcpu/vcpu.h"

#include <string.h>

static u64 cycle, instret;

u64 vcpu_read_cycle(const struct vcpu *vcpu)
{
	(void)vcpu;
	return cycle;
}

u64 vcpu_read_instret(const struct vcpu *vcpu)
{
	(void)vcpu;
	return instret;
}

static void cycle_and_instret_run_from_the_start(void **state)
{
	static struct vcpu vcpu;

	(void)state;
	cycle = 1000;
	instret = 500;
	memset(&vcpu.pmu, 0xff, sizeof(vcpu.pmu));
	pmu_reset(&vcpu);
	assert_int_equal(pmu_read(&vcpu, PMU_CYCLE), 1000);
	assert_int_equal(pmu_read(&vcpu, PMU_INSTRET), 500);
	cycle += 10;
	assert_int_equal(pmu_read(&vcpu, PMU_CYCLE), 1010);
	assert_int_equal(pmu_read(&vcpu, PMU_INSTRET), 500);
	for (unsigned i = PMU_FIRST_FW; i < PMU_COUNTERS; i++) {
		assert_int_equal(pmu_read(&vcpu, i), 0);
		assert_false(vcpu.pmu.counters[i].is_running);
		assert_false(vcpu.pmu.counters[i].is_configured);
	}
}

/* Time passes: the sources go on, and with them the model of each counter that runs. */
static void tick(struct vcpu *vcpu, u64 *model, struct prng *prng)
{
	u64 cycles = prng_below(prng, 100), instructions = prng_below(prng, 50);
	unsigned event = prng_below(prng, FW_EVENT_COUNT);

	cycle += cycles;
	instret += instructions;
	vcpu->stats.fw_events[event] += 3;
	for (unsigned i = 0; i < PMU_COUNTERS; i++) {
		const struct pmu_counter *counter = &vcpu->pmu.counters[i];

		if (!counter->is_running)
			continue;
		if (i == PMU_CYCLE)
			model[i] += cycles;
		else if (i == PMU_INSTRET)
			model[i] += instructions;
		else if (counter->fw_event == event)
			model[i] += 3;
	}
}

static void random_starts_and_stops_match_the_model(void **state)
{
	static struct vcpu vcpu;
	struct prng prng = { 0x5eed00c0 };
	u64 model[PMU_COUNTERS] = { 0 };

	(void)state;
	cycle = 0 - 3000ULL; /* wraps on the way */
	instret = 0;
	pmu_reset(&vcpu);
	model[PMU_CYCLE] = cycle;
	for (unsigned i = PMU_FIRST_FW; i < PMU_COUNTERS; i++)
		vcpu.pmu.counters[i].fw_event = prng_below(&prng, FW_EVENT_COUNT);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned index = prng_below(&prng, PMU_COUNTERS);

		switch (prng_below(&prng, 5)) {
		case 0:
			pmu_start(&vcpu, index);
			assert_true(vcpu.pmu.counters[index].is_running);
			break;
		case 1:
			pmu_stop(&vcpu, index);
			assert_false(vcpu.pmu.counters[index].is_running);
			break;
		case 2:
			model[index] = prng_next(&prng);
			pmu_set(&vcpu, index, model[index]);
			break;
		default: tick(&vcpu, model, &prng); break;
		}
		for (unsigned i = 0; i < PMU_COUNTERS; i++)
			assert_true(pmu_read(&vcpu, i) == model[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cycle_and_instret_run_from_the_start),
		cmocka_unit_test(random_starts_and_stops_match_the_model),
	};

	return RUN_TESTS(tests);
}
