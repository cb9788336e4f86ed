/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the life of a VM: every state with every event. */
#include "unit.h"
#include "vm/vm_state.h"

#define REFUSED VM_STATE_COUNT

/* As in the drawing of hyp/vm/vm_state.h, written down a second time. */
static const enum vm_state expected[VM_STATE_COUNT][VM_EVENT_COUNT] = {
	/*		START	    PAUSE      RESUME	   RESET       POWER_OFF KILL DESTROY */
	[VM_CREATED] = { VM_RUNNING, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, VM_CREATED },
	[VM_RUNNING] = { REFUSED, VM_PAUSED, REFUSED, VM_RUNNING, VM_OFF, VM_KILLED, REFUSED },
	[VM_PAUSED] = { REFUSED, REFUSED, VM_RUNNING, VM_RUNNING, VM_OFF, VM_KILLED, REFUSED },
	[VM_OFF] = { VM_RUNNING, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, VM_OFF },
	[VM_KILLED] = { VM_RUNNING, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, VM_KILLED },
};

static void test_every_event_in_every_state(void **state)
{
	(void)state;
	for (unsigned from = 0; from < VM_STATE_COUNT; from++) {
		for (unsigned event = 0; event < VM_EVENT_COUNT; event++) {
			enum vm_state next = REFUSED, want = expected[from][event];

			assert_int_equal(vm_state_next(from, event, &next), want != REFUSED);
			/* Left alone, if it is refused. */
			assert_int_equal(next, want);
		}
	}
}

static void test_what_is_no_state_or_event(void **state)
{
	enum vm_state next = VM_OFF;

	(void)state;
	assert_false(vm_state_next(VM_STATE_COUNT, VM_EVENT_START, &next));
	assert_false(vm_state_next(VM_RUNNING, VM_EVENT_COUNT, &next));
	assert_int_equal(next, VM_OFF);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(vm_state_name(VM_CREATED), "created");
	assert_string_equal(vm_state_name(VM_RUNNING), "running");
	assert_string_equal(vm_state_name(VM_PAUSED), "paused");
	assert_string_equal(vm_state_name(VM_OFF), "off");
	assert_string_equal(vm_state_name(VM_KILLED), "killed");
	assert_string_equal(vm_state_name(VM_STATE_COUNT), "?");
}

/* Alive is where its guest may still end: power-off has a place there and nowhere else. */
static void test_alive(void **state)
{
	(void)state;
	for (unsigned from = 0; from < VM_STATE_COUNT; from++)
		assert_int_equal(vm_state_is_alive(from),
				 expected[from][VM_EVENT_POWER_OFF] != REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_in_every_state),
		cmocka_unit_test(test_what_is_no_state_or_event),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_alive),
	};

	return RUN_TESTS(tests);
}
