/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a network interface: what net.c, net_send.c and net_receive.c have in common. */
#ifndef DOPPEL_NET_DEVICE_H
#define DOPPEL_NET_DEVICE_H

#include "core/rate_limit.h"
#include "core/timer.h"
#include "net/switch.h"
#include "virtio/device.h"
#include "virtio/net_filter.h"

enum { NET_RX, NET_TX, NET_CTRL, NET_QUEUES };

#define NET_MAX_IN_FLIGHT 32U /* frames that the uplink has */
#define NET_ALL_FREE	  (BIT(NET_MAX_IN_FLIGHT) - 1)

/* A frame that the uplink reads: the chain that it came in, and its pieces of guest RAM. */
struct net_in_flight {
	u16 head;
	u16 nr_pins;
	struct virtq_buffer pins[NET_MAX_PIECES - 1];
};

struct net_device {
	struct virtio_device device;
	struct net_port port;
	struct virtio_net_config config;

	/* Under the device's lock. */
	struct virtq_chain chain; /* being sent, or a command */
	struct net_frame frame;	  /* being sent */
	struct net_in_flight in_flight[NET_MAX_IN_FLIGHT];
	u64 free;	 /* bits: of in_flight[] */
	bool is_waiting; /* nothing is sent until ops->service */
	struct rate_limit send_limit;
	struct timer send_timer; /* ends the wait for send_limit */
	struct timer tell_timer; /* the driver hears of what was sent */
	bool is_telling;	 /* it is started */
	u64 nr_refused;		 /* frames with which something was wrong */

	/* Under receive_lock, which is taken inside the device's. */
	struct spinlock receive_lock;
	bool is_full;	   /* a frame found no room */
	bool must_look;	   /* for RAM that buffers lack: in ops->service */
	unsigned nr_ready; /* if RAM can leave: chains from the next on that lack none */
	struct net_filter filter;
	struct virtq_chain first, next; /* being filled */
	struct rate_limit receive_limit;
	u64 nr_received, bytes_received;
	u64 nr_unwanted, nr_over_rate; /* dropped */
};

_Static_assert(NET_MAX_IN_FLIGHT < 64, "bits of a u64");

static inline struct net_device *net_of_port(struct net_port *port)
{
	return container_of(port, struct net_device, port);
}

/* --- net_send.c. Lock of the device held. */

/* Sends what is in the transmit queue, or a good part of it: then the rest in ops->service. */
void net_send(struct net_device *net);

/* Pops the next chain of the transmit or the control queue; false: none. */
bool net_pop(struct net_device *net, struct virtq *q);

/*
 * Frames sent so far, modulo 2^16, as the driver sees it; and: it has been told of so many, by an
 * interrupt that was raised for something else. No lock held.
 */
u16 net_count_sent(struct net_device *net);
void net_told(struct net_device *net, u16 sent);

/* Functions of the port: no lock held. */
void net_sent(struct net_port *port, u64 cookie);
void net_writable(struct net_port *port);

/* Of the timers: no lock held. */
void net_send_again(struct timer *timer);
void net_tell(struct timer *timer);

/* --- net_receive.c: functions of the port, on any hart, without this device's lock */

bool net_deliver(struct net_port *port, const struct net_frame *frame);
void net_flush(struct net_port *port);

/* There are buffers in the receive queue, or RAM for them. Lock of the device held. */
void net_look_for_room(struct net_device *net);

#endif
