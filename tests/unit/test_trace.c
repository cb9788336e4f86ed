/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the ring of a hart's last exits. */
#include "unit.h"
#include "core/log.h"
#include "core/trace.h"

#include <string.h>

static struct trace_record memory[TRACE_RECORDS];
static unsigned nr_shown;
static char last_line[TRACE_LINE_SIZE + 8];

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_HTVAL);
	return 0x1234;
}

void fake_csr_write(unsigned csr, u64 value)
{
	fail_msg("CSR 0x%x written: %lx", csr, value);
}

void log_raw(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	assert_string_equal(fmt, "  %s\n");
	strncpy(last_line, va_arg(args, const char *), sizeof(last_line) - 1);
	va_end(args);
	nr_shown++;
}

static struct trace_ring new_ring(void)
{
	struct trace_ring ring = { .memory = memory };

	memset(memory, 0, sizeof(memory));
	trace_enable(&ring, true);
	nr_shown = 0;
	return ring;
}

static void note(struct trace_ring *ring, u64 time, unsigned vm)
{
	trace_exit(ring, ring->memory, time, 0x80000000 + time, CAUSE_ECALL_VS, trace_tag(vm, 3));
}

static void test_enable(void **state)
{
	struct trace_ring ring = new_ring();

	assert_ptr_equal(ring.records, memory);
	assert_null(ring.stream);
	trace_enable(&ring, false);
	assert_null(ring.records);
	/* With a host that listens, the short way that looks at records is closed. */
	ring.host = (struct host_trace *)&ring;
	trace_enable(&ring, true);
	assert_null(ring.records);
	assert_ptr_equal(ring.stream, ring.host);
	trace_enable(&ring, false);
	assert_null(ring.stream);
	(void)state;
}

static void test_record(void **state)
{
	struct trace_ring ring = new_ring();
	char line[TRACE_LINE_SIZE];

	note(&ring, 7, 2);
	assert_int_equal(trace_record_vm(&memory[0]), 2);
	assert_int_equal(memory[0].htval, 0x1234);
	assert_int_equal(trace_last_outcome(&ring), TRACE_HANDLED);
	trace_outcome(&ring, TRACE_INJECTED);
	assert_int_equal(trace_last_outcome(&ring), TRACE_INJECTED);
	trace_format(&memory[0], 1, line);
	assert_string_equal(line, "hart 1 vm 2.3 time 7 pc 0000000080000007 ecall-vs, htval 1234: "
				  "injected");
	(void)state;
}

/* The outcome of an exit that is noted nowhere is not that of the last one that is. */
static void test_outcome_while_off(void **state)
{
	struct trace_ring ring = new_ring();

	trace_outcome(&ring, TRACE_LEFT); /* nothing is noted yet */
	note(&ring, 1, 0);
	trace_enable(&ring, false);
	trace_outcome(&ring, TRACE_BLOCKED);
	assert_int_equal(trace_last_outcome(&ring), TRACE_HANDLED);
	(void)state;
}

static void test_wrap(void **state)
{
	struct trace_ring ring = new_ring();

	for (u64 time = 1; time <= 3 * TRACE_RECORDS + 5; time++)
		note(&ring, time, time % 2);
	assert_int_equal(memory[4].time, 3 * TRACE_RECORDS + 5);
	assert_int_equal(memory[5].time, 2 * TRACE_RECORDS + 6);
	trace_show(&ring, 0, -1, 0);
	assert_int_equal(nr_shown, TRACE_SHOWN);
	assert_non_null(strstr(last_line, "time 773 "));
	nr_shown = 0;
	trace_show(&ring, 0, 0, 770); /* of VM 0: 770 and 772 */
	assert_int_equal(nr_shown, 2);
	assert_non_null(strstr(last_line, "time 772 "));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_outcome_while_off),
		cmocka_unit_test(test_wrap),
	};

	return RUN_TESTS(tests);
}
