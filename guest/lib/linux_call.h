/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls of Linux by hand, for programs that any RISC-V compiler builds: without a C library,
 * entered at _start.
 */
#ifndef GUEST_LINUX_CALL_H
#define GUEST_LINUX_CALL_H

#include <stddef.h>
#include <stdint.h>

#define SYS_ioctl	    29
#define SYS_openat	    56
#define SYS_close	    57
#define SYS_pipe2	    59
#define SYS_read	    63
#define SYS_write	    64
#define SYS_exit	    93
#define SYS_exit_group	    94
#define SYS_futex	    98
#define SYS_clock_gettime   113
#define SYS_clock_nanosleep 115
#define SYS_getppid	    173
#define SYS_sysinfo	    179
#define SYS_socket	    198
#define SYS_sendto	    206
#define SYS_munmap	    215
#define SYS_clone	    220
#define SYS_mmap	    222
#define SYS_wait4	    260

#define AT_FDCWD	(-100)
#define CLOCK_MONOTONIC 1
#define PROT_READ_WRITE 3
#define MAP_ANONYMOUS	0x22 /* and private */

/* The result, or minus an error number. */
static inline long call(long n, long a, long b, long c, long d, long e, long f)
{
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;
	register long a7 __asm__("a7") = n;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
			 : "memory");
	return a0;
}

static inline long call4(long n, long a, long b, long c, long d)
{
	return call(n, a, b, c, d, 0, 0);
}

#endif
