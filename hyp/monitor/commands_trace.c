/* SPDX-License-Identifier: BSD-2-Clause */
/* The last exits of a VM, from the rings of all harts, in the order of time. */
#include "core/trace.h"
#include "lib/string.h"
#include "monitor/commands.h"

#define NORMALLY 16
#define MOST	 256

static struct {
	struct trace_record record;
	unsigned hart;
} found[MOST]; /* oldest first */

static unsigned nr_found;

/* Keeps the newest of those that were found, as many as are wanted. */
static void keep(const struct trace_record *record, unsigned hart, unsigned wanted)
{
	unsigned at = nr_found;

	while (at && found[at - 1].record.time > record->time)
		at--;
	if (nr_found == wanted) {
		if (at == 0)
			return;
		memmove(found, found + 1, --at * sizeof(found[0]));
	} else {
		memmove(found + at + 1, found + at, (nr_found - at) * sizeof(found[0]));
		nr_found++;
	}
	found[at].record = *record;
	found[at].hart = hart;
}

/* Not of one that had the same place before. */
static bool is_of(const struct trace_record *record, const struct vm *vm)
{
	return trace_record_vm(record) == vm->id && record->time >= vm->created_at;
}

/* The VM is held, but others go on writing into the ring: what they overwrite is left out. */
static void search(const struct hart *hart, const struct vm *vm, unsigned wanted)
{
	const struct trace_ring *ring = &hart->trace;
	u64 count =
		__atomic_load_n(&ring->position, __ATOMIC_ACQUIRE) / sizeof(struct trace_record);

	for (u64 i = count - MIN(count, (u64)TRACE_RECORDS); ring->memory && i < count; i++) {
		struct trace_record record = ring->memory[i % TRACE_RECORDS];
		u64 now = __atomic_load_n(&ring->position, __ATOMIC_ACQUIRE) / sizeof(record);

		if (now <= i + TRACE_RECORDS - 1 && is_of(&record, vm))
			keep(&record, (unsigned)hart->id, wanted);
	}
}

static enum command_result show(struct vm *vm, unsigned wanted)
{
	char text[TRACE_LINE_SIZE];

	nr_found = 0;
	vm_hold(vm);
	for_each_hart (hart)
		search(hart, vm, wanted);
	vm_release(vm);
	for (unsigned i = 0; i < nr_found; i++) {
		trace_format(&found[i].record, found[i].hart, text);
		command_print("%s\n", text);
	}
	if (!nr_found)
		command_print("no exits of %s are noted any more%s\n", vm->name,
			      vm->trace_is_off ? "; trace on begins to" : "");
	return COMMAND_DONE;
}

/* A vCPU looks at it when it comes to a hart. */
static enum command_result set(struct vm *vm, bool on)
{
	if (on && !harts[0].trace.memory)
		return command_fail("there is no room for traces: start Doppel without --no-trace");
	vm_hold(vm);
	vm->trace_is_off = !on;
	vm_release(vm);
	command_print("%s: exits are %s\n", vm->name, on ? "noted" : "not noted");
	return COMMAND_DONE;
}

enum command_result command_trace(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);
	u64 wanted = NORMALLY;

	if (!vm)
		return COMMAND_FAILED;
	if (!command_is_one_of(words->word[2], "on|off|show"))
		return command_fail("usage: trace VM on|off|show [COUNT]");
	if (strcmp(words->word[2], "show") != 0)
		return set(vm, strcmp(words->word[2], "on") == 0);
	if (words->count > 3 &&
	    (!command_number(words->word[3], &wanted) || !wanted || wanted > MOST))
		return command_fail("\"%s\" is no count; give 1 to %d", words->word[3], MOST);
	return show(vm, (unsigned)wanted);
}
