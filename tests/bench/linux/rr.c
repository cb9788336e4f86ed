/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netperf's TCP_RR against a server that returns what it gets: `rr ADDRESS PORT SECONDS`. Prints
 * `rr TRANSACTIONS MICROSECONDS`. Compiled in the guest; the server is in loads.py, because Debian
 * has no netperf for every computer.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
	long long start, length, transactions = 0;
	char byte = 0;

	if (argc != 4 || !inet_aton(argv[1], &to.sin_addr)) {
		fprintf(stderr, "usage: rr ADDRESS PORT SECONDS\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[2]));
	length = atoi(argv[3]) * 1000000LL;
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s, (struct sockaddr *)&to, sizeof(to))) {
		perror("rr: connect");
		return 1;
	}
	for (start = now_us(); now_us() - start < length; transactions++) {
		if (write(s, &byte, 1) != 1 || read(s, &byte, 1) != 1) {
			perror("rr");
			return 1;
		}
	}
	printf("rr %lld %lld\n", transactions, now_us() - start);
	return 0;
}
