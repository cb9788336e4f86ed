/* SPDX-License-Identifier: BSD-2-Clause */
/* A piece of the machine's memory that a device reads or writes. */
#ifndef DOPPEL_HOST_SEGMENT_H
#define DOPPEL_HOST_SEGMENT_H

#include "lib/types.h"

struct host_segment {
	hpa_t start;
	u32 size; /* bytes */
};

#endif
