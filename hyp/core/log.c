/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the hypervisor, and the queue to the machine's serial port that all output takes. */
#include "core/log.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "platform/qemu-virt/uart.h"

#define QUEUE_SIZE 8192 /* a power of two */
#define LINE_ROOM  4096 /* a message begins only where so much is free: it is queued whole */

enum log_level log_level = LOG_INFO;

static struct spinlock lock;
static bool lock_is_broken;

/* Text on its way to the port. It is longer than a piece of a console only while the port stalls.
 */
static u8 queue[QUEUE_SIZE];
static u32 queued, sent; /* bytes, in all */

static const void *line_owner;	    /* of the unfinished line at the end of the queue, or NULL */
static const char raw_text, no_one; /* owners: log_raw(), and a console that is no more */
static u64 nr_lost;		    /* messages for which there was no room */

static void take_lock(void)
{
	if (!lock_is_broken)
		spin_lock(&lock);
}

static void release_lock(void)
{
	if (!lock_is_broken)
		spin_unlock(&lock);
}

void log_break_lock(void)
{
	lock_is_broken = true;
	uart_make_last_effort();
}

static u32 room(void)
{
	return QUEUE_SIZE - (queued - sent);
}

/* Waits for the port, until it stalls. */
static void send_all(void)
{
	while (queued != sent && uart_put(queue[sent % QUEUE_SIZE]))
		sent++;
}

static void put(u8 byte)
{
	if (room() == 0)
		send_all();
	if (room() > 0)
		queue[queued++ % QUEUE_SIZE] = byte;
}

static void put_text(void *ctx, char c)
{
	bool *ends_line = ctx;

	if (c == '\n')
		put('\r');
	put((u8)c);
	*ends_line = c == '\n';
}

static void __attribute__((format(printf, 2, 3)))
put_formatted(bool *ends_line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(put_text, ends_line, fmt, args);
	va_end(args);
}

/* Ends a line of someone else, so that text of owner can follow. */
static void end_line_of_others(const void *owner)
{
	bool ends_line;

	if (line_owner && line_owner != owner)
		put_formatted(&ends_line, "\n");
}

/*
 * Sends a message. If the port stalls the message waits in the queue, and the terminal looks after
 * it; so it does after a console whose line was cut.
 */
static void put_message(const char *prefix, const void *owner, const char *fmt, va_list args,
			const char *end)
{
	bool ends_line, must_tell;

	take_lock();
	if (room() < LINE_ROOM)
		send_all();
	if (room() < LINE_ROOM) {
		nr_lost++;
		release_lock();
		return;
	}
	must_tell = line_owner && line_owner != &raw_text;
	end_line_of_others(owner);
	ends_line = !owner || line_owner != owner;
	if (nr_lost)
		put_formatted(&ends_line, "doppel: %lu messages were lost\n", nr_lost);
	nr_lost = 0;
	put_formatted(&ends_line, "%s", prefix);
	format(put_text, &ends_line, fmt, args);
	put_formatted(&ends_line, "%s", end);
	line_owner = ends_line ? NULL : owner;
	send_all();
	must_tell = !lock_is_broken && (must_tell || queued != sent);
	release_lock();
	if (must_tell)
		uart_enable_output_interrupt(true);
}

#define DEFINE_LOG(name, level)                                         \
	void name(const char *fmt, ...)                                 \
	{                                                               \
		va_list args;                                           \
		va_start(args, fmt);                                    \
		if (level <= log_level)                                 \
			put_message("doppel: ", NULL, fmt, args, "\n"); \
		va_end(args);                                           \
	}

DEFINE_LOG(log_notice, LOG_ERROR)
DEFINE_LOG(log_error, LOG_ERROR)
DEFINE_LOG(log_warn, LOG_WARN)
DEFINE_LOG(log_info, LOG_INFO)
DEFINE_LOG(log_debug, LOG_DEBUG)

void log_raw(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message("", &raw_text, fmt, args, "");
	va_end(args);
}

const void *log_line_owner(void)
{
	return __atomic_load_n(&line_owner, __ATOMIC_RELAXED);
}

bool log_show(const void *owner, bool continues, const u8 *text, unsigned size)
{
	bool fits;

	take_lock();
	fits = queued == sent && (!continues || line_owner == owner);
	if (fits) {
		end_line_of_others(continues ? owner : NULL);
		for (unsigned i = 0; i < size; i++)
			put(text[i]);
		line_owner = text[size - 1] == '\n' ? NULL : owner;
	}
	release_lock();
	return fits;
}

bool log_push(unsigned *budget)
{
	bool is_empty;

	take_lock();
	while (queued != sent && *budget > 0 && uart_try_put(queue[sent % QUEUE_SIZE])) {
		sent++;
		(*budget)--;
	}
	is_empty = queued == sent;
	release_lock();
	return is_empty;
}

void log_forget(const void *owner)
{
	take_lock();
	if (line_owner == owner)
		line_owner = &no_one;
	release_lock();
}

bool log_set_level(const char *name)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		size_t length = strlen(names[i]);

		if (strncmp(name, names[i], length) == 0 && (name[length] | ' ') == ' ') {
			log_level = (enum log_level)i;
			return true;
		}
	}
	return false;
}
