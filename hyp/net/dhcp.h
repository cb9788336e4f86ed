/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DHCP server (RFC 2131, options of RFC 2132) for ports that have an address: each is offered its
 * own, for ever. It remembers nothing: what it answers depends on the port and the request only.
 */
#ifndef DOPPEL_DHCP_H
#define DOPPEL_DHCP_H

#include "net/frame.h"

#define DHCP_MAX_REQUEST 1024U /* bytes of the frame that are looked at */
#define DHCP_MAX_REPLY	 512U  /* bytes of the frame that is the answer */

/*
 * Whether a frame whose first `size` bytes these are is for a DHCP server: UDP over IPv4 to port
 * 67, no fragment.
 */
bool dhcp_is_request(const u8 *head, u32 size);

/*
 * Answers such a frame of a port with an address. size: its bytes, DHCP_MAX_REQUEST of them at
 * most. Returns the size of the reply, a whole frame; 0: none is due, or the request is malformed.
 */
u32 dhcp_answer(const struct net_port *port, const u8 *request, u32 size, u8 reply[DHCP_MAX_REPLY]);

#endif
