/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the serial port: each register, then the sequences that Linux's 8250 driver probes with.
 */
#include "unit.h"
#include "dev/ns16550.h"

#include <string.h>

#define RBR 0
#define THR 0
#define DLL 0
#define IER 1
#define DLM 1
#define IIR 2
#define FCR 2
#define LCR 3
#define MCR 4
#define LSR 5
#define MSR 6
#define SCR 7

#define DLAB	    0x80
#define LOOP	    0x10
#define RX_DATA	    0x01 /* IER */
#define TX_EMPTY    0x02
#define LINE_STATUS 0x04
#define MODEM	    0x08
#define IDLE	    0x60 /* LSR: transmitter empty */
#define DATA	    0x01
#define OVERRUN	    0x02
#define FIFO_ON	    0x01 /* FCR */

struct fixture {
	struct ns16550 uart;
	bool irq;
	u8 out[4096]; /* what came out of the port */
	size_t nr_out;
	size_t room;  /* bytes that the backend still takes */
	const u8 *in; /* what the backend has */
	size_t nr_in;
	unsigned gets; /* how often it was asked */
};

static bool put(void *ctx, u8 byte)
{
	struct fixture *f = ctx;

	if (f->room == 0)
		return false;
	f->room--;
	assert_true(f->nr_out < sizeof(f->out));
	f->out[f->nr_out++] = byte;
	return true;
}

static bool get(void *ctx, u8 *byte)
{
	struct fixture *f = ctx;

	f->gets++;
	if (f->nr_in == 0)
		return false;
	*byte = *f->in++;
	f->nr_in--;
	return true;
}

static void set_irq(void *ctx, unsigned source, bool level)
{
	struct fixture *f = ctx;

	assert_int_equal(source, NS16550_IRQ);
	assert_int_not_equal(f->irq, level); /* driven on changes only */
	f->irq = level;
}

static int setup(void **state)
{
	static const struct ns16550_backend backend = { .put = put, .get = get };
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.room = SIZE_MAX;
	ns16550_init(&f.uart, (struct irq_line){ set_irq, &f, NS16550_IRQ }, &backend, &f);
	*state = &f;
	return 0;
}

static u8 in(struct fixture *f, u32 offset)
{
	struct mmio_access access = { offset, 1, false, ~0ULL };

	assert_true(ns16550_mmio(&f->uart, &access));
	assert_true(access.value <= 0xff);
	return (u8)access.value;
}

static void out(struct fixture *f, u32 offset, u8 value)
{
	struct mmio_access access = { offset, 1, true, value };

	assert_true(ns16550_mmio(&f->uart, &access));
}

/* Input arrives at the backend. */
static void type(struct fixture *f, const void *bytes, size_t count)
{
	f->in = bytes;
	f->nr_in = count;
	ns16550_poll_input(&f->uart);
}

static void power_on_state(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in(f, IER), 0);
	assert_int_equal(in(f, IIR), 0x01);
	assert_int_equal(in(f, LCR), 0);
	assert_int_equal(in(f, MCR), 0x08);
	assert_int_equal(in(f, LSR), IDLE);
	assert_int_equal(in(f, MSR), 0xb0);
	assert_int_equal(in(f, RBR), 0);
	out(f, LCR, DLAB);
	assert_int_equal(in(f, DLL), 12);
	assert_int_equal(in(f, DLM), 0);
	assert_false(f->irq);
}

static void registers_hold_what_they_can(void **state)
{
	struct fixture *f = *state;

	out(f, SCR, 0xa5);
	assert_int_equal(in(f, SCR), 0xa5);
	out(f, LCR, 0x7f);
	assert_int_equal(in(f, LCR), 0x7f);
	out(f, LCR, 0);
	out(f, IER, 0xf0);
	assert_int_equal(in(f, IER), 0);
	out(f, MCR, 0xff);
	assert_int_equal(in(f, MCR), 0x1f);
	out(f, MCR, 0);
	out(f, LSR, 0xff);
	assert_int_equal(in(f, LSR), IDLE);
	out(f, MSR, 0x0f);
	assert_int_equal(in(f, MSR) & 0xf0, 0xb0);
	assert_int_equal(f->nr_out, 0);
}

static void divisor_is_behind_dlab(void **state)
{
	struct fixture *f = *state;

	out(f, LCR, DLAB | 3);
	out(f, DLL, 0x34);
	out(f, DLM, 0x12);
	assert_int_equal(in(f, DLL), 0x34);
	assert_int_equal(in(f, DLM), 0x12);
	out(f, DLL, 0x35);
	assert_int_equal(in(f, DLM), 0x12);
	out(f, LCR, 3);
	assert_int_equal(in(f, IER), 0);
	assert_int_equal(in(f, RBR), 0);
	assert_int_equal(f->nr_out, 0);
	out(f, THR, 'x');
	assert_int_equal(f->nr_out, 1);
	out(f, LCR, DLAB);
	assert_int_equal(in(f, DLL), 0x35);
}

static void only_bytes_at_eight_offsets(void **state)
{
	struct fixture *f = *state;

	for (unsigned is_write = 0; is_write < 2; is_write++) {
		for (u8 len = 2; len <= 8; len = (u8)(len * 2)) {
			struct mmio_access wide = { 0, len, is_write, 'x' };

			assert_false(ns16550_mmio(&f->uart, &wide));
		}
		struct mmio_access behind = { 8, 1, is_write, 'x' };
		struct mmio_access far_behind = { 0xff, 1, is_write, 'x' };

		assert_false(ns16550_mmio(&f->uart, &behind));
		assert_false(ns16550_mmio(&f->uart, &far_behind));
	}
	assert_int_equal(f->nr_out, 0);
}

static void output_goes_out(void **state)
{
	struct fixture *f = *state;

	out(f, THR, 'h');
	assert_int_equal(in(f, LSR), IDLE);
	out(f, THR, 'i');
	assert_int_equal(f->nr_out, 2);
	assert_memory_equal(f->out, "hi", 2);
}

static void output_waits_in_the_fifo(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	out(f, IER, TX_EMPTY);
	assert_true(f->irq);
	f->room = 1;
	for (u8 i = 0; i < 18; i++) /* one goes out, sixteen wait, one is lost */
		out(f, THR, (u8)('a' + i));
	assert_int_equal(in(f, LSR), 0);
	assert_false(f->irq);

	f->room = 2;
	ns16550_tx_ready(&f->uart);
	assert_int_equal(in(f, LSR), 0);
	assert_false(f->irq);

	f->room = SIZE_MAX;
	ns16550_tx_ready(&f->uart);
	assert_int_equal(in(f, LSR), IDLE);
	assert_true(f->irq);
	assert_int_equal(in(f, IIR), 0xc2);
	assert_int_equal(f->nr_out, 17);
	assert_memory_equal(f->out, "abcdefghijklmnopq", 17);

	/* Nothing waited: nothing to tell. */
	ns16550_tx_ready(&f->uart);
	assert_false(f->irq);
}

static void output_keeps_its_order(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	f->room = 0;
	out(f, THR, '1');
	f->room = SIZE_MAX; /* there is room again, but nobody has said so yet */
	out(f, THR, '2');
	ns16550_tx_ready(&f->uart);
	out(f, THR, '3');
	assert_int_equal(f->nr_out, 3);
	assert_memory_equal(f->out, "123", 3);
}

static void output_without_fifo_holds_one(void **state)
{
	struct fixture *f = *state;

	f->room = 0;
	out(f, THR, '1');
	out(f, THR, '2');
	assert_int_equal(in(f, LSR), 0);
	f->room = SIZE_MAX;
	ns16550_tx_ready(&f->uart);
	assert_int_equal(f->nr_out, 1);
	assert_int_equal(f->out[0], '1');
}

static void transmitter_interrupt(void **state)
{
	struct fixture *f = *state;

	out(f, IER, TX_EMPTY); /* empty already */
	assert_true(f->irq);
	assert_int_equal(in(f, IIR), 0x02);
	assert_false(f->irq); /* reading IIR answers it */
	assert_int_equal(in(f, IIR), 0x01);
	out(f, IER, TX_EMPTY); /* no change, no new request */
	assert_false(f->irq);
	out(f, THR, 'x'); /* full, and empty again */
	assert_true(f->irq);
	out(f, IER, 0);
	assert_false(f->irq);
	assert_int_equal(in(f, IIR), 0x01);
	out(f, IER, TX_EMPTY);
	assert_true(f->irq);
}

static void input_waits_for_the_guest(void **state)
{
	struct fixture *f = *state;
	static u8 paste[1000];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(paste); i++)
		paste[i] = (u8)(i * 7);
	out(f, FCR, FIFO_ON);
	out(f, IER, RX_DATA);
	type(f, paste, sizeof(paste));
	assert_true(f->irq);
	assert_int_equal(f->nr_in, sizeof(paste) - NS16550_FIFO_SIZE);
	while (in(f, LSR) & DATA) {
		assert_true(n < sizeof(paste));
		assert_int_equal(in(f, RBR), paste[n++]);
	}
	assert_int_equal(n, sizeof(paste));
	assert_int_equal(in(f, LSR), IDLE); /* no overrun */
	assert_false(f->irq);
}

static void input_without_fifo_comes_singly(void **state)
{
	struct fixture *f = *state;

	out(f, IER, RX_DATA);
	type(f, "abc", 3);
	assert_int_equal(f->nr_in, 2);
	assert_int_equal(in(f, IIR), 0x04);
	assert_int_equal(in(f, RBR), 'a');
	assert_true(f->irq);
	assert_int_equal(in(f, RBR), 'b');
	assert_int_equal(in(f, RBR), 'c');
	assert_false(f->irq);
}

static void receiver_interrupt_tells_the_level(void **state)
{
	static const struct {
		u8 fcr;
		u8 level;
	} triggers[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		ns16550_reset(&f->uart);
		out(f, FCR, triggers[i].fcr);
		out(f, IER, RX_DATA);
		for (u8 n = 1; n <= 16; n++) {
			type(f, "x", 1);
			assert_true(f->irq);
			assert_int_equal(in(f, IIR), n < triggers[i].level ? 0xcc : 0xc4);
		}
	}
}

static void fifo_clears(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	type(f, "abc", 3);
	out(f, FCR, FIFO_ON | 0x02);
	assert_int_equal(in(f, LSR), IDLE);
	f->room = 0;
	out(f, THR, 'x');
	out(f, IER, TX_EMPTY);
	assert_false(f->irq);
	out(f, FCR, FIFO_ON | 0x04);
	assert_int_equal(in(f, LSR), IDLE);
	assert_true(f->irq);
	f->room = SIZE_MAX;
	ns16550_tx_ready(&f->uart);
	assert_int_equal(f->nr_out, 0);

	/* Switching the FIFOs off or on clears both. */
	type(f, "abc", 3);
	out(f, FCR, 0);
	assert_int_equal(in(f, LSR), IDLE);
	assert_int_equal(in(f, IIR) & 0xc0, 0);
	type(f, "d", 1);
	out(f, FCR, FIFO_ON);
	assert_int_equal(in(f, LSR), IDLE);
}

static void fifo_control_needs_the_enable_bit(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, 0xc0); /* a trigger level without FIFO_ON is not kept */
	out(f, IER, RX_DATA);
	type(f, "x", 1);
	assert_int_equal(in(f, IIR), 0x04);
	out(f, FCR, FIFO_ON);
	type(f, "x", 1);
	assert_int_equal(in(f, IIR), 0xc4);
}

/* A start-up clears the FIFO many times; of a paste that waits, one FIFO's worth may go, no more.
 */
static void clearing_costs_one_fifo_at_most(void **state)
{
	struct fixture *f = *state;
	static const u8 paste[100];
	size_t n = 0;

	out(f, FCR, FIFO_ON);
	type(f, paste, sizeof(paste));
	for (unsigned i = 0; i < 5; i++) {
		out(f, FCR, FIFO_ON | 0x06);
		out(f, FCR, 0);
		out(f, FCR, FIFO_ON);
	}
	assert_int_equal(f->nr_in, sizeof(paste) - NS16550_FIFO_SIZE);

	/* The rest comes to a guest that polls, and to one that waits for an interrupt. */
	assert_true(in(f, LSR) & DATA);
	out(f, FCR, FIFO_ON | 0x02);
	assert_false(f->irq);
	out(f, IER, RX_DATA);
	assert_true(f->irq);
	out(f, FCR, FIFO_ON | 0x02);
	assert_true(f->irq);
	for (; in(f, LSR) & DATA; n++)
		in(f, RBR);
	assert_int_equal(n, sizeof(paste) - 3 * NS16550_FIFO_SIZE);
}

static void polling_asks_the_backend_once(void **state)
{
	struct fixture *f = *state;
	unsigned gets;

	in(f, LSR);
	gets = f->gets;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(in(f, LSR), IDLE);
	assert_int_equal(f->gets, gets);
}

static void loopback_wires_the_modem_lines(void **state)
{
	static const struct {
		u8 output;
		u8 input;
	} wires[] = { { 0x01, 0x20 }, { 0x02, 0x10 }, { 0x04, 0x40 }, { 0x08, 0x80 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		out(f, MCR, LOOP | wires[i].output);
		assert_int_equal(in(f, MSR) & 0xf0, wires[i].input);
	}
	out(f, MCR, 0);
	assert_int_equal(in(f, MSR) & 0xf0, 0xb0);
}

static void modem_changes_interrupt(void **state)
{
	struct fixture *f = *state;

	out(f, MCR, LOOP);
	in(f, MSR);
	out(f, IER, MODEM);
	assert_false(f->irq);
	out(f, MCR, LOOP | 0x02); /* CTS comes */
	assert_true(f->irq);
	assert_int_equal(in(f, IIR), 0x00);
	assert_int_equal(in(f, MSR), 0x11);
	assert_false(f->irq);
	assert_int_equal(in(f, MSR), 0x10);
	out(f, MCR, LOOP | 0x06); /* RI comes: no news */
	assert_int_equal(in(f, MSR), 0x50);
	out(f, MCR, LOOP | 0x02); /* RI goes: news */
	assert_true(f->irq);
	assert_int_equal(in(f, MSR), 0x14);
	out(f, MCR, LOOP | 0x09); /* three at once */
	out(f, MCR, LOOP | 0x09); /* and they stay until read */
	assert_int_equal(in(f, MSR), 0xab);
}

static void loopback_returns_the_output(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	out(f, MCR, LOOP);
	type(f, "keyboard", 8); /* cut off */
	assert_int_equal(in(f, LSR), IDLE);
	out(f, THR, 'a');
	out(f, THR, 'b');
	assert_int_equal(in(f, LSR), IDLE | DATA);
	assert_int_equal(in(f, RBR), 'a');
	assert_int_equal(in(f, RBR), 'b');
	assert_int_equal(in(f, LSR), IDLE);
	assert_int_equal(f->nr_out, 0);
	out(f, MCR, 0);
	assert_int_equal(in(f, RBR), 'k');
}

static void overrun_is_told_once(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	out(f, MCR, LOOP);
	out(f, IER, LINE_STATUS);
	for (u8 i = 0; i < 16; i++)
		out(f, THR, i);
	assert_false(f->irq);
	out(f, THR, 16);
	assert_true(f->irq);
	assert_int_equal(in(f, IIR), 0xc6);
	assert_int_equal(in(f, LSR), IDLE | DATA | OVERRUN);
	assert_false(f->irq);
	assert_int_equal(in(f, LSR), IDLE | DATA);
	for (u8 i = 0; i < 16; i++) /* the one too many is lost */
		assert_int_equal(in(f, RBR), i);

	/* Without the FIFO, it is the newer that stays. */
	out(f, FCR, 0);
	out(f, THR, 1);
	out(f, THR, 2);
	assert_int_equal(in(f, LSR), IDLE | DATA | OVERRUN);
	assert_int_equal(in(f, RBR), 2);
}

static void interrupts_in_order_of_priority(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	out(f, MCR, LOOP);
	for (u8 i = 0; i < 17; i++)
		out(f, THR, i);
	out(f, IER, 0x0f);
	assert_int_equal(in(f, IIR), 0xc6);
	in(f, LSR);
	assert_int_equal(in(f, IIR), 0xc4);
	for (u8 i = 0; i < 16; i++)
		in(f, RBR);
	assert_int_equal(in(f, IIR), 0xc2);
	assert_int_equal(in(f, IIR), 0xc0);
	in(f, MSR);
	assert_int_equal(in(f, IIR), 0xc1);
	assert_false(f->irq);
}

static void reset_lowers_the_line(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, FIFO_ON);
	out(f, IER, 0x0f);
	f->room = 0;
	out(f, THR, 'x');
	type(f, "abc", 3);
	assert_true(f->irq);
	ns16550_reset(&f->uart);
	assert_false(f->irq);
	power_on_state(state);
	assert_int_equal(f->nr_out, 0);
}

/* Linux, drivers/tty/serial/8250/8250_port.c: autoconfig(), autoconfig_16550a(), size_fifo(). */
static void linux_finds_a_16550a(void **state)
{
	struct fixture *f = *state;
	u8 status1, status2, mcr;
	unsigned count;

	/* Is there anything? */
	out(f, IER, 0);
	assert_int_equal(in(f, IER) & 0x0f, 0);
	out(f, IER, 0x0f);
	assert_int_equal(in(f, IER) & 0x0f, 0x0f);
	out(f, IER, 0);

	/* Does loopback work? */
	mcr = in(f, MCR);
	out(f, MCR, LOOP | 0x0a);
	assert_int_equal(in(f, MSR) & 0xf0, 0x90);
	out(f, MCR, mcr);

	/* FIFOs that work: IIR 7:6 are 3. */
	out(f, LCR, 0xbf);
	out(f, FCR, 0);
	out(f, LCR, 0);
	out(f, FCR, FIFO_ON);
	assert_int_equal(in(f, IIR) >> 6, 3);

	/* No extended features register of a 16650 or 16850: it would read 0. */
	out(f, LCR, 0x80);
	assert_int_not_equal(in(f, IIR), 0);
	out(f, LCR, 0xbf);
	assert_int_not_equal(in(f, IIR), 0);

	/* No bank switch of a National SuperIO: its EXCR1 would follow MCR. */
	out(f, LCR, 0);
	status1 = in(f, MCR);
	out(f, LCR, 0xe0);
	status2 = in(f, IIR);
	assert_int_equal((status2 ^ status1) & LOOP, 0);
	out(f, LCR, 0);
	out(f, MCR, status1 ^ LOOP);
	out(f, LCR, 0xe0);
	status2 = in(f, IIR);
	out(f, LCR, 0);
	out(f, MCR, status1);
	assert_int_equal((status2 ^ status1) & LOOP, 0);

	/* No 64-byte FIFO of a 16750: IIR 5 would tell. */
	out(f, FCR, FIFO_ON | 0x20);
	assert_int_equal(in(f, IIR) >> 5, 6);
	out(f, FCR, FIFO_ON);
	out(f, LCR, 0x80);
	out(f, FCR, FIFO_ON | 0x20);
	assert_int_equal(in(f, IIR) >> 5, 6);
	out(f, FCR, FIFO_ON);
	out(f, LCR, 0);

	/* No unit enable bit of an XScale. */
	out(f, IER, 0x40);
	assert_int_equal(in(f, IER) & 0x40, 0);
	out(f, IER, 0);

	/* And a FIFO of 16 bytes. */
	out(f, FCR, FIFO_ON | 0x06);
	out(f, MCR, LOOP);
	out(f, LCR, 3);
	for (count = 0; count < 256; count++)
		out(f, THR, (u8)count);
	for (count = 0; in(f, LSR) & DATA && count < 256; count++)
		in(f, RBR);
	assert_int_equal(count, 16);
	out(f, MCR, mcr);
	assert_int_equal(f->nr_out, 0);
}

/* Linux: serial8250_do_startup(), serial8250_THRE_test(), serial8250_initialize(). */
static void linux_trusts_the_transmitter(void **state)
{
	struct fixture *f = *state;
	u8 iir1, iir2;

	/* Clear what is pending; an LSR of 0xff would mean no device. */
	assert_int_not_equal(in(f, LSR), 0xff);
	in(f, RBR);
	in(f, IIR);
	in(f, MSR);

	/* Does an empty transmitter ask again when its interrupt is enabled again? */
	assert_int_equal(in(f, LSR) & IDLE, IDLE);
	out(f, IER, TX_EMPTY);
	iir1 = in(f, IIR);
	out(f, IER, 0);
	out(f, IER, TX_EMPTY);
	iir2 = in(f, IIR);
	out(f, IER, 0);
	assert_int_equal(iir1 & 1, 0);
	assert_int_equal(iir2 & 1, 0);

	/* Does it raise an interrupt when it is empty at the moment of enabling? */
	out(f, IER, TX_EMPTY);
	assert_int_equal(in(f, LSR) & 0x40, 0x40);
	assert_int_equal(in(f, IIR) & 1, 0);
	out(f, IER, 0);
	assert_false(f->irq);
}

/* Any accesses in any order, with a backend that comes and goes: bounds, and IIR tells of the line.
 */
static void random_accesses(void **state)
{
	static const u8 input[64];
	struct fixture *f = *state;
	struct prng prng = { 0x2545f4914f6cdd1dULL };

	for (unsigned step = 0; step < 200000; step++) {
		u32 choice = prng_below(&prng, 20);

		f->nr_out = 0;
		if (choice == 0)
			f->room = prng_below(&prng, 3) ? SIZE_MAX : prng_below(&prng, 20);
		else if (choice == 1)
			ns16550_tx_ready(&f->uart);
		else if (choice == 2)
			type(f, input, prng_below(&prng, sizeof(input)));
		else if (choice < 11)
			in(f, prng_below(&prng, 8));
		else
			out(f, prng_below(&prng, 8), (u8)prng_next(&prng));

		assert_true(f->uart.s.rx.count <= NS16550_FIFO_SIZE);
		assert_true(f->uart.s.tx.count <= NS16550_FIFO_SIZE);
		if (prng_below(&prng, 16) == 0) {
			bool level = f->irq;

			assert_int_equal(in(f, IIR) & 1, !level);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(power_on_state, setup),
		cmocka_unit_test_setup(registers_hold_what_they_can, setup),
		cmocka_unit_test_setup(divisor_is_behind_dlab, setup),
		cmocka_unit_test_setup(only_bytes_at_eight_offsets, setup),
		cmocka_unit_test_setup(output_goes_out, setup),
		cmocka_unit_test_setup(output_waits_in_the_fifo, setup),
		cmocka_unit_test_setup(output_keeps_its_order, setup),
		cmocka_unit_test_setup(output_without_fifo_holds_one, setup),
		cmocka_unit_test_setup(transmitter_interrupt, setup),
		cmocka_unit_test_setup(input_waits_for_the_guest, setup),
		cmocka_unit_test_setup(input_without_fifo_comes_singly, setup),
		cmocka_unit_test_setup(receiver_interrupt_tells_the_level, setup),
		cmocka_unit_test_setup(fifo_clears, setup),
		cmocka_unit_test_setup(fifo_control_needs_the_enable_bit, setup),
		cmocka_unit_test_setup(clearing_costs_one_fifo_at_most, setup),
		cmocka_unit_test_setup(polling_asks_the_backend_once, setup),
		cmocka_unit_test_setup(loopback_wires_the_modem_lines, setup),
		cmocka_unit_test_setup(modem_changes_interrupt, setup),
		cmocka_unit_test_setup(loopback_returns_the_output, setup),
		cmocka_unit_test_setup(overrun_is_told_once, setup),
		cmocka_unit_test_setup(interrupts_in_order_of_priority, setup),
		cmocka_unit_test_setup(reset_lowers_the_line, setup),
		cmocka_unit_test_setup(linux_finds_a_16550a, setup),
		cmocka_unit_test_setup(linux_trusts_the_transmitter, setup),
		cmocka_unit_test_setup(random_accesses, setup),
	};

	return RUN_TESTS(tests);
}
