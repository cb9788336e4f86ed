/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host is told of an exit (drivers/host_trace.h), gathered around its handling. */
#ifndef DOPPEL_OBSERVE_H
#define DOPPEL_OBSERVE_H

#include "core/trace.h"
#include "drivers/host_trace.h"
#include "run/exit.h"

/*
 * Before the exit is handled: what it is. Fetches the instruction, where the handler would do so as
 * well; the CSRs of the trap are as before when this returns. start: the time of the exit, ticks.
 */
void observe_exit(struct trace_event *event, const struct vcpu *vcpu, u64 scause, u64 start);

/* After it: what was loaded, stored or answered. */
void observe_action(struct trace_event *event, const struct vcpu *vcpu, exit_action_t action);

/* When all that belongs to it is done: what came of it, and what it cost. Tells the host. */
void observe_end(struct trace_event *event, const struct trace_ring *ring);

#endif
