/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt vectors that probes use: 0x80 is also the one that Linux leaves to user code. */
#pragma once

#define PROBE_INT_USER	 0x80 /* its gate is for CPL 3 */
#define PROBE_INT_KERNEL 0x21 /* its gate is for CPL 0 */
#define PROBE_INT_EXIT	 0x83 /* how a probe in user mode comes back to the kernel */
