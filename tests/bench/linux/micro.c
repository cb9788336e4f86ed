/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handful of Linux system benchmarks. Freestanding (guest/lib/linux_call.h). Prints `micro NAME
 * NANOSECONDS`, the time of one operation.
 */
#include "linux_call.h"

#define CLONE_VM	     0x00000100
#define CLONE_FS	     0x00000200
#define CLONE_FILES	     0x00000400
#define CLONE_SIGHAND	     0x00000800
#define CLONE_THREAD	     0x00010000
#define CLONE_SYSVSEM	     0x00040000
#define CLONE_CHILD_CLEARTID 0x00200000
#define THREAD_FLAGS                                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_CHILD_CLEARTID)

#define SIGCHLD	   17
#define FUTEX_WAIT 0

#define PAGE	    4096UL
#define MIB	    (1UL << 20)
#define RANDOM_SIZE (64 * MIB)
#define STACK_SIZE  (64 * 1024)

void _start(void);

static long call3(long n, long a, long b, long c)
{
	return call(n, a, b, c, 0, 0, 0);
}

static void text(const char *s)
{
	long len = 0;

	while (s[len])
		len++;
	call3(SYS_write, 1, (long)s, len);
}

static void number(uint64_t value)
{
	char digits[24];
	char *c = digits + sizeof(digits) - 1;

	*c = '\0';
	do {
		*--c = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	text(c);
}

static uint64_t now(void)
{
	struct {
		int64_t seconds, nanoseconds;
	} time;

	call3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0);
	return (uint64_t)time.seconds * 1000000000 + (uint64_t)time.nanoseconds;
}

static void *map(uint64_t size)
{
	return (void *)call(SYS_mmap, 0, (long)size, PROT_READ_WRITE, MAP_ANONYMOUS, -1, 0);
}

static void touch(volatile uint8_t *memory, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE)
		memory[at] = 1;
}

static void bench_getppid(unsigned count)
{
	while (count--)
		call3(SYS_getppid, 0, 0, 0);
}

static void bench_fork(unsigned count)
{
	while (count--) {
		long pid = call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);

		if (pid == 0)
			call3(SYS_exit_group, 0, 0, 0);
		call(SYS_wait4, pid, 0, 0, 0, 0, 0);
	}
}

/* One byte there and back between two processes. */
static void bench_pipe(unsigned count)
{
	int to[2], from[2];
	char byte = 'x';
	long pid;

	call3(SYS_pipe2, (long)to, 0, 0);
	call3(SYS_pipe2, (long)from, 0, 0);
	pid = call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
	if (pid == 0) {
		for (unsigned i = 0; i < count; i++) {
			call3(SYS_read, to[0], (long)&byte, 1);
			call3(SYS_write, from[1], (long)&byte, 1);
		}
		call3(SYS_exit_group, 0, 0, 0);
	}
	for (unsigned i = 0; i < count; i++) {
		call3(SYS_write, to[1], (long)&byte, 1);
		call3(SYS_read, from[0], (long)&byte, 1);
	}
	call(SYS_wait4, pid, 0, 0, 0, 0, 0);
}

static void bench_mmap(unsigned count)
{
	while (count--) {
		void *memory = map(MIB);

		touch(memory, MIB);
		call3(SYS_munmap, (long)memory, MIB, 0);
	}
}

/*
 * Starts a thread on its own stack; it exits at once. The kernel clears *alive and wakes its futex.
 * The child must not return from here: it has no frames.
 */
static long thread_start(void *stack_top, volatile int *alive)
{
	register long a0 __asm__("a0") = THREAD_FLAGS;
	register long a1 __asm__("a1") = (long)stack_top;
	register long a2 __asm__("a2") = 0;
	register long a3 __asm__("a3") = 0;
	register long a4 __asm__("a4") = (long)alive;
	register long a7 __asm__("a7") = SYS_clone;

	__asm__ volatile("ecall\n"
			 "bnez	a0, 1f\n"
			 "li	a7, %[exit]\n"
			 "ecall\n"
			 "1:"
			 : "+r"(a0), "+r"(a7)
			 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), [exit] "i"(SYS_exit)
			 : "memory");
	return a0;
}

static void bench_thread(unsigned count)
{
	uint8_t *stack = map(STACK_SIZE);
	volatile int alive;

	while (count--) {
		alive = 1;
		if (thread_start(stack + STACK_SIZE, &alive) < 0)
			return;
		while (alive)
			call(SYS_futex, (long)&alive, FUTEX_WAIT, 1, 0, 0, 0);
	}
}

/* Reads that depend on each other, all over 64 MiB: the cost of TLB misses. */
static uint8_t *random_memory;

static void bench_random(unsigned count)
{
	uint64_t state = 1;

	while (count--) {
		state = state * 6364136223846793005UL + 1442695040888963407UL;
		state += *(volatile uint8_t *)(random_memory + (state >> 20) % RANDOM_SIZE);
	}
}

static void run(const char *name, void (*bench)(unsigned), unsigned count)
{
	uint64_t start;

	bench(count / 10);
	start = now();
	bench(count);
	start = now() - start;
	text("micro ");
	text(name);
	text(" ");
	number(start / count);
	text("\n");
}

void _start(void)
{
	/* As -nostdlib leaves it: gp is not used (no relaxation), sp is right. */
	random_memory = map(RANDOM_SIZE);
	touch(random_memory, RANDOM_SIZE);
	run("getppid", bench_getppid, 200000);
	run("fork", bench_fork, 100);
	run("pipe", bench_pipe, 500);
	run("mmap", bench_mmap, 50);
	run("thread", bench_thread, 300);
	run("random", bench_random, 1000000);
	text("micro done\n");
	call3(SYS_exit_group, 0, 0, 0);
}
