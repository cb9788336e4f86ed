/* SPDX-License-Identifier: BSD-2-Clause */
/* Supervisor Binary Interface 2.0: extension ids, function ids, error codes, and the call itself.
 */
#ifndef GUEST_SBI_H
#define GUEST_SBI_H

#include "types.h"

#define SBI_SUCCESS		  0L
#define SBI_ERR_FAILED		  -1L
#define SBI_ERR_NOT_SUPPORTED	  -2L
#define SBI_ERR_INVALID_PARAM	  -3L
#define SBI_ERR_DENIED		  -4L
#define SBI_ERR_INVALID_ADDRESS	  -5L
#define SBI_ERR_ALREADY_AVAILABLE -6L
#define SBI_ERR_ALREADY_STARTED	  -7L
#define SBI_ERR_ALREADY_STOPPED	  -8L
#define SBI_ERR_NO_SHMEM	  -9L

#define SBI_LEGACY_SET_TIMER	      0x0
#define SBI_LEGACY_CONSOLE_PUTCHAR    0x1
#define SBI_LEGACY_CONSOLE_GETCHAR    0x2
#define SBI_LEGACY_CLEAR_IPI	      0x3
#define SBI_LEGACY_SEND_IPI	      0x4
#define SBI_LEGACY_REMOTE_FENCE_I     0x5
#define SBI_LEGACY_REMOTE_SFENCE_VMA  0x6
#define SBI_LEGACY_REMOTE_SFENCE_ASID 0x7
#define SBI_LEGACY_SHUTDOWN	      0x8

#define SBI_EXT_BASE   0x10
#define SBI_EXT_TIME   0x54494d45
#define SBI_EXT_IPI    0x735049
#define SBI_EXT_RFENCE 0x52464e43
#define SBI_EXT_HSM    0x48534d
#define SBI_EXT_SRST   0x53525354
#define SBI_EXT_PMU    0x504d55
#define SBI_EXT_DBCN   0x4442434e
#define SBI_EXT_SUSP   0x53555350
#define SBI_EXT_STA    0x535441

#define SBI_BASE_GET_SPEC_VERSION 0
#define SBI_BASE_GET_IMPL_ID	  1
#define SBI_BASE_GET_IMPL_VERSION 2
#define SBI_BASE_PROBE_EXTENSION  3
#define SBI_BASE_GET_MVENDORID	  4
#define SBI_BASE_GET_MARCHID	  5
#define SBI_BASE_GET_MIMPID	  6

#define SBI_TIME_SET_TIMER 0
#define SBI_IPI_SEND	   0

#define SBI_RFENCE_FENCE_I	   0
#define SBI_RFENCE_SFENCE_VMA	   1
#define SBI_RFENCE_SFENCE_VMA_ASID 2
#define SBI_RFENCE_HFENCE_FIRST	   3
#define SBI_RFENCE_HFENCE_LAST	   6

#define SBI_HSM_START	0
#define SBI_HSM_STOP	1
#define SBI_HSM_STATUS	2
#define SBI_HSM_SUSPEND 3

#define SBI_HSM_STARTED	      0
#define SBI_HSM_STOPPED	      1
#define SBI_HSM_START_PENDING 2
#define SBI_HSM_STOP_PENDING  3
#define SBI_HSM_SUSPENDED     4

#define SBI_HSM_SUSPEND_RETENTIVE     0x0UL
#define SBI_HSM_SUSPEND_NON_RETENTIVE 0x80000000UL

#define SBI_SRST_RESET		0
#define SBI_SRST_SHUTDOWN	0
#define SBI_SRST_COLD_REBOOT	1
#define SBI_SRST_WARM_REBOOT	2
#define SBI_SRST_NO_REASON	0
#define SBI_SRST_SYSTEM_FAILURE 1

#define SBI_DBCN_WRITE	    0
#define SBI_DBCN_READ	    1
#define SBI_DBCN_WRITE_BYTE 2

#define SBI_PMU_NUM_COUNTERS	   0
#define SBI_PMU_COUNTER_INFO	   1
#define SBI_PMU_CONFIG_MATCHING	   2
#define SBI_PMU_COUNTER_START	   3
#define SBI_PMU_COUNTER_STOP	   4
#define SBI_PMU_COUNTER_FW_READ	   5
#define SBI_PMU_COUNTER_FW_READ_HI 6

#define SBI_STA_SET_SHMEM 0

#define SBI_IMPL_OPENSBI 1

struct sbiret {
	long error;
	long value;
};

struct sbiret sbi_call(u64 ext, u64 fid, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4);

static inline struct sbiret sbi_call0(u64 ext, u64 fid)
{
	return sbi_call(ext, fid, 0, 0, 0, 0, 0);
}

static inline struct sbiret sbi_call1(u64 ext, u64 fid, u64 a0)
{
	return sbi_call(ext, fid, a0, 0, 0, 0, 0);
}

static inline struct sbiret sbi_call2(u64 ext, u64 fid, u64 a0, u64 a1)
{
	return sbi_call(ext, fid, a0, a1, 0, 0, 0);
}

static inline struct sbiret sbi_call3(u64 ext, u64 fid, u64 a0, u64 a1, u64 a2)
{
	return sbi_call(ext, fid, a0, a1, a2, 0, 0);
}

static inline struct sbiret sbi_call4(u64 ext, u64 fid, u64 a0, u64 a1, u64 a2, u64 a3)
{
	return sbi_call(ext, fid, a0, a1, a2, a3, 0);
}

/* Whether an extension is there, by SBI_BASE_PROBE_EXTENSION. */
bool sbi_has(u64 ext);

void sbi_set_timer(u64 when);
void sbi_send_ipi(u64 mask, u64 base);

/* Powers off by SRST: reason SBI_SRST_NO_REASON or SBI_SRST_SYSTEM_FAILURE. */
void sbi_shutdown(u64 reason) __attribute__((noreturn));

#endif
