/* SPDX-License-Identifier: BSD-2-Clause */
/* The control channel: requests and answers, a line of JSON each; one request at a time. */
#include "monitor/control.h"
#include "core/log.h"
#include "drivers/host_port.h"
#include "lib/string.h"
#include "mem/page.h"
#include "monitor/commands.h"
#include "monitor/json_read.h"
#include "monitor/line_edit.h"
#include "platform/qemu-virt/machine.h"
#include "run/run.h"

#define REQUEST_SIZE 4096U   /* bytes of a line */
#define TEXT_SIZE    KIB(64) /* of what a command prints */
#define ANSWER_SIZE  KIB(128)
#define NS_PER_MS    1000000UL

static struct host_port *port;
static struct timer timer;
static u32 was_opened; /* atomic: somebody has connected anew */

static char request[REQUEST_SIZE];
static u32 request_length;
static bool is_too_long; /* the rest of the line is dropped */

static char *text; /* what the command has printed */
static u32 text_length;
static bool is_cut;

static char *answer; /* on its way out */
static u32 answer_length, answer_sent;

/* The request that is being worked on: its id comes back as it was. */
static char id[64];
static size_t id_length;

static void put(char c)
{
	if (text_length < TEXT_SIZE - 1)
		text[text_length++] = c;
	else
		is_cut = true;
}

static struct command_session session = { .put = put, .number = 1 };

static void put_answer(void *ctx, char c)
{
	(void)ctx;
	if (answer_length < ANSWER_SIZE)
		answer[answer_length++] = c;
}

static void put_all(const char *from, size_t length)
{
	while (length--)
		put_answer(NULL, *from++);
}

/* --- Answers */

static struct json begin_answer(void)
{
	struct json json;

	json_init(&json, put_answer, NULL);
	json_begin_object(&json, NULL);
	return json;
}

static void end_answer(struct json *json)
{
	if (id_length) {
		put_all(", \"id\": ", 8);
		put_all(id, id_length);
	}
	json_end_object(json);
	put_answer(NULL, '\n');
}

/* Classes as QMP has them. */
static void answer_error(const char *class, const char *description)
{
	struct json json = begin_answer();

	json_begin_object(&json, "error");
	json_string(&json, "class", class);
	json_string(&json, "desc", description);
	json_end_object(&json);
	end_answer(&json);
}

static void without_newline(void)
{
	if (text_length && text[text_length - 1] == '\n')
		text_length--;
	text[text_length] = '\0';
}

/* Commands that speak JSON do so here; what others print is a string. */
static void answer_return(void)
{
	struct json json = begin_answer();

	if (session.wrote_json) {
		put_all("\"return\": ", 10);
		put_all(text, text_length);
	} else {
		json_string(&json, "return", text);
	}
	end_answer(&json);
}

/* A command that fails has said why, as text or as {"error": text}. */
static void answer_failure(void)
{
	static char reason[1024];
	struct json_value said, error;

	if (json_read(text, text_length, &said)) {
		error = json_member(&said, "error");
		if (json_text(&error, reason, sizeof(reason))) {
			answer_error("GenericError", reason);
			return;
		}
	}
	answer_error("GenericError", text);
}

static void finish(enum command_result result)
{
	session.poll = NULL;
	without_newline();
	if (is_cut)
		answer_error("GenericError", "the answer is longer than 64 KiB; ask for less");
	else if (result == COMMAND_FAILED)
		answer_failure();
	else
		answer_return();
}

/* --- Requests */

static void run(const char *line, bool wants_json)
{
	enum command_result result;

	text_length = 0;
	is_cut = false;
	session.wants_json = wants_json;
	result = command_run(line);
	if (result != COMMAND_WAITS)
		finish(result);
}

/* Puts a word behind the line, quoted so that the command gets exactly it. */
static bool add_word(char *line, size_t size, const struct json_value *value)
{
	static char word[LINE_SIZE];
	size_t length = strlen(line);

	if (value->type == JSON_NUMBER && value->length < sizeof(word)) {
		memcpy(word, value->text, value->length);
		word[value->length] = '\0';
	} else if (!json_text(value, word, sizeof(word))) {
		return false;
	}
	/* Words of the monitor know no escapes: what holds blanks is quoted, quotes cannot be. */
	for (const char *at = word; *at; at++) {
		if (*at == '"' || (u8)*at < ' ')
			return false;
	}
	if (length + strlen(word) + 4 > size)
		return false;
	snprintf(line + length, size - length, " \"%s\"", word);
	return true;
}

/* {"execute": a monitor's command, "arguments": {"words": [...]}} */
static void execute(const char *name, const struct json_value *arguments)
{
	static char line[LINE_SIZE];
	struct json_value words = json_member(arguments, "words"), word;

	snprintf(line, sizeof(line), "%s", name);
	for (unsigned i = 0; (word = json_element(&words, i)).type != JSON_NOTHING; i++) {
		if (!add_word(line, sizeof(line), &word)) {
			answer_error("GenericError",
				     "words must be strings without quotes and control characters, "
				     "or numbers; a line has 255 bytes at most");
			return;
		}
	}
	run(line, true);
}

/* As in QMP: {"execute": "human-monitor-command", "arguments": {"command-line": "..."}} */
static void execute_line(const struct json_value *arguments)
{
	static char line[LINE_SIZE];
	struct json_value value = json_member(arguments, "command-line");

	if (json_text(&value, line, sizeof(line)))
		run(line, false);
	else
		answer_error("GenericError", "command-line must be a string of at most 255 bytes");
}

/* QMP's names for what is the same here; each takes {"vm": NAME}. */
static const char *qmp_name(const char *name)
{
	static const char *const same[][2] = {
		{ "stop", "pause" },
		{ "cont", "resume" },
		{ "system_reset", "reset" },
		{ "system_powerdown", "stop" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
		if (strcmp(same[i][0], name) == 0)
			return same[i][1];
	}
	return NULL;
}

static void execute_qmp(const char *name, const struct json_value *vm)
{
	static char line[LINE_SIZE];

	snprintf(line, sizeof(line), "%s", name);
	if (add_word(line, sizeof(line), vm))
		run(line, true);
	else
		answer_error("GenericError", "vm must be the name of a VM");
}

static void answer_commands(void)
{
	struct json json = begin_answer();

	json_begin_array(&json, "return");
	for (unsigned i = 0; i < nr_commands; i++) {
		json_begin_object(&json, NULL);
		json_string(&json, "name", commands[i].name);
		json_string(&json, "arguments", commands[i].arguments);
		json_string(&json, "help", commands[i].help);
		json_end_object(&json);
	}
	json_end_array(&json);
	end_answer(&json);
}

static void dispatch(const char *name, const struct json_value *arguments)
{
	struct json_value vm = json_member(arguments, "vm");

	if (strcmp(name, "qmp_capabilities") == 0) {
		text_length = 0;
		session.wrote_json = false;
		without_newline();
		answer_return();
	} else if (strcmp(name, "query-commands") == 0) {
		answer_commands();
	} else if (strcmp(name, "human-monitor-command") == 0) {
		execute_line(arguments);
	} else if (qmp_name(name) && vm.type != JSON_NOTHING) {
		execute_qmp(qmp_name(name), &vm);
	} else if (!command_find(name)) {
		answer_error("CommandNotFound",
			     "there is no such command; query-commands lists them");
	} else {
		execute(name, arguments);
	}
}

/* What was asked with the id, if any, comes back with it. */
static void keep_id(const struct json_value *message)
{
	struct json_value value = json_member(message, "id");

	id_length = value.type == JSON_NOTHING || value.length > sizeof(id) ? 0 : value.length;
	memcpy(id, value.text, id_length);
}

static bool is_command_name(const char *name)
{
	for (const char *at = name; *at; at++) {
		if (!((*at >= 'a' && *at <= 'z') || *at == '-' || *at == '_'))
			return false;
	}
	return *name != '\0';
}

static void handle_request(void)
{
	static char name[64];
	struct json_value message, execute_value, arguments;

	id_length = 0;
	if (is_too_long) {
		answer_error("GenericError", "the request is longer than 4096 bytes");
		return;
	}
	if (!json_read(request, request_length, &message) || message.type != JSON_OBJECT) {
		answer_error("GenericError", "the request is not one JSON object on a line");
		return;
	}
	keep_id(&message);
	execute_value = json_member(&message, "execute");
	arguments = json_member(&message, "arguments");
	if (!json_text(&execute_value, name, sizeof(name)) || !is_command_name(name))
		answer_error("GenericError", "execute must be the name of a command");
	else
		dispatch(name, &arguments);
}

/* --- The port */

/* False: the port takes no more now. */
static bool send_answer(void)
{
	answer_sent += host_port_write(port, answer + answer_sent, answer_length - answer_sent);
	if (answer_sent < answer_length)
		return false;
	answer_length = answer_sent = 0;
	return true;
}

/* True: a whole line is there. Reads no further than that. */
static bool read_request(void)
{
	char byte;

	while (host_port_read(port, &byte, 1) == 1) {
		if (byte == '\n')
			return request_length > 0 || is_too_long;
		if (request_length < REQUEST_SIZE)
			request[request_length++] = byte;
		else
			is_too_long = true;
	}
	return false;
}

/* Who has just connected speaks after the greeting: what there is was another's. */
static void greet(void)
{
	struct json json;
	char byte;

	while (host_port_read(port, &byte, 1) == 1)
		;
	session.poll = NULL; /* who waited for that is gone */
	request_length = answer_length = answer_sent = 0;
	is_too_long = false;
	id_length = 0;
	json = begin_answer();
	json_begin_object(&json, "doppel");
	json_string(&json, "machine", machine.model);
	json_number(&json, "harts", nr_harts);
	json_begin_array(&json, "capabilities");
	json_end_array(&json);
	json_end_object(&json);
	end_answer(&json);
}

static void look_again(void)
{
	timer_start(&timer, time_now() + time_from_ns(session.poll_interval * NS_PER_MS));
}

static void poll_command(void)
{
	enum command_result result = session.poll();

	if (result == COMMAND_WAITS)
		look_again();
	else
		finish(result);
}

static void work(void)
{
	if (__atomic_exchange_n(&was_opened, 0, __ATOMIC_ACQUIRE))
		greet();
	if (session.poll)
		poll_command();
	if (session.poll || !send_answer() || !read_request())
		return;
	handle_request();
	request_length = 0;
	is_too_long = false;
	if (session.poll)
		look_again();
	(void)send_answer();
	run_request_work(); /* there may be another; VMs come first */
}

void control_work(void)
{
	struct command_session *before = command_session;

	if (!port)
		return;
	command_session = &session;
	work();
	command_session = before;
}

static void ready(void *ctx)
{
	(void)ctx;
	run_request_work();
}

static void opened(void *ctx, bool is_open)
{
	(void)ctx;
	if (is_open)
		__atomic_store_n(&was_opened, 1, __ATOMIC_RELEASE);
	run_request_work();
}

static void expired(struct timer *unused)
{
	(void)unused;
	run_request_work();
}

void control_init(void)
{
	static const struct host_port_user user = { ready, ready, opened };

	timer.expired = expired;
	text = page_alloc(page_order(TEXT_SIZE));
	answer = page_alloc(page_order(ANSWER_SIZE));
	if (!text || !answer)
		return;
	port = host_port_take(CONTROL_PORT);
	if (!port)
		return;
	host_port_set_user(port, &user, NULL);
	opened(NULL, host_port_is_open(port));
}
