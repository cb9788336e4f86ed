/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's access to a device register is, and what a device answers to it. */
#ifndef DOPPEL_DEV_MMIO_H
#define DOPPEL_DEV_MMIO_H

#include "lib/types.h"

/*
 * One load or store of a guest to a device, decoded and bounded by the MMIO bus:
 * len is 1, 2, 4 or 8, offset is naturally aligned, and offset + len is inside the device's region.
 */
struct mmio_access {
	u32 offset;    /* bytes from the start of the device's region */
	u8 len;	       /* bytes */
	bool is_write; /* store or load */
	u64 value;     /* of a store, or filled in by the device; zero-extended from len bytes */
};

/*
 * Performs one access on a device. False: the device has no such register or not at this width;
 * the guest gets an access fault. Called with the lock of the VM held.
 */
typedef bool mmio_handler(void *device, struct mmio_access *access);

#endif
