/* SPDX-License-Identifier: BSD-2-Clause */
/* Consoles, randomness, balloons. */
#include "hostile.h"

/* --- The console: control messages (5.3.6.2) */

#define F_MULTIPORT BIT(1)
#define NR_PORTS    2
#define CONTROL_RX  2U
#define CONTROL_TX  3U
#define NR_BUFFERS  16
#define READY	    0
#define ADD	    1
#define PORT_READY  3
#define PORT_OPEN   6

struct control {
	u32 port;
	u16 event, value;
};

static struct virtio console;
static struct virtq control_rx, control_tx;
static struct control answers[NR_BUFFERS];

static bool tell(const struct control *control, u32 size)
{
	struct virtq_used used;

	virtq_set(&control_tx, 0, control, size, 0, 0);
	virtq_offer(&control_tx, 0);
	virtio_notify(&console, CONTROL_TX);
	return virtq_wait(&control_tx, &used);
}

static void open_console(void)
{
	require(virtio_find(VIRTIO_CONSOLE, 0, &console) &&
			virtio_negotiate(&console, VIRTIO_F_VERSION_1 | F_MULTIPORT),
		"a console");
	virtq_start(&control_rx, &console, CONTROL_RX, NR_BUFFERS);
	virtq_start(&control_tx, &console, CONTROL_TX, NR_BUFFERS);
	for (u16 i = 0; i < NR_BUFFERS; i++) {
		virtq_set(&control_rx, i, &answers[i], sizeof(answers[i]), VIRTQ_WRITE, 0);
		virtq_offer(&control_rx, i);
	}
	virtio_go(&console);
}

/* To READY the device answers with its ports. Whatever else it says is about the message before. */
static const char *try_message(const struct control *message, u32 size)
{
	const struct control ready = { 0, READY, 1 };
	struct virtq_used used;
	u32 ports = 0;

	open_console();
	if (!tell(message, size) || !tell(&ready, sizeof(ready)))
		return "stuck";
	for (unsigned i = 0; i < NR_PORTS; i++) {
		const struct control *answer;

		if (!virtq_wait(&control_rx, &used))
			return "no answer";
		answer = &answers[used.head];
		if (answer->event != ADD || answer->port >= NR_PORTS)
			return "answered";
		ports |= (u32)BIT(answer->port);
	}
	return ports != BIT(NR_PORTS) - 1 || virtq_take(&control_rx, &used) ? "answered" : IGNORED;
}

void attack_console(void)
{
	static const struct {
		const char *what;
		struct control message;
		u32 size;
	} messages[] = {
		{ "port 2 of 2 is ready", { NR_PORTS, PORT_READY, 1 }, 8 },
		{ "port 99 is ready", { 99, PORT_READY, 1 }, 8 },
		{ "port 4294967295 is open", { UINT32_MAX, PORT_OPEN, 1 }, 8 },
		{ "an event that does not exist", { 0, 99, 1 }, 8 },
		{ "the driver is not ready", { 0, READY, 0 }, 8 },
		{ "a message of 7 bytes", { 1, PORT_READY, 1 }, 7 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(messages); i++)
		outcome("console", messages[i].what,
			try_message(&messages[i].message, messages[i].size));
}

/* --- Randomness */

static struct virtio rng;
static struct virtq rng_queue;

static void try_rng(const char *what, u32 size, u16 flags, u32 min, u32 max, const char *good)
{
	struct virtq_used used;

	require(virtio_find(VIRTIO_RNG, 0, &rng) && virtio_negotiate(&rng, VIRTIO_F_VERSION_1),
		"randomness");
	virtq_start(&rng_queue, &rng, 0, 8);
	virtio_go(&rng);
	virtq_set(&rng_queue, 0, (void *)LOAD, size, flags, 0);
	virtq_offer(&rng_queue, 0);
	virtio_notify(&rng, 0);
	if (!virtq_wait(&rng_queue, &used))
		outcome("rng", what, "nothing");
	else
		outcome("rng", what, used.written >= min && used.written <= max ? good : "other");
}

void attack_rng(void)
{
	try_rng("a readable buffer", 64, 0, 0, 0, "0 bytes");
	try_rng("a buffer of 16 MiB", LOAD_SIZE, VIRTQ_WRITE, 1, 4096, "at most 4096 bytes");
}

/* --- Balloons */

#define PAGES_PER_GRANULE (GRANULE / PAGE_SIZE)

static struct virtio balloon;

static void open_balloon(struct virtq *q, unsigned queue)
{
	require(virtio_find(VIRTIO_BALLOON, 0, &balloon) &&
			virtio_negotiate(&balloon, VIRTIO_F_VERSION_1 | BALLOON_F_REPORTING),
		"a balloon");
	virtq_start(q, &balloon, queue, 8);
	virtio_go(&balloon);
}

static const char *tell_balloon(struct virtq *q, unsigned queue, u64 buffer, u32 size,
				const char *good)
{
	struct virtq_used used;
	u64 start = rdtime();

	virtq_set(q, 0, (void *)buffer, size, 0, 0);
	virtq_offer(q, 0);
	virtio_notify(&balloon, queue);
	while (rdtime() - start < 10000 * MS) {
		if (virtio_read(&balloon, VIRTIO_STATUS) & VIRTIO_NEEDS_RESET)
			return NEEDS_RESET;
		if (virtq_take(q, &used))
			return good;
	}
	return "nothing";
}

static void try_balloon(const char *what, unsigned queue, u64 buffer, u32 size)
{
	static struct virtq q;

	open_balloon(&q, queue);
	outcome("balloon", what, tell_balloon(&q, queue, buffer, size, IGNORED));
	if (!disk_works())
		print("BAD balloon: %s: the disk does not work after it\n", what);
}

/* The queue is in RAM that goes into the balloon, all of it: it goes on working. */
static void inflate_queue(void)
{
	static u32 pages[PAGES_PER_GRANULE];
	struct virtq *q = (struct virtq *)LOAD;
	const char *how;

	for (unsigned i = 0; i < PAGES_PER_GRANULE; i++)
		pages[i] = (u32)(LOAD / PAGE_SIZE) + i;
	open_balloon(q, BALLOON_INFLATE);
	how = tell_balloon(q, BALLOON_INFLATE, (u64)pages, sizeof(pages), DONE);
	if (strcmp(how, DONE) == 0)
		how = tell_balloon(q, BALLOON_INFLATE, (u64)pages, sizeof(*pages), "it stays");
	outcome("balloon", "the queue itself", how);
}

void attack_balloon(void)
{
	static const u32 nowhere[] = {
		0, UART / PAGE_SIZE, RAM / PAGE_SIZE - 1, RAM_END / PAGE_SIZE, BIT(20), UINT32_MAX
	};

	try_balloon("pages outside RAM", BALLOON_INFLATE, (u64)nowhere, sizeof(nowhere));
	try_balloon("pages outside RAM come back", BALLOON_DEFLATE, (u64)nowhere, sizeof(nowhere));
	try_balloon("3 bytes of a page number", BALLOON_INFLATE, (u64)nowhere, 3);
	try_balloon("page numbers in 1 MiB", BALLOON_INFLATE, LOAD, MIB(1));
	try_balloon("memory below RAM reported free", BALLOON_REPORTING, RAM - GRANULE, GRANULE);
	try_balloon("memory across the end of RAM reported free", BALLOON_REPORTING,
		    RAM_END - GRANULE, 2 * GRANULE);
	try_balloon("4095 bytes reported free", BALLOON_REPORTING, LOAD, 4095);
	inflate_queue();
}
