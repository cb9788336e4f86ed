/* SPDX-License-Identifier: BSD-2-Clause */
/* Every CSR exists. */
#ifndef DOPPEL_FAKE_PROBE_H
#define DOPPEL_FAKE_PROBE_H

#include "riscv/csr.h"

#define PROBE_CSR_WRITE(csr, value) (csr_write(csr, value), true)

#endif
