/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about the life of VMs. */
#include "dev/terminal.h"
#include "lib/string.h"
#include "monitor/commands.h"
#include "run/run.h"
#include "vm/catalog.h"

#define STOP_PATIENCE_NS 10000000000UL

/* Tells the state that the VM is in now. */
static enum command_result show_state(const struct vm *vm, const char *problem)
{
	if (problem)
		return command_fail("%s: %s", vm->name, problem);
	command_print("%s: %s\n", vm->name, vm_state_name(vm->state));
	return COMMAND_DONE;
}

static enum command_result change(const char *name, const char *(*verb)(struct vm *))
{
	struct vm *vm = command_vm(name);

	return vm ? show_state(vm, verb(vm)) : COMMAND_FAILED;
}

enum command_result command_start(const struct words *words)
{
	return change(words->word[1], vm_start);
}

enum command_result command_pause(const struct words *words)
{
	return change(words->word[1], vm_pause);
}

enum command_result command_resume(const struct words *words)
{
	return change(words->word[1], vm_resume);
}

enum command_result command_reset(const struct words *words)
{
	return change(words->word[1], vm_restart);
}

/* --- stop, which the guest may ignore */

static struct {
	u64 deadline; /* ticks; 0: nothing is waited for */
	unsigned boots;
} stops[VMS_MAX];
static struct timer stop_timer;

static void stop_expired(struct timer *timer)
{
	(void)timer;
	run_request_work();
}

enum command_result command_stop(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);
	const char *problem = vm ? vm_stop(vm) : NULL;
	u64 deadline = time_now() + time_from_ns(STOP_PATIENCE_NS);

	if (!vm || problem)
		return vm ? command_fail("%s: %s", vm->name, problem) : COMMAND_FAILED;
	stops[vm->id].deadline = deadline;
	stops[vm->id].boots = vm->nr_boots;
	stop_timer.expired = stop_expired;
	timer_start(&stop_timer, deadline);
	command_print("%s: the power button was pressed\n", vm->name);
	return COMMAND_DONE;
}

void command_check_stops(void)
{
	u64 now = time_now();

	for_each_vm (vm) {
		u64 deadline = stops[vm->id].deadline;

		if (!deadline || deadline > now)
			continue;
		stops[vm->id].deadline = 0;
		if (vm_state_is_alive(vm->state) && vm->nr_boots == stops[vm->id].boots)
			monitor_notice("%s has not powered off in 10 s; kill %s ends it", vm->name,
				       vm->name);
	}
}

enum command_result command_kill(const struct words *words)
{
	return change(words->word[1], vm_end_by_operator);
}

/* --- create, destroy, console */

/* All that is remembered of a VM's place belongs to another one. */
static void forget(const struct vm *vm)
{
	stops[vm->id].deadline = 0;
	command_stats_forget(vm);
	command_wait_forget(vm);
}

enum command_result command_create(const struct words *words)
{
	const char *name = words->word[words->count - 1], *problem;
	static struct vm_description description;
	static char error[VM_ERROR_SIZE];
	struct vm *vm;

	problem = catalog_read(words->word[1], &description, error);
	if (problem)
		return command_fail("%s", problem);
	if (!is_vm_name(name))
		return command_fail("\"%s\" is no name: it is 1 to %d of a-z, 0-9 and -, the first "
				    "not -",
				    name, VM_NAME_SIZE - 1);
	if (vm_find(name))
		return command_fail("%s exists; give another name: create %s NAME", name,
				    words->word[1]);
	problem = vm_create(&description, name, &vm);
	if (problem)
		return command_fail("%s: %s", name, problem);
	forget(vm);
	return show_state(vm, NULL);
}

enum command_result command_destroy(const struct words *words)
{
	const char *name = words->word[1], *problem;
	struct vm *vm = command_vm(name);

	if (!vm)
		return COMMAND_FAILED;
	problem = vm_destroy(vm);
	if (!problem)
		command_wait_gone(vm);
	if (problem)
		return command_fail("%s: %s", name, problem);
	command_print("%s: destroyed\n", name);
	return COMMAND_DONE;
}

enum command_result command_console(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);

	if (!vm)
		return COMMAND_FAILED;
	monitor_leave(&vm->console);
	return COMMAND_DONE;
}
