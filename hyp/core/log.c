/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the hypervisor on the machine's console. */
#include "core/log.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "platform/qemu-virt/uart.h"

enum log_level log_level = LOG_INFO;

static struct spinlock lock;
static bool lock_is_broken;
static bool at_line_start = true;

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
}

static void put(u8 byte)
{
	uart_put(byte);
	at_line_start = byte == '\n';
}

static void put_text(void *ctx, char c)
{
	(void)ctx;
	if (c == '\n')
		put('\r');
	put((u8)c);
}

static void put_string(const char *s)
{
	while (*s)
		put_text(NULL, *s++);
}

static void put_line(enum log_level level, const char *fmt, va_list args)
{
	if (level > log_level)
		return;
	take_lock();
	put_string(at_line_start ? "doppel: " : "\ndoppel: ");
	format(put_text, NULL, fmt, args);
	put_string("\n");
	release_lock();
}

#define DEFINE_LOG(name, level)             \
	void name(const char *fmt, ...)     \
	{                                   \
		va_list args;               \
		va_start(args, fmt);        \
		put_line(level, fmt, args); \
		va_end(args);               \
	}

DEFINE_LOG(log_error, LOG_ERROR)
DEFINE_LOG(log_warn, LOG_WARN)
DEFINE_LOG(log_info, LOG_INFO)
DEFINE_LOG(log_debug, LOG_DEBUG)

void log_raw(const char *fmt, ...)
{
	va_list args;

	take_lock();
	va_start(args, fmt);
	format(put_text, NULL, fmt, args);
	va_end(args);
	release_lock();
}

bool log_guest_byte(u8 byte)
{
	bool taken;

	take_lock();
	taken = uart_try_put(byte);
	if (taken)
		at_line_start = byte == '\n';
	release_lock();
	return taken;
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
