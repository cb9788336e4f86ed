/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550A serial port: registers, two FIFOs, and one interrupt for four reasons. */
#include "dev/ns16550.h"
#include "lib/string.h"

/* Registers, in the order of the data sheet (PC16550D, section 8 and table II). */
#define RBR 0U /* read: receiver buffer */
#define THR 0U /* write: transmitter holding */
#define IER 1U /* interrupt enable */
#define IIR 2U /* read: interrupt identification */
#define FCR 2U /* write: FIFO control */
#define LCR 3U /* line control */
#define MCR 4U /* modem control */
#define LSR 5U /* line status */
#define MSR 6U /* modem status */
#define SCR 7U /* scratch */

#define IER_RX_DATA	0x01U
#define IER_TX_EMPTY	0x02U
#define IER_LINE_STATUS 0x04U
#define IER_MODEM	0x08U
#define IER_MASK	0x0fU

#define IIR_MODEM	0x00U
#define IIR_NONE	0x01U
#define IIR_TX_EMPTY	0x02U
#define IIR_RX_DATA	0x04U
#define IIR_LINE_STATUS 0x06U
#define IIR_RX_TIMEOUT	0x0cU
#define IIR_FIFO	0xc0U

#define FCR_ENABLE   0x01U
#define FCR_CLEAR_RX 0x02U
#define FCR_CLEAR_TX 0x04U
#define FCR_DMA	     0x08U
#define FCR_TRIGGER  0xc0U

#define LCR_DLAB 0x80U

#define MCR_DTR	 0x01U
#define MCR_RTS	 0x02U
#define MCR_OUT1 0x04U
#define MCR_OUT2 0x08U
#define MCR_LOOP 0x10U
#define MCR_MASK 0x1fU

#define LSR_DATA_READY 0x01U
#define LSR_OVERRUN    0x02U
#define LSR_TX_EMPTY   0x60U /* holding register and shift register: here, they are one */

#define MSR_RI_ENDED 0x04U
#define MSR_CHANGES  0x0fU
#define MSR_CTS	     0x10U
#define MSR_DSR	     0x20U
#define MSR_RI	     0x40U
#define MSR_DCD	     0x80U
#define MSR_LINES    0xf0U

/* As QEMU leaves them: a guest's console may write without setting anything up. */
static const struct ns16550_state reset_state = {
	.divisor = 12,
	.mcr = MCR_OUT2,
	.msr = MSR_DCD | MSR_DSR | MSR_CTS,
	.may_have_input = true,
};

static void fifo_push(struct ns16550_fifo *fifo, u8 byte)
{
	fifo->data[(fifo->head + fifo->count) % NS16550_FIFO_SIZE] = byte;
	fifo->count++;
}

static u8 fifo_pop(struct ns16550_fifo *fifo)
{
	u8 byte = fifo->data[fifo->head];

	fifo->head = (u8)((fifo->head + 1) % NS16550_FIFO_SIZE);
	fifo->count--;
	return byte;
}

static void fifo_clear(struct ns16550_fifo *fifo)
{
	memset(fifo, 0, sizeof(*fifo));
}

/* Either direction holds one byte while the FIFOs are off. */
static u8 capacity(const struct ns16550_state *s)
{
	return s->fcr & FCR_ENABLE ? NS16550_FIFO_SIZE : 1;
}

static bool is_looped(const struct ns16550_state *s)
{
	return s->mcr & MCR_LOOP;
}

static u8 rx_trigger(const struct ns16550_state *s)
{
	static const u8 levels[] = { 1, 4, 8, 14 };

	return levels[s->fcr >> 6]; /* the first while the FIFOs are off: s->fcr is 0 */
}

/*
 * The pending interrupt with the highest priority (table III). Less data than the trigger level
 * would interrupt after the time of four characters; nothing here takes time, so it does at once.
 */
static u8 pending_interrupt(const struct ns16550_state *s)
{
	if (s->ier & IER_LINE_STATUS && s->overrun)
		return IIR_LINE_STATUS;
	if (s->ier & IER_RX_DATA && s->rx.count > 0)
		return s->rx.count >= rx_trigger(s) ? IIR_RX_DATA : IIR_RX_TIMEOUT;
	if (s->ier & IER_TX_EMPTY && s->tx_empty_interrupt)
		return IIR_TX_EMPTY;
	if (s->ier & IER_MODEM && s->msr & MSR_CHANGES)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct ns16550 *uart)
{
	bool level = pending_interrupt(&uart->s) != IIR_NONE;

	if (level == uart->s.irq_level)
		return;
	uart->s.irq_level = level;
	irq_line_set(&uart->irq, level);
}

/* Fetches input while there is room; what waits in the backend stays there until then. */
static void receive(struct ns16550 *uart)
{
	struct ns16550_state *s = &uart->s;
	u8 byte;

	if (is_looped(s)) /* the receiver is cut off from the line */
		return;
	while (s->may_have_input && s->rx.count < capacity(s)) {
		s->may_have_input = uart->backend->get(uart->ctx, &byte);
		if (s->may_have_input)
			fifo_push(&s->rx, byte);
	}
}

/* A byte from the own transmitter, which does not wait: without room, it is an overrun. */
static void receive_looped(struct ns16550_state *s, u8 byte)
{
	if (s->rx.count < capacity(s)) {
		fifo_push(&s->rx, byte);
		return;
	}
	s->overrun = true;
	if (!(s->fcr & FCR_ENABLE))
		s->rx.data[s->rx.head] = byte;
}

static void write_thr(struct ns16550 *uart, u8 byte)
{
	struct ns16550_state *s = &uart->s;

	if (is_looped(s)) {
		receive_looped(s, byte);
	} else if (s->tx.count > 0 || !uart->backend->put(uart->ctx, byte)) {
		/* A guest that does not wait for LSR loses the byte, as on the chip. */
		if (s->tx.count < capacity(s))
			fifo_push(&s->tx, byte);
	}
	s->tx_empty_interrupt = s->tx.count == 0;
	if (s->ier)
		update_irq(uart);
}

void ns16550_tx_ready(struct ns16550 *uart)
{
	struct ns16550_state *s = &uart->s;

	if (s->tx.count == 0)
		return;
	while (s->tx.count > 0 && uart->backend->put(uart->ctx, s->tx.data[s->tx.head]))
		fifo_pop(&s->tx);
	if (s->tx.count == 0)
		s->tx_empty_interrupt = true;
	update_irq(uart);
}

void ns16550_poll_input(struct ns16550 *uart)
{
	uart->s.may_have_input = true;
	receive(uart);
	update_irq(uart);
}

static u8 read_rbr(struct ns16550 *uart)
{
	u8 byte = uart->s.rx.count > 0 ? fifo_pop(&uart->s.rx) : 0;

	receive(uart);
	update_irq(uart);
	return byte;
}

/* Reading shows the interrupt; that of the transmitter is thereby answered. */
static u8 read_iir(struct ns16550 *uart)
{
	u8 iir = pending_interrupt(&uart->s);

	if (iir == IIR_TX_EMPTY) {
		uart->s.tx_empty_interrupt = false;
		update_irq(uart);
	}
	return uart->s.fcr & FCR_ENABLE ? iir | IIR_FIFO : iir;
}

static u8 read_lsr(struct ns16550 *uart)
{
	struct ns16550_state *s = &uart->s;
	u8 lsr;

	/* A guest that polls after it cleared the FIFO finds what still waited behind it. */
	if (s->rx.count == 0 && s->may_have_input) {
		receive(uart);
		update_irq(uart);
	}

	lsr = (s->rx.count > 0 ? LSR_DATA_READY : 0) | (s->tx.count == 0 ? LSR_TX_EMPTY : 0);
	if (s->overrun) {
		lsr |= LSR_OVERRUN;
		s->overrun = false;
		update_irq(uart);
	}
	return lsr;
}

static u8 read_msr(struct ns16550 *uart)
{
	u8 msr = uart->s.msr;

	uart->s.msr &= MSR_LINES;
	update_irq(uart);
	return msr;
}

static void write_ier(struct ns16550 *uart, u8 value)
{
	struct ns16550_state *s = &uart->s;
	u8 changed = s->ier ^ value;

	s->ier = value & IER_MASK;
	/* Enabling the interrupt of an empty transmitter requests it again; drivers count on it. */
	if (changed & IER_TX_EMPTY)
		s->tx_empty_interrupt = s->ier & IER_TX_EMPTY && s->tx.count == 0;
	if (s->ier & IER_RX_DATA)
		receive(uart);
	update_irq(uart);
}

static void write_fcr(struct ns16550 *uart, u8 value)
{
	struct ns16550_state *s = &uart->s;

	if ((value ^ s->fcr) & FCR_ENABLE)
		value |= FCR_CLEAR_RX | FCR_CLEAR_TX;
	if (value & FCR_CLEAR_RX)
		fifo_clear(&s->rx);
	if (value & FCR_CLEAR_TX && s->tx.count > 0) {
		fifo_clear(&s->tx);
		s->tx_empty_interrupt = true;
	}
	s->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;

	/*
	 * Drivers clear the FIFO several times while they start. To fill it again each time would
	 * throw away a FIFO's worth of waiting input: leave that to the first who looks for it.
	 */
	if (s->ier & IER_RX_DATA)
		receive(uart);
	update_irq(uart);
}

/* The modem's four outputs to us: all well, or in loopback our own outputs (section 8.6). */
static u8 modem_lines(u8 mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
	       (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct ns16550 *uart, u8 value)
{
	struct ns16550_state *s = &uart->s;
	u8 lines = modem_lines(value);
	u8 changes = (lines ^ s->msr) >> 4;

	if (lines & MSR_RI) /* only its end is reported */
		changes &= (u8)~MSR_RI_ENDED;
	s->mcr = value & MCR_MASK;
	s->msr = lines | (s->msr & MSR_CHANGES) | changes;
	receive(uart);
	update_irq(uart);
}

static u8 read_register(struct ns16550 *uart, u32 offset)
{
	struct ns16550_state *s = &uart->s;

	switch (offset) {
	case RBR: return s->lcr & LCR_DLAB ? (u8)s->divisor : read_rbr(uart);
	case IER: return s->lcr & LCR_DLAB ? (u8)(s->divisor >> 8) : s->ier;
	case IIR: return read_iir(uart);
	case LCR: return s->lcr;
	case MCR: return s->mcr;
	case LSR: return read_lsr(uart);
	case MSR: return read_msr(uart);
	default: return s->scr;
	}
}

static void write_divisor(struct ns16550_state *s, u32 offset, u8 value)
{
	if (offset == 0)
		s->divisor = (u16)((s->divisor & 0xff00) | value);
	else
		s->divisor = (u16)((s->divisor & 0x00ff) | value << 8);
}

static void write_register(struct ns16550 *uart, u32 offset, u8 value)
{
	if (offset <= IER && uart->s.lcr & LCR_DLAB) {
		write_divisor(&uart->s, offset, value);
		return;
	}
	switch (offset) {
	case THR: write_thr(uart, value); break;
	case IER: write_ier(uart, value); break;
	case FCR: write_fcr(uart, value); break;
	case LCR: uart->s.lcr = value; break;
	case MCR: write_mcr(uart, value); break;
	case SCR: uart->s.scr = value; break;
	default: break; /* the status registers are only for reading */
	}
}

bool ns16550_mmio(void *ns16550, struct mmio_access *access)
{
	if (access->len != 1 || access->offset > SCR)
		return false;
	if (access->is_write)
		write_register(ns16550, access->offset, (u8)access->value);
	else
		access->value = read_register(ns16550, access->offset);
	return true;
}

void ns16550_init(struct ns16550 *uart, struct irq_line irq, const struct ns16550_backend *backend,
		  void *ctx)
{
	uart->s = reset_state;
	uart->irq = irq;
	uart->backend = backend;
	uart->ctx = ctx;
}

void ns16550_reset(struct ns16550 *uart)
{
	bool level = uart->s.irq_level;

	uart->s = reset_state;
	uart->s.irq_level = level;
	update_irq(uart);
}
