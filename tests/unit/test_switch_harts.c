/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the switch by several threads at once: ports come and go while others send. */
#include "switch_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

/* --- Several harts: ports come and go while others send to them */

/* Few: where harts are more than processors, a lock is waited for as long as a process is. */
#define NR_HARTS  4
#define NR_ROUNDS 400

static _Atomic unsigned nr_after_detach, nr_delivered;

struct busy {
	struct net_port port;
	_Atomic bool is_attached;
	_Atomic u32 room;
};

static struct busy busy[NR_HARTS];

static struct busy *busy_of(struct net_port *port)
{
	struct busy *b = container_of(port, struct busy, port);

	nr_after_detach += !b->is_attached;
	return b;
}

static bool busy_deliver(struct net_port *port, const struct net_frame *f)
{
	struct busy *b = busy_of(port);
	u8 got[2000];

	net_frame_read(f, 0, got, sizeof(got));
	nr_delivered++;
	return b->room++ % 8 != 0;
}

static void busy_call(struct net_port *port)
{
	busy_of(port);
}

static void busy_sent(struct net_port *port, u64 cookie)
{
	(void)cookie;
	busy_of(port);
}

static void busy_attach(unsigned i)
{
	static const struct net_port_ops busy_ops = { busy_deliver, busy_call, busy_sent,
						      busy_call };
	struct busy *b = &busy[i];

	memset(&b->port, 0, sizeof(b->port));
	b->port.ops = &busy_ops;
	memcpy(b->port.mac, (const u8[]){ 0x52, 0x54, 0, 0, 1, (u8)i }, 6);
	b->port.is_up = true;
	b->is_attached = true;
	switch_attach(net, &b->port);
}

/* The first two only send; the others come, send a little, and go. */
static void *run_busy(void *arg)
{
	unsigned self = (unsigned)(u64)arg;
	struct prng prng = { 77 + self };
	u8 own[1000] = { 0x52, 0x54, 0, 0, 1, 0, 0x52, 0x54, 0, 0, 1, (u8)self };
	struct net_frame f = { .nr_pieces = 1,
			       .size = sizeof(own),
			       .pieces = { { own, HPA((u64)own), sizeof(own) } } };

	for (unsigned round = 0; round < NR_ROUNDS; round++) {
		if (self >= 2 && round % 16 == 0)
			busy_attach(self);
		own[5] = (u8)prng_below(&prng, NR_HARTS);
		own[0] = prng_below(&prng, 10) ? 0x52 : 0xff;
		switch_send(&busy[self].port, &f, 0);
		switch_flush(&busy[self].port);
		if (prng_below(&prng, 4) == 0)
			switch_has_room(&busy[self].port);
		now++;
		if (self >= 2 && round % 16 == 15) {
			switch_detach(&busy[self].port);
			busy[self].is_attached = false;
		}
	}
	return NULL;
}

static void test_several_harts(void **state)
{
	pthread_t threads[NR_HARTS];

	(void)state;
	start(0, false);
	busy_attach(0);
	busy_attach(1);
	for (u64 i = 0; i < NR_HARTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_busy, (void *)i), 0);
	for (unsigned i = 0; i < NR_HARTS; i++)
		pthread_join(threads[i], NULL);
	switch_detach(&busy[0].port);
	switch_detach(&busy[1].port);
	assert_int_equal(nr_after_detach, 0);
	assert_true(nr_delivered > NR_ROUNDS);
	assert_int_equal(nr_timers(), 0);
}

/* --- Detaching while another hart is in deliver() */

static _Atomic bool is_in_deliver, is_detached;
static bool was_detached_meanwhile;

static bool slow_deliver(struct net_port *port, const struct net_frame *f)
{
	(void)f;
	is_in_deliver = true;
	while (__atomic_load_n(&port->link.next, __ATOMIC_ACQUIRE) != &port->link)
		sched_yield(); /* until it is being detached */
	for (unsigned i = 0; i < 1000 && !is_detached; i++)
		sched_yield();
	was_detached_meanwhile = is_detached;
	return true;
}

static void *detach_first(void *arg)
{
	(void)arg;
	while (!is_in_deliver)
		sched_yield();
	switch_detach(&devices[1].port);
	is_detached = true;
	return NULL;
}

static void test_detach_waits(void **state)
{
	static const struct net_port_ops slow = { slow_deliver, flush, sent, writable };
	pthread_t thread;

	(void)state;
	start(2, false);
	devices[1].port.ops = &slow;
	assert_int_equal(pthread_create(&thread, NULL, detach_first, NULL), 0);
	assert_int_equal(send_to(0, 1), NET_DONE);
	pthread_join(thread, NULL);
	assert_true(is_detached);
	assert_false(was_detached_meanwhile);
	stop(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detach_waits),
		cmocka_unit_test(test_several_harts),
	};

	return RUN_TESTS(tests);
}
