/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands, how a line becomes a call, and the commands about the monitor itself. */
#include "monitor/commands.h"
#include "core/log.h"
#include "lib/string.h"
#include "monitor/line_edit.h"
#include "platform/qemu-virt/machine.h"
#include "vm/catalog.h"

const struct command commands[] = {
	{ "vms", "", "lists the VMs and what they are doing", command_vms },
	{ "info", "VM", "tells all about one VM", command_info },
	{ "start", "VM", "starts a VM that is created, off or killed, from its images",
	  command_start },
	{ "pause", "VM", "stops a VM and its clock, until resume", command_pause },
	{ "resume", "VM", "lets a paused VM go on", command_resume },
	{ "reset", "VM", "starts a VM that runs anew, from its images", command_reset },
	{ "stop", "VM", "presses the power button: the guest may power off", command_stop },
	{ "kill", "VM", "ends a VM at once", command_kill },
	{ "create", "DESCRIPTION [NAME]", "makes a VM that is described, by another name if given",
	  command_create },
	{ "destroy", "VM", "gives back everything that a VM has; it must not run",
	  command_destroy },
	{ "console", "VM", "leaves the monitor for the console of a VM", command_console },
	{ "regs", "VM[.vcpu]", "shows the registers of a vCPU", command_regs },
	{ "mem", "VM[.vcpu] ADDRESS [LENGTH]",
	  "shows memory; v:ADDRESS is virtual, v:sp and the like follow a register", command_mem },
	{ "walk", "VM[.vcpu] ADDRESS [all]", "translates a virtual address through both stages",
	  command_walk },
	{ "stats", "[VM]", "shows what a VM has counted, or the hypervisor", command_stats },
	{ "top", "[COUNT]", "shows the busiest VMs, again each second, until a key is pressed",
	  command_top },
	{ "trace", "VM on|off|show [COUNT]", "notes the exits of a VM, or shows the last of them",
	  command_trace },
	{ "devices", "[VM] [DEVICE]",
	  "shows a VM's virtio devices; without one, the switches between VMs", command_devices },
	{ "balloon", "VM SIZE", "asks the guest to give so much of its memory back, such as 64M",
	  command_balloon },
	{ "weight", "VM NUMBER", "sets a VM's share of the harts, 100 being the usual one",
	  command_weight },
	{ "cap", "VM PERCENT|off", "limits the time of a VM, in percent of one hart", command_cap },
	{ "pin", "VM[.vcpu] HART[,HART...]|any", "chooses the harts that a VM or vCPU may run on",
	  command_pin },
	{ "harts", "", "lists the harts, who runs there, and their idle time", command_harts },
	{ "log", "error|warn|info|debug", "sets how much the hypervisor says", command_log },
	{ "wait", "VM running|paused|off|killed|output [TEXT] [SECONDS]",
	  "waits for a state of a VM, or for text on its console", command_wait_for },
	{ "sleep", "SECONDS", "waits", command_sleep },
	{ "send", "VM TEXT...", "types a text and Enter on the console of a VM", command_send },
	{ "echo", "[TEXT...]", "prints a text", command_echo },
	{ "version", "", "tells what this is and what it runs on", command_version },
	{ "help", "[COMMAND]", "lists the commands, or tells how one is used", command_help },
	{ "quit", "", "ends all VMs and the machine", command_quit },
};

const unsigned nr_commands = ARRAY_SIZE(commands);

const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < nr_commands; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* --- What arguments a command takes */

/* The argument number n, from 0, as written in the table. False: there is none. */
static bool argument(const struct command *command, unsigned n, const char **text, size_t *length)
{
	const char *at = command->arguments;

	for (;; n--) {
		*length = 0;
		while (at[*length] && at[*length] != ' ')
			++*length;
		*text = at;
		if (n == 0 || !*length)
			return *length != 0;
		at += *length + (at[*length] == ' ');
	}
}

/* What ends in dots may be many words. */
static bool is_many(const char *text, size_t length)
{
	while (length && text[length - 1] == ']')
		length--;
	return length > 3 && strncmp(text + length - 3, "...", 3) == 0;
}

static bool fits(const struct command *command, unsigned given)
{
	unsigned needed = 0, most = 0;
	const char *text;
	size_t length;

	for (; argument(command, most, &text, &length); most++) {
		needed += *text != '[';
		if (is_many(text, length))
			return given >= needed;
	}
	return given >= needed && given <= most;
}

/* --- Running a line */

struct command_session *command_session;

bool command_wants_json(void)
{
	return command_session->wants_json;
}

/* The word --json, wherever it is last, is not the command's. */
static void take_json_option(struct words *words)
{
	if (words->count > 1 && strcmp(words->word[words->count - 1], "--json") == 0) {
		command_session->wants_json = true;
		words->count--;
	}
}

static enum command_result usage(const struct command *command)
{
	return command_fail("usage: %s%s%s", command->name, *command->arguments ? " " : "",
			    command->arguments);
}

enum command_result command_run(const char *line)
{
	static char copy[LINE_SIZE];
	static struct words words;
	const struct command *command;
	const char *problem;

	command_session->wrote_json = false;
	snprintf(copy, sizeof(copy), "%s", line);
	problem = command_split(copy, &words);
	if (problem)
		return command_fail("%s", problem);
	if (!words.count)
		return COMMAND_DONE;
	take_json_option(&words);
	command = command_find(words.word[0]);
	if (!command)
		return command_fail("there is no command \"%s\"; help lists them", words.word[0]);
	if (!fits(command, words.count - 1))
		return usage(command);
	return command->function(&words);
}

/* --- Answers */

void command_sink(void *ctx, char c)
{
	(void)ctx;
	command_session->put(c);
}

enum command_result command_wait(enum command_result (*poll)(void), u64 ms)
{
	command_session->poll = poll;
	command_session->poll_interval = ms;
	return poll();
}

void command_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(command_sink, NULL, fmt, args);
	va_end(args);
}

struct json command_json(void)
{
	struct json json;

	command_session->wrote_json = command_session->wants_json;
	json_init(&json, command_sink, NULL);
	return json;
}

enum command_result command_fail(const char *fmt, ...)
{
	static char text[2 * LINE_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (command_session->wants_json) {
		struct json json = command_json();

		json_begin_object(&json, NULL);
		json_string(&json, "error", text);
		json_end_object(&json);
		command_print("\n");
	} else {
		command_print("%s\n", text);
	}
	return COMMAND_FAILED;
}

const char *command_percent(u64 permille, char text[COMMAND_PERCENT_SIZE])
{
	snprintf(text, COMMAND_PERCENT_SIZE, "%lu.%lu", permille / 10, permille % 10);
	return text;
}

/* --- Arguments */

static bool is_described(const char *name)
{
	const char *described;
	int at = FDT_NONE;

	while ((described = catalog_next(&at)) != NULL) {
		if (strcmp(described, name) == 0)
			return true;
	}
	return false;
}

struct vm *command_vm(const char *name)
{
	struct vm *vm = vm_find(name);

	if (!vm && is_described(name))
		command_fail("%s is described, but not created; create %s makes it", name, name);
	else if (!vm)
		command_fail("no VM is called \"%s\"; vms lists them", name);
	return vm;
}

struct vcpu *command_vcpu(char *name_and_vcpu)
{
	struct vm *vm;
	u64 index = 0;

	if (!command_vm_and_vcpu(name_and_vcpu, &index)) {
		command_fail("a vCPU is given by its number, as in %s.0", name_and_vcpu);
		return NULL;
	}
	vm = command_vm(name_and_vcpu);
	if (vm && index >= vm->nr_vcpus) {
		command_fail("%s has no vCPU %lu; the last is %s.%u", vm->name, index, vm->name,
			     vm->nr_vcpus - 1);
		return NULL;
	}
	return vm ? vm->vcpus[index] : NULL;
}

bool command_milliseconds(const struct words *words, unsigned index, u64 normally, u64 *ms)
{
	*ms = normally;
	if (index >= words->count || command_thousandths(words->word[index], ms))
		return true;
	command_fail("\"%s\" is no number of seconds; give one such as 10 or 0.5",
		     words->word[index]);
	return false;
}

/* --- Completion */

/* The candidate number *n of a list is what fits the prefix; counts down. */
static bool is_candidate(const char *name, const char *prefix, unsigned *n, char *word)
{
	if (strncmp(name, prefix, strlen(prefix)) != 0 || (*n)-- != 0)
		return false;
	snprintf(word, LINE_MAX_WORD, "%s", name);
	return true;
}

static bool complete_command(const char *prefix, unsigned n, char *word)
{
	for (unsigned i = 0; i < nr_commands; i++) {
		if (is_candidate(commands[i].name, prefix, &n, word))
			return true;
	}
	return false;
}

static bool complete_vm(const char *prefix, unsigned n, char *word)
{
	for_each_vm (vm) {
		if (is_candidate(vm->name, prefix, &n, word))
			return true;
	}
	return false;
}

static bool complete_description(const char *prefix, unsigned n, char *word)
{
	const char *name;
	int at = FDT_NONE;

	while ((name = catalog_next(&at)) != NULL) {
		if (is_candidate(name, prefix, &n, word))
			return true;
	}
	return false;
}

static bool complete_device(const char *vm_name, const char *prefix, unsigned n, char *word)
{
	const struct vm *vm = vm_find(vm_name);

	for (unsigned i = 0; vm && i < vm->nr_virtio; i++) {
		if (is_candidate(vm->virtio[i]->name, prefix, &n, word))
			return true;
	}
	return false;
}

/* The argument, as the table has it, behind the words. */
static bool complete_argument(const struct words *words, const char *text, size_t length,
			      const char *prefix, unsigned n, char *word)
{
	char alternatives[LINE_SIZE];

	if (*text == '[') {
		text++;
		length -= 2;
	}
	snprintf(alternatives, sizeof(alternatives), "%.*s", (int)length, text);
	if (strncmp(alternatives, "VM", 2) == 0)
		return complete_vm(prefix, n, word);
	if (strcmp(alternatives, "DESCRIPTION") == 0)
		return complete_description(prefix, n, word);
	if (strcmp(alternatives, "COMMAND") == 0)
		return complete_command(prefix, n, word);
	if (strcmp(alternatives, "DEVICE") == 0)
		return complete_device(words->word[1], prefix, n, word);
	return command_alternative(alternatives, prefix, n, word, LINE_MAX_WORD);
}

bool command_complete(void *ctx, const char *line, size_t length, unsigned n, char word[])
{
	char copy[LINE_SIZE];
	const struct command *command;
	const char *prefix, *text;
	struct words words;
	size_t size;

	(void)ctx;
	snprintf(copy, sizeof(copy), "%.*s", (int)length, line);
	if (command_split(copy, &words))
		return false;
	/* Behind a space a new word begins. */
	prefix = length && line[length - 1] != ' ' && words.count ? words.word[--words.count] : "";
	if (!words.count)
		return complete_command(prefix, n, word);
	command = command_find(words.word[0]);
	return command && argument(command, words.count - 1, &text, &size) &&
	       complete_argument(&words, text, size, prefix, n, word);
}

/* --- Commands about the monitor itself */

enum command_result command_help(const struct words *words)
{
	const struct command *command;

	if (words->count == 1) {
		for (unsigned i = 0; i < nr_commands; i++)
			command_print("%-8s  %s\n", commands[i].name, commands[i].help);
		return COMMAND_DONE;
	}
	command = command_find(words->word[1]);
	if (!command)
		return command_fail("there is no command \"%s\"; help lists them", words->word[1]);
	command_print("%s %s\n  %s\n", command->name, command->arguments, command->help);
	return COMMAND_DONE;
}

enum command_result command_log(const struct words *words)
{
	if (!log_set_level(words->word[1]))
		return command_fail("\"%s\" is no level; there are error, warn, info and debug",
				    words->word[1]);
	return COMMAND_DONE;
}

enum command_result command_echo(const struct words *words)
{
	for (unsigned i = 1; i < words->count; i++)
		command_print("%s%s", i > 1 ? " " : "", words->word[i]);
	command_print("\n");
	return COMMAND_DONE;
}

enum command_result command_version(const struct words *words)
{
	(void)words;
	command_print("Doppel on %s, %u harts, %s\n", machine.model, nr_harts, machine.isa);
	command_print("built by a compiler that calls itself %s\n", __VERSION__);
	return COMMAND_DONE;
}

enum command_result command_quit(const struct words *words)
{
	(void)words;
	monitor_end(vms_exit_code());
	return COMMAND_DONE;
}
