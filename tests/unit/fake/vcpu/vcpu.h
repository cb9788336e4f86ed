/* SPDX-License-Identifier: BSD-2-Clause */
/* The vCPU as it is, but for the registers that its world switch names: nobody enters it here. */
#ifndef DOPPEL_FAKE_VCPU_H
#define DOPPEL_FAKE_VCPU_H

#include "core/hart.h"
#include "core/timer.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "mem/guest_memory.h"
#include "riscv/csr.h"
#include "stage2/tlb.h"
#include "vcpu/fp.h"
#include "vcpu/mailbox.h"
#include "vcpu/pmu.h"
#include "vcpu/sta.h"
#include "vcpu/stats.h"

#define __asm__(name)
#include_next "vcpu/vcpu.h"
#undef __asm__

#endif
