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

/* What is waited for, by each session. */
static struct wait {
	struct vm *vm;
	u64 deadline; /* ticks */
	u64 ms;
	char word[LINE_SIZE]; /* a state, or a text */
	size_t sent;	      /* bytes of a text */
} waits_of[COMMAND_SESSIONS];

static struct wait *my_wait(void)
{
	return &waits_of[command_session->number];
}

/* Where each VM's output has been searched up to. */
static u64 searched[VMS_MAX];

void command_wait_gone(const struct vm *vm)
{
	for (unsigned i = 0; i < COMMAND_SESSIONS; i++) {
		if (waits_of[i].vm == vm)
			waits_of[i].vm = NULL;
	}
}

static enum command_result fail_gone(void)
{
	return command_fail("the VM was destroyed meanwhile");
}

void command_wait_forget(const struct vm *vm)
{
	searched[vm->id] = 0;
}

static bool is_too_late(void)
{
	struct wait *w = my_wait();

	return time_now() >= w->deadline;
}

/* --- wait */

static enum command_result poll_state(void)
{
	struct wait *w = my_wait();
	const char *state;

	if (!w->vm)
		return fail_gone();
	state = vm_state_name(w->vm->state);
	if (strcmp(state, w->word) == 0)
		return COMMAND_DONE;
	if (!is_too_late())
		return COMMAND_WAITS;
	return command_fail("%s is not %s after %lu s, but %s", w->vm->name, w->word, w->ms / 1000,
			    state);
}

static enum command_result poll_output(void)
{
	struct wait *w = my_wait();

	if (!w->vm)
		return fail_gone();
	if (console_search(&w->vm->console, w->word, &searched[w->vm->id]))
		return COMMAND_DONE;
	if (!is_too_late())
		return COMMAND_WAITS;
	return command_fail("%s has not printed \"%s\" after %lu s; console %s shows what it has",
			    w->vm->name, w->word, w->ms / 1000, w->vm->name);
}

enum command_result command_wait_for(const struct words *words)
{
	struct wait *w = my_wait();
	bool is_output = strcmp(words->word[2], "output") == 0;
	unsigned seconds = is_output ? 4 : 3;

	w->vm = command_vm(words->word[1]);
	if (!w->vm)
		return COMMAND_FAILED;
	if (!is_output && !command_is_one_of(words->word[2], "running|paused|off|killed"))
		return command_fail("\"%s\" is nothing to wait for; there are running, paused, "
				    "off, killed, and output",
				    words->word[2]);
	if (is_output && (words->count < 4 || !*words->word[3]))
		return command_fail("usage: wait VM output TEXT [SECONDS]");
	if (words->count > seconds + 1)
		return command_fail("usage: wait VM running|paused|off|killed [SECONDS]");
	if (!command_milliseconds(words, seconds, NORMAL_MS, &w->ms))
		return COMMAND_FAILED;
	w->deadline = time_now() + time_from_ns(w->ms * NS_PER_MS);
	snprintf(w->word, sizeof(w->word), "%s", words->word[is_output ? 3 : 2]);
	return command_wait(is_output ? poll_output : poll_state, POLL_MS);
}

/* --- sleep */

static enum command_result poll_sleep(void)
{
	return is_too_late() ? COMMAND_DONE : COMMAND_WAITS;
}

enum command_result command_sleep(const struct words *words)
{
	struct wait *w = my_wait();

	if (!command_milliseconds(words, 1, 0, &w->ms))
		return COMMAND_FAILED;
	w->deadline = time_now() + time_from_ns(w->ms * NS_PER_MS);
	return command_wait(poll_sleep, POLL_MS);
}

/* --- send */

/* The guest may be slow to read: what does not fit is typed later. */
static enum command_result poll_send(void)
{
	struct wait *w = my_wait();
	size_t length = strlen(w->word);

	if (!w->vm)
		return fail_gone();
	w->sent += console_type(&w->vm->console, w->word + w->sent, length - w->sent);
	if (w->sent == length)
		return COMMAND_DONE;
	if (!is_too_late())
		return COMMAND_WAITS;
	return command_fail("%s does not read its console; %lu of %lu bytes were typed",
			    w->vm->name, w->sent, length);
}

enum command_result command_send(const struct words *words)
{
	struct wait *w = my_wait();
	size_t length = 0;

	w->vm = command_vm(words->word[1]);
	if (!w->vm)
		return COMMAND_FAILED;
	if (w->vm->state != VM_RUNNING)
		return command_fail("%s does not run: nobody reads what is typed; start it, or "
				    "resume it",
				    w->vm->name);
	for (unsigned i = 2; i < words->count; i++)
		length += (size_t)snprintf(w->word + length, sizeof(w->word) - length, "%s%s",
					   words->word[i], i + 1 < words->count ? " " : "\r");
	w->deadline = time_now() + time_from_ns(SEND_MS * NS_PER_MS);
	w->sent = 0;
	return command_wait(poll_send, POLL_MS);
}
