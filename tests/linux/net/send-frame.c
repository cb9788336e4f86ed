/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send-frame INTERFACE FILE: sends what is in the file as one Ethernet frame, whatever it says of
 * its sender. Freestanding (guest/lib/linux_call.h).
 */
#include "linux_call.h"

#define AF_PACKET    17
#define SOCK_RAW     3
#define SIOCGIFINDEX 0x8933

struct interface_request {
	char name[16];
	int32_t index;
	char rest[20];
};

struct packet_address {
	uint16_t family, protocol;
	int32_t index;
	uint16_t hardware;
	uint8_t type, length, address[8];
};

/* 0, or the number of the step that failed. */
static int send(const char *interface, const char *file)
{
	static struct interface_request request;
	static struct packet_address to;
	static uint8_t frame[2048];
	long fd = call(SYS_openat, AT_FDCWD, (long)file, 0, 0, 0, 0);
	long size = call(SYS_read, fd, (long)frame, sizeof(frame), 0, 0, 0);
	long packet = call(SYS_socket, AF_PACKET, SOCK_RAW, 0, 0, 0, 0);

	if (size <= 0)
		return 1;
	for (unsigned i = 0; i + 1 < sizeof(request.name) && interface[i]; i++)
		request.name[i] = interface[i];
	if (call(SYS_ioctl, packet, SIOCGIFINDEX, (long)&request, 0, 0, 0) < 0)
		return 2;
	to.family = AF_PACKET;
	to.index = request.index;
	return call(SYS_sendto, packet, (long)frame, size, 0, (long)&to, sizeof(to)) == size ? 0
											     : 3;
}

void main(long *stack) __attribute__((noreturn, used));

/* stack: argc, argv[0], ... */
void main(long *stack)
{
	int status = stack[0] == 3 ? send((const char *)stack[2], (const char *)stack[3]) : 4;

	for (;;)
		call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: mv a0, sp\n\ttail main\n");
