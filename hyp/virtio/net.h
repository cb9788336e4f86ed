/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's network interface (virtio 1.2 section 5.1), on a switch. */
#ifndef DOPPEL_VIRTIO_NET_H
#define DOPPEL_VIRTIO_NET_H

#include "virtio/device.h"

struct virtio_net_setup {
	const char *switch_name; /* made when it is not there */
	u8 mac[6];
	/* For DHCP: IPv4, host order; 0: none. prefix: bits of the network. */
	u32 address, prefix, gateway, dns;
	const char *host_name; /* for DHCP */
	u64 rate_bytes;	       /* a second, each way; 0: no limit */
};

/* NULL, or a sentence for the user: there is no memory. The monitor's hart. */
const char *virtio_net_create(const struct virtio_net_setup *setup, struct virtio_device **device);

#endif
