/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of coalescing: what is delivered, cut again, must be what has arrived, stream by stream and
 * in order, whatever is lost, doubled, damaged or mixed on the way.
 */
#include "net_reference.h"
#include "net/coalesce.h"
#include "net/offload.h"

#include <stdlib.h>

#define NOTHING	    ((struct offload_takes){ false, false, false })
#define MAX_FRAMES  256
#define MAX_STREAMS 8

static struct prng prng = { 0xc0a1e5ce };

struct bytes {
	u8 *data;
	u32 size;
	unsigned stream;
};

/* What arrives, and what was delivered, cut again. */
static struct bytes arrived[MAX_FRAMES], got[MAX_FRAMES];
static unsigned nr_arrived, nr_got, nr_deliveries;
static bool is_wanted_here;

static struct stream {
	bool is_v6;
	u32 sequence;
	u16 id;
	u8 base[14 + 40 + 60];
	u32 l4, header_size;
} streams[MAX_STREAMS];

static void begin_stream(unsigned number, bool is_v6, u32 options)
{
	struct stream *s = &streams[number];

	memset(s, 0, sizeof(*s));
	s->is_v6 = is_v6;
	s->l4 = is_v6 ? 54 : 34;
	s->header_size = s->l4 + 20 + options;
	s->sequence = (u32)prng_next(&prng);
	s->id = (u16)prng_next(&prng);
	for (u32 i = 0; i < sizeof(s->base); i++)
		s->base[i] = (u8)(i * 3);
	put_be16(s->base + 12, is_v6 ? 0x86dd : 0x0800);
	s->base[14] = is_v6 ? 0x60 : 0x45;
	if (is_v6) {
		s->base[14 + 6] = 6;
	} else {
		put_be16(s->base + 14 + 6, 0x4000);
		s->base[14 + 9] = 6;
	}
	put_be16(s->base + s->l4, 1000 + number);
	s->base[s->l4 + 12] = (u8)((20 + options) << 2);
	s->base[s->l4 + 13] = 0x10;
}

static void fix_checksums(const struct stream *s, u8 *frame, u32 size)
{
	put_be16(frame + s->l4 + 16, 0);
	put_be16(frame + s->l4 + 16,
		 (u16)~ref_transport_sum(frame + 14, frame + s->l4, size - s->l4, 6));
	if (!s->is_v6) {
		put_be16(frame + 24, 0);
		put_be16(frame + 24, (u16)~ref_sum(0, frame + 14, 20));
	}
}

/* The stream's next segment, right in every respect. */
static struct bytes *arrive(unsigned number, u32 payload)
{
	struct stream *s = &streams[number];
	struct bytes *b = &arrived[nr_arrived++];

	assert_true(nr_arrived <= MAX_FRAMES);
	*b = (struct bytes){ malloc(s->header_size + payload), s->header_size + payload, number };
	memcpy(b->data, s->base, s->header_size);
	for (u32 i = 0; i < payload; i++)
		b->data[s->header_size + i] = (u8)prng_next(&prng);
	if (s->is_v6)
		put_be16(b->data + 18, b->size - 54);
	else
		put_be16(b->data + 16, b->size - 14);
	if (!s->is_v6)
		put_be16(b->data + 18, s->id++);
	put_be32(b->data + s->l4 + 4, s->sequence);
	s->sequence += payload;
	fix_checksums(s, b->data, b->size);
	return b;
}

static void keep(const struct net_frame *frame)
{
	struct bytes *b = &got[nr_got++];

	assert_true(nr_got <= MAX_FRAMES);
	b->data = malloc(frame->size);
	b->size = ref_gather(frame, b->data);
}

static void deliver(void *ctx, const struct net_packet *packet)
{
	struct offload offload;
	struct net_frame built;
	u8 head[NET_HEAD];

	(void)ctx;
	nr_deliveries++;
	assert_true(packet->frame->size <= NET_MAX_FRAME);
	assert_true(offload_plan(packet, NOTHING, &offload));
	for (unsigned i = 0; i < offload.nr_frames; i++) {
		assert_true(offload_build(packet, &offload, i, head, HPA(0), &built));
		keep(&built);
	}
}

static bool is_wanted(void *ctx, const u8 *frame, unsigned version)
{
	(void)ctx;
	assert_int_equal(get_be16(frame + 12), version == 4 ? 0x0800 : 0x86dd);
	return is_wanted_here;
}

static struct coalescer coalescer = { .deliver = deliver, .is_wanted = is_wanted };

static void start(void)
{
	nr_arrived = nr_got = nr_deliveries = 0;
	is_wanted_here = true;
}

/* As the uplink does it. */
static void hand_over(const struct bytes *b)
{
	struct net_frame frame = { .nr_pieces = 1, .size = b->size };

	if (coalesce(&coalescer, b->data, b->size))
		return;
	frame.pieces[0] = (struct net_piece){ b->data, HPA(0), b->size };
	nr_deliveries++;
	keep(&frame);
}

static bool is_of_stream(const struct bytes *b, unsigned number)
{
	const struct stream *s = &streams[number];

	return b->size > s->l4 + 2 && memcmp(b->data + 12, s->base + 12, 2) == 0 &&
	       memcmp(b->data + s->l4, s->base + s->l4, 2) == 0;
}

/* Each stream's frames, in order, are those that arrived; and all are some stream's. */
static void check(unsigned nr_streams)
{
	coalesce_flush(&coalescer);
	assert_int_equal(nr_got, nr_arrived);
	for (unsigned number = 0; number < nr_streams; number++) {
		unsigned at = 0;

		for (unsigned i = 0; i < nr_arrived; i++) {
			if (arrived[i].stream != number)
				continue;
			while (at < nr_got && !is_of_stream(&got[at], number))
				at++;
			assert_true(at < nr_got);
			assert_int_equal(got[at].size, arrived[i].size);
			assert_memory_equal(got[at].data, arrived[i].data, arrived[i].size);
			at++;
		}
	}
	for (unsigned i = 0; i < nr_got; i++)
		free(got[i].data);
	for (unsigned i = 0; i < nr_arrived; i++)
		free(arrived[i].data);
}

static void test_one_stream(void **state)
{
	(void)state;
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		start();
		begin_stream(0, is_v6, 12);
		for (unsigned i = 0; i < 30; i++)
			hand_over(arrive(0, i < 29 ? 1400 : 77));
		assert_int_equal(nr_deliveries, 0);
		coalesce_flush(&coalescer);
		assert_int_equal(nr_deliveries, 1);
		check(1);
	}
}

/* As large as an IP packet can be, and no larger. */
static void test_size(void **state)
{
	(void)state;
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		for (u32 payload = 500; payload < 1440; payload += 137) {
			start();
			begin_stream(0, is_v6, 0);
			for (unsigned i = 0; i < 140; i++)
				hand_over(arrive(0, payload));
			check(1);
			assert_true(nr_deliveries >= 2 && nr_deliveries <= 5);
		}
	}
}

static void test_several_streams(void **state)
{
	(void)state;
	start();
	for (unsigned s = 0; s < COALESCE_FLOWS; s++)
		begin_stream(s, s % 2, 0);
	for (unsigned i = 0; i < 80; i++)
		hand_over(arrive(i % COALESCE_FLOWS, 1000));
	check(COALESCE_FLOWS);
	assert_int_equal(nr_deliveries, COALESCE_FLOWS);
}

/* A single segment is delivered as it is: nobody looks at its checksum. */
static void test_one_segment(void **state)
{
	struct bytes *b;

	(void)state;
	start();
	begin_stream(0, false, 0);
	b = arrive(0, 100);
	b->data[60] ^= 1;
	hand_over(b);
	check(1);
	assert_int_equal(nr_deliveries, 1);
}

static void test_not_wanted(void **state)
{
	(void)state;
	start();
	is_wanted_here = false;
	begin_stream(0, false, 0);
	for (unsigned i = 0; i < 10; i++)
		hand_over(arrive(0, 1000));
	check(1);
	assert_int_equal(nr_deliveries, 10);
}

/* The third of five segments has something that keeps it from being joined; nothing is lost. */
static void test_what_is_not_joined(void **state)
{
	static const struct {
		u32 at; /* a byte of the frame, over IPv4 with options */
		u8 xor ;
		bool fix; /* checksums are right */
		unsigned deliveries;
	} cases[] = {
		/* The first two, what is wrong, the last two; or the last three, if they agree. */
		{ 0, 1, true, 3 },     { 15, 1, true, 3 },    { 20, 0x20, true, 3 },
		{ 22, 1, true, 3 },    { 23, 1, true, 3 },    { 42, 1, true, 3 },
		{ 46, 0x10, true, 3 }, { 47, 0x01, true, 3 }, { 47, 0x02, true, 3 },
		{ 47, 0x04, true, 3 }, { 47, 0x20, true, 3 }, { 47, 0x80, true, 3 },
		{ 47, 0x40, true, 3 }, { 48, 1, true, 3 },    { 52, 1, true, 3 },
		{ 56, 1, true, 3 },    { 200, 1, false, 3 },  { 51, 1, false, 3 },
		{ 25, 1, false, 3 },   { 47, 0x08, true, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		start();
		begin_stream(0, false, 12);
		for (unsigned n = 0; n < 5; n++) {
			struct bytes *b = arrive(0, 1000);

			if (n == 2) {
				b->data[cases[i].at] ^= cases[i].xor ;
				if (cases[i].fix)
					fix_checksums(&streams[0], b->data, b->size);
			}
			hand_over(b);
		}
		check(1);
		assert_int_equal(nr_deliveries, cases[i].deliveries);
	}
}

/* --- Acknowledgements */

/* The stream's next acknowledgement, of so many bytes more. */
static struct bytes *arrive_ack(unsigned number, u32 more)
{
	struct stream *s = &streams[number];

	put_be32(s->base + s->l4 + 8, get_be32(s->base + s->l4 + 8) + more);
	return arrive(number, 0);
}

static void free_all(void)
{
	for (unsigned i = 0; i < nr_got; i++)
		free(got[i].data);
	for (unsigned i = 0; i < nr_arrived; i++)
		free(arrived[i].data);
}

static void add_timestamps(unsigned number, u32 value)
{
	u8 *options = streams[number].base + streams[number].l4 + 20;

	memcpy(options, (const u8[]){ 1, 1, 8, 10 }, 4);
	put_be32(options + 4, value);
}

/* They may pass the end of the numbers, change the window, and have timestamps. */
static void test_last_acknowledgement_is_enough(void **state)
{
	(void)state;
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		for (u32 options = 0; options <= 12; options += 12) {
			start();
			begin_stream(0, is_v6, options);
			put_be32(streams[0].base + streams[0].l4 + 8, 0xffffff00);
			for (unsigned i = 0; i < 20; i++) {
				put_be16(streams[0].base + streams[0].l4 + 14, 1000 + i);
				if (options)
					add_timestamps(0, i);
				hand_over(arrive_ack(0, 100));
			}
			coalesce_flush(&coalescer);
			assert_int_equal(nr_deliveries, 1);
			assert_int_equal(got[0].size, arrived[19].size);
			assert_memory_equal(got[0].data, arrived[19].data, got[0].size);
			free_all();
		}
	}
}

/* The second of three; 0 bytes more, or back, or something else in it that is not the same. */
static void test_acknowledgements_that_stay(void **state)
{
	static const struct {
		u32 more, at;
		u8 xor ;
		bool fix;
	} cases[] = {
		{ 0, 0, 0, true },	 { 0u - 100, 0, 0, true }, { 100, 15, 1, true },
		{ 100, 0, 2, true },	 { 100, 22, 1, true },	   { 100, 38, 1, true },
		{ 100, 46, 0x01, true }, { 100, 47, 0x40, true },  { 100, 53, 1, true },
		{ 100, 54, 4, true },	 { 100, 50, 1, false },	   { 0x80000001, 0, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		start();
		begin_stream(0, false, 12);
		add_timestamps(0, 1);
		for (unsigned n = 0; n < 3; n++) {
			struct bytes *b = arrive_ack(0, n == 1 ? cases[i].more : n == 2 ? 0 : 100);

			if (n == 1) {
				b->data[cases[i].at] ^= cases[i].xor ;
				if (cases[i].fix)
					fix_checksums(&streams[0], b->data, b->size);
			}
			hand_over(b);
		}
		check(1);
		assert_int_equal(nr_deliveries, 3);
	}
}

/* Data keeps its place among them, and what acknowledges the same after it is not swallowed. */
static void test_acknowledgements_and_data(void **state)
{
	(void)state;
	start();
	begin_stream(0, false, 0);
	hand_over(arrive_ack(0, 100));
	hand_over(arrive(0, 1000));
	hand_over(arrive(0, 1000));
	hand_over(arrive_ack(0, 0));
	hand_over(arrive(0, 1000));
	hand_over(arrive_ack(0, 100));
	check(1);
	assert_int_equal(nr_deliveries, 5);
}

/* Malformed ones are no segments: nothing behind their end is read. */
static void test_malformed(void **state)
{
	(void)state;
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		u32 header_size;

		start();
		begin_stream(0, is_v6, 12);
		header_size = streams[0].header_size;
		for (u32 size = 14; size < header_size; size++) {
			struct bytes *b = arrive(0, 1);

			b->data = realloc(b->data, size);
			b->size = size;
			if (is_v6 && size >= 20)
				put_be16(b->data + 18, size - 54);
			if (!is_v6 && size >= 18)
				put_be16(b->data + 16, size - 14);
			assert_false(coalesce(&coalescer, b->data, b->size));
			free(b->data);
			nr_arrived--;
		}
		check(1);
	}
}

/* Segments are lost, doubled, swapped, damaged, cut short, pushed; other frames come between. */
static void test_anything(void **state)
{
	unsigned joined = 0, all = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		unsigned nr_streams = 1 + prng_below(&prng, MAX_STREAMS);

		start();
		for (unsigned s = 0; s < nr_streams; s++)
			begin_stream(s, prng_below(&prng, 2), 4 * prng_below(&prng, 11));
		for (unsigned i = prng_below(&prng, 100); i; i--) {
			unsigned number = prng_below(&prng, nr_streams);
			struct stream *s = &streams[number];
			struct bytes *b;

			if (prng_below(&prng, 40) == 0)
				s->sequence += prng_below(&prng, 3000) - 1500;
			b = arrive(number,
				   prng_below(&prng, 20) ? 800 : 1 + prng_below(&prng, 1200));
			switch (prng_below(&prng, 60)) {
			case 0: b->data[prng_below(&prng, b->size)] ^= 1; break;
			case 1:
				b->data[s->l4 + 13] |= (u8)(1 << prng_below(&prng, 8));
				fix_checksums(s, b->data, b->size);
				break;
			case 2: coalesce_flush(&coalescer); break;
			default: break;
			}
			if (!is_of_stream(b, number)) { /* it was the port that was damaged */
				free(b->data);
				nr_arrived--;
				continue;
			}
			hand_over(b);
		}
		check(nr_streams);
		joined += nr_arrived - nr_deliveries;
		all += nr_arrived;
	}
	assert_true(joined > all / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_stream),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_several_streams),
		cmocka_unit_test(test_one_segment),
		cmocka_unit_test(test_not_wanted),
		cmocka_unit_test(test_what_is_not_joined),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_anything),
		cmocka_unit_test(test_last_acknowledgement_is_enough),
		cmocka_unit_test(test_acknowledgements_that_stay),
		cmocka_unit_test(test_acknowledgements_and_data),
	};

	return RUN_TESTS(tests);
}
