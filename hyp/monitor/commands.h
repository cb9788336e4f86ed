/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor's commands share: the table, their answers, how they wait. */
#ifndef DOPPEL_MONITOR_COMMANDS_H
#define DOPPEL_MONITOR_COMMANDS_H

#include "lib/format.h"
#include "lib/types.h"
#include "monitor/command_line.h"
#include "monitor/json.h"
#include "vm/vm.h"

enum command_result {
	COMMAND_DONE,
	COMMAND_FAILED, /* it has said why */
	COMMAND_WAITS,	/* see command_wait() */
};

/* word[0] is the command's name; their number fits the command's arguments. */
typedef enum command_result command_function(const struct words *words);

struct command {
	const char *name;
	const char *arguments; /* as help shows them; those in brackets may be left out */
	const char *help;      /* one line */
	command_function *function;
};

/*
 * Who asks: each has answers of its own, and one command of each may wait. Commands run one at a
 * time, so that this is a variable and no argument.
 */
struct command_session {
	void (*put)(char c); /* takes the answer */
	bool is_typed;	     /* by somebody in front of a terminal, who presses keys */
	unsigned number;     /* 0 to COMMAND_SESSIONS - 1 */

	/* Of the command that runs, or waits. */
	bool wants_json;
	bool wrote_json;
	enum command_result (*poll)(void); /* it waits; NULL: none does */
	u64 poll_interval;		   /* ms */
};

#define COMMAND_SESSIONS 2

extern struct command_session *command_session;

extern const struct command commands[];
extern const unsigned nr_commands;

/* NULL: there is none. */
const struct command *command_find(const char *name);

/* Runs one line, a copy of which is made. An empty line is done. */
enum command_result command_run(const char *line);

/* Candidates for completion: see line_edit.h. */
bool command_complete(void *ctx, const char *line, size_t length, unsigned n, char word[]);

/* --- Answers */

void command_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void command_sink(void *ctx, char c);

/* Says what is wrong and what to do about it; always COMMAND_FAILED. */
enum command_result command_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether the answer is to be one line of JSON; command_json() begins it. */
bool command_wants_json(void);
struct json command_json(void);

/* "12.3 %" and the like, of thousandths. */
#define COMMAND_PERCENT_SIZE 24
const char *command_percent(u64 permille, char text[COMMAND_PERCENT_SIZE]);

/* --- Arguments. They say what is wrong, and return NULL or false then. */

struct vm *command_vm(const char *name);
struct vcpu *command_vcpu(char *name_and_vcpu); /* VM or VM.vcpu; without number: 0 */
bool command_milliseconds(const struct words *words, unsigned index, u64 normally, u64 *ms);

/* --- Waiting */

/*
 * Calls poll, and again in so many milliseconds as long as it returns COMMAND_WAITS; Ctrl-C ends
 * that. Returns what it returned.
 */
enum command_result command_wait(enum command_result (*poll)(void), u64 ms);

/* For commands that go on until a key is pressed: whether one was. */
bool command_key_was_pressed(void);

/* Whether nobody can press a key: a script asks, or a program. */
bool command_is_in_script(void);

/* --- The monitor's own (monitor.c) */

/* Ends the machine soon. */
void monitor_end(u16 exit_code);

/* Leaves the monitor for the console of a VM; NULL: of the one that was seen last. */
void monitor_leave(struct console *console);

/* Prints a line although no command runs. */
void monitor_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- The functions, by file */

command_function command_help, command_log, command_version, command_quit, command_echo;
command_function command_start, command_pause, command_resume, command_reset, command_stop,
	command_kill, command_create, command_destroy, command_console;
command_function command_wait_for, command_sleep, command_send;
command_function command_vms, command_info, command_stats, command_top, command_harts;
command_function command_weight, command_cap, command_pin;
command_function command_devices, command_balloon;
enum command_result command_switches(void); /* devices, without a VM */
command_function command_regs, command_mem, command_walk, command_trace;

/* What a VM did until now is of no account for rates and waits: it is new. */
void command_stats_forget(const struct vm *vm);
void command_wait_forget(const struct vm *vm);

/* It is about to be destroyed: nobody waits for it any more. */
void command_wait_gone(const struct vm *vm);

/* Says so when a VM that was asked to power off has not done so (commands_vm.c). */
void command_check_stops(void);

#endif
