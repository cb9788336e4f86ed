/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands for scripts: waiting, and typing on a VM's console. */
#include "dev/console.h"
#include "lib/string.h"
#include "monitor/commands.h"
#include "monitor/line_edit.h"

#define NS_PER_MS 1000000UL
#define POLL_MS	  20
#define NORMAL_MS 60000 /* how long wait waits */
#define SEND_MS	  10000 /* how long send waits for the guest to read */

/* What is waited for; there is only one command at a time. */
static struct {
	struct vm *vm;
	u64 deadline; /* ticks */
	u64 ms;
	char word[LINE_SIZE]; /* a state, or a text */
} waits;

/* Where each VM's output has been searched up to. */
static u64 searched[VMS_MAX];

void command_wait_forget(const struct vm *vm)
{
	searched[vm->id] = 0;
}

static bool is_too_late(void)
{
	return time_now() >= waits.deadline;
}

/* --- wait */

static enum command_result poll_state(void)
{
	const char *state = vm_state_name(waits.vm->state);

	if (strcmp(state, waits.word) == 0)
		return COMMAND_DONE;
	if (!is_too_late())
		return COMMAND_WAITS;
	return command_fail("%s is not %s after %lu s, but %s", waits.vm->name, waits.word,
			    waits.ms / 1000, state);
}

static enum command_result poll_output(void)
{
	if (console_search(&waits.vm->console, waits.word, &searched[waits.vm->id]))
		return COMMAND_DONE;
	if (!is_too_late())
		return COMMAND_WAITS;
	return command_fail("%s has not printed \"%s\" after %lu s; console %s shows what it has",
			    waits.vm->name, waits.word, waits.ms / 1000, waits.vm->name);
}

enum command_result command_wait_for(const struct words *words)
{
	bool is_output = strcmp(words->word[2], "output") == 0;
	unsigned seconds = is_output ? 4 : 3;

	waits.vm = command_vm(words->word[1]);
	if (!waits.vm)
		return COMMAND_FAILED;
	if (!is_output && !command_is_one_of(words->word[2], "running|paused|off|killed"))
		return command_fail("\"%s\" is nothing to wait for; there are running, paused, "
				    "off, killed, and output",
				    words->word[2]);
	if (is_output && (words->count < 4 || !*words->word[3]))
		return command_fail("usage: wait VM output TEXT [SECONDS]");
	if (words->count > seconds + 1)
		return command_fail("usage: wait VM running|paused|off|killed [SECONDS]");
	if (!command_milliseconds(words, seconds, NORMAL_MS, &waits.ms))
		return COMMAND_FAILED;
	waits.deadline = time_now() + time_from_ns(waits.ms * NS_PER_MS);
	snprintf(waits.word, sizeof(waits.word), "%s", words->word[is_output ? 3 : 2]);
	return command_wait(is_output ? poll_output : poll_state, POLL_MS);
}

/* --- sleep */

static enum command_result poll_sleep(void)
{
	return is_too_late() ? COMMAND_DONE : COMMAND_WAITS;
}

enum command_result command_sleep(const struct words *words)
{
	if (!command_milliseconds(words, 1, 0, &waits.ms))
		return COMMAND_FAILED;
	waits.deadline = time_now() + time_from_ns(waits.ms * NS_PER_MS);
	return command_wait(poll_sleep, POLL_MS);
}

/* --- send */

static size_t sent;

/* The guest may be slow to read: what does not fit is typed later. */
static enum command_result poll_send(void)
{
	size_t length = strlen(waits.word);

	sent += console_type(&waits.vm->console, waits.word + sent, length - sent);
	if (sent == length)
		return COMMAND_DONE;
	if (!is_too_late())
		return COMMAND_WAITS;
	return command_fail("%s does not read its console; %lu of %lu bytes were typed",
			    waits.vm->name, sent, length);
}

enum command_result command_send(const struct words *words)
{
	size_t length = 0;

	waits.vm = command_vm(words->word[1]);
	if (!waits.vm)
		return COMMAND_FAILED;
	if (waits.vm->state != VM_RUNNING)
		return command_fail("%s does not run: nobody reads what is typed; start it, or "
				    "resume it",
				    waits.vm->name);
	for (unsigned i = 2; i < words->count; i++)
		length += (size_t)snprintf(waits.word + length, sizeof(waits.word) - length, "%s%s",
					   words->word[i], i + 1 < words->count ? " " : "\r");
	waits.deadline = time_now() + time_from_ns(SEND_MS * NS_PER_MS);
	sent = 0;
	return command_wait(poll_send, POLL_MS);
}
