/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a hart: take a vCPU, run it, take the next. */
#ifndef DOPPEL_RUN_H
#define DOPPEL_RUN_H

#include "lib/types.h"

/* Runs vCPUs on this hart until all VMs are over. */
void run_hart(void) __attribute__((noreturn));

/*
 * Work besides running vCPUs: the monitor's. It is done by the hart that booted, which also has the
 * terminal's interrupt, with no vCPU on it and no lock held; the vCPUs that wait for that hart are
 * taken by others meanwhile. run_set_worker() once, at boot, on that hart.
 *
 * run_request_work() makes the hart call the worker soon; from anywhere, under any lock. A request
 * that comes while the worker runs makes it run again.
 */
void run_set_worker(void (*worker)(void));
void run_request_work(void);

/* Called on any hart, without locks, when the last VM that was alive is over; set at boot. */
void run_set_all_over(void (*all_over)(void));

/* Ends the machine, with its counters shown and the canary checked if that was asked for. */
void run_exit(u16 code) __attribute__((noreturn));

#endif
