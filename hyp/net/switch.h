/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks inside the machine: each is a learning Ethernet switch to which VMs' interfaces, and the
 * real machine's (the uplink), are connected.
 *
 * Locks: switch_send() is called with the sender's device lock held; it takes the switch's lock,
 * and calls deliver() of other ports, which take their receive locks and inside those the lock of
 * their VM.
 */
#ifndef DOPPEL_SWITCH_H
#define DOPPEL_SWITCH_H

#include "lib/list.h"
#include "lib/types.h"
#include "lib/virtio_abi.h"

#define SWITCH_NAME_SIZE 32

struct net_port;

/* A frame on its way: readable pieces of memory that the hypervisor can see (struct iovec like). */
struct net_piece {
	const u8 *data; /* as the hypervisor maps it */
	hpa_t hpa;	/* the same for a real device */
	u32 size;
};

#define NET_MAX_PIECES 64U
#define NET_MAX_FRAME  (65536U + 64U) /* bytes, with large segments (TSO) */
#define NET_MTU_FRAME  1514U

struct net_frame {
	struct virtio_net_header header; /* checked: csum and gso fields are inside the frame */
	struct net_piece pieces[NET_MAX_PIECES];
	unsigned nr_pieces;
	u32 size;
};

enum net_result {
	NET_DONE,  /* delivered, or dropped: the frame's memory is free */
	NET_TAKEN, /* the uplink reads the memory until the port's sent() is called with the cookie
		    */
	NET_NO_ROOM, /* nothing was done; the port's writable() will be called: send it again then
		      */
};

struct net_port_ops {
	/*
	 * Copies the frame into the port's own memory. It takes its receive lock itself. Frames
	 * that it cannot take (features that its guest lacks) never come. False: it has no room.
	 */
	bool (*deliver)(struct net_port *port, const struct net_frame *frame);
	/* The uplink is done with a frame that it had taken. No lock held. */
	void (*sent)(struct net_port *port, u64 cookie);
	/* After NET_NO_ROOM. No lock held, any hart. */
	void (*writable)(struct net_port *port);
};

/* Of an interface; in the device's memory. */
struct net_port {
	struct list link; /* the switch's */
	struct net_switch *net;
	const struct net_port_ops *ops;
	u8 mac[6];	    /* frames that it sends have this source, or are dropped */
	u32 address;	    /* IPv4, host order, that DHCP gives it; 0: DHCP is not for it */
	u32 prefix;	    /* bits of its netmask */
	u32 gateway, dns;   /* 0: none */
	char host_name[32]; /* that DHCP tells it */
	bool is_up;	    /* its driver receives frames; atomic */
	bool takes_csum, takes_tso4, takes_tso6; /* partial checksums, large segments */
	bool is_promiscuous; /* sees all that is flooded; never others' unicast */
	u64 sent, received, bytes_sent, bytes_received, dropped_spoofed, dropped_full,
		dropped_other;
};

/* The switch of that name, made when it is not there; NULL: no memory. */
struct net_switch *switch_get(const char *name);

/* The machine's own interface becomes a port of that switch. Boot, once. */
void switch_set_uplink(struct net_switch *net, unsigned host_net_index);

void switch_attach(struct net_switch *net, struct net_port *port);
/* When it returns no function of the port is called any more. May be called twice. */
void switch_detach(struct net_port *port);

/* Sends a frame of the port. cookie comes back in sent(). */
enum net_result switch_send(struct net_port *port, const struct net_frame *frame, u64 cookie);

/* After a batch of frames: the real device is told. */
void switch_flush(struct net_port *port);

/* The port has room again, after deliver() had none. Receive lock not held. */
void switch_has_room(struct net_port *port);

/* For those who look: calls show for each port, under the switch's lock. */
void switch_for_each(void (*show)(void *ctx, const char *net, const struct net_port *port),
		     void *ctx);

#endif
