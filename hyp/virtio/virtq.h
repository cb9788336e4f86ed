/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue (virtio 1.2 section 2.7). The rings are the guest's, in
 * its RAM, and hostile: every value is bounded where it is read, and is read once.
 *
 *     driver ─► available ring ─virtq_pop()─► chain ─► device ─virtq_push()─► used ring ─► driver
 *
 * All functions are called with the lock that the queue belongs to: its device's, or its
 * receive_lock.
 *
 * RAM that the guest has given back (mem/guest_frames.h) may be absent. A chain is popped when all
 * of its RAM is there; else the queue says what it wants, and stands still until virtio_service()
 * has brought that back, in the VM's own time.
 */
#ifndef DOPPEL_VIRTQ_H
#define DOPPEL_VIRTQ_H

#include "lib/types.h"
#include "lib/virtio_abi.h"
#include "mem/guest_memory.h"

#define VIRTQ_MAX_SIZE	  256U
#define VIRTQ_MAX_BUFFERS 256U /* of one chain, those of an indirect table included */

/* What the driver has set, and how far both sides are: all that a snapshot needs. */
struct virtq_state {
	u64 desc, avail, used; /* guest physical */
	u16 size;	       /* 1 to VIRTQ_MAX_SIZE, a power of two */
	bool is_ready;
	bool has_event_idx, has_indirect; /* negotiated */
	bool wants_no_notify;		  /* as last written to the used ring */
	u16 next_avail;			  /* the next entry of the available ring to look at */
	u16 next_used;			  /* the next entry of the used ring to fill */
	u16 signalled_used; /* next_used when last asked whether the guest wants an interrupt */
};

/*
 * Where a part of the queue is, pinned. It is in one piece of the machine's RAM or in two: the byte
 * at an offset is at `first` + offset below `split`, and at `rest` + offset from there on.
 */
struct virtq_part {
	u64 first, rest;
	u32 split;
};

/* What becomes of a chain whose RAM is absent, if the machine has none left. */
enum virtq_absence {
	VIRTQ_MUST_FAIL, /* it is popped, and what is done with it fails: guest_pin() says 0 */
	VIRTQ_MUST_WAIT, /* others pop: it stays until there is RAM */
	VIRTQ_IGNORES,	 /* nobody touches what is in its buffers: they are never brought back */
};

#define VIRTQ_MAX_WANTED 8U

struct virtq {
	struct virtq_state s;
	struct guest_memory *memory;
	struct virtq_part desc, avail, used;
	u16 seen_avail;	    /* the driver's index when last read */
	u32 in_flight;	    /* chains that were popped and not pushed yet: s.size at most */
	bool is_stopping;   /* the driver takes it back: disabled when nothing is in flight */
	u32 last_readable;  /* bytes of the chain that was popped last */
	const char *broken; /* what the driver did wrong, NULL: nothing; then it stands still */

	/* RAM that is absent; wants_ram() asks for virtio_service(), which has it come back. */
	enum virtq_absence absence;
	void (*wants_ram)(void *owner);
	void (*is_free)(struct virtq *q); /* stopping has ended; may be NULL */
	void *owner;
	u32 wanted[VIRTQ_MAX_WANTED]; /* granules: offsets in guest RAM / RAM_GRANULE */
	unsigned nr_wanted;	      /* not 0: the queue waits */
	unsigned looks_left;	      /* at granules, for the chain that is looked at */
	bool is_short;		      /* during ops->service: the machine has none left */

	u64 chains, bytes, notifications, interrupts; /* counted since creation */
};

/* A piece of guest RAM; it has been checked to be that. */
struct virtq_buffer {
	gpa_t gpa;
	u32 size; /* bytes, not 0 */
};

/* One request of the driver: what the device may read comes first, then what it may write. */
struct virtq_chain {
	u16 head;
	u16 nr_readable, nr_writable;
	u32 readable, writable; /* bytes */
	struct virtq_buffer buffers[VIRTQ_MAX_BUFFERS];
};

/*
 * Takes the queue into use with what is in q->s (addresses, size, features) and pins its rings, as
 * alignment and sizes of 2.7 say.
 * False: not all of it is guest RAM, it is misaligned, or its parts overlap; q->broken says so.
 */
bool virtq_enable(struct virtq *q);

/*
 * Gives it up at once, whatever is in flight; harmless when it is not in use. What the driver has
 * set stays, and so do the counters.
 */
void virtq_disable(struct virtq *q);

/*
 * Gives it up when all chains have been pushed that were popped: until then nothing is popped, and
 * pushing only counts. q->is_stopping says that it is not done yet.
 */
void virtq_stop(struct virtq *q);

/*
 * Fetches the next chain (2.7.5, 2.7.13): 1, 0 when there is none, -1 when the queue is broken;
 * q->broken says how. Each is pushed later, or put back; the driver cannot have more than s.size of
 * them in flight. When it waits for RAM (q->nr_wanted), there is none.
 */
int virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Puts the chain that was popped last back: the device cannot take it now. May be repeated. */
void virtq_unpop(struct virtq *q);

/*
 * Looks at the chains that come next, at most max, without popping any, and says what RAM of theirs
 * is wanted. Returns how many can be popped before one that lacks some. chain: to work with.
 */
unsigned virtq_look_ahead(struct virtq *q, struct virtq_chain *chain, unsigned max);

/* How many chains there are to pop; whether there is one. */
u16 virtq_waiting(struct virtq *q);
bool virtq_has_more(struct virtq *q);

/*
 * Returns a chain to the driver (2.7.8); written: bytes that the device has written into it, from
 * the first writable one on. A queue that is not in use, or broken, is not written to.
 */
void virtq_push(struct virtq *q, u16 head, u32 written);

/*
 * The same in two steps, for chains that are shown to the driver together (mergeable receive
 * buffers): fills the entry that is `ahead` of the next, and then makes so many visible at once.
 */
void virtq_fill(struct virtq *q, u16 ahead, u16 head, u32 written);
void virtq_publish(struct virtq *q, u16 count);

/* Whether the driver wants an interrupt for what was pushed since this was last asked (2.7.7). */
bool virtq_wants_interrupt(struct virtq *q);

/* The same, but what is true stays so: for who wants to interrupt later, and to ask again then. */
bool virtq_will_want_interrupt(struct virtq *q);

/*
 * Asks the driver not to notify, and to notify again (2.7.10). The latter returns true when chains
 * came meanwhile, of which the driver may not have told: look again.
 */
void virtq_disable_notify(struct virtq *q);
bool virtq_enable_notify(struct virtq *q);

/*
 * Copies between a chain's readable, or writable, bytes from `offset` on and a buffer. They return
 * how many bytes were copied: fewer when the chain ends.
 */
u32 virtq_copy_from(struct virtq *q, const struct virtq_chain *chain, u32 offset, void *buf,
		    u32 size);
u32 virtq_copy_to(struct virtq *q, const struct virtq_chain *chain, u32 offset, const void *buf,
		  u32 size);

#endif
