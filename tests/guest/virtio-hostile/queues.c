/* SPDX-License-Identifier: BSD-2-Clause */
/* Queues where none can be, and chains that are none. It is the disk that has to bear them. */
#include "hostile.h"

#define SIZE  DISK_QUEUE_SIZE
#define INNER 300

static u8 data[SECTOR] __attribute__((aligned(16)));
static struct virtq_desc inner[INNER]; /* an indirect table */

static void end_case(const char *device, const char *what, const char *how)
{
	outcome(device, what, how);
	if (!disk_works())
		print("BAD %s: %s: the disk does not work after it\n", device, what);
}

/* --- Where queues are */

struct place {
	const char *what;
	u32 size;
	u64 desc, avail, used; /* 0: where it should be */
};

/* A queue is refused when it is to be ready. */
static void try_place(const struct place *place)
{
	struct virtq *q = &disk.q;
	u32 status;

	virtio_negotiate(&disk.device, VIRTIO_F_VERSION_1);
	memset(q, 0, sizeof(*q));
	virtio_place_queue(&disk.device, 0, place->size, place->desc ? place->desc : (u64)q->desc,
			   place->avail ? place->avail : (u64)&q->avail,
			   place->used ? place->used : (u64)&q->used);
	status = virtio_read(&disk.device, VIRTIO_STATUS);
	if (virtio_read(&disk.device, VIRTIO_QUEUE_READY))
		print("BAD %s: the queue is ready\n", place->what);
	virtio_go(&disk.device);
	virtio_notify(&disk.device, 0);
	end_case("queue", place->what, status & VIRTIO_NEEDS_RESET ? NEEDS_RESET : IGNORED);
}

void attack_queues(void)
{
	const struct virtq *q = &disk.q;
	const u64 top = RAM_END - MIB(1);
	const struct place places[] = {
		{ "descriptors over a serial port", SIZE, UART, 0, 0 },
		{ "available ring over the PLIC", SIZE, 0, PLIC, 0 },
		{ "used ring over its own registers", SIZE, 0, 0, disk.device.base },
		{ "descriptors below RAM", SIZE, RAM - 16, 0, 0 },
		{ "descriptors across the end of RAM", SIZE, RAM_END - 16, 0, 0 },
		{ "used ring across the end of RAM", SIZE, 0, 0, RAM_END - 64 },
		{ "available ring behind RAM", SIZE, 0, RAM_END, 0 },
		{ "descriptors at the end of the address space", SIZE, -16UL, 0, 0 },
		{ "used ring over the available ring", SIZE, 0, 0, (u64)&q->avail },
		{ "available ring in the descriptors", SIZE, 0, (u64)&q->desc[SIZE - 1], 0 },
		{ "all parts in one place", SIZE, top, top, top },
		{ "descriptors misaligned", SIZE, (u64)q->desc + 8, 0, 0 },
		{ "available ring misaligned", SIZE, 0, (u64)&q->avail + 1, 0 },
		{ "used ring misaligned", SIZE, 0, 0, (u64)&q->used + 2 },
		{ "0 entries", 0, 0, 0, 0 },
		{ "3 entries", 3, 0, 0, 0 },
		{ "512 entries", 512, 0, 0, 0 },
		{ "65536 entries", 65536, 0, 0, 0 },
		{ "4294967295 entries", UINT32_MAX, 0, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		try_place(&places[i]);
}

/* --- Chains */

#define NEXT  VIRTQ_NEXT
#define WRITE VIRTQ_WRITE
#define TABLE VIRTQ_INDIRECT

#define DESC(address, size, flags, next) ((struct virtq_desc){ (u64)(address), size, flags, next })

/* A request that reads a sector, in its three buffers; and with another for the data. */
#define HEADER		      DESC(&disk.header, sizeof(disk.header), NEXT, 1)
#define DATA		      DESC(data, SECTOR, NEXT | WRITE, 2)
#define STATUS		      DESC(&disk.status, 1, WRITE, 0)
#define BUFFER(address, size) DESC(address, size, NEXT | WRITE, 2)

#define IN_TABLE(size) DESC(inner, size, TABLE, 0)

struct chain {
	const char *what;
	u16 head;
	struct virtq_desc desc[3];
};

static const struct chain chains[] = {
	{ "a request", 0, { HEADER, DATA, STATUS } },
	{ "a buffer that is its own next", 0, { DESC(data, 16, NEXT, 0) } },
	{ "a loop", 0, { HEADER, DATA, DESC(data, 1, NEXT | WRITE, 1) } },
	{ "next is the size of the queue", 0, { DESC(data, 16, NEXT, SIZE) } },
	{ "next is 65535", 0, { DESC(data, 16, NEXT, 65535) } },
	{ "a chain begins at 65535", 65535, { HEADER, DATA, STATUS } },
	{ "a buffer across the end of RAM", 0, { HEADER, BUFFER(RAM_END - 256, 512), STATUS } },
	{ "a buffer behind RAM", 0, { HEADER, BUFFER(RAM_END, 512), STATUS } },
	{ "a buffer below RAM", 0, { HEADER, BUFFER(RAM - 512, 512), STATUS } },
	{ "a buffer over a serial port", 0, { HEADER, BUFFER(UART, 512), STATUS } },
	{ "a header in the PLIC", 0, { DESC(PLIC, 16, NEXT, 1), DATA, STATUS } },
	{ "the status below RAM", 0, { HEADER, DATA, DESC(RAM - 1, 1, WRITE, 0) } },
	{ "a buffer across the end of the address space",
	  0,
	  { HEADER, BUFFER(-256UL, 512), STATUS } },
	{ "a buffer of 4 GiB - 1", 0, { HEADER, BUFFER(data, UINT32_MAX), STATUS } },
	{ "a buffer around all RAM", 0, { HEADER, BUFFER(512, UINT32_MAX - 511), STATUS } },
	{ "a buffer of 0 bytes", 0, { HEADER, BUFFER(data, 0), STATUS } },
	{ "readable after writable", 0, { HEADER, DATA, DESC(data, 16, 0, 0) } },
	{ "an indirect table, not negotiated", 0, { IN_TABLE(48) } },
};

struct indirect {
	const char *what;
	struct virtq_desc desc[2], inner[3];
};

static const struct indirect indirects[] = {
	{ "an indirect table", { IN_TABLE(48) }, { HEADER, DATA, STATUS } },
	{ "an indirect table that is writable",
	  { DESC(inner, 48, TABLE | WRITE, 0) },
	  { HEADER, DATA, STATUS } },
	{ "indirect in indirect", { IN_TABLE(48) }, { HEADER, DESC(inner, 48, TABLE, 0) } },
	{ "next after an indirect table",
	  { DESC(inner, 48, TABLE | NEXT, 1), STATUS },
	  { HEADER, DATA, STATUS } },
	{ "an indirect table of 0 bytes", { IN_TABLE(0) }, { HEADER, DATA, STATUS } },
	{ "an indirect table of 47 bytes", { IN_TABLE(47) }, { HEADER, DATA, STATUS } },
	{ "an indirect table of 4 GiB - 16", { IN_TABLE(-16U) }, { HEADER, DATA, STATUS } },
	{ "an indirect table across the end of RAM",
	  { DESC(RAM_END - 16, 48, TABLE, 0) },
	  { HEADER } },
	{ "an indirect table in the PLIC", { DESC(PLIC, 48, TABLE, 0) }, { HEADER } },
	{ "a loop in an indirect table", { IN_TABLE(48) }, { HEADER, DESC(data, 1, NEXT, 0) } },
	{ "next behind an indirect table", { IN_TABLE(48) }, { HEADER, DESC(data, 1, NEXT, 3) } },
};

static void begin_case(u64 features, const struct virtq_desc *desc, unsigned count)
{
	disk_open(&disk, 0, features);
	disk.header = (struct blk_header){ BLK_IN, 0, 0 };
	disk.status = 0xff;
	memcpy(disk.q.desc, desc, count * sizeof(*desc));
}

/* What becomes of the chain that begins there. All of them come to an end. */
static void try_chain(const char *what, u16 head)
{
	virtq_offer(&disk.q, head);
	virtio_notify(&disk.device, 0);
	end_case("chain", what, disk_ending(&disk));
}

/* A request in a table, with that many buffers of `size` bytes for the data. */
static void try_long_chain(const char *what, unsigned count, u64 buffer, u32 size)
{
	const struct virtq_desc first = IN_TABLE((count + 2) * (u32)sizeof(*inner));

	inner[0] = HEADER;
	for (unsigned i = 1; i <= count; i++)
		inner[i] = DESC(buffer, size, NEXT | WRITE, (u16)(i + 1));
	inner[count + 1] = STATUS;
	begin_case(VIRTIO_F_INDIRECT, &first, 1);
	try_chain(what, 0);
}

/* The index of the available ring is further than there is room, or behind where it was. */
static void try_jump(const char *what, u16 steps)
{
	begin_case(0, chains[0].desc, 3);
	disk.q.avail.idx = (u16)(steps - 1);
	try_chain(what, 0);
}

static void try_behind(void)
{
	disk_works();
	disk.q.avail.idx = (u16)-1;
	try_chain("the available index goes back", 0);
}

/* Each is worked on, as often as it is there. */
static void try_twice(void)
{
	struct virtq_used used;

	begin_case(0, chains[0].desc, 3);
	virtq_offer(&disk.q, 0);
	virtq_offer(&disk.q, 0);
	virtio_notify(&disk.device, 0);
	virtq_wait(&disk.q, &used);
	end_case("chain", "the same chain twice", disk_ending(&disk));
}

/*
 * Two queues may lie over each other: each is bounded alone. Here what a source of randomness says
 * of its first chain tells the disk that its own first chain is there.
 */
static void try_queue_over_queue(void)
{
	static struct virtq q;
	struct virtio rng;

	require(virtio_find(VIRTIO_RNG, 0, &rng) && virtio_negotiate(&rng, VIRTIO_F_VERSION_1),
		"randomness");
	begin_case(0, chains[0].desc, 3);
	virtio_place_queue(&rng, 0, 8, (u64)q.desc, (u64)&q.avail, (u64)&disk.q.avail);
	q.size = 8;
	virtio_go(&rng);
	virtq_set(&q, 0, inner, 64, WRITE, 0);
	virtq_offer(&q, 0);
	virtio_notify(&rng, 0);
	while (*(volatile u16 *)&disk.q.avail.idx == 0)
		;
	virtio_notify(&disk.device, 0);
	end_case("queue", "used ring over another device's available ring", disk_ending(&disk));
	virtio_reset(&rng);
}

void attack_descriptors(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(chains); i++) {
		begin_case(0, chains[i].desc, 3);
		try_chain(chains[i].what, chains[i].head);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(indirects); i++) {
		begin_case(VIRTIO_F_INDIRECT, indirects[i].desc, 2);
		memcpy(inner, indirects[i].inner, sizeof(indirects[i].inner));
		try_chain(indirects[i].what, 0);
	}
	try_long_chain("224 sectors, a buffer each", 224, (u64)data, SECTOR);
	try_long_chain("225 sectors, a buffer each", 225, (u64)data, SECTOR);
	try_long_chain("257 buffers", 255, (u64)data, SECTOR);
	try_long_chain("buffers of 4 GiB together", 78, RAM, RAM_END - RAM);
	try_jump("the available index jumps by 65535", 65535);
	try_jump("the available index jumps by one too many", SIZE + 1);
	try_behind();
	try_twice();
	try_queue_over_queue();
}
