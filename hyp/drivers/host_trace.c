/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace for the host: every exit of every guest, through a port of the machine's console. */
#include "drivers/host_trace.h"
#include "core/hart.h"
#include "drivers/host_port.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/page.h"
#include "riscv/csr.h"

#define RETRY_NS  1000000    /* between two looks for room, of who waits no more */
#define FINISH_NS 2000000000 /* for the host, at the end */

/*
 * Only its hart writes records, and moves on to the next block. The lock is for handing blocks
 * over: whoever ends the machine does that for all harts.
 *
 * Blocks are counted: number n is blocks[n % TRACE_BLOCKS]. done <= given <= filled, and the one
 * that is being filled has the number filled.
 */
struct host_trace {
	struct trace_block_header *block; /* being filled; NULL: none is free */
	u32 used;			  /* bytes of it; released when they are written */
	u64 begun_at;			  /* ticks: when its first record was added, or looked at */
	u64 written, lost;		  /* records */
	bool has_given_up;		  /* nobody reads: waits no more */
	u64 look_at;			  /* ticks: when to look for room again */
	u64 waits_until;		  /* ticks; 0: it does not wait */

	struct spinlock lock;
	u64 filled, given, done;
	struct host_port_buffer blocks[TRACE_BLOCKS];
};

static struct host_port *port;
static u64 patience, flush_after, retry_after; /* ticks */
static u32 is_over;			       /* atomic */

/* Who ends the machine takes it away at any time: what is read here once is used. */
static struct trace_block_header *block_of(const struct host_trace *trace)
{
	return __atomic_load_n(&trace->block, __ATOMIC_RELAXED);
}

/* Gives the device what it takes, and finds out what it is done with. Lock held. */
static void push(struct host_trace *trace)
{
	host_port_collect(port);
	while (trace->given < trace->filled &&
	       host_port_give(port, &trace->blocks[trace->given % TRACE_BLOCKS]))
		trace->given++;
	host_port_collect(port);
	while (trace->done < trace->given &&
	       __atomic_load_n(&trace->blocks[trace->done % TRACE_BLOCKS].is_done,
			       __ATOMIC_ACQUIRE))
		trace->done++;
}

/* Begins the next block, if one is free. Lock held. */
static void begin_block(struct host_trace *trace, const struct hart *hart)
{
	trace->block = NULL;
	trace->used = sizeof(*trace->block);
	if (trace->filled - trace->done == TRACE_BLOCKS)
		return;
	trace->block = (void *)trace->blocks[trace->filled % TRACE_BLOCKS].data;
	*trace->block = (struct trace_block_header){
		.magic = TRACE_MAGIC,
		.first = trace->written,
		.lost = trace->lost,
		.hart = (u16)hart->id,
	};
}

/* Ends the block that is being filled, and gives it to the device. Lock held. */
static void hand_over(struct host_trace *trace)
{
	u32 size = __atomic_load_n(&trace->used, __ATOMIC_ACQUIRE);

	if (!trace->block || size == sizeof(*trace->block))
		return;
	trace->block->size = size;
	trace->blocks[trace->filled % TRACE_BLOCKS].size = size;
	trace->filled++;
	trace->block = NULL;
	push(trace);
}

static void renew_block(struct host_trace *trace)
{
	spin_lock(&trace->lock);
	if (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		hand_over(trace);
		begin_block(trace, this_hart());
	}
	spin_unlock(&trace->lock);
}

static void look_for_room(struct host_trace *trace)
{
	spin_lock(&trace->lock);
	push(trace);
	begin_block(trace, this_hart());
	spin_unlock(&trace->lock);
}

/*
 * Whoever has another hart fill its blocks waits for its own. A wait is bounded, and after one in
 * vain there is none until there was room again.
 */
bool host_trace_must_wait(void)
{
	struct host_trace *trace = this_hart()->trace.host;
	u64 now;

	if (likely(block_of(trace)) || __atomic_load_n(&is_over, __ATOMIC_RELAXED))
		return false;
	now = time_now();
	if (trace->has_given_up && now < trace->look_at)
		return false;
	if (!trace->waits_until)
		trace->waits_until = now + patience;
	look_for_room(trace);
	if (!block_of(trace) && !trace->has_given_up && host_port_is_open(port) &&
	    now < trace->waits_until)
		return true;
	trace->has_given_up = !block_of(trace);
	trace->look_at = now + retry_after;
	trace->waits_until = 0;
	return false;
}

/* What is old goes to the host, unless that is behind anyway; one look in each such time. */
static void flush_old(struct host_trace *trace, u64 now)
{
	spin_lock(&trace->lock);
	push(trace);
	if (trace->filled == trace->done && !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		hand_over(trace);
		begin_block(trace, this_hart());
	}
	spin_unlock(&trace->lock);
	trace->begun_at = now;
}

static void add(const struct trace_event *event)
{
	struct host_trace *trace = this_hart()->trace.host;
	struct trace_block_header *block = block_of(trace);
	u64 now = event->time;

	if (__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		return;
	if (unlikely(!block)) {
		trace->lost++;
		return;
	}
	if (trace->used == sizeof(*block))
		trace->begun_at = now;
	*(struct trace_event *)((u8 *)block + trace->used) = *event;
	trace->written++;
	__atomic_store_n(&trace->used, trace->used + sizeof(*event), __ATOMIC_RELEASE);
	if (unlikely(trace->used == TRACE_BLOCK_SIZE))
		renew_block(trace);
	else if (unlikely(now - trace->begun_at > flush_after))
		flush_old(trace, now);
}

void host_trace_add(const struct trace_event *event)
{
	add(event);
}

void host_trace_note_vm(unsigned vm, unsigned nr_vcpus, const char *name)
{
	struct trace_event event = {
		.time = time_now(), .vm = (u16)vm, .vcpu = (u8)nr_vcpus, .what = TRACE_OF_VM
	};

	if (!port)
		return;
	memcpy(event.name, name, strnlen(name, sizeof(event.name)));
	add(&event);
}

/* --- The beginning and the end */

static struct host_trace *make_trace(const struct hart *hart)
{
	struct host_trace *trace = page_alloc(page_order(sizeof(*trace)));

	if (!trace)
		return NULL;
	for (unsigned i = 0; i < TRACE_BLOCKS; i++) {
		trace->blocks[i].data = page_alloc(page_order(TRACE_BLOCK_SIZE));
		if (!trace->blocks[i].data)
			return NULL;
	}
	begin_block(trace, hart);
	return trace;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void ignore_opened(void *ctx, bool is_open)
{
	(void)ctx;
	(void)is_open;
}

static void tell_machine(void)
{
	const struct trace_event event = {
		.time = time_now(),
		.pc = csr_read(CSR_HEDELEG),
		.stval = csr_read(CSR_HIDELEG),
		.htval = nr_harts,
		.value = machine.timebase_hz,
		.what = TRACE_OF_MACHINE,
	};

	add(&event);
}

const char *host_trace_init(void)
{
	static const struct host_port_user user = { ignore, ignore, ignore_opened };

	patience = time_from_ns(TRACE_PATIENCE_NS);
	flush_after = time_from_ns(TRACE_FLUSH_NS);
	retry_after = time_from_ns(RETRY_NS);
	port = host_port_take(TRACE_PORT);
	if (!port)
		return "the machine has no port for the trace; start with ./doppel run --trace";
	host_port_set_user(port, &user, NULL);
	for_each_hart (hart) {
		hart->trace.host = make_trace(hart);
		if (!hart->trace.host)
			return "the hypervisor's own memory is too small for a trace; with QEMU, "
			       "use -m 1G or more";
	}
	tell_machine();
	return NULL;
}

/* Hands over what a hart has written until now; how many records that makes in all. */
static u64 finish_hart(struct host_trace *trace)
{
	u64 told = trace->written;

	spin_lock(&trace->lock);
	if (trace->block)
		told = trace->block->first +
		       (__atomic_load_n(&trace->used, __ATOMIC_ACQUIRE) - sizeof(*trace->block)) /
			       sizeof(struct trace_event);
	hand_over(trace);
	spin_unlock(&trace->lock);
	return told;
}

static void wait_for_host(struct host_trace *trace, u64 until)
{
	spin_lock(&trace->lock);
	do {
		push(trace);
	} while (trace->done < trace->filled && host_port_is_open(port) && time_now() < until);
	spin_unlock(&trace->lock);
}

/* The end stands in a block of its own, the last one. It counts itself. */
static void tell_end(struct host_trace *trace, u64 told, u64 lost)
{
	spin_lock(&trace->lock);
	begin_block(trace, this_hart());
	if (trace->block) {
		*(struct trace_event *)(trace->block + 1) = (struct trace_event){
			.time = time_now(), .pc = lost, .value = told + 1, .what = TRACE_OF_END
		};
		trace->used += (u32)sizeof(struct trace_event);
		hand_over(trace);
	}
	spin_unlock(&trace->lock);
}

void host_trace_finish(void)
{
	u64 told = 0, lost = 0, until = time_now() + time_from_ns(FINISH_NS);

	if (!port || __atomic_exchange_n(&is_over, 1, __ATOMIC_ACQ_REL))
		return;
	for_each_hart (hart) {
		told += finish_hart(hart->trace.host);
		lost += hart->trace.host->lost;
	}
	for_each_hart (hart)
		wait_for_host(hart->trace.host, until);
	tell_end(this_hart()->trace.host, told, lost);
	wait_for_host(this_hart()->trace.host, until);
}
