/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to the SBI firmware below the hypervisor (OpenSBI). */
#ifndef DOPPEL_FIRMWARE_H
#define DOPPEL_FIRMWARE_H

#include "lib/types.h"

/* What every SBI call returns (SBI 2.0 chapter 3). */
struct sbi_ret {
	long error;
	u64 value;
};

struct sbi_ret firmware_call(u64 extension, u64 function, u64 a0, u64 a1, u64 a2);

/* True when the firmware implements the extension (SBI 2.0 section 4.4). */
bool firmware_has(u64 extension);

/* Starts a hart at entry (physical) in HS-mode with a0 = its id, a1 = opaque (section 9.1). */
struct sbi_ret firmware_hart_start(u64 hartid, hpa_t entry, u64 opaque);

/* Raises a supervisor software interrupt on one hart (section 7.1). */
void firmware_send_ipi(u64 hartid);

/* Programs the supervisor timer interrupt, absolute ticks (section 6.1). */
void firmware_set_timer(u64 deadline);

/* Ends the machine; does not return if the firmware can do it (section 10.1). */
void firmware_shutdown(void);

#endif
