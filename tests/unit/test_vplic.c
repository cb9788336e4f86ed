/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the guest's PLIC: each rule by itself, then all against a naive model. */
#include "unit.h"
#include "vplic/vplic.h"

#include <string.h>

#define PRIORITY(source)      (4U * (source))
#define PENDING(word)	      (0x1000U + 4U * (word))
#define ENABLE(context, word) (0x2000U + 0x80U * (context) + 4U * (word))
#define THRESHOLD(context)    (0x200000U + 0x1000U * (context))
#define CLAIM(context)	      (0x200004U + 0x1000U * (context))
#define M_MODE(vcpu)	      (2U * (vcpu))
#define S_MODE(vcpu)	      (2U * (vcpu) + 1)

struct fixture {
	struct vplic plic;
	bool external[VPLIC_MAX_VCPUS], was_idle[VPLIC_MAX_VCPUS], is_busy[VPLIC_MAX_VCPUS];
	unsigned calls;
	u32 shown[VPLIC_SHOWN_SIZE(VPLIC_MAX_VCPUS) / 4];
};

static void set_external(void *ctx, unsigned vcpu, bool level)
{
	struct fixture *f = ctx;

	assert_true(vcpu < f->plic.nr_vcpus);
	/* on changes only */
	assert_true(f->external[vcpu] != level || f->was_idle[vcpu]);
	f->was_idle[vcpu] = false;
	f->calls += f->external[vcpu] != level;
	f->external[vcpu] = level;
}

static void set_idle(void *ctx, unsigned vcpu, bool is_idle)
{
	struct fixture *f = ctx;

	assert_true(vcpu < f->plic.nr_vcpus);
	assert_int_equal(f->is_busy[vcpu], is_idle);
	assert_false(f->was_idle[vcpu]);
	f->is_busy[vcpu] = !is_idle;
	f->was_idle[vcpu] = !is_idle; /* set_external() must follow */
}

static const struct vplic_ops ops = { set_external, set_idle };

static void init(struct fixture *f, unsigned nr_vcpus)
{
	memset(f, 0, sizeof(*f));
	vplic_init(&f->plic, nr_vcpus, &ops, f);
	vplic_show(&f->plic, f->shown);
}

static int setup(void **state)
{
	static struct fixture f;

	init(&f, 2);
	*state = &f;
	return 0;
}

/* An access comes, and has an effect, only where the context is not idle. */
static bool is_idle_context(const struct fixture *f, u32 offset)
{
	for (unsigned vcpu = 0; vcpu < f->plic.nr_vcpus; vcpu++) {
		if (offset - VPLIC_CONTEXT(vcpu) < 0x1000)
			return !f->is_busy[vcpu];
	}
	return false;
}

static u32 read_reg(struct fixture *f, u32 offset)
{
	struct mmio_access access = { offset, 4, false, ~0ULL };
	bool is_idle = is_idle_context(f, offset);

	assert_true(vplic_mmio(&f->plic, &access));
	assert_true(access.value <= UINT32_MAX);
	if (is_idle)
		assert_int_equal(access.value, 0);
	/* What the guest reads without an exit is what it would read with one. */
	if (offset >= VPLIC_SHOWN && offset < VPLIC_SHOWN + VPLIC_SHOWN_SIZE(f->plic.nr_vcpus))
		assert_int_equal(f->shown[(offset - VPLIC_SHOWN) / 4], access.value);
	return (u32)access.value;
}

static void write_reg(struct fixture *f, u32 offset, u32 value)
{
	struct mmio_access access = { offset, 4, true, value };

	assert_true(vplic_mmio(&f->plic, &access));
	for (unsigned vcpu = 0; vcpu < f->plic.nr_vcpus; vcpu++)
		assert_false(f->was_idle[vcpu]);
}

static void set_level(struct fixture *f, unsigned source, bool level)
{
	vplic_set_level(&f->plic, source, level);
}

static bool is_pending(struct fixture *f, unsigned source)
{
	return read_reg(f, PENDING(source / 32)) >> source % 32 & 1;
}

/* Enables a source for one vCPU, besides those it has, at a priority. */
static void enable(struct fixture *f, unsigned vcpu, unsigned source, u32 priority)
{
	u32 offset = ENABLE(S_MODE(vcpu), source / 32);

	write_reg(f, offset, read_reg(f, offset) | 1U << source % 32);
	write_reg(f, PRIORITY(source), priority);
}

static void interrupt_is_notified_claimed_completed(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 10, 1);
	assert_false(f->external[0]);
	set_level(f, 10, true);
	assert_true(f->external[0]);
	assert_false(f->external[1]);
	assert_true(is_pending(f, 10));
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 10);
	assert_false(f->external[0]);
	assert_false(is_pending(f, 10));
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 0);
	set_level(f, 10, false);
	write_reg(f, CLAIM(S_MODE(0)), 10);
	assert_false(f->external[0]);
	assert_int_equal(f->calls, 2);
}

static void request_outlives_the_level(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 33, 1);
	set_level(f, 33, true);
	set_level(f, 33, false);
	assert_true(f->external[0]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 33);
}

static void gateway_waits_for_completion(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 7, 1);
	set_level(f, 7, true);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 7);
	set_level(f, 7, false);
	set_level(f, 7, true); /* a second edge while the first is being handled */
	assert_false(is_pending(f, 7));
	assert_false(f->external[0]);
	write_reg(f, CLAIM(S_MODE(0)), 7);
	assert_true(is_pending(f, 7));
	assert_true(f->external[0]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 7);
}

static void completion_needs_the_enable_bit(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 7, 1);
	set_level(f, 7, true);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 7);
	write_reg(f, CLAIM(S_MODE(1)), 7); /* not enabled there */
	assert_false(is_pending(f, 7));
	write_reg(f, CLAIM(M_MODE(0)), 7); /* no such context */
	assert_false(is_pending(f, 7));
	write_reg(f, ENABLE(S_MODE(0), 0), 0);
	write_reg(f, CLAIM(S_MODE(0)), 7);
	assert_false(is_pending(f, 7));
	write_reg(f, ENABLE(S_MODE(0), 0), 1U << 7);
	write_reg(f, CLAIM(S_MODE(0)), 7);
	assert_true(is_pending(f, 7));
}

static void any_context_may_complete(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 7, 1);
	enable(f, 1, 7, 1);
	set_level(f, 7, true);
	assert_true(f->external[0] && f->external[1]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 7);
	assert_false(f->external[0] || f->external[1]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(1))), 0);
	write_reg(f, CLAIM(S_MODE(1)), 7);
	assert_true(f->external[0] && f->external[1]);
}

static void completion_of_nothing_does_nothing(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 7, 1);
	enable(f, 0, 8, 1);
	set_level(f, 7, true);
	set_level(f, 8, true);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 7);
	write_reg(f, CLAIM(S_MODE(0)), 8); /* still pending, not claimed */
	write_reg(f, CLAIM(S_MODE(0)), 0);
	write_reg(f, CLAIM(S_MODE(0)), 96);
	write_reg(f, CLAIM(S_MODE(0)), 0xffffffff);
	assert_false(is_pending(f, 7));
	assert_true(is_pending(f, 8));
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 8);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 0);
}

static void highest_priority_then_lowest_id(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 95, 7);
	enable(f, 0, 64, 3);
	enable(f, 0, 31, 3);
	enable(f, 0, 32, 3);
	enable(f, 0, 1, 2);
	for (unsigned source = 1; source < VPLIC_NR_SOURCES; source++)
		set_level(f, source, true);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 95);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 31);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 32);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 64);
	assert_true(f->external[0]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 1);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 0);
	assert_false(f->external[0]);
}

static void priority_zero_never_interrupts(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 5, 0);
	set_level(f, 5, true);
	assert_true(is_pending(f, 5));
	assert_false(f->external[0]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 0);
	write_reg(f, PRIORITY(5), 1);
	assert_true(f->external[0]);
	write_reg(f, PRIORITY(5), 0);
	assert_false(f->external[0]);
}

static void threshold_masks_notification_not_claim(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 5, 3);
	write_reg(f, THRESHOLD(S_MODE(0)), 3);
	set_level(f, 5, true);
	assert_false(f->external[0]);
	write_reg(f, THRESHOLD(S_MODE(0)), 2);
	assert_true(f->external[0]);
	write_reg(f, THRESHOLD(S_MODE(0)), 7);
	assert_false(f->external[0]);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 5);
}

static void enabling_notifies_what_is_pending(void **state)
{
	struct fixture *f = *state;

	write_reg(f, PRIORITY(70), 1);
	set_level(f, 70, true);
	assert_true(is_pending(f, 70));
	assert_false(f->external[1]);
	write_reg(f, ENABLE(S_MODE(1), 2), 1U << 6);
	assert_true(f->external[1]);
	assert_false(f->external[0]);
	write_reg(f, ENABLE(S_MODE(1), 2), 0);
	assert_false(f->external[1]);
}

static void registers_hold_what_they_can(void **state)
{
	struct fixture *f = *state;

	write_reg(f, PRIORITY(95), 0xffffffff);
	assert_int_equal(read_reg(f, PRIORITY(95)), 7);
	write_reg(f, PRIORITY(95), 8);
	assert_int_equal(read_reg(f, PRIORITY(95)), 0);
	write_reg(f, THRESHOLD(S_MODE(1)), 0xfffffffd);
	assert_int_equal(read_reg(f, THRESHOLD(S_MODE(1))), 5);
	assert_int_equal(read_reg(f, THRESHOLD(S_MODE(0))), 0);
	write_reg(f, ENABLE(S_MODE(1), 0), 0xffffffff);
	assert_int_equal(read_reg(f, ENABLE(S_MODE(1), 0)), 0xfffffffe);
	write_reg(f, ENABLE(S_MODE(1), 2), 0xffffffff);
	assert_int_equal(read_reg(f, ENABLE(S_MODE(1), 2)), 0xffffffff);
	assert_int_equal(read_reg(f, ENABLE(S_MODE(0), 0)), 0);
}

static void reserved_registers_read_zero(void **state)
{
	static const u32 offsets[] = {
		PRIORITY(0),   PRIORITY(96), 0xffc,	    PENDING(0), PENDING(3),	0x1ffc,
		ENABLE(0, 0),		     /* M-mode */
		ENABLE(2, 2),  ENABLE(1, 3), /* sources from 96 */
		ENABLE(1, 31), ENABLE(5, 0), /* vCPU 2 of 2 */
		ENABLE(65, 0), 0x1ffffc,     THRESHOLD(0),  CLAIM(0),	0x201008,	0x201ffc,
		THRESHOLD(5),  CLAIM(5),     THRESHOLD(65), CLAIM(65),	VPLIC_SIZE - 4,
	};
	struct fixture *f = *state;
	struct vplic_state before = f->plic.s;

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		write_reg(f, offsets[i], 0xffffffff);
		assert_int_equal(read_reg(f, offsets[i]), 0);
	}
	assert_memory_equal(&f->plic.s, &before, sizeof(before));
}

static void missing_sources_have_no_pin(void **state)
{
	struct fixture *f = *state;
	struct vplic_state before = f->plic.s;

	set_level(f, 0, true);
	set_level(f, 96, true);
	set_level(f, 0xffffffff, true);
	assert_memory_equal(&f->plic.s, &before, sizeof(before));
}

static void only_words(void **state)
{
	struct fixture *f = *state;

	for (unsigned is_write = 0; is_write < 2; is_write++) {
		for (u8 len = 1; len <= 8; len = (u8)(len * 2)) {
			struct mmio_access access = { PRIORITY(8), len, is_write, 1 };

			assert_int_equal(vplic_mmio(&f->plic, &access), len == 4);
		}
	}
}

static void reset_forgets_all_but_the_wires(void **state)
{
	struct fixture *f = *state;

	enable(f, 0, 3, 1);
	enable(f, 0, 4, 1);
	enable(f, 0, 5, 1);
	set_level(f, 3, true);
	set_level(f, 4, true);
	set_level(f, 5, true);
	set_level(f, 5, false);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 3);
	enable(f, 0, 6, 7);
	set_level(f, 6, true);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(0))), 6);
	set_level(f, 6, false);
	write_reg(f, THRESHOLD(S_MODE(1)), 4);
	vplic_reset(&f->plic);
	assert_false(f->external[0]);
	assert_int_equal(read_reg(f, PRIORITY(4)), 0);
	assert_int_equal(read_reg(f, ENABLE(S_MODE(0), 0)), 0);
	assert_int_equal(read_reg(f, THRESHOLD(S_MODE(1))), 0);
	assert_int_equal(read_reg(f, PENDING(0)), 1U << 3 | 1U << 4);
	enable(f, 1, 3, 1);
	assert_int_equal(read_reg(f, CLAIM(S_MODE(1))), 3);
	set_level(f, 6, true); /* its old claim will never be completed */
	assert_true(is_pending(f, 6));
}

/*
 * The model: what the specification says, one flag per fact, nothing cached.
 */
struct model {
	unsigned nr_vcpus;
	bool level[VPLIC_NR_SOURCES];
	bool pending[VPLIC_NR_SOURCES];
	bool in_service[VPLIC_NR_SOURCES];
	u32 priority[VPLIC_NR_SOURCES];
	bool enabled[VPLIC_MAX_VCPUS][VPLIC_NR_SOURCES];
	u32 threshold[VPLIC_MAX_VCPUS];
};

static void model_gateways(struct model *m)
{
	for (unsigned source = 1; source < VPLIC_NR_SOURCES; source++) {
		if (m->level[source] && !m->in_service[source])
			m->pending[source] = true;
	}
}

static unsigned model_best(const struct model *m, unsigned vcpu, u32 above)
{
	unsigned best = 0;

	for (unsigned source = VPLIC_NR_SOURCES - 1; source > 0; source--) {
		if (m->pending[source] && m->enabled[vcpu][source] && m->priority[source] > above &&
		    m->priority[source] >= (best ? m->priority[best] : 0))
			best = source;
	}
	return best;
}

static u32 model_read(struct model *m, u32 offset)
{
	u32 value = 0;

	for (unsigned source = 1; source < VPLIC_NR_SOURCES; source++) {
		if (offset == PRIORITY(source))
			return m->priority[source];
		if (offset == PENDING(source / 32))
			value |= (u32)m->pending[source] << source % 32;
	}
	for (unsigned vcpu = 0; vcpu < m->nr_vcpus; vcpu++) {
		for (unsigned source = 1; source < VPLIC_NR_SOURCES; source++) {
			if (offset == ENABLE(S_MODE(vcpu), source / 32))
				value |= (u32)m->enabled[vcpu][source] << source % 32;
		}
		if (offset == THRESHOLD(S_MODE(vcpu)))
			return m->threshold[vcpu];
		if (offset == CLAIM(S_MODE(vcpu))) {
			unsigned source = model_best(m, vcpu, 0);

			m->pending[source] = false;
			m->in_service[source] = source != 0;
			return source;
		}
	}
	return value;
}

static void model_write(struct model *m, u32 offset, u32 value)
{
	for (unsigned source = 1; source < VPLIC_NR_SOURCES; source++) {
		if (offset == PRIORITY(source))
			m->priority[source] = value % 8;
	}
	for (unsigned vcpu = 0; vcpu < m->nr_vcpus; vcpu++) {
		for (unsigned source = 1; source < VPLIC_NR_SOURCES; source++) {
			if (offset == ENABLE(S_MODE(vcpu), source / 32))
				m->enabled[vcpu][source] = value >> source % 32 & 1;
			if (offset == CLAIM(S_MODE(vcpu)) && value == source &&
			    m->enabled[vcpu][source])
				m->in_service[source] = false;
		}
		if (offset == THRESHOLD(S_MODE(vcpu)))
			m->threshold[vcpu] = value % 8;
	}
	model_gateways(m);
}

/* Registers that exist, those of one vCPU too many, and M-mode's; sometimes just anywhere. */
static u32 random_offset(struct prng *prng, unsigned nr_vcpus)
{
	u32 context = prng_below(prng, 2 * nr_vcpus + 2) | (prng_below(prng, 8) ? 1 : 0);

	switch (prng_below(prng, 16)) {
	case 0: return PENDING(prng_below(prng, 4));
	case 1: return ALIGN_DOWN(prng_below(prng, VPLIC_SIZE), 4) & 0xffffffff;
	case 2:
	case 3: return THRESHOLD(context);
	case 4:
	case 5:
	case 6: return ENABLE(context, prng_below(prng, 4));
	case 7:
	case 8:
	case 9: return PRIORITY(prng_below(prng, 98));
	default: return CLAIM(context);
	}
}

static u32 random_value(struct prng *prng)
{
	switch (prng_below(prng, 3)) {
	case 0: return prng_below(prng, 100); /* sources to complete */
	case 1: return prng_below(prng, 9);   /* priorities, thresholds */
	default: return (u32)prng_next(prng);
	}
}

static void random_step(struct prng *prng, struct fixture *f, struct model *m)
{
	u32 offset = random_offset(prng, m->nr_vcpus);
	u32 value = random_value(prng);
	unsigned source;

	switch (prng_below(prng, 3)) {
	case 0:
		source = 1 + prng_below(prng, VPLIC_NR_SOURCES - 1);
		m->level[source] = value & 1;
		model_gateways(m);
		set_level(f, source, value & 1);
		break;
	case 1: assert_int_equal(read_reg(f, offset), model_read(m, offset)); break;
	default:
		model_write(m, offset, value);
		write_reg(f, offset, value);
		break;
	}
	for (unsigned vcpu = 0; vcpu < m->nr_vcpus; vcpu++) {
		bool level = model_best(m, vcpu, m->threshold[vcpu]) != 0;

		assert_int_equal(f->external[vcpu], level);
	}
}

static void agrees_with_the_model(void **state)
{
	static const unsigned nr_vcpus[] = { 1, 2, 5, VPLIC_MAX_VCPUS };
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nr_vcpus); i++) {
		struct prng prng = { 0x9e3779b97f4a7c15ULL + i };
		struct model m = { .nr_vcpus = nr_vcpus[i] };

		init(&f, nr_vcpus[i]);
		for (unsigned step = 0; step < 20000; step++)
			random_step(&prng, &f, &m);
		assert_true(f.calls > 100); /* it was no dead random walk */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(interrupt_is_notified_claimed_completed, setup),
		cmocka_unit_test_setup(request_outlives_the_level, setup),
		cmocka_unit_test_setup(gateway_waits_for_completion, setup),
		cmocka_unit_test_setup(completion_needs_the_enable_bit, setup),
		cmocka_unit_test_setup(any_context_may_complete, setup),
		cmocka_unit_test_setup(completion_of_nothing_does_nothing, setup),
		cmocka_unit_test_setup(highest_priority_then_lowest_id, setup),
		cmocka_unit_test_setup(priority_zero_never_interrupts, setup),
		cmocka_unit_test_setup(threshold_masks_notification_not_claim, setup),
		cmocka_unit_test_setup(enabling_notifies_what_is_pending, setup),
		cmocka_unit_test_setup(registers_hold_what_they_can, setup),
		cmocka_unit_test_setup(reserved_registers_read_zero, setup),
		cmocka_unit_test_setup(missing_sources_have_no_pin, setup),
		cmocka_unit_test_setup(only_words, setup),
		cmocka_unit_test_setup(reset_forgets_all_but_the_wires, setup),
		cmocka_unit_test(agrees_with_the_model),
	};

	return RUN_TESTS(tests);
}
