/* SPDX-License-Identifier: BSD-2-Clause */
/* The operator's console: commands typed, or read from a script, about the VMs. */
#ifndef DOPPEL_MONITOR_H
#define DOPPEL_MONITOR_H

#include "lib/types.h"

/*
 * The monitor is work of the hart that booted, between two vCPUs: nothing in it waits. A command
 * that has to, for a VM or for the user's terminal, is looked at again when a timer fires.
 *
 *      input(), opened() ──► a ring of bytes, run_request_work()
 *                                      │
 *      timer ──► run_request_work() ──►│
 *                                      ▼
 *      monitor_work(): a line of the script, or bytes typed ──► command ──► console
 */

/* Boot hart, once: creates its console and tells the terminal and the run loop. */
void monitor_init(void);

/*
 * Commands to run when all VMs that start by themselves have been started; the text must stay where
 * it is. If one fails, the machine ends with EXIT_SCRIPT.
 */
void monitor_set_script(const char *text, size_t length);

/* The run loop's handler of deferred work. */
void monitor_work(void);

/*
 * No VM runs or is paused any more: the machine ends, unless the user looks at the monitor or a
 * script goes on. Any hart.
 */
void monitor_vms_over(void);

#endif
