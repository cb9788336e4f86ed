/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's side of a split virtqueue. Numbers in parentheses are sections of virtio 1.2. */
#include "virtio/virtq.h"
#include "lib/string.h"
#include "riscv/io.h"

#define TABLE_PINNED (16U * VIRTQ_MAX_BUFFERS) /* bytes of an indirect table */

/* --- The three parts, in guest RAM */

/* Accesses are aligned (2.7), so that none lies across the split. */
static u64 at(const struct virtq_part *part, u32 offset)
{
	return (offset < part->split ? part->first : part->rest) + offset;
}

static u16 load16(const struct virtq_part *part, u32 offset)
{
	return __atomic_load_n((u16 *)at(part, offset), __ATOMIC_RELAXED);
}

static void store16(const struct virtq_part *part, u32 offset, u16 value)
{
	__atomic_store_n((u16 *)at(part, offset), value, __ATOMIC_RELAXED);
}

static void store32(const struct virtq_part *part, u32 offset, u32 value)
{
	__atomic_store_n((u32 *)at(part, offset), value, __ATOMIC_RELAXED);
}

/* Each word is read once: the driver may write there at any moment. */
static struct virtq_desc load_desc(u64 address)
{
	const volatile u64 *words = (const volatile u64 *)address;
	u64 addr = words[0], rest = words[1];

	return (struct virtq_desc){ addr, (u32)rest, (u16)(rest >> 32), (u16)(rest >> 48) };
}

static void unpin_part(struct virtq *q, struct virtq_part *part, u64 gpa, u64 size)
{
	if (!part->split)
		return;
	guest_unpin(q->memory, GPA(gpa), part->split);
	if (part->split < size)
		guest_unpin(q->memory, GPA(gpa + part->split), size - part->split);
	*part = (struct virtq_part){ 0 };
}

static bool pin_part(struct virtq *q, struct virtq_part *part, u64 gpa, u64 size)
{
	hpa_t hpa;
	u64 rest;

	part->split = (u32)guest_pin(q->memory, GPA(gpa), size, &hpa);
	if (!part->split)
		return false;
	part->first = (u64)guest_window(hpa);
	if (part->split == size)
		return true;
	rest = guest_pin(q->memory, GPA(gpa + part->split), size - part->split, &hpa);
	if (rest == size - part->split) {
		part->rest = (u64)guest_window(hpa) - part->split;
		return true;
	}
	if (rest)
		guest_unpin(q->memory, GPA(gpa + part->split), rest);
	guest_unpin(q->memory, GPA(gpa), part->split);
	part->split = 0;
	return false;
}

static void unpin_all(struct virtq *q)
{
	unpin_part(q, &q->desc, q->s.desc, VIRTQ_DESC_SIZE(q->s.size));
	unpin_part(q, &q->avail, q->s.avail, VIRTQ_AVAIL_SIZE(q->s.size));
	unpin_part(q, &q->used, q->s.used, VIRTQ_USED_SIZE(q->s.size));
}

static bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

static const char *find_fault(const struct virtq *q)
{
	const struct virtq_state *s = &q->s;
	u64 desc = VIRTQ_DESC_SIZE(s->size), avail = VIRTQ_AVAIL_SIZE(s->size);
	u64 used = VIRTQ_USED_SIZE(s->size);

	if (!s->size || s->size > VIRTQ_MAX_SIZE || s->size & (s->size - 1))
		return "queue size";
	if (!IS_ALIGNED(s->desc, 16) || !IS_ALIGNED(s->avail, 2) || !IS_ALIGNED(s->used, 4))
		return "queue misaligned";
	if (!guest_memory_contains(q->memory, GPA(s->desc), desc) ||
	    !guest_memory_contains(q->memory, GPA(s->avail), avail) ||
	    !guest_memory_contains(q->memory, GPA(s->used), used))
		return "queue outside RAM";
	if (overlap(s->desc, desc, s->avail, avail) || overlap(s->desc, desc, s->used, used) ||
	    overlap(s->avail, avail, s->used, used))
		return "queue over itself";
	return NULL;
}

bool virtq_enable(struct virtq *q)
{
	q->broken = find_fault(q);
	if (q->broken)
		return false;
	if (!pin_part(q, &q->desc, q->s.desc, VIRTQ_DESC_SIZE(q->s.size)) ||
	    !pin_part(q, &q->avail, q->s.avail, VIRTQ_AVAIL_SIZE(q->s.size)) ||
	    !pin_part(q, &q->used, q->s.used, VIRTQ_USED_SIZE(q->s.size))) {
		unpin_all(q);
		q->broken = "queue in RAM that is gone";
		return false;
	}
	q->seen_avail = q->s.next_avail;
	q->in_flight = 0;
	q->is_stopping = false;
	q->nr_wanted = 0;
	q->is_short = false;
	q->s.is_ready = true;
	return true;
}

void virtq_disable(struct virtq *q)
{
	unpin_all(q);
	q->s.is_ready = false;
	q->in_flight = 0;
	q->is_stopping = false;
	q->nr_wanted = 0;
	q->broken = NULL;
}

void virtq_stop(struct virtq *q)
{
	if (q->in_flight) {
		q->is_stopping = true;
		return;
	}
	virtq_disable(q);
	if (q->is_free)
		q->is_free(q);
}

static bool is_usable(const struct virtq *q)
{
	return likely(q->s.is_ready && !q->is_stopping && !q->broken);
}

/* --- RAM that is absent */

static const char absent[] = "indirect table in RAM that is gone";

static void want(struct virtq *q, u32 granule)
{
	unsigned i = 0;

	while (i < q->nr_wanted && q->wanted[i] != granule)
		i++;
	if (i == q->nr_wanted && i < VIRTQ_MAX_WANTED)
		q->wanted[q->nr_wanted++] = granule;
}

/* Granules that are looked at for a chain, or ahead: 1 GiB; the rest is taken to be there. */
#define MAX_LOOKS 512U

/* Notes what is absent of a range, which is RAM. The memory has frames. */
static bool lacks(struct virtq *q, u64 gpa, u64 size)
{
	u64 offset = gpa - q->memory->start.v, end = offset + size;
	bool lacks_any = false;

	for (offset = ALIGN_DOWN(offset, RAM_GRANULE);
	     offset < end && q->nr_wanted < VIRTQ_MAX_WANTED; offset += RAM_GRANULE) {
		if (!q->looks_left)
			return lacks_any;
		q->looks_left--;
		if (frames_is_present(q->memory->frames, offset))
			continue;
		want(q, (u32)(offset / RAM_GRANULE));
		lacks_any = true;
	}
	return lacks_any || offset < end;
}

static bool is_absent(struct virtq *q, u64 gpa, u64 size)
{
	return unlikely(q->memory->frames) && lacks(q, gpa, size);
}

static bool lacks_buffers(struct virtq *q, const struct virtq_chain *chain)
{
	bool lacks_any = false;

	if (q->absence == VIRTQ_IGNORES)
		return false;
	for (unsigned i = 0; i < chain->nr_readable + (unsigned)chain->nr_writable; i++)
		lacks_any |= lacks(q, chain->buffers[i].gpa.v, chain->buffers[i].size);
	return lacks_any;
}

/* --- Chains */

/* NULL, or what is wrong with the buffer. */
static const char *add_buffer(const struct virtq *q, struct virtq_chain *chain,
			      const struct virtq_desc *desc)
{
	unsigned n = chain->nr_readable + chain->nr_writable;
	u32 *sum;

	/* This ends loops, too. */
	if (unlikely(n == VIRTQ_MAX_BUFFERS))
		return "chain too long";
	if (unlikely(!desc->len))
		return "buffer of 0 bytes";
	if (unlikely(!guest_memory_contains(q->memory, GPA(desc->addr), desc->len)))
		return "buffer outside RAM";
	if (desc->flags & VIRTQ_DESC_WRITE) {
		chain->nr_writable++;
		sum = &chain->writable;
	} else {
		if (unlikely(chain->nr_writable))
			return "readable after writable buffer";
		chain->nr_readable++;
		sum = &chain->readable;
	}
	if (unlikely(desc->len > UINT32_MAX - *sum))
		return "chain over 4 GiB";
	*sum += desc->len;
	chain->buffers[n] = (struct virtq_buffer){ GPA(desc->addr), desc->len };
	return NULL;
}

/* Copies between guest RAM, which may be in several pieces, and a buffer: how much of it is RAM. */
static u32 copy(struct virtq *q, u64 gpa, void *buf, u32 size, bool to_guest)
{
	u8 *bytes = buf;
	u32 done = 0;

	while (done < size) {
		hpa_t hpa;
		u64 count = guest_pin(q->memory, GPA(gpa + done), size - done, &hpa);

		if (!count)
			break;
		if (to_guest)
			memcpy(guest_window(hpa), bytes + done, count);
		else
			memcpy(bytes + done, guest_window(hpa), count);
		guest_unpin(q->memory, GPA(gpa + done), count);
		done += (u32)count;
	}
	return done;
}

/* The first bytes of the table, `pinned` many, are at `address`. Usually that is all of it. */
static const char *walk_table(struct virtq *q, struct virtq_chain *chain,
			      const struct virtq_desc *table, u64 address, u64 pinned)
{
	u32 entries = table->len / 16;
	struct virtq_desc desc = { .next = 0 };

	do {
		u64 offset = desc.next * 16UL;
		const char *fault;

		if (desc.next >= entries)
			return "next out of range";
		if (likely(offset + 16 <= pinned && IS_ALIGNED(address, 8)))
			desc = load_desc(address + offset);
		else if (is_absent(q, table->addr + offset, 16))
			return absent;
		else if (copy(q, table->addr + offset, &desc, 16, false) != 16)
			return "indirect table outside RAM";
		if (desc.flags & VIRTQ_DESC_INDIRECT)
			return "indirect in indirect table";
		fault = add_buffer(q, chain, &desc);
		if (fault)
			return fault;
	} while (desc.flags & VIRTQ_DESC_NEXT);
	return NULL;
}

/* A descriptor that stands for a table of them (2.7.5.3); its flag WRITE means nothing. */
static const char *walk_indirect(struct virtq *q, struct virtq_chain *chain,
				 const struct virtq_desc *table)
{
	const char *fault;
	u64 pinned;
	hpa_t hpa;

	if (!q->s.has_indirect)
		return "indirect table not negotiated";
	if (table->flags & VIRTQ_DESC_NEXT)
		return "next after indirect table";
	if (!table->len || table->len % 16)
		return "size of indirect table";
	if (!guest_memory_contains(q->memory, GPA(table->addr), table->len))
		return "indirect table outside RAM";
	/* The most that chains can use: more would have to be brought back for nothing. */
	if (is_absent(q, table->addr, MIN(table->len, TABLE_PINNED)))
		return absent;
	pinned = guest_pin(q->memory, GPA(table->addr), MIN(table->len, TABLE_PINNED), &hpa);
	if (!pinned)
		return "indirect table outside RAM";
	fault = walk_table(q, chain, table, (u64)guest_window(hpa), pinned);
	guest_unpin(q->memory, GPA(table->addr), pinned);
	return fault;
}

/*
 * The chain of the entry of the available ring at `position`. NULL, absent, or what is wrong.
 * Inline: each request passes here.
 */
static inline __attribute__((always_inline)) const char *walk(struct virtq *q,
							      struct virtq_chain *chain,
							      u16 position)
{
	struct virtq_desc desc = { 0 };

	desc.next = load16(&q->avail, VIRTQ_RING + 2U * (position & (q->s.size - 1U)));
	chain->head = desc.next;
	chain->nr_readable = chain->nr_writable = 0;
	chain->readable = chain->writable = 0;
	do {
		const char *fault;

		if (unlikely(desc.next >= q->s.size))
			return "next out of range";
		desc = load_desc(at(&q->desc, desc.next * 16U));
		if (desc.flags & VIRTQ_DESC_INDIRECT)
			return walk_indirect(q, chain, &desc);
		fault = add_buffer(q, chain, &desc);
		if (unlikely(fault))
			return fault;
	} while (desc.flags & VIRTQ_DESC_NEXT);
	return NULL;
}

/* How many chains wait, as far as the driver's index was read. */
static u16 waiting(const struct virtq *q)
{
	return (u16)(q->seen_avail - q->s.next_avail);
}

static void look_at_avail(struct virtq *q)
{
	q->seen_avail = load16(&q->avail, VIRTQ_RING_IDX);
	/*
	 * The driver fills entries and descriptors before it moves its index (2.7.13): they are
	 * read after it.
	 */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

u16 virtq_waiting(struct virtq *q)
{
	if (!is_usable(q))
		return 0;
	look_at_avail(q);
	return waiting(q);
}

/* The queue is usable. */
static bool any_waits(struct virtq *q)
{
	if (!waiting(q))
		look_at_avail(q);
	return waiting(q) != 0;
}

bool virtq_has_more(struct virtq *q)
{
	return is_usable(q) && any_waits(q) && likely(!q->nr_wanted);
}

static int give_up(struct virtq *q, const char *fault)
{
	q->broken = fault;
	return -1;
}

/* The guest has given back RAM that the next chain needs, and is to have it again first. */
static int wait_for_ram(struct virtq *q)
{
	q->wants_ram(q->owner);
	return 0;
}

static bool must_fail(const struct virtq *q)
{
	return q->is_short && q->absence != VIRTQ_MUST_WAIT;
}

int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	const char *fault;

	if (!is_usable(q))
		return q->broken ? -1 : 0;
	if (!any_waits(q))
		return 0;
	if (unlikely(waiting(q) > q->s.size))
		return give_up(q, "available index jumped");
	/* A chain has a descriptor at least: this many cannot be, if none is used twice. */
	if (unlikely(q->in_flight == q->s.size))
		return give_up(q, "chain made available twice");
	q->looks_left = MAX_LOOKS;
	fault = walk(q, chain, q->s.next_avail);
	if (unlikely(fault))
		return fault == absent && !must_fail(q) ? wait_for_ram(q) : give_up(q, fault);
	if (unlikely(q->memory->frames) && lacks_buffers(q, chain)) {
		if (!must_fail(q))
			return wait_for_ram(q);
		q->nr_wanted = 0;
	}
	q->s.next_avail++;
	q->in_flight++;
	q->chains++;
	q->last_readable = chain->readable;
	q->bytes += chain->readable;
	return 1;
}

#define LOOK_AHEAD_BUFFERS 640U /* about so many are looked at */

unsigned virtq_look_ahead(struct virtq *q, struct virtq_chain *chain, unsigned max)
{
	unsigned ready = 0, buffers = 0, nr = MIN(virtq_waiting(q), max);

	q->looks_left = MAX_LOOKS;
	for (unsigned i = 0; i < nr && buffers < LOOK_AHEAD_BUFFERS; i++) {
		const char *fault = walk(q, chain, (u16)(q->s.next_avail + i));

		if (fault && fault != absent)
			break; /* virtq_pop() will tell */
		if (!fault && !lacks_buffers(q, chain))
			ready += ready == i;
		buffers += chain->nr_readable + (unsigned)chain->nr_writable;
	}
	if (q->is_short)
		q->nr_wanted = 0; /* later: somebody will ask again */
	if (q->nr_wanted)
		q->wants_ram(q->owner);
	return ready;
}

void virtq_unpop(struct virtq *q)
{
	if (!q->in_flight)
		return;
	q->s.next_avail--;
	q->in_flight--;
	q->chains--;
	q->bytes -= q->last_readable;
	q->last_readable = 0;
	if (q->is_stopping)
		virtq_stop(q);
}

/* --- The used ring */

void virtq_fill(struct virtq *q, u16 ahead, u16 head, u32 written)
{
	u32 entry = VIRTQ_RING + 8U * ((u16)(q->s.next_used + ahead) & (q->s.size - 1U));

	q->bytes += written;
	if (!is_usable(q))
		return;
	store32(&q->used, entry, head);
	store32(&q->used, entry + 4, written);
}

void virtq_publish(struct virtq *q, u16 count)
{
	u16 next;

	q->in_flight -= MIN(count, q->in_flight);
	if (!is_usable(q)) {
		if (q->is_stopping)
			virtq_stop(q);
		return;
	}
	next = (u16)(q->s.next_used + count);
	/* What the chains hold, and the entries, come before the index (2.7.14). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	store16(&q->used, VIRTQ_RING_IDX, next);
	/* Last: who reads it without the lock knows that the driver can see as many. */
	__atomic_store_n(&q->s.next_used, next, __ATOMIC_RELEASE);
}

void virtq_push(struct virtq *q, u16 head, u32 written)
{
	virtq_fill(q, 0, head, written);
	virtq_publish(q, 1);
}

/* --- Who wants to hear of what (2.7.7, 2.7.10) */

bool virtq_will_want_interrupt(struct virtq *q)
{
	u16 new = q->s.next_used, old = q->s.signalled_used;
	bool wants;

	if (!is_usable(q) || new == old)
		return false;
	/*
	 * Our index is written before the driver's wish is read; the driver writes its wish before
	 * it reads our index once more. One of the two sees the other.
	 */
	fence_full();
	if (q->s.has_event_idx)
		wants = virtq_need_event(load16(&q->avail, VIRTQ_RING + 2U * q->s.size), new, old);
	else
		wants = !(load16(&q->avail, VIRTQ_RING_FLAGS) & VIRTQ_AVAIL_NO_INTERRUPT);
	if (!wants)
		q->s.signalled_used = new;
	return wants;
}

bool virtq_wants_interrupt(struct virtq *q)
{
	bool wants = virtq_will_want_interrupt(q);

	q->s.signalled_used = q->s.next_used;
	return wants;
}

/* With event indices nothing is to be done: the driver tells only of the entry that was named. */
void virtq_disable_notify(struct virtq *q)
{
	if (!is_usable(q) || q->s.wants_no_notify)
		return;
	q->s.wants_no_notify = true;
	if (!q->s.has_event_idx)
		store16(&q->used, VIRTQ_RING_FLAGS, VIRTQ_USED_NO_NOTIFY);
}

bool virtq_enable_notify(struct virtq *q)
{
	if (!is_usable(q))
		return false;
	if (q->s.has_event_idx)
		store16(&q->used, VIRTQ_RING + 8U * q->s.size, q->s.next_avail);
	else if (q->s.wants_no_notify)
		store16(&q->used, VIRTQ_RING_FLAGS, 0);
	q->s.wants_no_notify = false;
	/* As in virtq_wants_interrupt(): our wish is written before the driver's index is read. */
	fence_full();
	return virtq_has_more(q);
}

/* --- What chains hold */

/* Copies between a buffer and what lies `offset` bytes into some buffers of a chain. */
static u32 copy_buffers(struct virtq *q, const struct virtq_buffer *buffers, unsigned count,
			u32 offset, u8 *bytes, u32 size, bool to_guest)
{
	u32 done = 0;

	for (; count && done < size; count--, buffers++) {
		u32 now, copied;

		if (offset >= buffers->size) {
			offset -= buffers->size;
			continue;
		}
		now = MIN(buffers->size - offset, size - done);
		copied = copy(q, buffers->gpa.v + offset, bytes + done, now, to_guest);
		done += copied;
		if (copied < now)
			break;
		offset = 0;
	}
	return done;
}

u32 virtq_copy_from(struct virtq *q, const struct virtq_chain *chain, u32 offset, void *buf,
		    u32 size)
{
	return copy_buffers(q, chain->buffers, chain->nr_readable, offset, buf, size, false);
}

u32 virtq_copy_to(struct virtq *q, const struct virtq_chain *chain, u32 offset, const void *buf,
		  u32 size)
{
	return copy_buffers(q, chain->buffers + chain->nr_readable, chain->nr_writable, offset,
			    (u8 *)buf, size, true);
}
