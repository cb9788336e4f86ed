/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the trace for the host, against a port of our own: what arrives there is each record
 * once, in order; what does not is counted; nobody waits longer than promised.
 */
#include "unit.h"
#include "core/hart.h"
#include "drivers/host_port.h"
#include "drivers/host_trace.h"
#include "fake/pages.h"

#include <stdlib.h>
#include <string.h>

#define NR    2U
#define SLOTS 4U /* of the port */
#define HZ    10000000UL
#define IN_BLOCK \
	((TRACE_BLOCK_SIZE - sizeof(struct trace_block_header)) / sizeof(struct trace_event))
#define RING	 (TRACE_BLOCKS * IN_BLOCK) /* records that a hart holds */
#define MAX_SEEN (40 * RING)

struct hart harts[MACHINE_MAX_HARTS];
unsigned nr_harts = NR;
struct hart *hart_in_tp;
struct machine machine = { .timebase_hz = HZ };

static u64 now;
static bool is_open, reads; /* the host */
static struct host_port_buffer *in_flight[SLOTS];
static unsigned nr_in_flight;

/* What the host has read, of each hart. */
static struct {
	u64 records, last_time, lost;
	bool has_end;
	struct trace_event end;
} seen[NR];

u64 fake_csr_read(unsigned csr)
{
	switch (csr) {
	case CSR_TIME: now += 10; return now; /* it goes on with each look at it */
	case CSR_HEDELEG: return 0xb1ff;
	case CSR_HIDELEG: return 0x444;
	default: fail_msg("CSR 0x%x", csr); return 0;
	}
}

void fake_csr_write(unsigned csr, u64 value)
{
	fail_msg("CSR 0x%x written: %lx", csr, value);
}

u64 time_from_ns(u64 ns)
{
	return ns / (1000000000 / HZ);
}

/* The host reads a block: it is one of a trace. */
static void read_block(const struct host_port_buffer *buffer)
{
	const struct trace_block_header *header = buffer->data;
	const struct trace_event *event = (const void *)(header + 1);
	unsigned hart = header->hart;

	assert_int_equal(header->magic, TRACE_MAGIC);
	assert_int_equal(header->size, buffer->size);
	assert_in_range(buffer->size, sizeof(*header) + sizeof(*event), TRACE_BLOCK_SIZE);
	assert_true(hart < NR);
	assert_int_equal(header->first, seen[hart].records);
	assert_true(header->lost >= seen[hart].lost);
	seen[hart].lost = header->lost;
	for (; (const u8 *)event < (const u8 *)buffer->data + buffer->size; event++) {
		assert_true(event->time >= seen[hart].last_time);
		seen[hart].last_time = event->time;
		seen[hart].records++;
		if (event->what == TRACE_OF_END) {
			seen[hart].has_end = true;
			seen[hart].end = *event;
		}
	}
}

static void host_reads(void)
{
	for (unsigned i = 0; i < nr_in_flight; i++) {
		read_block(in_flight[i]);
		in_flight[i]->is_done = true;
	}
	nr_in_flight = 0;
}

struct host_port *host_port_take(const char *name)
{
	assert_string_equal(name, TRACE_PORT);
	return (struct host_port *)&in_flight;
}

void host_port_set_user(struct host_port *port, const struct host_port_user *user, void *ctx)
{
	assert_non_null(user->input);
	assert_non_null(user->output);
	assert_non_null(user->opened);
	(void)port;
	(void)ctx;
}

bool host_port_is_open(const struct host_port *port)
{
	(void)port;
	return is_open;
}

bool host_port_give(struct host_port *port, struct host_port_buffer *buffer)
{
	host_port_collect(port);
	if (!is_open || nr_in_flight == SLOTS)
		return false;
	buffer->is_done = false;
	in_flight[nr_in_flight++] = buffer;
	return true;
}

void host_port_collect(struct host_port *port)
{
	(void)port;
	if (reads)
		host_reads();
}

static void on_hart(unsigned hart)
{
	hart_in_tp = &harts[hart];
}

static void add(u64 count)
{
	struct trace_event event = { .what = TRACE_HANDLED };

	while (count--) {
		while (host_trace_must_wait())
			;
		event.time = now;
		host_trace_add(&event);
	}
}

/* The tests are steps with the same machine. */
static void test_init(void **state)
{
	for (unsigned i = 0; i < NR; i++)
		harts[i].id = i;
	on_hart(0);
	host_trace_note_vm(1, 1, "early"); /* there is no trace yet: nothing happens */
	fake_pages.left = 0;
	assert_non_null(host_trace_init()); /* memory is short: a sentence */
	fake_pages.left = FAKE_PAGES_ENDLESS;
	assert_null(host_trace_init());
	assert_non_null(harts[0].trace.host);
	assert_non_null(harts[1].trace.host);
	is_open = reads = true;
	(void)state;
}

static void test_blocks(void **state)
{
	host_trace_note_vm(1, 2, "a-name-of-thirty-one-characters");
	add(IN_BLOCK - 3); /* with those of the machine and the VM: one less than a block */
	assert_int_equal(seen[0].records, 0);
	add(1);
	assert_int_equal(seen[0].records, IN_BLOCK);
	add(5 * RING);
	on_hart(1);
	add(3 * IN_BLOCK);
	assert_int_equal(seen[1].records, 3 * IN_BLOCK);
	on_hart(0);
	assert_int_equal(seen[0].records, IN_BLOCK + 5 * RING);
	assert_int_equal(seen[0].lost + seen[1].lost, 0);
	(void)state;
}

/* A record does not wait for others for ever. */
static void test_flush(void **state)
{
	u64 before = seen[0].records;

	add(1);
	now += time_from_ns(TRACE_FLUSH_NS);
	add(1);
	assert_int_equal(seen[0].records, before);
	now++;
	add(1);
	assert_int_equal(seen[0].records, before + 3);
	(void)state;
}

/* That the device was slow with a block once does not keep later ones. */
static void test_flush_after_a_slow_block(void **state)
{
	u64 before = seen[0].records;

	reads = false;
	add(IN_BLOCK - 1);
	now += time_from_ns(TRACE_FLUSH_NS) + 1;
	add(2); /* a block is full, and stays with the device */
	reads = true;
	now += time_from_ns(TRACE_FLUSH_NS) + 1;
	add(1);
	now += time_from_ns(TRACE_FLUSH_NS) + 1;
	add(1);
	assert_int_equal(seen[0].records, before + IN_BLOCK + 3);
	(void)state;
}

/* A record of a VM that finds no room is lost, but those of exits are waited for all the same. */
static void test_vm_without_room(void **state)
{
	u64 start, lost = seen[0].lost;

	now += time_from_ns(TRACE_FLUSH_NS) + 1;
	add(1); /* nothing is left */
	reads = false;
	add(RING);
	host_trace_note_vm(1, 1, "late");
	start = now;
	add(1);
	assert_true(now - start >= time_from_ns(TRACE_PATIENCE_NS));
	reads = true;
	now += HZ;
	add(IN_BLOCK);
	assert_int_equal(seen[0].lost, lost + 2);
	(void)state;
}

/* The host is slower for a while: nothing is lost, as long as the ring is not full. */
static void test_slow_host(void **state)
{
	u64 before = seen[0].records;

	reads = false;
	add(RING - 1);
	assert_int_equal(nr_in_flight, SLOTS);
	reads = true;
	add(1);
	add(IN_BLOCK);
	assert_int_equal(seen[0].records, before + RING + IN_BLOCK);
	assert_int_equal(seen[0].lost, 0);
	(void)state;
}

/* It stops: a hart waits once, as long as it has promised, and counts from then on. */
static void test_stopped_host(void **state)
{
	u64 before = seen[0].records, start;

	reads = false;
	add(RING);
	start = now;
	add(1);
	assert_in_range(now - start, time_from_ns(TRACE_PATIENCE_NS),
			time_from_ns(TRACE_PATIENCE_NS) + 100);
	start = now;
	add(1000);
	assert_true(now - start < time_from_ns(TRACE_PATIENCE_NS));
	/* It goes on, and hears what was lost. */
	reads = true;
	now += HZ;
	add(IN_BLOCK);
	assert_int_equal(seen[0].records, before + RING + IN_BLOCK);
	assert_int_equal(seen[0].lost, 1001);
	/* Who has been slow once is waited for again. */
	reads = false;
	add(RING);
	start = now;
	add(1);
	assert_true(now - start >= time_from_ns(TRACE_PATIENCE_NS));
	reads = true;
	now += HZ;
	add(1);
	(void)state;
}

/* Nobody is connected any more: nobody is waited for. */
static void test_closed_host(void **state)
{
	u64 start;

	is_open = reads = false;
	add(RING);
	start = now;
	add(1000);
	assert_true(now - start < time_from_ns(TRACE_PATIENCE_NS) / 2);
	is_open = reads = true;
	now += HZ;
	add(1);
	(void)state;
}

/* All that there is arrives, of each hart, and the end last: it tells how much that was. */
static void test_finish(void **state)
{
	u64 told;

	on_hart(1);
	add(7);
	on_hart(0);
	add(3);
	host_trace_finish();
	assert_true(seen[0].has_end);
	assert_int_equal(nr_in_flight, 0);
	told = seen[0].records + seen[1].records;
	assert_int_equal(seen[0].end.value, told);
	assert_int_equal(seen[0].end.pc, seen[0].lost + seen[1].lost);
	add(2 * IN_BLOCK); /* too late */
	host_trace_note_vm(1, 1, "late");
	host_trace_finish();
	assert_int_equal(seen[0].records + seen[1].records, told);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_slow_host),
		cmocka_unit_test(test_stopped_host),
		cmocka_unit_test(test_closed_host),
		cmocka_unit_test(test_flush_after_a_slow_block),
		cmocka_unit_test(test_vm_without_room),
		cmocka_unit_test(test_finish),
	};

	return RUN_TESTS(tests);
}
