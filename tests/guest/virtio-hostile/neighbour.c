/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbour: as long as it is not told that all is over, it reads and writes its disk, sends
 * frames from one of its interfaces to the other, and looks after its RAM. In the end it says what
 * was wrong, and how much it did.
 */
#include "hostile.h"

#define BLOCK	     8U /* sectors: a page */
#define BLOCKS	     (SECTORS / BLOCK)
#define HALF	     (BLOCKS / 2) /* of the disk are written to, the others are not */
#define RAM_WORDS    (MIB(8) / 8)
#define WORDS_A_TURN 8192
#define FRAME_SIZE   1000
#define RESEND	     (50 * MS)

static struct disk own;
static struct nic a, b;
static u32 versions[HALF]; /* how often each block was written */
static u64 data[BLOCK * SECTOR / 8];

static struct {
	u64 reads, writes, frames, words;
	u64 wrong_reads, wrong_frames, wrong_words, failed;
} count;

static u64 own_word(u32 block, u32 version, unsigned word)
{
	return ((u64)version << 32 | block) * 0x9e3779b97f4a7c15UL + word;
}

static bool is_own(u32 block, u32 version)
{
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
		if (data[i] != own_word(block, version, i))
			return false;
	}
	return true;
}

static void write_block(u32 block)
{
	versions[block]++;
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = own_word(block, versions[block], i);
	count.failed += disk_do(&own, BLK_OUT, block * BLOCK, data, sizeof(data)) != 0;
	count.writes++;
}

static void read_block(u32 block)
{
	memset(data, 0, sizeof(data));
	count.failed += disk_do(&own, BLK_IN, block * BLOCK, data, sizeof(data)) != 0;
	count.reads++;
	if (block < HALF && versions[block])
		count.wrong_reads += !is_own(block, versions[block]);
	else
		count.wrong_reads += !disk_is_base(data, block * BLOCK, BLOCK);
}

static void use_disk(u64 *random)
{
	u64 any = random_next(random);

	write_block((u32)(any >> 32) % HALF);
	read_block((u32)any % HALF);
	read_block((u32)any % BLOCKS);
}

/* One turn after the other, a part of it: written, and verified in the next round. */
static void use_ram(void)
{
	static u64 words[RAM_WORDS], at, round;

	for (unsigned i = 0; i < WORDS_A_TURN; i++, at++) {
		count.wrong_words += round && words[at] != (at ^ round) * 0x9e3779b97f4a7c15UL;
		words[at] = (at ^ (round + 1)) * 0x9e3779b97f4a7c15UL;
	}
	count.words += WORDS_A_TURN;
	if (at == RAM_WORDS) {
		at = 0;
		round++;
	}
}

/* Whether the frame comes from where it says, and is one that may be there. */
static bool is_credible(const struct frame *frame, u32 size, u64 number)
{
	u8 hostile[6];

	nic_address(hostile, HOSTILE);
	if (!nic_is_whole(frame, size))
		return false;
	if (memcmp(frame->from, a.mac, sizeof(a.mac)) == 0)
		return frame->kind == OWN && frame->number <= number && size == FRAME_SIZE;
	return memcmp(frame->from, hostile, sizeof(hostile)) == 0 && frame->kind != MARKER &&
	       frame->kind != OWN;
}

/* From a to b; again, if it does not come: the switch may drop what finds no room. */
static void use_switch(void)
{
	static u64 number;
	bool has_come = false;

	number++;
	while (!has_come) {
		u64 start = rdtime();

		count.failed +=
			!nic_send(&a, nic_frame(&a, b.mac, OWN, number, FRAME_SIZE), FRAME_SIZE);
		while (!has_come && rdtime() - start < RESEND) {
			u32 size;
			const struct frame *frame = nic_receive(&b, &size);

			if (!frame)
				continue;
			count.wrong_frames += !is_credible(frame, size, number);
			has_come = frame->kind == OWN && frame->number == number;
		}
	}
	count.frames++;
}

/* Answers what the hostile one sends. True: it says that all is over. */
static bool answer(void)
{
	const struct frame *frame;
	bool is_over = false;
	u32 size;

	while ((frame = nic_receive(&a, &size))) {
		u8 kind = frame->kind, to[6];

		count.wrong_frames += !is_credible(frame, size, 0);
		memcpy(to, frame->from, sizeof(to));
		if (kind == HELLO || kind == FAREWELL)
			nic_send(&a, nic_frame(&a, to, kind, frame->number, 64), 64);
		is_over |= kind == FAREWELL;
	}
	return is_over;
}

void neighbour(void)
{
	u64 random = 0x9e164b;

	check(disk_open(&own, 0, 0), "a disk");
	check(nic_open(&a, 0, 0) && nic_open(&b, 1, 0), "two interfaces");
	do {
		use_disk(&random);
		use_ram();
		use_switch();
	} while (!answer());
	check_equal("blocks that were read", count.wrong_reads, 0);
	check_equal("frames that came", count.wrong_frames, 0);
	check_equal("words of RAM", count.wrong_words, 0);
	check_equal("requests that failed", count.failed, 0);
	print("did: %lu reads, %lu writes, %lu frames, %lu words\n", count.reads, count.writes,
	      count.frames, count.words);
}
