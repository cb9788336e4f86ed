/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a VM, as a state machine.
 *
 *   described ──create──► CREATED ──start──► RUNNING ◄──resume── PAUSED
 *       ▲                    │                │  │  ───pause──►    │
 *       │                    │     powered off│  │killed           │ killed
 *       │ destroy            │                ▼  ▼                 │
 *       └────────────────────┴────────────── OFF, KILLED ◄─────────┘
 *                                             │  │
 *                                             └──┴──start──► RUNNING
 *
 * A reboot, and the operator's reset, end in RUNNING. A VM that is only described has no struct vm.
 */
#ifndef DOPPEL_VM_STATE_H
#define DOPPEL_VM_STATE_H

#include "lib/types.h"

enum vm_state {
	VM_CREATED, /* it has its memory; it has never run */
	VM_RUNNING,
	VM_PAUSED,
	VM_OFF,	   /* its guest powered it off, or reported a failure of its own */
	VM_KILLED, /* vm->kill_reason says why */
	VM_STATE_COUNT,
};

enum vm_event {
	VM_EVENT_START,
	VM_EVENT_PAUSE,
	VM_EVENT_RESUME,
	VM_EVENT_RESET, /* by the guest or the operator: from the images again */
	VM_EVENT_POWER_OFF,
	VM_EVENT_KILL,
	VM_EVENT_DESTROY, /* the state that follows is of no account */
	VM_EVENT_COUNT,
};

/* "created", "running", "paused", "off", "killed" */
const char *vm_state_name(enum vm_state state);

/* The state after an event. False: the event has no place in this state, *next is left alone. */
bool vm_state_next(enum vm_state state, enum vm_event event, enum vm_state *next);

/* Whether its guest may still do something: RUNNING, PAUSED. */
bool vm_state_is_alive(enum vm_state state);

#endif
