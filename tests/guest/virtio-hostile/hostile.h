/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile driver, and its neighbour: what their parts share. main.c says what they do. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "console.h"
#include "string.h"
#include "virtio.h"

#define RAM	0x80000000UL
#define RAM_END 0x84000000UL /* 64 MiB: tests/vms/hostile.t */

#define UART 0x10000000UL
#define PLIC 0x0c000000UL

#define MS	10000UL /* ticks of the clock */
#define MIB(n)	((u64)(n) << 20)
#define GRANULE MIB(2) /* what RAM comes and goes in */

/* How a case ended, as docs/virtio.md calls it, and tests/guest/virtio-hostile/expect says. */
#define NEEDS_RESET "needs reset"
#define IGNORED	    "ignored"
#define DONE	    "done"
#define IO_ERROR    "I/O error"
#define NOT_SET	    "does not stick"
#define UNSUPPORTED "unsupported"

/* Prints BAD if that is not so: without it nothing can be tested. */
void require(bool good, const char *what);

/* Prints the line of one case. */
void outcome(const char *device, const char *what, const char *how);

/* --- disk.c: both VMs' disks have the same base, which is full of a pattern */

#define SECTOR	512U
#define SECTORS 16384U /* 8 MiB */

#define DISK_QUEUE_SIZE 32

#define BLK_IN		 0U
#define BLK_OUT		 1U
#define BLK_GET_ID	 8U
#define BLK_DISCARD	 11U
#define BLK_WRITE_ZEROES 13U

struct blk_header {
	u32 type, reserved;
	u64 sector;
};

struct disk {
	struct virtio device;
	struct virtq q;
	struct blk_header header;
	volatile u8 status;
};

extern struct disk disk;

/* The number-th disk, ready. Features beyond VERSION_1. False: no such disk, or not with those. */
bool disk_open(struct disk *d, unsigned number, u64 features);

/* One request; the status, or 0xff if nothing came back. */
u8 disk_do(struct disk *d, u32 type, u64 sector, volatile void *data, u32 size);

/*
 * What became of a request that the device was told of: NEEDS_RESET, DONE, IO_ERROR or UNSUPPORTED;
 * waits for it.
 */
const char *disk_ending(struct disk *d);

/* The word at a place of the pattern. */
u64 disk_pattern(u64 sector, unsigned word);

/* Whether those sectors of the base are what is at `data`. */
bool disk_is_base(const volatile u64 *data, u64 sector, u32 sectors);

/* Whether the hostile VM's first disk, opened anew, reads what it should. */
bool disk_works(void);

/*
 * Eight requests at once, for 2 MiB of the base each, into a granule each of LOAD; does not wait.
 * The disk is opened before.
 */
#define LOAD	  0x81000000UL
#define LOAD_SIZE MIB(16)
#define LOAD_ALL  0xffU
void disk_load(struct disk *d);

/* Takes what is done; a bit for each request, added to `done`. */
u32 disk_take_load(struct disk *d, u32 done);

/* Whether the data of a request is there. */
bool disk_load_is_right(unsigned request);

/* --- nic.c */

#define NIC_BUFFERS 32
#define NIC_BUFFER  2048
#define NIC_HEADER  12 /* struct virtio_net_hdr, which is in front of each frame */

#define ETHERTYPE 0xb588 /* 0x88b5 in the order of the wire: for experiments (IEEE 802) */

enum { HELLO = 1, FAREWELL, MARKER, ATTACK, OWN };

struct frame {
	u8 to[6], from[6];
	u16 type;
	u8 kind, unused;
	u64 number;
	u8 fill[];
} __attribute__((packed));

struct nic {
	struct virtio device;
	struct virtq rx, tx;
	u8 mac[6];
	bool is_held; /* a buffer that nic_receive() has shown */
	u16 held;
	u8 received[NIC_BUFFERS][NIC_BUFFER] __attribute__((aligned(16)));
	u8 sent[NIC_BUFFER] __attribute__((aligned(16)));
};

/* Addresses, by tests/vms/hostile.t: 52:54:00:00:00:xx. */
enum { HOSTILE = 1, WATCH = 2, NEIGHBOUR_A = 0xa, NEIGHBOUR_B = 0xb };
void nic_address(u8 mac[6], u8 last);

bool nic_open(struct nic *nic, unsigned number, u64 features);

/* A frame with an empty header, and all its bytes; waits until the device is done with it. */
bool nic_send(struct nic *nic, const struct frame *frame, u32 size);

/* Puts a frame together, of `size` bytes with what is before `fill`, which follows from `number`.
 */
struct frame *nic_frame(struct nic *nic, const u8 to[6], u8 kind, u64 number, u32 size);

/* The next frame that came in, and its size. It is good until the next call. NULL: there is none.
 */
const struct frame *nic_receive(struct nic *nic, u32 *size);

/* Whether that is what nic_frame() had made. */
bool nic_is_whole(const struct frame *frame, u32 size);

/* --- The balloon */

#define BALLOON_INFLATE	    0U
#define BALLOON_DEFLATE	    1U
#define BALLOON_REPORTING   4U
#define BALLOON_F_REPORTING BIT(5)

/* --- The attacks, and the neighbour */

void attack_queues(void);			     /* queues.c */
void attack_descriptors(void);			     /* queues.c */
void attack_status(void);			     /* status.c */
void attack_registers(void);			     /* status.c */
void attack_under_load(void);			     /* load.c */
void attack_by_reboot(void);			     /* load.c: at the very beginning */
void attack_disk(void);				     /* requests.c */
void attack_net(struct nic *nic, struct nic *watch); /* frames.c */
void attack_console(void);			     /* others.c */
void attack_rng(void);				     /* others.c */
void attack_balloon(void);
void attack_from_two_harts(struct nic *nic); /* race.c */ /* others.c */
void neighbour(void);					  /* neighbour.c */

#endif
