/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of a guest's network interface, for its tests. */
#include "net_fixture.h"
#include "fake/pages.h"

#include <stdlib.h>
#include <string.h>

const u8 own_mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

struct fixture *f;

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

bool guest_bring_back(const struct guest_memory *memory, gpa_t gpa, u64 size)
{
	(void)memory;
	fail_msg("0x%lx, %lu bytes: all of it is there", gpa.v, size);
	return false;
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

void put(u64 gpa, const void *buf, u64 size)
{
	copy(gpa, (void *)buf, size, true);
}

void get(u64 gpa, void *buf, u64 size)
{
	copy(gpa, buf, size, false);
}

/* --- Stand-ins: the machine and the VM */

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
	virtio_set_interrupt_status(device, (device->s.interrupt_status | set) & ~clear);
	f->interrupts += set != 0;
}

static void ask_for_service(struct virtio_device *device)
{
	(void)device;
	f->services++;
}

void fire(struct timer **place)
{
	struct timer *timer = *place;

	assert_non_null(timer);
	f->now = MAX(f->now, timer->deadline);
	*place = NULL;
	timer->expired(timer);
}

bool serve(void)
{
	bool asked = f->services != 0;

	f->services = 0;
	if (asked)
		virtio_service(f->device, &(unsigned){ 8 });
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

void complete(u64 cookie)
{
	assert_true(f->taken & BIT(cookie));
	f->taken &= ~BIT(cookie);
	f->port->ops->sent(f->port, cookie);
}

/* --- The driver */

u64 access_register(u32 offset, u8 len, bool is_write, u64 value)
{
	struct mmio_access access = { offset, len, is_write, value };

	assert_true(virtio_mmio(f->device, &access));
	return access.value;
}

void write_register(u32 offset, u64 value)
{
	access_register(offset, 4, true, value);
}

u32 status(void)
{
	return (u32)access_register(VIRTIO_MMIO_STATUS, 4, false, 0);
}

bool is_broken(void)
{
	return status() & VIRTIO_NEEDS_RESET;
}

bool take_features(u64 features)
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

void start(u64 features)
{
	assert_true(take_features(features));
	for (unsigned q = 0; q < 3; q++)
		start_queue(q);
	write_register(VIRTIO_MMIO_STATUS, VIRTIO_DRIVER_OK);
	assert_false(is_broken());
	f->interrupts = f->services = 0;
	f->pins_of_rings = f->pins;
}

long pins(void)
{
	return f->pins - f->pins_of_rings;
}

void kick(unsigned q)
{
	write_register(VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

void put_desc(unsigned q, u16 index, struct virtq_desc desc)
{
	put(RINGS(q) + 16UL * index, &desc, 16);
}

void offer_head(unsigned q, u16 head)
{
	u16 entry = f->avail[q]++ % f->queue_size;

	put(RINGS(q) + AVAIL + VIRTQ_RING + 2UL * entry, &head, 2);
	put(RINGS(q) + AVAIL + VIRTQ_RING_IDX, &f->avail[q], 2);
}

u16 offer(unsigned q, struct virtq_desc *descs, unsigned count)
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

u16 used_idx(unsigned q)
{
	u16 idx;

	get(RINGS(q) + USED + VIRTQ_RING_IDX, &idx, 2);
	return idx;
}

struct virtq_used_elem take_used(unsigned q)
{
	struct virtq_used_elem elem;

	assert_int_not_equal(used_idx(q), f->used[q]);
	get(RINGS(q) + USED + VIRTQ_RING + 8UL * (f->used[q]++ % f->queue_size), &elem, 8);
	return elem;
}

void set_used_event(unsigned q, u16 event)
{
	put(RINGS(q) + AVAIL + VIRTQ_RING + 2UL * f->queue_size, &event, 2);
}

u16 offer_frame(const struct virtio_net_header *header, u32 size)
{
	struct virtq_desc descs[2] = { { HEADER, HEADER_SIZE, 0, 0 }, { DATA, size, 0, 0 } };

	put(HEADER, header, HEADER_SIZE);
	return offer(TX, descs, size ? 2 : 1);
}

const struct virtio_net_header plain;

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

u64 shown(const char *name)
{
	counter = UINT64_MAX;
	counter_name = name;
	f->device->ops->show(f->device, pick, NULL);
	return counter;
}

u8 outside[NET_MAX_FRAME];

struct net_frame frame_of(u32 size, u32 piece, const u8 *mac)
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

bool deliver(const struct net_frame *frame)
{
	return f->port->ops->deliver(f->port, frame);
}

void offer_buffers(unsigned count, u32 size)
{
	for (unsigned i = 0; i < count; i++) {
		struct virtq_desc desc = { BUFFERS + (u64)f->next_desc[RX] * size, size, W, 0 };

		offer(RX, &desc, 1);
	}
}

/* --- Set-up */

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

int setup(void **state)
{
	return begin(state, 0);
}

int setup_limited(void **state)
{
	return begin(state, 10000);
}

int teardown(void **state)
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
	assert_int_equal(fake_pages.in_use, 0);
	for (unsigned i = 0; i < 2; i++)
		free(f->piece[i]);
	free(f);
	return 0;
}
