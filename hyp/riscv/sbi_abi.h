/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of the Supervisor Binary Interface, version 2.0. Doppel speaks both sides of it: it calls
 * the firmware below and answers the guest above.
 */
#ifndef DOPPEL_SBI_ABI_H
#define DOPPEL_SBI_ABI_H

/* Error codes (chapter 3, table 1) */
#define SBI_SUCCESS		  0
#define SBI_ERR_FAILED		  (-1)
#define SBI_ERR_NOT_SUPPORTED	  (-2)
#define SBI_ERR_INVALID_PARAM	  (-3)
#define SBI_ERR_DENIED		  (-4)
#define SBI_ERR_INVALID_ADDRESS	  (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)
#define SBI_ERR_ALREADY_STARTED	  (-7)
#define SBI_ERR_ALREADY_STOPPED	  (-8)
#define SBI_ERR_NO_SHMEM	  (-9)

#define SBI_SPEC_VERSION_2_0 (2UL << 24) /* major in bits 30:24, minor in 23:0 (chapter 4) */

/* Extension identifiers */
#define SBI_EXT_BASE   0x10
#define SBI_EXT_TIME   0x54494d45
#define SBI_EXT_IPI    0x735049
#define SBI_EXT_RFENCE 0x52464e43
#define SBI_EXT_HSM    0x48534d
#define SBI_EXT_SRST   0x53525354
#define SBI_EXT_PMU    0x504d55
#define SBI_EXT_DBCN   0x4442434e
#define SBI_EXT_STA    0x535441

/* Base (chapter 4) */
#define SBI_BASE_GET_SPEC_VERSION 0
#define SBI_BASE_GET_IMPL_ID	  1
#define SBI_BASE_GET_IMPL_VERSION 2
#define SBI_BASE_PROBE_EXTENSION  3
#define SBI_BASE_GET_MVENDORID	  4
#define SBI_BASE_GET_MARCHID	  5
#define SBI_BASE_GET_MIMPID	  6

/* Legacy (chapter 5): the extension is the function */
#define SBI_LEGACY_SET_TIMER		  0
#define SBI_LEGACY_CONSOLE_PUTCHAR	  1
#define SBI_LEGACY_CONSOLE_GETCHAR	  2
#define SBI_LEGACY_CLEAR_IPI		  3
#define SBI_LEGACY_SEND_IPI		  4
#define SBI_LEGACY_REMOTE_FENCE_I	  5
#define SBI_LEGACY_REMOTE_SFENCE_VMA	  6
#define SBI_LEGACY_REMOTE_SFENCE_VMA_ASID 7
#define SBI_LEGACY_SHUTDOWN		  8

/* Timer, IPI (chapters 6 and 7) */
#define SBI_TIME_SET_TIMER 0
#define SBI_IPI_SEND_IPI   0

/* RFENCE (chapter 8) */
#define SBI_RFENCE_FENCE_I	    0
#define SBI_RFENCE_SFENCE_VMA	    1
#define SBI_RFENCE_SFENCE_VMA_ASID  2
#define SBI_RFENCE_HFENCE_GVMA_VMID 3
#define SBI_RFENCE_HFENCE_GVMA	    4
#define SBI_RFENCE_HFENCE_VVMA_ASID 5
#define SBI_RFENCE_HFENCE_VVMA	    6

/* Hart state management (chapter 9) */
#define SBI_HSM_HART_START	      0
#define SBI_HSM_HART_STOP	      1
#define SBI_HSM_HART_GET_STATUS	      2
#define SBI_HSM_HART_SUSPEND	      3
#define SBI_HSM_STARTED		      0
#define SBI_HSM_STOPPED		      1
#define SBI_HSM_START_PENDING	      2
#define SBI_HSM_STOP_PENDING	      3
#define SBI_HSM_SUSPENDED	      4
#define SBI_HSM_SUSPEND_RETENTIVE     0x00000000
#define SBI_HSM_SUSPEND_NON_RETENTIVE 0x80000000

/* System reset (chapter 10) */
#define SBI_SRST_RESET		       0
#define SBI_SRST_SHUTDOWN	       0
#define SBI_SRST_COLD_REBOOT	       1
#define SBI_SRST_WARM_REBOOT	       2
#define SBI_SRST_REASON_NONE	       0
#define SBI_SRST_REASON_SYSTEM_FAILURE 1

/* Performance monitoring unit (chapter 11) */
#define SBI_PMU_NUM_COUNTERS		0
#define SBI_PMU_COUNTER_GET_INFO	1
#define SBI_PMU_COUNTER_CONFIG_MATCHING 2
#define SBI_PMU_COUNTER_START		3
#define SBI_PMU_COUNTER_STOP		4
#define SBI_PMU_COUNTER_FW_READ		5
#define SBI_PMU_COUNTER_FW_READ_HI	6
#define SBI_PMU_SNAPSHOT_SET_SHMEM	7

/* Debug console (chapter 12) */
#define SBI_DBCN_WRITE	    0
#define SBI_DBCN_READ	    1
#define SBI_DBCN_WRITE_BYTE 2

/* Steal-time accounting (chapter 16) */
#define SBI_STA_SET_SHMEM 0

#endif
