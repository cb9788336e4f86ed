/* SPDX-License-Identifier: BSD-2-Clause */
/* The structs of a hart as they are; what tp points to is a variable that the test defines. */
#ifndef DOPPEL_FAKE_HART_H
#define DOPPEL_FAKE_HART_H

/* First, so that the two macros below meet nothing but the header that they are for. */
#include "core/timer.h"
#include "core/trace.h"
#include "platform/qemu-virt/machine.h"

#define register extern
#define __asm__(name)
#include_next "core/hart.h"
#undef register
#undef __asm__

#endif
