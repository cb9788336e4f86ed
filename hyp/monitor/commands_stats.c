/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about what VMs and harts are doing: states and rates. */
#include "lib/string.h"
#include "monitor/commands.h"
#include "monitor/rates.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/cause.h"
#include "vcpu/account.h"
#include "vm/catalog.h"

#define SHORTEST_NS 200000000 /* rates over less time than this say little */

/* --- Rates */

static struct rates rates[VMS_MAX];
static struct rates hart_rates[MACHINE_MAX_HARTS];

void command_stats_forget(const struct vm *vm)
{
	rates_reset(&rates[vm->id], vm->created_at);
}

static void count(const struct vm *vm, struct rates_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	for_each_vcpu (vcpu, vm) {
		struct vcpu_times times;

		vcpu_times(vcpu, &times);
		counters->busy += times.guest + times.hypervisor;
		for (unsigned i = 0; i < CAUSE_COUNT; i++)
			counters->exits[i] += (u32)vcpu->stats.exceptions[i];
		for (unsigned i = 0; i < RATES_INTERRUPTS; i++)
			counters->exits[CAUSE_COUNT + i] += (u32)vcpu->stats.interrupts[i];
	}
}

static const struct rates_result *look(struct rates *which, const struct rates_counters *counters)
{
	return rates_look(which, counters, time_now(), time_from_ns(SHORTEST_NS),
			  machine.timebase_hz);
}

static const struct rates_result *look_at_vm(const struct vm *vm)
{
	static const struct rates_result nothing = { .top_cause = RATES_NO_CAUSE };
	static struct rates_counters counters;

	if (!rates[vm->id].time)
		rates_reset(&rates[vm->id], vm->created_at);
	count(vm, &counters);
	look(&rates[vm->id], &counters);
	return vm->state == VM_RUNNING ? &rates[vm->id].result : &nothing;
}

/* How busy a hart is, in thousandths. */
static u64 look_at_hart(const struct hart *hart)
{
	static struct rates_counters counters;
	u64 idle;

	counters.busy = hart_idle_ticks(hart);
	idle = look(&hart_rates[hart->index], &counters)->busy_permille;
	return 1000 - MIN(idle, 1000UL);
}

static const char *top_cause(const struct rates_result *result)
{
	if (result->top_cause == RATES_NO_CAUSE)
		return NULL;
	return result->top_cause < CAUSE_COUNT ? cause_name(result->top_cause, false)
					       : cause_name(result->top_cause - CAUSE_COUNT, true);
}

/* --- vms */

static bool is_created(const char *name)
{
	return vm_find(name) != NULL;
}

/* The descriptions that no VM bears the name of, one by one; NULL: no more. */
static const char *next_described(int *at)
{
	const char *name;

	do {
		name = catalog_next(at);
	} while (name && is_created(name));
	return name;
}

static int name_width(void)
{
	size_t width = strlen("NAME");
	int at = FDT_NONE;
	const char *name;

	for_each_vm (vm)
		width = MAX(width, strlen(vm->name));
	while ((name = next_described(&at)) != NULL)
		width = MAX(width, strlen(name));
	return (int)width;
}

static void print_head(int width)
{
	command_print(" NO  %-*s  %-9s %5s %9s %7s %8s  TOP CAUSE", width, "NAME", "STATE", "VCPUS",
		      "MEMORY", "CPU %", "EXITS/S");
}

static void print_vm(const struct vm *vm, int width)
{
	const struct rates_result *result = look_at_vm(vm);
	char percent[COMMAND_PERCENT_SIZE];

	command_print("%3u  %-*s  %-9s %5u %5lu MiB %7s %8lu  ", vm->id + 1, width, vm->name,
		      vm_state_name(vm->state), vm->nr_vcpus, vm->memory.size >> 20,
		      command_percent(result->busy_permille, percent), result->exits_per_second);
	if (top_cause(result))
		command_print("%s %u %%", top_cause(result), result->top_percent);
	else
		command_print("-");
}

static void print_described(const char *name, int width)
{
	static struct vm_description d;
	static char error[VM_ERROR_SIZE];

	if (!catalog_read(name, &d, error))
		command_print("  -  %-*s  %-9s %5u %5lu MiB\n", width, name, "described",
			      d.nr_vcpus, d.memory_size >> 20);
}

static void json_vm(struct json *json, const struct vm *vm)
{
	const struct rates_result *result = look_at_vm(vm);

	json_begin_object(json, NULL);
	json_number(json, "number", vm->id + 1);
	json_string(json, "name", vm->name);
	json_string(json, "state", vm_state_name(vm->state));
	json_number(json, "vcpus", vm->nr_vcpus);
	json_number(json, "memory", vm->memory.size);
	json_number(json, "cpu_permille", result->busy_permille);
	json_number(json, "exits_per_second", result->exits_per_second);
	json_string(json, "top_cause", top_cause(result));
	json_number(json, "top_cause_percent", result->top_percent);
	json_end_object(json);
}

static void json_described(struct json *json, const char *name)
{
	static struct vm_description d;
	static char error[VM_ERROR_SIZE];

	if (catalog_read(name, &d, error))
		return;
	json_begin_object(json, NULL);
	json_string(json, "name", name);
	json_string(json, "state", "described");
	json_number(json, "vcpus", d.nr_vcpus);
	json_number(json, "memory", d.memory_size);
	json_end_object(json);
}

static enum command_result json_vms(void)
{
	struct json json = command_json();
	int at = FDT_NONE;
	const char *name;

	json_begin_array(&json, NULL);
	for_each_vm (vm)
		json_vm(&json, vm);
	while ((name = next_described(&at)) != NULL)
		json_described(&json, name);
	json_end_array(&json);
	command_print("\n");
	return COMMAND_DONE;
}

enum command_result command_vms(const struct words *words)
{
	int width = name_width();
	int at = FDT_NONE;
	const char *name;

	(void)words;
	if (command_wants_json())
		return json_vms();
	print_head(width);
	command_print("\n");
	for_each_vm (vm) {
		print_vm(vm, width);
		command_print("\n");
	}
	while ((name = next_described(&at)) != NULL)
		print_described(name, width);
	return COMMAND_DONE;
}

/* --- top */

#define TOP_LINES    18
#define TOP_NS	     1000000000
#define TOP_POLL_MS  50
#define HOME	     "\033[H"
#define ERASE_TO_END "\033[K"
#define ERASE_BELOW  "\033[J"
#define ERASE_ALL    "\033[2J"

static u64 top_left; /* how often it is still shown */
static u64 top_next; /* ticks */

/* Places of VMs, the busiest first; returns how many. */
static unsigned sort_busiest(u8 order[TOP_LINES])
{
	unsigned count = 0;

	for_each_vm (vm) {
		u64 busy = look_at_vm(vm)->busy_permille;
		unsigned at = count;

		while (at && rates[order[at - 1]].result.busy_permille < busy)
			at--;
		if (at == TOP_LINES)
			continue;
		memmove(order + at + 1, order + at, MIN(count, TOP_LINES - 1U) - at);
		order[at] = (u8)vm->id;
		count = MIN(count + 1, (unsigned)TOP_LINES);
	}
	return count;
}

static void show_top(const char *end_of_line)
{
	u8 order[TOP_LINES];
	unsigned count = sort_busiest(order);
	char percent[COMMAND_PERCENT_SIZE];
	int width = name_width();
	u64 busy = 0;

	for_each_hart (hart)
		busy += look_at_hart(hart);
	command_print("%u harts, %s %% busy%s", nr_harts, command_percent(busy / nr_harts, percent),
		      end_of_line);
	print_head(width);
	command_print("%s", end_of_line);
	for (unsigned i = 0; i < count; i++) {
		print_vm(vms[order[i]], width);
		command_print("%s", end_of_line);
	}
}

static void refresh_top(void)
{
	if (command_is_in_script()) {
		show_top("\n");
		return;
	}
	command_print(HOME);
	show_top(ERASE_TO_END "\n");
	command_print(ERASE_BELOW "Any key ends this.");
}

static enum command_result poll_top(void)
{
	bool ends = !command_is_in_script() && command_key_was_pressed();

	if (!ends && time_now() >= top_next) {
		top_next = time_now() + time_from_ns(TOP_NS);
		refresh_top();
		ends = --top_left == 0;
	}
	if (ends && !command_is_in_script())
		command_print("\n");
	return ends ? COMMAND_DONE : COMMAND_WAITS;
}

enum command_result command_top(const struct words *words)
{
	top_left = command_is_in_script() ? 1 : UINT64_MAX;
	top_next = 0;
	if (words->count > 1 && (!command_number(words->word[1], &top_left) || !top_left))
		return command_fail("\"%s\" is no number of times; give one such as 10",
				    words->word[1]);
	if (!command_is_in_script())
		command_print(ERASE_ALL);
	return command_wait(poll_top, TOP_POLL_MS);
}

/* --- harts */

enum command_result command_harts(const struct words *words)
{
	(void)words;
	command_print("HART  STATE     BUSY %%  RUNS\n");
	for_each_hart (hart) {
		const struct vcpu *running = __atomic_load_n(&hart->running, __ATOMIC_RELAXED);
		char percent[COMMAND_PERCENT_SIZE];

		command_print("%4lu  %-7s  %7s  ", hart->id, hart->online ? "online" : "offline",
			      command_percent(look_at_hart(hart), percent));
		if (running)
			command_print("%s.%u\n", running->vm->name, running->index);
		else if (hart == this_hart())
			command_print("the monitor\n");
		else
			command_print("-\n");
	}
	return COMMAND_DONE;
}
