/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a hart: take a vCPU, run it, take the next. */
#ifndef DOPPEL_RUN_H
#define DOPPEL_RUN_H

/* Runs vCPUs on this hart until all VMs are over. */
void run_hart(void) __attribute__((noreturn));

#endif
