/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a VM, as a state machine. */
#include "vm/vm_state.h"

#define TO(state) ((state) + 1) /* so that 0, what is not named, means: there is no such way */

static const u8 table[VM_STATE_COUNT][VM_EVENT_COUNT] = {
	[VM_CREATED] = { [VM_EVENT_START] = TO(VM_RUNNING), [VM_EVENT_DESTROY] = TO(VM_CREATED) },
	[VM_RUNNING] = { [VM_EVENT_PAUSE] = TO(VM_PAUSED),
			 [VM_EVENT_RESET] = TO(VM_RUNNING),
			 [VM_EVENT_POWER_OFF] = TO(VM_OFF),
			 [VM_EVENT_KILL] = TO(VM_KILLED) },
	/* A vCPU that was about to end its VM when it was paused still may. */
	[VM_PAUSED] = { [VM_EVENT_RESUME] = TO(VM_RUNNING),
			[VM_EVENT_RESET] = TO(VM_RUNNING),
			[VM_EVENT_POWER_OFF] = TO(VM_OFF),
			[VM_EVENT_KILL] = TO(VM_KILLED) },
	[VM_OFF] = { [VM_EVENT_START] = TO(VM_RUNNING), [VM_EVENT_DESTROY] = TO(VM_OFF) },
	[VM_KILLED] = { [VM_EVENT_START] = TO(VM_RUNNING), [VM_EVENT_DESTROY] = TO(VM_KILLED) },
};

const char *vm_state_name(enum vm_state state)
{
	static const char *const names[VM_STATE_COUNT] = {
		[VM_CREATED] = "created", [VM_RUNNING] = "running", [VM_PAUSED] = "paused",
		[VM_OFF] = "off",	  [VM_KILLED] = "killed",
	};

	return state < VM_STATE_COUNT ? names[state] : "?";
}

bool vm_state_next(enum vm_state state, enum vm_event event, enum vm_state *next)
{
	if (state >= VM_STATE_COUNT || event >= VM_EVENT_COUNT || !table[state][event])
		return false;
	*next = (enum vm_state)(table[state][event] - 1);
	return true;
}

bool vm_state_is_alive(enum vm_state state)
{
	return state == VM_RUNNING || state == VM_PAUSED;
}
