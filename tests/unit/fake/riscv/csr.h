/* SPDX-License-Identifier: BSD-2-Clause */
/* The CSR numbers as they are; accesses go to two functions of the test. */
#ifndef DOPPEL_FAKE_CSR_H
#define DOPPEL_FAKE_CSR_H

#include_next "riscv/csr.h"

#undef csr_read
#undef csr_write
#undef csr_set
#undef csr_clear

u64 fake_csr_read(unsigned csr);
void fake_csr_write(unsigned csr, u64 value);

#define csr_read(csr)	      fake_csr_read(csr)
#define csr_write(csr, value) fake_csr_write(csr, value)
#define csr_set(csr, bits)    fake_csr_write(csr, fake_csr_read(csr) | (bits))
#define csr_clear(csr, bits)  fake_csr_write(csr, fake_csr_read(csr) & ~(u64)(bits))

#endif
