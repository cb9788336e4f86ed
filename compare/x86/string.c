// SPDX-License-Identifier: BSD-2-Clause
/* What compilers may call in programs without a C library. */
#include "types.h"

void *memcpy(void *to, const void *from, uptr bytes);
void *memset(void *at, int value, uptr bytes);

void *memcpy(void *to, const void *from, uptr bytes)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes)::"memory");
	return start;
}

void *memset(void *at, int value, uptr bytes)
{
	void *start = at;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
	return start;
}
