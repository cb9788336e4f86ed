/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that tell all about one VM: what it is made of, what it has counted. */
#include "monitor/commands.h"
#include "run/stats.h"
#include "vcpu/account.h"

static void print_seconds(const char *what, u64 ticks)
{
	u64 ms = time_to_ns(ticks) / 1000000;

	command_print("%s %lu.%03lu s", what, ms / 1000, ms % 1000);
}

static const char *vcpu_state_name(const struct vcpu *vcpu)
{
	static const char *const names[] = { [VCPU_OFF] = "off",
					     [VCPU_RUNNABLE] = "waits for a hart",
					     [VCPU_RUNNING] = "runs",
					     [VCPU_BLOCKED] = "waits for an interrupt",
					     [VCPU_HELD] = "held" };

	return vcpu->state < ARRAY_SIZE(names) ? names[vcpu->state] : "?";
}

/* The harts that it may run on, by their ids, if not all. */
static void print_affinity(const struct vcpu *vcpu)
{
	u32 all = (u32)(BIT(nr_harts) - 1);
	const char *separator = "; pinned to ";

	for_each_hart (hart) {
		if ((vcpu->affinity & all) == all || !(vcpu->affinity >> hart->index & 1))
			continue;
		command_print("%s%lu", separator, hart->id);
		separator = ",";
	}
	command_print("\n");
}

static void print_vcpu(const struct vcpu *vcpu)
{
	const struct hart *hart = __atomic_load_n(&vcpu->hart, __ATOMIC_RELAXED);
	struct vcpu_times times;

	vcpu_times(vcpu, &times);
	command_print("  vcpu %u    %s", vcpu->index, vcpu_state_name(vcpu));
	if (hart)
		command_print(" on hart %lu", hart->id);
	print_affinity(vcpu);
	command_print("            ");
	print_seconds("guest", times.guest);
	print_seconds(", hypervisor", times.hypervisor);
	print_seconds(", stolen", times.stolen);
	print_seconds(", idle", times.idle);
	command_print("\n");
}

static void print_memory(const struct vm *vm)
{
	command_print("  memory    %lu MiB at 0x%lx\n", vm->memory.size >> 20, vm->memory.start.v);
	for (unsigned i = 0; i < vm->memory.nr_pieces; i++)
		command_print("            %lu MiB of the machine's at 0x%lx\n",
			      vm->memory.pieces[i].size >> 20, vm->memory.pieces[i].start.v);
}

static void print_info(const struct vm *vm)
{
	const struct vm_description *d = &vm->description;

	command_print("%s: %s%s%s\n", vm->name, vm_state_name(vm->state),
		      vm->state == VM_KILLED ? ": " : "",
		      vm->state == VM_KILLED ? vm->kill_reason : "");
	command_print("  number    %u, described as %s, %u %s until now\n", vm->id + 1, d->name,
		      vm->nr_boots, vm->nr_boots == 1 ? "boot" : "boots");
	print_memory(vm);
	command_print("  kernel    %lu bytes, initrd %lu bytes\n", d->kernel.size, d->initrd.size);
	command_print("  bootargs  %s\n  devices  ", *d->bootargs ? d->bootargs : "none");
	for (unsigned i = 0; i < vm->bus.nr_regions; i++)
		command_print(" %s", vm->bus.regions[i].name);
	command_print("\n  weight    %u, cap ", vm->sched.group.weight);
	if (vm->sched.group.cap == SCHED_CAP_NONE)
		command_print("none\n");
	else
		command_print("%u %% of one hart\n", vm->sched.group.cap);
	for_each_vcpu (vcpu, vm)
		print_vcpu(vcpu);
}

static void json_time(struct json *json, const char *key, u64 ticks)
{
	json_number(json, key, time_to_ns(ticks) / 1000);
}

static void json_vcpu(struct json *json, const struct vcpu *vcpu)
{
	const struct hart *hart = __atomic_load_n(&vcpu->hart, __ATOMIC_RELAXED);
	struct vcpu_times times;

	vcpu_times(vcpu, &times);
	json_begin_object(json, NULL);
	json_string(json, "state", vcpu_state_name(vcpu));
	if (hart)
		json_number(json, "hart", hart->id);
	json_begin_array(json, "harts");
	for_each_hart (other) {
		if (vcpu->affinity >> other->index & 1)
			json_number(json, NULL, other->id);
	}
	json_end_array(json);
	json_time(json, "guest_us", times.guest);
	json_time(json, "hypervisor_us", times.hypervisor);
	json_time(json, "stolen_us", times.stolen);
	json_time(json, "idle_us", times.idle);
	json_end_object(json);
}

static void json_devices(struct json *json, const struct vm *vm)
{
	json_begin_array(json, "devices");
	for (unsigned i = 0; i < vm->bus.nr_regions; i++)
		json_string(json, NULL, vm->bus.regions[i].name);
	json_end_array(json);
}

static void json_info(const struct vm *vm)
{
	struct json json = command_json();

	json_begin_object(&json, NULL);
	json_string(&json, "name", vm->name);
	json_string(&json, "state", vm_state_name(vm->state));
	json_string(&json, "kill_reason", vm->state == VM_KILLED ? vm->kill_reason : NULL);
	json_string(&json, "description", vm->description.name);
	json_number(&json, "boots", vm->nr_boots);
	json_number(&json, "memory", vm->memory.size);
	json_number(&json, "kernel", vm->description.kernel.size);
	json_number(&json, "initrd", vm->description.initrd.size);
	json_string(&json, "bootargs", vm->description.bootargs);
	json_devices(&json, vm);
	json_number(&json, "weight", vm->sched.group.weight);
	json_number(&json, "cap", vm->sched.group.cap);
	json_begin_array(&json, "vcpus");
	for_each_vcpu (vcpu, vm)
		json_vcpu(&json, vcpu);
	json_end_array(&json);
	json_end_object(&json);
	command_print("\n");
}

enum command_result command_info(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);

	if (!vm)
		return COMMAND_FAILED;
	if (command_wants_json())
		json_info(vm);
	else
		print_info(vm);
	return COMMAND_DONE;
}

/* --- stats */

static void print_counter(void *ctx, const char *name, u64 value)
{
	(void)ctx;
	command_print("%s %lu\n", name, value);
}

static void json_counter(void *ctx, const char *name, u64 value)
{
	json_number(ctx, name, value);
}

/* Of the hypervisor itself without a VM. */
static void visit(const struct vm *vm, stats_sink *sink, void *ctx)
{
	if (vm)
		stats_vm(vm, sink, ctx);
	else
		stats_hypervisor(sink, ctx);
}

enum command_result command_stats(const struct words *words)
{
	struct vm *vm = words->count > 1 ? command_vm(words->word[1]) : NULL;
	struct json json = command_json();

	if (words->count > 1 && !vm)
		return COMMAND_FAILED;
	if (!command_wants_json()) {
		visit(vm, print_counter, NULL);
		return COMMAND_DONE;
	}
	json_begin_object(&json, NULL);
	json_string(&json, "name", vm ? vm->name : "doppel");
	visit(vm, json_counter, &json);
	json_end_object(&json);
	command_print("\n");
	return COMMAND_DONE;
}
