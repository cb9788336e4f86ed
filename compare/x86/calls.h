/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bare kernel and the monitor below it agree on: VMMCALL with a number in EAX. */
#pragma once

/* How the kernel finds out that there is the monitor: CPUID's leaf for monitors. */
#define LEAF_MONITOR   0x40000000
#define MONITOR_NAME_B 0x70706f44 /* "Dopp" */
#define MONITOR_NAME_C 0x782d6c65 /* "el-x" */
#define MONITOR_NAME_D 0x20203638 /* "86  " */

/* Begin and end of what is listed or counted; MARK_PROBE_BEGIN with the instruction's address in
 * ECX. */
enum mark { MARK_PROBE_BEGIN = 1, MARK_PROBE_END, MARK_COUNT_BEGIN, MARK_COUNT_END };

#define CALL_NULL    0
#define CALL_UNKNOWN 0xffffffff /* also what is returned for it */
