/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about who gets how much of the harts. */
#include "lib/string.h"
#include "monitor/commands.h"

enum command_result command_weight(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);
	u64 weight;

	if (!vm)
		return COMMAND_FAILED;
	if (!command_number(words->word[2], &weight) || !weight || weight > SCHED_WEIGHT_MAX)
		return command_fail("\"%s\" is no weight; give 1 to %d, %d being the usual one",
				    words->word[2], SCHED_WEIGHT_MAX, SCHED_WEIGHT_DEFAULT);
	sched_set_weight(&vm->sched, (u32)weight);
	command_print("%s: weight %lu\n", vm->name, weight);
	return COMMAND_DONE;
}

enum command_result command_cap(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);
	u64 cap = SCHED_CAP_NONE;

	if (!vm)
		return COMMAND_FAILED;
	if (strcmp(words->word[2], "off") != 0 &&
	    (!command_number(words->word[2], &cap) || !cap || cap > SCHED_CAP_MAX))
		return command_fail("\"%s\" is no cap; give 1 to %d percent of one hart, or off",
				    words->word[2], SCHED_CAP_MAX);
	sched_set_cap(&vm->sched, (u32)cap);
	if (cap)
		command_print("%s: cap %lu %% of one hart\n", vm->name, cap);
	else
		command_print("%s: no cap\n", vm->name);
	return COMMAND_DONE;
}

/* The bit of a hart, by its id; 0: there is none. */
static u32 hart_bit(u64 id)
{
	for_each_hart (hart) {
		if (hart->id == id && hart->online)
			return (u32)BIT(hart->index);
	}
	return 0;
}

/* Reads "0,2,3", in place, or "any". 0: it has said what is wrong. */
static u32 read_harts(char *word)
{
	u32 bits = 0;

	if (strcmp(word, "any") == 0)
		return UINT32_MAX;
	for (bool is_last = false; !is_last;) {
		char *end = word;
		u64 id;
		u32 bit;

		while (*end && *end != ',')
			end++;
		is_last = !*end;
		*end = '\0';
		bit = command_number(word, &id) ? hart_bit(id) : 0;
		if (!bit) {
			command_fail("\"%s\" is no hart; harts lists them, any is all of them",
				     word);
			return 0;
		}
		bits |= bit;
		word = end + 1;
	}
	return bits;
}

enum command_result command_pin(const struct words *words)
{
	size_t length = strlen(words->word[1]);
	struct vcpu *chosen = command_vcpu(words->word[1]);
	bool is_one = strlen(words->word[1]) < length; /* the dot was cut off */
	u32 bits = chosen ? read_harts(words->word[2]) : 0;

	if (!bits)
		return COMMAND_FAILED;
	for_each_vcpu (vcpu, chosen->vm) {
		if (!is_one || vcpu == chosen)
			sched_set_affinity(vcpu, bits);
	}
	return COMMAND_DONE;
}
