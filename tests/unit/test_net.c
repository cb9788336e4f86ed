/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the guest's network interface, on real queues and registers. Guest RAM, the switch, the
 * VM and time are stand-ins: RAM is in two pieces and counts pins; the switch answers what the test
 * says, and keeps a copy of what it was given.
 */
#include "unit.h"
#include "core/timer.h"
#include "lib/bits.h"
#include "mem/page.h"
#include "net/switch.h"
#include "virtio/net.h"
#include "virtio/net_device.h"

#include <stdlib.h>
#include <string.h>

#define RAM_BASE   0x80000000UL
#define PIECE_SIZE MIB(1)
#define RAM_SIZE   (2 * PIECE_SIZE)
#define BORDER	   (RAM_BASE + PIECE_SIZE)

/* Where the test puts things. */
#define RINGS(q) (RAM_BASE + 0x10000UL * (q))
#define AVAIL	 0x2000UL
#define USED	 0x3000UL
#define HEADER	 (RAM_BASE + 0x40000)
#define BUFFERS	 (RAM_BASE + 0x50000)
#define DATA	 (BORDER - 700) /* across the border */

#define RX	      0
#define TX	      1
#define CTRL	      2
#define SIZE	      256 /* of queues */
#define HEADER_SIZE   12
#define MAX_IN_FLIGHT 32
#define HZ	      10000000UL

#define W VIRTQ_DESC_WRITE

#define ALL_FEATURES                                                                          \
	(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | \
	 VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |         \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ |            \
	 VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC | VIRTIO_F_EVENT_IDX)

static const u8 own_mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

struct fixture {
	struct guest_memory memory;
	u8 *piece[2];
	long pins, pins_of_rings;
	struct virtio_device *device;
	unsigned pages; /* that the device has */
	unsigned interrupts, services;
	u64 now;
	struct timer *timer, *tell_timer; /* that are started */
	u16 queue_size;
	u16 avail[3], used[3]; /* indices of the driver */
	u16 next_desc[3];

	/* The switch. */
	struct net_port *port;
	enum net_result result;
	unsigned refusals; /* so often NET_NO_ROOM comes first */
	unsigned nr_sent, nr_flushed, nr_rooms;
	struct virtio_net_header header; /* of the last frame */
	u8 frame[NET_MAX_FRAME];
	u32 size;
	unsigned nr_pieces;
	u64 cookies[512];
	u64 taken; /* bits: cookies */
	u32 sizes[512];
};

static struct fixture *f;

/* --- Stand-ins: RAM */

bool guest_memory_contains(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	(void)memory;
	return gpa.v >= RAM_BASE && size <= RAM_SIZE && gpa.v - RAM_BASE <= RAM_SIZE - size;
}

u64 guest_pin(struct guest_memory *memory, gpa_t gpa, u64 size, hpa_t *hpa)
{
	u64 offset = gpa.v - RAM_BASE;

	if (!size || !guest_memory_contains(memory, gpa, size))
		return 0;
	size = MIN(size, PIECE_SIZE - offset % PIECE_SIZE);
	*hpa = HPA((u64)f->piece[offset / PIECE_SIZE] + offset % PIECE_SIZE);
	f->pins += (long)size;
	return size;
}

void guest_unpin(struct guest_memory *memory, gpa_t gpa, u64 size)
{
	assert_true(guest_memory_contains(memory, gpa, size));
	f->pins -= (long)size;
	assert_true(f->pins >= 0);
}

void *guest_window(hpa_t hpa)
{
	return (void *)hpa.v;
}

/* The driver's accesses. */
static void copy(u64 gpa, void *buf, u64 size, bool to_guest)
{
	u8 *bytes = buf;

	for (u64 i = 0; i < size; i++) {
		u8 *at = &f->piece[(gpa + i - RAM_BASE) / PIECE_SIZE]
				  [(gpa + i - RAM_BASE) % PIECE_SIZE];

		if (to_guest)
			*at = bytes[i];
		else
			bytes[i] = *at;
	}
}

static void put(u64 gpa, const void *buf, u64 size)
{
	copy(gpa, (void *)buf, size, true);
}

static void get(u64 gpa, void *buf, u64 size)
{
	copy(gpa, buf, size, false);
}

/* --- Stand-ins: the machine and the VM */

void *page_alloc(unsigned order)
{
	f->pages += 1U << order;
	return calloc(1, PAGE_SIZE << order);
}

void page_free(void *pages, unsigned order)
{
	f->pages -= 1U << order;
	free(pages);
}

unsigned page_order(u64 size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

u64 fake_csr_read(unsigned csr)
{
	assert_int_equal(csr, CSR_TIME);
	return f->now;
}

u64 time_from_ns(u64 ns)
{
	return ns * HZ / 1000000000;
}

static struct timer **place_of(const struct timer *timer)
{
	return timer->expired == net_tell ? &f->tell_timer : &f->timer;
}

void timer_start(struct timer *timer, u64 deadline)
{
	timer->deadline = deadline;
	*place_of(timer) = timer;
}

void timer_stop(struct timer *timer)
{
	if (*place_of(timer) == timer)
		*place_of(timer) = NULL;
}

void timer_stop_and_wait(struct timer *timer)
{
	timer_stop(timer);
}

static void interrupt(struct virtio_device *device, u32 set, u32 clear)
{
	device->s.interrupt_status = (device->s.interrupt_status | set) & ~clear;
	f->interrupts += set != 0;
}

static void ask_for_service(struct virtio_device *device)
{
	(void)device;
	f->services++;
}

static void fire(struct timer **place)
{
	struct timer *timer = *place;

	assert_non_null(timer);
	f->now = MAX(f->now, timer->deadline);
	*place = NULL;
	timer->expired(timer);
}

/* Whether it asked; then it is served, once. */
static bool serve(void)
{
	bool asked = f->services != 0;

	f->services = 0;
	if (asked)
		virtio_service(f->device);
	return asked;
}

/* --- Stand-ins: the switch */

struct net_switch *switch_get(const char *name)
{
	return strcmp(name, "none") == 0 ? NULL : (struct net_switch *)f;
}

void switch_attach(struct net_switch *net, struct net_port *port)
{
	assert_ptr_equal(net, f);
	f->port = port;
}

void switch_detach(struct net_port *port)
{
	assert_ptr_equal(port, f->port);
	f->port = NULL;
}

enum net_result switch_send(struct net_port *port, const struct net_frame *frame, u64 cookie)
{
	u32 at = 0;

	assert_ptr_equal(port, f->port);
	if (f->refusals) {
		f->refusals--;
		return NET_NO_ROOM;
	}
	for (unsigned i = 0; i < frame->nr_pieces; i++) {
		assert_true(frame->pieces[i].size <= sizeof(f->frame) - at);
		assert_int_equal(frame->pieces[i].hpa.v, (u64)frame->pieces[i].data);
		memcpy(f->frame + at, frame->pieces[i].data, frame->pieces[i].size);
		at += frame->pieces[i].size;
	}
	assert_int_equal(at, frame->size);
	assert_true(frame->nr_pieces < NET_MAX_PIECES);
	f->size = at;
	f->nr_pieces = frame->nr_pieces;
	f->header = frame->header;
	f->cookies[f->nr_sent % 512] = cookie;
	f->sizes[f->nr_sent++ % 512] = at;
	if (f->result == NET_TAKEN) {
		assert_false(f->taken & BIT(cookie));
		f->taken |= BIT(cookie);
	}
	return f->result;
}

void switch_flush(struct net_port *port)
{
	assert_ptr_equal(port, f->port);
	f->nr_flushed++;
}

void switch_has_room(struct net_port *port)
{
	assert_ptr_equal(port, f->port);
	f->nr_rooms++;
}

/* The uplink is done with a frame. */
static void complete(u64 cookie)
{
	assert_true(f->taken & BIT(cookie));
	f->taken &= ~BIT(cookie);
	f->port->ops->sent(f->port, cookie);
}

/* --- The driver */

static u64 access_register(u32 offset, u8 len, bool is_write, u64 value)
{
	struct mmio_access access = { offset, len, is_write, value };

	assert_true(virtio_mmio(f->device, &access));
	return access.value;
}

static void write_register(u32 offset, u64 value)
{
	access_register(offset, 4, true, value);
}

static u32 status(void)
{
	return (u32)access_register(VIRTIO_MMIO_STATUS, 4, false, 0);
}

static bool is_broken(void)
{
	return status() & VIRTIO_NEEDS_RESET;
}

static bool take_features(u64 features)
{
	write_register(VIRTIO_MMIO_STATUS, 0);
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (u32 i = 0; i < 2; i++) {
		write_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		write_register(VIRTIO_MMIO_DRIVER_FEATURES, (u32)(features >> 32 * i));
	}
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_FEATURES_OK);
	return status() & VIRTIO_FEATURES_OK;
}

static void start_queue(unsigned q)
{
	u8 zeroes[0x4000] = { 0 };

	put(RINGS(q), zeroes, sizeof(zeroes));
	f->avail[q] = f->used[q] = f->next_desc[q] = 0;
	write_register(VIRTIO_MMIO_QUEUE_SEL, q);
	write_register(VIRTIO_MMIO_QUEUE_NUM, f->queue_size);
	write_register(VIRTIO_MMIO_QUEUE_DESC_LOW, RINGS(q));
	write_register(VIRTIO_MMIO_QUEUE_DRIVER_LOW, RINGS(q) + AVAIL);
	write_register(VIRTIO_MMIO_QUEUE_DEVICE_LOW, RINGS(q) + USED);
	write_register(VIRTIO_MMIO_QUEUE_READY, 1);
}

static void start(u64 features)
{
	assert_true(take_features(features));
	for (unsigned q = 0; q < 3; q++)
		start_queue(q);
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_DRIVER_OK);
	assert_false(is_broken());
	f->interrupts = f->services = 0;
	f->pins_of_rings = f->pins;
}

/* Bytes that are pinned besides the rings. */
static long pins(void)
{
	return f->pins - f->pins_of_rings;
}

static void kick(unsigned q)
{
	write_register(VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void put_desc(unsigned q, u16 index, struct virtq_desc desc)
{
	put(RINGS(q) + 16UL * index, &desc, 16);
}

static void offer_head(unsigned q, u16 head)
{
	u16 entry = f->avail[q]++ % f->queue_size;

	put(RINGS(q) + AVAIL + VIRTQ_RING + 2UL * entry, &head, 2);
	put(RINGS(q) + AVAIL + VIRTQ_RING_IDX, &f->avail[q], 2);
}

/* Makes a chain of these buffers available; addr, len and flags are set. Returns its head. */
static u16 offer(unsigned q, struct virtq_desc *descs, unsigned count)
{
	u16 head = f->next_desc[q];

	for (unsigned i = 0; i < count; i++) {
		u16 index = (u16)((head + i) % f->queue_size);

		descs[i].next = (u16)((index + 1) % f->queue_size);
		if (i + 1 < count)
			descs[i].flags |= VIRTQ_DESC_NEXT;
		put_desc(q, index, descs[i]);
	}
	f->next_desc[q] = (u16)((head + count) % f->queue_size);
	offer_head(q, head);
	return head;
}

static u16 used_idx(unsigned q)
{
	u16 idx;

	get(RINGS(q) + USED + VIRTQ_RING_IDX, &idx, 2);
	return idx;
}

/* The next chain that came back. */
static struct virtq_used_elem take_used(unsigned q)
{
	struct virtq_used_elem elem;

	assert_int_not_equal(used_idx(q), f->used[q]);
	get(RINGS(q) + USED + VIRTQ_RING + 8UL * (f->used[q]++ % f->queue_size), &elem, 8);
	return elem;
}

static void set_used_event(unsigned q, u16 event)
{
	put(RINGS(q) + AVAIL + VIRTQ_RING + 2UL * f->queue_size, &event, 2);
}

/* A chain with a header and so many bytes of data behind it, each its own buffer. */
static u16 offer_frame(const struct virtio_net_header *header, u32 size)
{
	struct virtq_desc descs[2] = { { HEADER, HEADER_SIZE, 0, 0 }, { DATA, size, 0, 0 } };

	put(HEADER, header, HEADER_SIZE);
	return offer(TX, descs, size ? 2 : 1);
}

static const struct virtio_net_header plain;

/* What the device shows under this name. */
static u64 counter;
static const char *counter_name;

static void pick(void *ctx, const char *name, u64 value)
{
	(void)ctx;
	for (const char *c = name; *c; c++)
		assert_true((*c >= 'a' && *c <= 'z') || *c == '-');
	if (strcmp(name, counter_name) == 0)
		counter = value;
}

static u64 shown(const char *name)
{
	counter = UINT64_MAX;
	counter_name = name;
	f->device->ops->show(f->device, pick, NULL);
	return counter;
}

/* --- Tests of sending */

static void a_frame_reaches_the_switch_as_it_is(void **state)
{
	u8 bytes[NET_MTU_FRAME];
	u16 head;

	(void)state;
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7);
	put(DATA, bytes, sizeof(bytes));
	head = offer_frame(&plain, sizeof(bytes));
	kick(TX);
	assert_int_equal(f->nr_sent, 1);
	assert_int_equal(f->size, sizeof(bytes));
	assert_int_equal(f->nr_pieces, 2); /* the border */
	assert_memory_equal(f->frame, bytes, sizeof(bytes));
	assert_memory_equal(&f->header, &plain, HEADER_SIZE);
	assert_int_equal(f->nr_flushed, 1);
	assert_int_equal(take_used(TX).id, head);
	assert_int_equal(f->used[TX], used_idx(TX));
	assert_int_equal(f->services, 0);
}

/* The header may be anywhere: in pieces, and with data behind it. */
static void a_header_is_found_in_any_buffers(void **state)
{
	struct virtio_net_header header = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM,
					    .csum_start = 34,
					    .csum_offset = 16 };
	u8 bytes[HEADER_SIZE + 60];

	(void)state;
	memcpy(bytes, &header, HEADER_SIZE);
	for (u32 i = HEADER_SIZE; i < sizeof(bytes); i++)
		bytes[i] = (u8)i;
	put(HEADER, bytes, sizeof(bytes));
	for (u32 first = 1; first <= sizeof(bytes); first++) {
		struct virtq_desc descs[3] = { { HEADER, first, 0, 0 } };
		u32 left = (u32)sizeof(bytes) - first, second = MIN(left, 1U + first % 5);
		unsigned count = 1;

		if (second)
			descs[count++] = (struct virtq_desc){ HEADER + first, second, 0, 0 };
		if (left > second)
			descs[count++] =
				(struct virtq_desc){ HEADER + first + second, left - second, 0, 0 };
		offer(TX, descs, count);
		kick(TX);
		assert_int_equal(f->nr_sent, first);
		assert_int_equal(f->size, 60);
		assert_memory_equal(f->frame, bytes + HEADER_SIZE, 60);
		assert_memory_equal(&f->header, &header, HEADER_SIZE);
		f->size = 0;
	}
}

/* Sends one frame; whether it reached the switch. Its chain comes back either way. */
static bool goes_out(const struct virtio_net_header *header, u32 size)
{
	unsigned before = f->nr_sent;
	u16 head = offer_frame(header, size);

	kick(TX);
	while (serve())
		;
	assert_false(is_broken());
	assert_int_equal(take_used(TX).id, head);
	assert_int_equal(pins(), 0);
	return f->nr_sent != before;
}

static void frames_of_no_sound_size_are_refused(void **state)
{
	struct virtio_net_header tso = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM,
					 .gso_type = VIRTIO_NET_GSO_TCPV4,
					 .gso_size = 1460,
					 .csum_start = 34,
					 .csum_offset = 16 };
	struct virtq_desc tiny = { HEADER, HEADER_SIZE - 1, 0, 0 };

	(void)state;
	for (u32 size = 0; size < 14; size++)
		assert_false(goes_out(&plain, size));
	assert_true(goes_out(&plain, 14));
	assert_true(goes_out(&plain, NET_MTU_FRAME + NET_VLAN_TAG));
	assert_false(goes_out(&plain, NET_MTU_FRAME + NET_VLAN_TAG + 1));
	assert_true(goes_out(&tso, NET_MAX_FRAME));
	assert_false(goes_out(&tso, NET_MAX_FRAME + 1));
	assert_false(goes_out(&tso, 0x80000));
	offer(TX, &tiny, 1);
	kick(TX);
	assert_int_equal(take_used(TX).len, 0);
	assert_int_equal(f->nr_sent, 3);
}

#define NC VIRTIO_NET_HDR_NEEDS_CSUM

static void unsound_headers_are_refused(void **state)
{
	static const u64 base = VIRTIO_F_VERSION_1;
	static const struct {
		const char *what;
		u64 features;
		struct virtio_net_header header; /* of a frame of 3000 bytes */
		bool goes_out;
	} cases[] = {
		{ "checksum", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 34, 16, 0 }, true },
		{ "checksum not negotiated", base, { NC, 0, 0, 0, 34, 16, 0 }, false },
		{ "the last bytes", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 980, 18, 0 }, true },
		{ "beyond", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 980, 19, 0 }, false },
		{ "sum wraps",
		  base | VIRTIO_NET_F_CSUM,
		  { NC, 0, 0, 0, 0xffff, 0xffff, 0 },
		  false },
		{ "into the MAC", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 0, 6, 0 }, false },
		{ "into the type", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 13, 0, 0 }, false },
		{ "first possible", base | VIRTIO_NET_F_CSUM, { NC, 0, 0, 0, 14, 0, 0 }, true },
		{ "TSO4", ALL_FEATURES, { NC, 1, 54, 100, 34, 16, 0 }, true },
		{ "TSO6", ALL_FEATURES, { NC, 4, 74, 100, 54, 16, 0 }, true },
		{ "TSO4 not negotiated",
		  ALL_FEATURES & ~VIRTIO_NET_F_HOST_TSO4,
		  { NC, 1, 54, 100, 34, 16, 0 },
		  false },
		{ "TSO6 not negotiated",
		  ALL_FEATURES & ~VIRTIO_NET_F_HOST_TSO6,
		  { NC, 4, 74, 100, 54, 16, 0 },
		  false },
		{ "UFO", ALL_FEATURES, { NC, 3, 54, 100, 34, 16, 0 }, false },
		{ "USO", ALL_FEATURES, { NC, 5, 54, 100, 34, 16, 0 }, false },
		{ "ECN", ALL_FEATURES, { NC, 0x81, 54, 100, 34, 16, 0 }, false },
		{ "both", ALL_FEATURES, { NC, 5, 54, 100, 34, 16, 0 }, false },
		{ "TSO without checksum", ALL_FEATURES, { 0, 1, 54, 100, 34, 16, 0 }, false },
		{ "segments of nothing", ALL_FEATURES, { NC, 1, 54, 0, 34, 16, 0 }, false },
		{ "header beyond", ALL_FEATURES, { NC, 1, 1001, 100, 34, 16, 0 }, false },
		{ "header is all", ALL_FEATURES, { NC, 1, 1000, 100, 34, 16, 0 }, true },
		{ "501 segments", ALL_FEATURES, { NC, 1, 54, 2, 34, 16, 0 }, true },
		{ "1001 segments", ALL_FEATURES, { NC, 1, 54, 1, 34, 16, 0 }, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		start(cases[i].features);
		if (goes_out(&cases[i].header, 1000) != cases[i].goes_out)
			fail_msg("%s: %d", cases[i].what, !cases[i].goes_out);
		if (cases[i].goes_out)
			assert_memory_equal(&f->header, &cases[i].header, HEADER_SIZE);
	}
}

static void what_means_nothing_is_cleared(void **state)
{
	struct virtio_net_header odd = { .flags = 0xfe,
					 .hdr_len = 1,
					 .gso_size = 2,
					 .csum_start = 3,
					 .csum_offset = 4,
					 .num_buffers = 5 };

	(void)state;
	assert_true(goes_out(&odd, 60));
	assert_memory_equal(&f->header, &plain, HEADER_SIZE);
}

static void a_frame_has_at_most_so_many_pieces(void **state)
{
	struct virtq_desc descs[NET_MAX_PIECES + 1];

	(void)state;
	put(HEADER, &plain, HEADER_SIZE);
	for (unsigned count = NET_MAX_PIECES; count <= NET_MAX_PIECES + 1; count++) {
		descs[0] = (struct virtq_desc){ HEADER, HEADER_SIZE, 0, 0 };
		for (unsigned i = 1; i < count; i++)
			descs[i] = (struct virtq_desc){ BUFFERS, 1, 0, 0 };
		offer(TX, descs, count);
		kick(TX);
		assert_int_equal(f->nr_sent, 1); /* the second is refused */
		assert_int_equal(pins(), 0);
		take_used(TX);
	}
}

static void a_broken_queue_stops_the_device(void **state)
{
	u16 head;

	(void)state;
	for (unsigned q = 0; q < 3; q++) {
		struct virtq_desc loop = { BUFFERS, 100, VIRTQ_DESC_NEXT, 0 };

		start(ALL_FEATURES);
		loop.flags |= q == RX ? W : 0;
		put_desc(q, 0, loop);
		offer_head(q, 0);
		if (q == RX) {
			struct net_frame frame = { .pieces = { { f->frame, HPA(0), 60 } },
						   .nr_pieces = 1,
						   .size = 60 };

			assert_true(f->port->ops->deliver(f->port, &frame));
		} else {
			kick(q);
		}
		assert_true(is_broken());
		assert_string_equal(f->device->why, "chain too long");
		/* Nothing goes on. */
		head = offer_frame(&plain, 60);
		kick(TX);
		assert_int_equal(head, q == TX ? 0 : head);
		assert_int_equal(f->nr_sent, 0);
		assert_int_equal(used_idx(TX), 0);
	}
}

static void what_the_uplink_has_stays_pinned(void **state)
{
	u16 heads[3];

	(void)state;
	f->result = NET_TAKEN;
	for (unsigned i = 0; i < 3; i++)
		heads[i] = offer_frame(&plain, 100);
	kick(TX);
	assert_int_equal(f->nr_sent, 3);
	assert_int_equal(pins(), 300);
	assert_int_equal(used_idx(TX), 0);
	/* They come back in any order. */
	for (unsigned n = 0; n < 3; n++) {
		unsigned i = (n + 1) % 3;

		complete(f->cookies[i]);
		assert_int_equal(take_used(TX).id, heads[i]);
		assert_int_equal(pins(), 200 - 100 * n);
	}
	assert_int_equal(f->services, 0);
}

/* The reset waits for what is in flight, and nothing is written to the rings of before. */
static void a_reset_waits_for_the_uplink(void **state)
{
	(void)state;
	f->result = NET_TAKEN;
	offer_frame(&plain, 100);
	offer_frame(&plain, 100);
	kick(TX);
	assert_int_equal(pins(), 200);
	write_register(VIRTIO_MMIO_STATUS, 0);
	assert_int_not_equal(status(), 0);
	complete(f->cookies[0]);
	serve();
	assert_int_not_equal(status(), 0);
	complete(f->cookies[1]);
	assert_true(serve());
	assert_int_equal(status(), 0);
	assert_false(f->port->is_up);
	assert_int_equal(f->pins, 0);
	assert_int_equal(used_idx(TX), 0);
}

static void the_uplink_has_a_bounded_number(void **state)
{
	(void)state;
	f->result = NET_TAKEN;
	for (unsigned i = 0; i < 50; i++)
		offer_frame(&plain, 100);
	kick(TX);
	assert_int_equal(f->nr_sent, MAX_IN_FLIGHT);
	assert_int_equal(f->services, 0);
	kick(TX); /* waits */
	assert_int_equal(f->nr_sent, MAX_IN_FLIGHT);
	complete(f->cookies[7]);
	assert_true(serve());
	assert_int_equal(f->nr_sent, MAX_IN_FLIGHT + 1);
	assert_int_equal(f->cookies[MAX_IN_FLIGHT], f->cookies[7]);
	while (f->taken) {
		complete(bits_lowest(f->taken));
		serve();
	}
	assert_int_equal(f->nr_sent, 50);
	assert_int_equal(used_idx(TX), 50);
	assert_int_equal(shown("in-flight"), 0);
}

static void without_room_the_frame_is_sent_again(void **state)
{
	u16 first = offer_frame(&plain, 100), second = offer_frame(&plain, 200);

	(void)state;
	f->refusals = 2;
	kick(TX);
	assert_int_equal(f->refusals, 1);
	assert_int_equal(f->services, 0);
	assert_int_equal(f->nr_flushed, 1);
	/* A driver that notifies meanwhile makes no work. */
	kick(TX);
	assert_int_equal(f->refusals, 1);
	f->port->ops->writable(f->port);
	assert_true(serve());
	assert_int_equal(f->refusals, 0);
	assert_int_equal(used_idx(TX), 0);
	f->port->ops->writable(f->port);
	assert_true(serve());
	assert_int_equal(f->nr_sent, 2);
	assert_int_equal(f->sizes[0], 100);
	assert_int_equal(f->sizes[1], 200);
	assert_int_equal(take_used(TX).id, first);
	assert_int_equal(take_used(TX).id, second);
}

static void work_in_one_exit_is_bounded(void **state)
{
	struct virtio_net_header tso = { NC, VIRTIO_NET_GSO_TCPV4, 54, 1460, 34, 16, 0 };
	struct virtio_net_header many = { NC, VIRTIO_NET_GSO_TCPV4, 54, 128, 34, 16, 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->nr_sent, 64);
	assert_true(serve());
	assert_int_equal(f->nr_sent, 100);
	assert_false(serve());

	for (unsigned i = 0; i < 8; i++)
		offer_frame(&tso, 65000);
	kick(TX);
	assert_int_equal(f->nr_sent, 104);
	while (serve())
		;
	assert_int_equal(f->nr_sent, 108);

	offer_frame(&many, 65000);
	offer_frame(&many, 65000);
	kick(TX);
	assert_int_equal(f->nr_sent, 109);
}

/* Refused frames are work, too. */
static void a_flood_of_nonsense_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++)
		offer_frame(&plain, 0);
	kick(TX);
	assert_int_equal(used_idx(TX), 64);
	assert_true(serve());
	assert_int_equal(used_idx(TX), 128);
}

static void what_was_sent_is_told_later_and_once(void **state)
{
	(void)state;
	set_used_event(TX, 5);
	for (unsigned i = 0; i < 5; i++)
		offer_frame(&plain, 60);
	kick(TX);
	assert_null(f->tell_timer); /* the driver does not want to hear of those */
	for (unsigned i = 0; i < 10; i++) {
		offer_frame(&plain, 60);
		kick(TX);
	}
	assert_int_equal(f->interrupts, 0);
	assert_in_range(f->tell_timer->deadline, f->now + HZ / 10000, f->now + HZ / 1000);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
	write_register(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_INTERRUPT_USED);

	/* A driver that has seen it meanwhile is left alone. */
	set_used_event(TX, 15);
	offer_frame(&plain, 60);
	kick(TX);
	set_used_event(TX, 16);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
	assert_null(f->tell_timer);

	/* One that is reset has forgotten it. */
	set_used_event(TX, 16);
	offer_frame(&plain, 60);
	kick(TX);
	assert_non_null(f->tell_timer);
	start(ALL_FEATURES);
	assert_null(f->tell_timer);
}

/* What the uplink has sent, too. */
static void the_end_of_a_frame_in_flight_is_told(void **state)
{
	(void)state;
	f->result = NET_TAKEN;
	offer_frame(&plain, 60);
	kick(TX);
	assert_null(f->tell_timer);
	complete(f->cookies[0]);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
}

/* 65536 frames of which the driver wants to hear nothing, and then one. */
static void a_wish_is_not_lost_when_indices_wrap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		set_used_event(TX, (u16)(i + 10));
		offer_frame(&plain, 60);
		kick(TX);
		serve();
	}
	assert_int_equal(f->nr_sent, 65536);
	assert_null(f->tell_timer);
	set_used_event(TX, 0);
	offer_frame(&plain, 60);
	kick(TX);
	fire(&f->tell_timer);
	assert_int_equal(f->interrupts, 1);
}

/* --- Tests of receiving */

/* A frame of so many bytes, in pieces, that begins with this MAC; its bytes count up behind it. */
static u8 outside[NET_MAX_FRAME];

static struct net_frame frame_of(u32 size, u32 piece, const u8 *mac)
{
	struct net_frame frame = { .size = size };

	for (u32 i = 0; i < size; i++)
		outside[i] = (u8)(i * 3 + i / 256);
	memcpy(outside, mac ? mac : own_mac, 6);
	for (u32 at = 0; at < size; at += piece)
		frame.pieces[frame.nr_pieces++] =
			(struct net_piece){ outside + at, HPA(0), MIN(piece, size - at) };
	return frame;
}

static bool deliver(const struct net_frame *frame)
{
	return f->port->ops->deliver(f->port, frame);
}

/* Empty buffers in a row, each a chain of its own. */
static void offer_buffers(unsigned count, u32 size)
{
	for (unsigned i = 0; i < count; i++) {
		struct virtq_desc desc = { BUFFERS + (u64)f->next_desc[RX] * size, size, W, 0 };

		offer(RX, &desc, 1);
	}
}

static void a_frame_is_received_as_it_is(void **state)
{
	struct net_frame frame = frame_of(1000, 300, NULL);
	struct virtio_net_header header;
	struct virtq_used_elem elem;
	u8 bytes[1000];

	(void)state;
	frame.header = (struct virtio_net_header){ NC, 0, 0, 0, 34, 16, 0 };
	offer_buffers(2, 1526);
	assert_true(deliver(&frame));
	elem = take_used(RX);
	assert_int_equal(elem.id, 0);
	assert_int_equal(elem.len, HEADER_SIZE + 1000);
	get(BUFFERS, &header, HEADER_SIZE);
	frame.header.num_buffers = 1;
	assert_memory_equal(&header, &frame.header, HEADER_SIZE);
	get(BUFFERS + HEADER_SIZE, bytes, 1000);
	assert_memory_equal(bytes, outside, 1000);
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(shown("frames-received"), 1);
	assert_int_equal(shown("bytes-received"), 1000);
}

/* Every buffer but the last is used to its end (5.1.6.4.1). */
static void a_frame_is_spread_over_buffers(void **state)
{
	static const u32 sizes[] = { 12, 13, 100, 1526, 4096 };
	u8 bytes[HEADER_SIZE + 3000];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct net_frame frame = frame_of(2500, 64, NULL);
		u32 size = sizes[i], total = HEADER_SIZE + frame.size;
		u32 count = (total + size - 1) / size;
		struct virtio_net_header header;

		start(ALL_FEATURES);
		offer_buffers(count + 1, size);
		assert_true(deliver(&frame));
		assert_int_equal(used_idx(RX), count);
		for (u32 n = 0; n < count; n++) {
			struct virtq_used_elem elem = take_used(RX);

			assert_int_equal(elem.id, n);
			assert_int_equal(elem.len, n + 1 < count ? size : total - n * size);
		}
		get(BUFFERS, bytes, total);
		memcpy(&header, bytes, HEADER_SIZE);
		assert_int_equal(header.num_buffers, count);
		assert_memory_equal(bytes + HEADER_SIZE, outside, frame.size);
	}
}

/* A chain of many buffers of one byte, the header among them. */
static void a_buffer_may_be_in_many_parts(void **state)
{
	struct net_frame frame = frame_of(100, 7, NULL);
	struct virtq_desc descs[HEADER_SIZE + 100];
	u8 bytes[HEADER_SIZE + 100];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = (struct virtq_desc){ BORDER - 50 + i, 1, W, 0 };
	offer(RX, descs, ARRAY_SIZE(descs));
	assert_true(deliver(&frame));
	assert_int_equal(take_used(RX).len, sizeof(bytes));
	get(BORDER - 50, bytes, sizeof(bytes));
	assert_int_equal(bytes[10], 1);
	assert_memory_equal(bytes + HEADER_SIZE, outside, 100);
}

static void without_merging_one_chain_must_do(void **state)
{
	struct net_frame small = frame_of(88, 88, NULL), large;

	(void)state;
	start(ALL_FEATURES & ~VIRTIO_NET_F_MRG_RXBUF);
	offer_buffers(3, 100);
	assert_true(deliver(&small));
	assert_int_equal(take_used(RX).len, 100);
	large = frame_of(89, 89, NULL);
	assert_true(deliver(&large)); /* dropped: waiting would not help */
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(shown("dropped-other"), 1);
	assert_true(deliver(&small));
	assert_int_equal(take_used(RX).id, 1);
	assert_false(is_broken());
}

static void without_room_nothing_is_used(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);
	struct virtio_net_header header;

	(void)state;
	assert_false(deliver(&frame));
	offer_buffers(3, 300);
	kick(RX);
	assert_int_equal(f->nr_rooms, 1);
	assert_false(deliver(&frame)); /* three are too few */
	assert_int_equal(used_idx(RX), 0);
	kick(RX);
	assert_int_equal(f->nr_rooms, 2);
	kick(RX); /* nobody waits */
	assert_int_equal(f->nr_rooms, 2);
	offer_buffers(1, 300);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 4);
	get(BUFFERS, &header, HEADER_SIZE);
	assert_int_equal(header.num_buffers, 4);
	assert_int_equal(shown("frames-received"), 1);
}

/* The driver is asked to tell of buffers from the next on. */
static void without_room_the_driver_is_to_notify(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);
	u16 event, flags;

	(void)state;
	offer_buffers(3, 300);
	assert_false(deliver(&frame));
	get(RINGS(RX) + USED + VIRTQ_RING + 8UL * SIZE, &event, 2);
	assert_int_equal(event, 3);

	start(ALL_FEATURES & ~VIRTIO_F_EVENT_IDX);
	get(RINGS(RX) + USED, &flags, 2);
	assert_int_equal(flags, VIRTQ_USED_NO_NOTIFY);
	assert_false(deliver(&frame));
	get(RINGS(RX) + USED, &flags, 2);
	assert_int_equal(flags, 0);
	kick(RX);
	get(RINGS(RX) + USED, &flags, 2);
	assert_int_equal(flags, VIRTQ_USED_NO_NOTIFY);
}

/* If all buffers that the queue can hold are too few, others do not wait. */
static void what_never_fits_is_dropped(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);

	(void)state;
	f->queue_size = 4;
	start(ALL_FEATURES);
	offer_buffers(4, 200);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 0);
	assert_int_equal(shown("dropped-other"), 1);
	assert_false(is_broken());
	frame = frame_of(700, 700, NULL);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 4);
}

static void bad_receive_buffers_stop_the_device(void **state)
{
	static const struct {
		const char *why;
		struct virtq_desc desc;
	} cases[] = {
		{ "receive buffer is readable, or too small", { BUFFERS, 2000, 0, 0 } },
		{ "receive buffer is readable, or too small", { BUFFERS, 11, W, 0 } },
		{ "buffer outside RAM", { RAM_BASE + RAM_SIZE - 100, 2000, W, 0 } },
		{ "buffer of 0 bytes", { BUFFERS, 0, W, 0 } },
	};
	struct net_frame frame = frame_of(100, 100, NULL);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtq_desc desc = cases[i].desc;

		start(ALL_FEATURES);
		offer(RX, &desc, 1);
		assert_true(deliver(&frame));
		assert_true(is_broken());
		assert_string_equal(f->device->why, cases[i].why);
		assert_true(deliver(&frame));
		f->port->ops->flush(f->port);
		assert_int_equal(used_idx(RX), 0);
	}
}

static void a_receive_buffer_is_for_writing_alone(void **state)
{
	struct net_frame frame = frame_of(100, 100, NULL);
	struct virtq_desc descs[2] = { { BUFFERS, 100, 0, 0 }, { BUFFERS + 100, 1000, W, 0 } };

	(void)state;
	offer(RX, descs, 2);
	assert_true(deliver(&frame));
	assert_true(is_broken());
	assert_int_equal(used_idx(RX), 0);
}

/* The switch looked at the features before; here the driver is another meanwhile. */
static void frames_that_the_driver_does_not_know_are_dropped(void **state)
{
	struct net_frame frame = frame_of(2000, 2000, NULL);
	struct virtio_net_header header;

	(void)state;
	start(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM);
	assert_true(f->port->takes_csum);
	assert_false(f->port->takes_tso4 || f->port->takes_tso6);
	offer_buffers(4, 2048);
	frame.header = (struct virtio_net_header){ NC, VIRTIO_NET_GSO_TCPV4, 54, 1460, 34, 16, 0 };
	assert_true(deliver(&frame));
	frame.header.gso_type = VIRTIO_NET_GSO_TCPV6;
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 0);
	frame.header = (struct virtio_net_header){ NC, 0, 0, 0, 34, 16, 0 };
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 1);

	start(VIRTIO_F_VERSION_1);
	assert_false(f->port->takes_csum);
	offer_buffers(4, 2048);
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 0);
	/* Without GUEST_CSUM, flags are 0. */
	frame.header = (struct virtio_net_header){ .flags = VIRTIO_NET_HDR_DATA_VALID };
	assert_true(deliver(&frame));
	get(BUFFERS, &header, HEADER_SIZE);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.num_buffers, 1);
}

static void a_burst_is_one_interrupt(void **state)
{
	struct net_frame frame = frame_of(100, 100, NULL);

	(void)state;
	offer_buffers(8, 200);
	set_used_event(RX, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(deliver(&frame));
	assert_int_equal(f->interrupts, 0);
	f->port->ops->flush(f->port);
	assert_int_equal(f->interrupts, 1);
	write_register(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_INTERRUPT_USED);
	/* The driver is still looking: its event is behind. */
	assert_true(deliver(&frame));
	f->port->ops->flush(f->port);
	assert_int_equal(f->interrupts, 1);
	set_used_event(RX, 5);
	assert_true(deliver(&frame));
	f->port->ops->flush(f->port);
	assert_int_equal(f->interrupts, 2);
}

/* --- Rates: the interface of these tests is limited to 10 000 bytes a second */

static void what_is_sent_too_fast_waits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		offer_frame(&plain, 1000);
	f->refusals = 1;
	kick(TX); /* no room: that is not paid for */
	assert_null(f->timer);
	f->port->ops->writable(f->port);
	serve();
	assert_int_equal(f->nr_sent, 1); /* and with that 100 ms are used up */
	assert_non_null(f->timer);
	assert_int_equal(f->services, 0);
	for (unsigned sent = 2; sent <= 3; sent++) {
		assert_in_range(f->timer->deadline, f->now + HZ / 2000, f->now + HZ / 9);
		fire(&f->timer);
		assert_true(serve());
		assert_int_equal(f->nr_sent, sent);
	}
	assert_null(f->timer);
	assert_in_range(f->now, HZ / 10, HZ / 4);
}

static void a_reset_forgets_the_wait(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		offer_frame(&plain, 1000);
	kick(TX);
	assert_non_null(f->timer);
	start(ALL_FEATURES);
	assert_null(f->timer);
	f->now += HZ;
	offer_frame(&plain, 60);
	kick(TX);
	assert_int_equal(f->nr_sent, 2);
}

static void what_comes_too_fast_is_dropped(void **state)
{
	struct net_frame frame = frame_of(1000, 1000, NULL);

	(void)state;
	assert_false(deliver(&frame)); /* no room: that is not paid for */
	offer_buffers(16, 2048);
	for (unsigned i = 0; i < 5; i++)
		assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(shown("dropped-rate"), 4);
	f->now += HZ / 10;
	assert_true(deliver(&frame));
	assert_int_equal(used_idx(RX), 2);
}

/* --- Commands */

/* Gives a command, in two readable buffers; returns the answer. */
static u8 command(const void *bytes, u32 size)
{
	u32 first = MIN(size, 3U);
	struct virtq_desc descs[3] = { { HEADER, first, 0, 0 } };
	unsigned count = 1;
	u8 ack = 0xee;

	put(HEADER, bytes, size);
	put(HEADER + 0x8000, &ack, 1);
	if (size > first)
		descs[count++] = (struct virtq_desc){ HEADER + first, size - first, 0, 0 };
	descs[count++] = (struct virtq_desc){ HEADER + 0x8000, 1, W, 0 };
	offer(CTRL, descs, count);
	kick(CTRL);
	assert_int_equal(take_used(CTRL).len, 1);
	assert_false(is_broken());
	get(HEADER + 0x8000, &ack, 1);
	return ack;
}

static void commands_are_answered(void **state)
{
	static const struct {
		const char *what;
		u8 bytes[24];
		u32 size;
		u8 answer;
	} cases[] = {
		{ "promiscuous", { 0, 0, 1 }, 3, VIRTIO_NET_OK },
		{ "not promiscuous", { 0, 0, 0 }, 3, VIRTIO_NET_OK },
		{ "neither", { 0, 0, 2 }, 3, VIRTIO_NET_ERR },
		{ "no mode", { 0, 0 }, 2, VIRTIO_NET_ERR },
		{ "no number", { 0 }, 1, VIRTIO_NET_ERR },
		{ "all multicast", { 0, 1, 1 }, 3, VIRTIO_NET_OK },
		{ "not offered", { 0, 2, 1 }, 3, VIRTIO_NET_ERR },
		{ "empty tables", { 1, 0 }, 10, VIRTIO_NET_OK },
		{ "half a table", { 1, 0 }, 9, VIRTIO_NET_ERR },
		{ "no tables", { 1, 0 }, 2, VIRTIO_NET_ERR },
		{ "an address missing", { 1, 0, 1 }, 10, VIRTIO_NET_ERR },
		{ "an address", { 1, 0, 1 }, 16, VIRTIO_NET_OK },
		{ "the end missing",
		  { 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6 },
		  21,
		  VIRTIO_NET_ERR },
		{ "very many", { 1, 0, 0xff, 0xff, 0xff, 0xff }, 16, VIRTIO_NET_ERR },
		{ "very many others",
		  { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
		  22,
		  VIRTIO_NET_ERR },
		{ "product wraps", { 1, 0, 0xab, 0xaa, 0xaa, 0xaa }, 16, VIRTIO_NET_ERR },
		{ "its own MAC", { 1, 1, 0x52, 0x54, 0, 1, 2, 3 }, 8, VIRTIO_NET_OK },
		{ "another's", { 1, 1, 0x52, 0x54, 0, 1, 2, 4 }, 8, VIRTIO_NET_ERR },
		{ "half of it", { 1, 1, 0x52, 0x54, 0 }, 5, VIRTIO_NET_ERR },
		{ "VLAN", { 2, 0, 1, 0 }, 4, VIRTIO_NET_ERR },
		{ "queues", { 4, 0, 1, 0 }, 4, VIRTIO_NET_ERR },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (command(cases[i].bytes, cases[i].size) != cases[i].answer)
			fail_msg("%s: %d", cases[i].what, !cases[i].answer);
	}
}

/* Whether a frame to this address is received. */
static bool receives(const u8 *mac)
{
	struct net_frame frame = frame_of(60, 60, mac);
	u16 before = used_idx(RX);

	offer_buffers(1, 128);
	assert_true(deliver(&frame));
	return used_idx(RX) != before;
}

static void the_driver_chooses_multicast(void **state)
{
	static const u8 a[6] = { 1, 0, 0x5e, 0, 0, 1 }, b[6] = { 1, 0, 0x5e, 0, 0, 2 };
	static const u8 broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	u8 set_a[10 + 12] = { 1, 0, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 1, 0, 0, 0 };
	u8 too_many[10 + 6 * 33] = { 1, 0, 0, 0, 0, 0, 33, 0, 0, 0 };

	(void)state;
	memcpy(set_a + 16, a, 6);
	assert_true(receives(a) && receives(b)); /* nothing was said yet */
	assert_int_equal(command(set_a, sizeof(set_a)), VIRTIO_NET_OK);
	assert_true(receives(a) && receives(own_mac) && receives(broadcast));
	assert_false(receives(b));
	assert_int_equal(command((u8[]){ 0, 1, 1 }, 3), VIRTIO_NET_OK);
	assert_true(receives(b));
	assert_int_equal(command((u8[]){ 0, 1, 0 }, 3), VIRTIO_NET_OK);
	assert_false(receives(b));
	assert_int_equal(command((u8[]){ 0, 0, 1 }, 3), VIRTIO_NET_OK);
	assert_true(receives(b));
	assert_true(f->port->is_promiscuous);
	assert_int_equal(command((u8[]){ 0, 0, 0 }, 3), VIRTIO_NET_OK);
	assert_false(receives(b) || f->port->is_promiscuous);
	assert_int_equal(command(too_many, sizeof(too_many)), VIRTIO_NET_OK);
	assert_true(receives(b));
	assert_int_equal(command(set_a, sizeof(set_a)), VIRTIO_NET_OK);
	assert_false(receives(b));
	start(ALL_FEATURES);
	assert_true(receives(b));
}

/* A command without a place for the answer comes back, too. */
static void a_command_may_have_no_answer(void **state)
{
	struct virtq_desc desc = { HEADER, 3, 0, 0 };

	(void)state;
	put(HEADER, (u8[]){ 0, 0, 1 }, 3);
	offer(CTRL, &desc, 1);
	kick(CTRL);
	assert_int_equal(take_used(CTRL).len, 0);
	assert_true(f->port->is_promiscuous);
	start(ALL_FEATURES);
	assert_false(f->port->is_promiscuous);
}

static void commands_in_one_exit_are_bounded(void **state)
{
	struct virtq_desc desc = { HEADER, 3, 0, 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		offer(CTRL, &desc, 1);
	kick(CTRL);
	assert_int_equal(used_idx(CTRL), 64);
	assert_true(serve());
	assert_int_equal(used_idx(CTRL), 100);
	assert_false(serve());
}

/* --- The device */

static void features_that_need_others_are_not_taken_alone(void **state)
{
	static const u64 base = VIRTIO_F_VERSION_1;
	static const struct {
		u64 features;
		bool taken;
	} cases[] = {
		{ base, true },
		{ base | VIRTIO_NET_F_HOST_TSO4, false },
		{ base | VIRTIO_NET_F_HOST_TSO6, false },
		{ base | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_CSUM, true },
		{ base | VIRTIO_NET_F_GUEST_TSO4, false },
		{ base | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_CSUM, false },
		{ base | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_CSUM, true },
		{ base | VIRTIO_NET_F_CTRL_RX, false },
		{ base | VIRTIO_NET_F_CTRL_MAC, false },
		{ base | VIRTIO_NET_F_CTRL_MAC | VIRTIO_NET_F_CTRL_VQ, true },
		{ base | VIRTIO_NET_F_MQ, false },
		{ base | VIRTIO_NET_F_CTRL_VLAN, false },
		{ ALL_FEATURES, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (take_features(cases[i].features) != cases[i].taken)
			fail_msg("case %u: %d", i, !cases[i].taken);
	}
}

static void the_configuration_can_be_read(void **state)
{
	(void)state;
	for (u32 i = 0; i < 6; i++)
		assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + i, 1, false, 0), own_mac[i]);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG, 4, false, 0), 0x01005452);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + 6, 2, false, 0),
			 VIRTIO_NET_S_LINK_UP);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + 10, 2, false, 0), 1500);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG + 12, 4, false, 0), 0);
	access_register(VIRTIO_MMIO_CONFIG, 1, true, 0xff);
	assert_int_equal(access_register(VIRTIO_MMIO_CONFIG, 1, false, 0), 0x52);
}

static void the_port_is_up_while_the_driver_is(void **state)
{
	struct net_frame frame = frame_of(60, 60, NULL);

	(void)state;
	assert_true(f->port->is_up);
	assert_true(f->port->takes_csum && f->port->takes_tso4 && f->port->takes_tso6);
	offer_buffers(2, 128);
	write_register(VIRTIO_MMIO_STATUS, 0);
	assert_false(f->port->is_up);
	assert_true(deliver(&frame)); /* late: dropped */
	f->port->ops->flush(f->port);
	assert_int_equal(used_idx(RX), 0);
	assert_true(take_features(ALL_FEATURES));
	assert_false(f->port->is_up);
}

static void the_port_is_what_was_described(void **state)
{
	(void)state;
	assert_memory_equal(f->port->mac, own_mac, 6);
	assert_int_equal(f->port->address, 0x0a09000f);
	assert_int_equal(f->port->prefix, 24);
	assert_int_equal(f->port->gateway, 0x0a090001);
	assert_int_equal(f->port->dns, 0x0a090003);
	assert_string_equal(f->port->host_name, "web");
}

static void no_switch_no_interface(void **state)
{
	struct virtio_net_setup setup = { .switch_name = "none", .host_name = "x" };
	struct virtio_device *device;
	unsigned pages = f->pages;

	(void)state;
	assert_non_null(virtio_net_create(&setup, &device));
	assert_int_equal(f->pages, pages);
}

/* --- A driver that does anything */

/* A chain as it should be, but for one thing now and then. */
static void offer_anything(struct prng *prng, unsigned q)
{
	unsigned count = 1 + prng_below(prng, 4);
	struct virtq_desc descs[4];

	for (unsigned i = 0; i < count; i++)
		descs[i] = (struct virtq_desc){ BUFFERS + prng_below(prng, 0x100000),
						1 + prng_below(prng, q == RX ? 3000 : 600),
						q == RX || (q == CTRL && i == 3) ? W : 0, 0 };
	if (prng_below(prng, 50) == 0)
		descs[prng_below(prng, count)].addr = RAM_BASE + prng_below(prng, RAM_SIZE + 1000);
	if (prng_below(prng, 50) == 0)
		descs[prng_below(prng, count)].len = prng_below(prng, 100000);
	if (prng_below(prng, 50) == 0)
		descs[prng_below(prng, count)].flags = (u16)prng_below(prng, 8);
	offer(q, descs, count);
	if (prng_below(prng, 50) == 0)
		offer_head(q, (u16)prng_below(prng, SIZE + 1));
}

/* Headers of frames, and commands, some of them sound. */
static void write_anything(struct prng *prng)
{
	u8 bytes[64];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(prng_below(prng, 4) ? prng_below(prng, 2) : prng_below(prng, 256));
	for (u64 at = BUFFERS; at < BUFFERS + 0x100000; at += sizeof(bytes))
		put(at, bytes, sizeof(bytes));
}

static void anything_may_be_in_the_queues(void **state)
{
	struct prng prng = { 4711 };
	unsigned nr_broken = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct net_frame frame = frame_of(14 + prng_below(&prng, 3000), 1600, NULL);
		unsigned q = prng_below(&prng, 3);

		if (round % 100 == 0)
			write_anything(&prng);
		for (unsigned i = prng_below(&prng, 4); i; i--)
			offer_anything(&prng, q);
		f->result = prng_below(&prng, 2) ? NET_TAKEN : NET_DONE;
		f->refusals = prng_below(&prng, 2);
		kick(q);
		deliver(&frame);
		f->port->ops->flush(f->port);
		serve();
		if (f->taken && prng_below(&prng, 2))
			complete(bits_lowest(f->taken));
		if (is_broken() || prng_below(&prng, 64) == 0) {
			nr_broken += is_broken();
			write_register(VIRTIO_MMIO_STATUS, 0);
			while (f->taken)
				complete(bits_lowest(f->taken));
			serve();
			assert_int_equal(f->pins, 0);
			start(ALL_FEATURES);
		}
	}
	/* It was not for nothing. */
	assert_true(f->nr_sent > 500 && nr_broken > 500 && shown("frames-received") > 500);
}

/* --- */

static int begin(void **state, u64 rate)
{
	static const struct virtio_vm_ops vm_ops = { interrupt, ask_for_service };
	struct virtio_net_setup setup = { .switch_name = "lan",
					  .address = 0x0a09000f,
					  .prefix = 24,
					  .gateway = 0x0a090001,
					  .dns = 0x0a090003,
					  .host_name = "web",
					  .rate_bytes = rate };

	f = calloc(1, sizeof(*f));
	assert_non_null(f);
	*state = f;
	for (unsigned i = 0; i < 2; i++)
		f->piece[i] = calloc(1, PIECE_SIZE);
	f->queue_size = SIZE;
	memcpy(setup.mac, own_mac, 6);
	assert_null(virtio_net_create(&setup, &f->device));
	f->device->vm_ops = &vm_ops;
	virtio_device_attach(f->device, &f->memory);
	start(ALL_FEATURES);
	return 0;
}

static int setup(void **state)
{
	return begin(state, 0);
}

static int setup_limited(void **state)
{
	return begin(state, 10000);
}

/* After every test: nothing stays pinned, and all memory is given back. */
static int teardown(void **state)
{
	(void)state;
	while (f->taken)
		complete(bits_lowest(f->taken));
	assert_true(virtio_device_reset(f->device));
	assert_int_equal(f->pins, 0);
	virtio_device_destroy(f->device);
	assert_null(f->port);
	assert_null(f->timer);
	assert_null(f->tell_timer);
	assert_int_equal(f->pages, 0);
	for (unsigned i = 0; i < 2; i++)
		free(f->piece[i]);
	free(f);
	return 0;
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LIMITED(name) cmocka_unit_test_setup_teardown(name, setup_limited, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_reaches_the_switch_as_it_is),
		TEST(a_header_is_found_in_any_buffers),
		TEST(frames_of_no_sound_size_are_refused),
		TEST(unsound_headers_are_refused),
		TEST(what_means_nothing_is_cleared),
		TEST(a_frame_has_at_most_so_many_pieces),
		TEST(a_broken_queue_stops_the_device),
		TEST(what_the_uplink_has_stays_pinned),
		TEST(a_reset_waits_for_the_uplink),
		TEST(the_uplink_has_a_bounded_number),
		TEST(without_room_the_frame_is_sent_again),
		TEST(work_in_one_exit_is_bounded),
		TEST(a_flood_of_nonsense_is_bounded),
		TEST(what_was_sent_is_told_later_and_once),
		TEST(the_end_of_a_frame_in_flight_is_told),
		TEST(a_wish_is_not_lost_when_indices_wrap),
		TEST(a_frame_is_received_as_it_is),
		TEST(a_frame_is_spread_over_buffers),
		TEST(a_buffer_may_be_in_many_parts),
		TEST(without_merging_one_chain_must_do),
		TEST(without_room_nothing_is_used),
		TEST(without_room_the_driver_is_to_notify),
		TEST(what_never_fits_is_dropped),
		TEST(bad_receive_buffers_stop_the_device),
		TEST(a_receive_buffer_is_for_writing_alone),
		TEST(frames_that_the_driver_does_not_know_are_dropped),
		TEST(a_burst_is_one_interrupt),
		LIMITED(what_is_sent_too_fast_waits),
		LIMITED(a_reset_forgets_the_wait),
		LIMITED(what_comes_too_fast_is_dropped),
		TEST(commands_are_answered),
		TEST(the_driver_chooses_multicast),
		TEST(a_command_may_have_no_answer),
		TEST(commands_in_one_exit_are_bounded),
		TEST(features_that_need_others_are_not_taken_alone),
		TEST(the_configuration_can_be_read),
		TEST(the_port_is_up_while_the_driver_is),
		TEST(the_port_is_what_was_described),
		TEST(no_switch_no_interface),
		TEST(anything_may_be_in_the_queues),
	};

	return RUN_TESTS(tests);
}
