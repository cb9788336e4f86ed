/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks inside the machine: each is a learning Ethernet switch to which VMs' interfaces, and the
 * real machine's (the uplink), are connected.
 *
 * Locks: switch_send() is called with the sender's device lock held. It finds the receivers under
 * the switch's lock, and calls them without it; deliver() takes the receiver's receive lock and
 * inside that the lock of its VM. The switch's own locks are leaves: any function but
 * switch_detach() may be called with any lock of a device held.
 */
#ifndef DOPPEL_SWITCH_H
#define DOPPEL_SWITCH_H

#include "core/timer.h"
#include "lib/list.h"
#include "lib/types.h"
#include "lib/virtio_abi.h"

#define SWITCH_NAME_SIZE 32
#define SWITCH_NAT	 "nat" /* the one that has the uplink */

struct net_port;

/* A frame on its way: readable pieces of memory that the hypervisor can see (struct iovec like). */
struct net_piece {
	const u8 *data; /* as the hypervisor maps it */
	hpa_t hpa;	/* the same for a real device */
	u32 size;	/* bytes */
};

#define NET_MAX_PIECES 64U /* a sender uses one less: the switch copies headers, see below */
#define NET_MAX_FRAME  (65536U + 64U) /* bytes, with large segments (TSO) */
#define NET_MTU_FRAME  1514U	      /* bytes, with the Ethernet header, for an MTU of 1500 */
#define NET_VLAN_TAG   4U	      /* bytes that a frame may be longer by */

/*
 * A frame comes to deliver() and to the uplink with its first NET_HEAD bytes copied out of the
 * sender's memory: what the switch has looked at, the guest cannot change any more.
 */
#define NET_HEAD 192U

struct net_frame {
	struct virtio_net_header header; /* checked: csum and gso fields are inside the frame */
	struct net_piece pieces[NET_MAX_PIECES];
	unsigned nr_pieces;
	u32 size; /* bytes, of all pieces together; the header is not among them */
};

enum net_result {
	NET_DONE,    /* delivered, or dropped: the frame's memory is free */
	NET_TAKEN,   /* the uplink reads the memory until sent() is called with the cookie */
	NET_NO_ROOM, /* nothing was done; writable() will be called: send it again then */
};

struct net_port_ops {
	/*
	 * Copies the frame into the port's own memory. It takes its receive lock itself. Frames
	 * that it cannot take (features that its guest lacks) never come. The interrupt can wait
	 * for flush(). False: it has no room; it calls switch_has_room() when it has.
	 */
	bool (*deliver)(struct net_port *port, const struct net_frame *frame);
	/* After deliver(), once or more: interrupts the guest, if it wants that. Locks: the same.
	 */
	void (*flush)(struct net_port *port);
	/* The uplink is done with a frame that it had taken. No lock held. */
	void (*sent)(struct net_port *port, u64 cookie);
	/*
	 * After NET_NO_ROOM. Any hart, and locks of other devices may be held: it only asks for
	 * service (virtio_ask_for_service()), in which the frame is sent again.
	 */
	void (*writable)(struct net_port *port);
};

/* Of an interface; in the device's memory. What the device sets before it attaches comes first. */
struct net_port {
	const struct net_port_ops *ops;
	u8 mac[6];	    /* frames that it sends have this source, or are dropped */
	u32 address;	    /* IPv4, host order, that DHCP gives it; 0: DHCP is not for it */
	u32 prefix;	    /* bits of its netmask */
	u32 gateway, dns;   /* 0: none */
	char host_name[32]; /* that DHCP tells it */

	/* The device changes these at any time. */
	bool is_up;				 /* its driver receives frames; atomic */
	bool takes_csum, takes_tso4, takes_tso6; /* partial checksums, large segments */
	bool is_promiscuous; /* sees all that is flooded; never others' unicast */

	/* Counted by the switch, atomic. */
	u64 sent, received, bytes_sent, bytes_received;
	u64 dropped_spoofed; /* sent with another's source address */
	u64 dropped_full;    /* for it, but it had no room */
	u64 dropped_other;   /* sent to nobody, or malformed */

	/* The switch's, under its lock. */
	struct list link;
	struct net_switch *net;
	u64 key;		  /* mac */
	u32 number;		  /* ports are in the list in this order */
	u32 users;		  /* calls of ops that are on their way; atomic */
	u32 is_touched;		  /* flush() is due; atomic */
	struct list waiters;	  /* ports that wait for room in this one */
	struct list waits;	  /* in the list of the one that this waits for */
	struct list waits_uplink; /* the same, for the uplink; under its lock, as the next three */
	u32 in_uplink;		  /* frames of this port that it has */
	u32 needs;		  /* room for so many frames there, when it waits */
	bool has_waited;	  /* and was told that there is room */
	struct timer impatience;  /* ends the waiting of others */
	u64 full_since;		  /* ticks; 0: it has room, as far as the switch knows; atomic */
	u64 patience;		  /* ticks that others will wait for it; atomic */
	u32 rooms;		  /* switch_has_room() so often; atomic */
};

/*
 * The switch of that name (less than SWITCH_NAME_SIZE characters), made when it is not there; NULL:
 * no memory. One that was made stays.
 */
struct net_switch *switch_get(const char *name);

/* The machine's own interface becomes a port of that switch. Boot, once. */
void switch_set_uplink(struct net_switch *net, unsigned host_net_index);

/*
 * From now on frames come to the port, as soon as it is up. The first group of its fields is set,
 * the rest is cleared memory; it has the address alone on that switch (else: a warning).
 */
void switch_attach(struct net_switch *net, struct net_port *port);

/*
 * When it returns no function of the port is called any more. No lock held; harmless when it is not
 * attached. What the uplink has taken must have come back (sent()): its memory is the port's.
 */
void switch_detach(struct net_port *port);

/*
 * Sends a frame of the port: lock of its device held. cookie comes back in sent(), if the answer is
 * NET_TAKEN. Frames that are malformed, spoofed, or for nobody are dropped and counted: NET_DONE.
 */
enum net_result switch_send(struct net_port *port, const struct net_frame *frame, u64 cookie);

/* After a batch of frames of the port: receivers' flush(), and the real device is told. */
void switch_flush(struct net_port *port);

/* The port has room again, after deliver() had none. Its receive lock is not held. */
void switch_has_room(struct net_port *port);

/* --- For those who look. Copies: while they are shown, no lock is held. */

struct switch_port_info {
	bool is_uplink;
	char name[32]; /* the VM's */
	u8 mac[6];
	u32 address; /* IPv4, host order; 0: none from DHCP */
	bool is_up;
	u64 sent, received, bytes_sent, bytes_received; /* by the port; the uplink, from outside */
	u64 dropped;
};

/* The switch behind that one, or the first (NULL); NULL: there is none. */
struct net_switch *switch_next(const struct net_switch *net);
const char *switch_name(const struct net_switch *net);

/* Goes through its ports, the uplink first: *next begins with 0. False: there are no more. */
bool switch_next_port(struct net_switch *net, u32 *next, struct switch_port_info *info);

/* The same for the addresses that it has learnt: as mac_key(), from behind the uplink. */
bool switch_next_outside(struct net_switch *net, unsigned *next, u64 *key);

#endif
