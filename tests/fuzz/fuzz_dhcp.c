/* SPDX-License-Identifier: BSD-2-Clause */
/* The DHCP server. An input is what the port has (4 bytes), and a frame that it sends. */
#include "harness.h"
#include "net/dhcp.h"

#include <stdlib.h>
#include <string.h>

#define NR_BEFORE 4

static const u8 mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

/* It goes to the port or to all, from the server, and says nothing but what the port has. */
static void check_reply(const struct net_port *port, const u8 *reply, u32 size)
{
	u8 sum[2];

	fuzz_check(size >= 14 + 20 + 8 + 300 && size <= DHCP_MAX_REPLY, "size of a reply");
	fuzz_check(memcmp(reply, mac, 6) == 0 || memcmp(reply, "\xff\xff\xff\xff\xff\xff", 6) == 0,
		   "who gets it");
	fuzz_check(memcmp(reply + 6, mac, 6) != 0, "who sends it");
	put_be16(sum, checksum(reply + 14, 20));
	fuzz_check(sum[0] == 0xff && sum[1] == 0xff, "checksum of the header");
	fuzz_check(!get_be32(reply + 58) || get_be32(reply + 58) == port->address, "address");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct net_port port = { .address = 0x0a00020f };
	u8 *reply, *request;
	u32 reply_size;

	if (size < NR_BEFORE)
		return 0;
	memcpy(port.mac, mac, sizeof(mac));
	port.prefix = data[0];
	port.gateway = data[1] & 1 ? 0x0a000202 : 0;
	port.dns = data[1] & 2 ? 0x0a000203 : 0;
	memset(port.host_name, 'x', MIN(data[2], sizeof(port.host_name)));
	size = MIN(size - NR_BEFORE, DHCP_MAX_REQUEST);
	request = malloc(size);
	memcpy(request, data + NR_BEFORE, size);
	reply = malloc(DHCP_MAX_REPLY);
	reply_size = dhcp_answer(&port, request, (u32)size, reply);
	if (reply_size)
		check_reply(&port, reply, reply_size);
	free(reply);
	free(request);
	return 0;
}
