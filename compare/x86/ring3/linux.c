// SPDX-License-Identifier: BSD-2-Clause
/* Linux's interface for programs: signal(7), and the layouts of its asm/sigcontext.h. */
#include "ring3.h"

#define SIGILL	    4
#define SIGTRAP	    5
#define SIGBUS	    7
#define SIGFPE	    8
#define SIGSEGV	    11
#define SA_SIGINFO  0x4
#define SA_RESTORER 0x04000000
#define SA_ONSTACK  0x08000000
#define SA_NODEFER  0x40000000
#define TRAP_FLAG   0x100
#define VECTOR_DB   1

#ifdef __x86_64__
enum {
	SYS_WRITE = 1,
	SYS_RT_SIGACTION = 13,
	SYS_GETPID = 39,
	SYS_EXIT = 60,
	SYS_SIGALTSTACK = 131
};
#else
enum {
	SYS_EXIT = 1,
	SYS_WRITE = 4,
	SYS_GETPID = 20,
	SYS_RT_SIGACTION = 174,
	SYS_SIGALTSTACK = 186
};
#endif

struct action {
	void (*handler)(int, void *, void *);
	unsigned long flags;
	void (*restorer)(void);
	u64 mask;
};

struct stack {
	void *base;
	int flags;
	unsigned long bytes;
};

struct information {
	int signal, error, code;
#ifdef __x86_64__
	int padding;
#endif
	uptr address;
};

struct context {
	unsigned long flags;
	void *link;
	struct stack stack;
#ifdef __x86_64__
	u64 r8_to_r15[8], di, si, bp, bx, dx, ax, cx, sp, ip, eflags;
	u16 cs, gs, fs, ss;
	u64 error, vector;
#else
	u32 gs, fs, es, ds, di, si, bp, sp, bx, dx, cx, ax, vector, error, ip, cs, eflags;
#endif
};

struct caught caught;
uptr stepped_ip;

static u8 handler_stack[32768];

static long call(long number, long a, long b, long c, long d)
{
	long result;
#ifdef __x86_64__
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
#else
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory");
#endif
	return result;
}

void put_text(const char *text)
{
	long length = 0;

	while (text[length])
		length++;
	while (length > 0) {
		long written = call(SYS_WRITE, 1, (long)text, length, 0);
		if (written <= 0)
			exit_program(1);
		text += written;
		length -= written;
	}
}

void put_hex(u64 value)
{
	char text[19];
	int at = sizeof(text) - 1;

	text[at] = 0;
	do {
		text[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	text[--at] = 'x';
	text[--at] = '0';
	put_text(text + at);
}

long own_pid(void)
{
	return call(SYS_GETPID, 0, 0, 0, 0);
}

void exit_program(int status)
{
	for (;;)
		call(SYS_EXIT, status, 0, 0, 0);
}

static void handle(int signal, void *information, void *machine)
{
	struct information *info = information;
	struct context *context = machine;

	context->eflags &= ~TRAP_FLAG;
	if (signal == SIGTRAP && (context->vector == VECTOR_DB || context->vector == 0) &&
	    !stepped_ip) {
		stepped_ip = context->ip;
		return;
	}
	caught.signal = signal;
	caught.code = info->code;
	caught.address = info->address;
	caught.ip = context->ip;
	caught.vector = (u32)context->vector;
	caught.error = (u32)context->error;
	context->ip = (uptr)attempt_escape;
}

void signals_init(void)
{
	static const int signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV };
	struct stack stack = { handler_stack, 0, sizeof(handler_stack) };
	struct action action = { handle, SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER,
				 signal_return, 0 };

	long failed = call(SYS_SIGALTSTACK, (long)&stack, 0, 0, 0);
	for (u32 i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		failed |= call(SYS_RT_SIGACTION, signals[i], (long)&action, 0, sizeof(action.mask));
	if (failed) {
		put_text("error: signals cannot be caught\n");
		exit_program(1);
	}
}
