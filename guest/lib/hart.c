/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts, traps that are expected, traps that are not, and interrupts. */
#include "hart.h"

#include "console.h"
#include "insn.h"
#include "sbi.h"

_Static_assert(offsetof(struct hart, frame) == HART_FRAME, "start.S");
_Static_assert(offsetof(struct hart, save) == HART_SAVE, "start.S");
_Static_assert(offsetof(struct hart, stack_top) == HART_STACK_TOP, "start.S");
_Static_assert(offsetof(struct hart, trap_stack_top) == HART_TRAP_STACK, "start.S");
_Static_assert(offsetof(struct hart, catching) == HART_CATCHING, "start.S");

#define WAIT_TICKS 50000000UL /* 5 seconds at virt's 10 MHz */

struct hart harts[HART_MAX];
u64 boot_hart_id;
const void *boot_fdt;

static u8 stacks[HART_MAX][HART_STACK_SIZE] __attribute__((aligned(16)));
static u8 trap_stacks[HART_MAX][TRAP_STACK_SIZE] __attribute__((aligned(16)));

u64 trap_jump(u64 pc, const u64 args[8]);
void trap_landed(void);
void user_jump(u64 pc, const u64 args[8]);
void hart_entry(void);
struct hart *hart_boot(u64 id, const void *fdt, u64 status, u64 satp);
void hart_began(u64 id, struct hart *hart, u64 status, u64 satp);
void trap_handle(struct hart *hart);
void trap_die(void) __attribute__((noreturn));

struct hart *hart_boot(u64 id, const void *fdt, u64 status, u64 satp)
{
	boot_hart_id = id;
	boot_fdt = fdt;
	for (unsigned i = 0; i < HART_MAX; i++) {
		harts[i].id = i;
		harts[i].stack_top = (u64)stacks[i] + HART_STACK_SIZE;
		harts[i].trap_stack_top = (u64)trap_stacks[i] + TRAP_STACK_SIZE;
	}
	harts[id].boot_a0 = id;
	harts[id].boot_a1 = (u64)fdt;
	harts[id].boot_status = status;
	harts[id].boot_satp = satp;
	return &harts[id];
}

void hart_began(u64 id, struct hart *hart, u64 status, u64 satp)
{
	hart->boot_a0 = id;
	hart->boot_a1 = (u64)hart;
	hart->boot_status = status;
	hart->boot_satp = satp;
	hart->main(hart->arg);
	interrupts_off();
	sbi_call0(SBI_EXT_HSM, SBI_HSM_STOP);
	print("BAD hart_stop returned\n");
}

static void die(const char *why, struct hart *hart)
{
	print("BAD %s: hart %lu scause %lx stval %lx sepc %lx\n", why, hart ? hart->id : 0,
	      csr_read(scause), csr_read(stval), csr_read(sepc));
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}

void trap_die(void)
{
	console_break_lock();
	die("trap in the trap handler", NULL);
	for (;;)
		wfi();
}

static void trap_record(struct hart *hart)
{
	hart->last.cause = csr_read(scause);
	hart->last.tval = csr_read(stval);
	hart->last.epc = hart->frame[0];
	hart->last.status = csr_read(sstatus);
	hart->last.value = hart->frame[10];
	for (unsigned i = 1; i < 32; i++)
		hart->last.regs[i] = hart->frame[i];
}

void trap_handle(struct hart *hart)
{
	u64 cause = csr_read(scause);
	u64 code = cause & ~CAUSE_INTERRUPT;

	if (cause & CAUSE_INTERRUPT) {
		if (code >= ARRAY_SIZE(hart->interrupts) || !hart->on_interrupt)
			die("unexpected interrupt", hart);
		hart->interrupts[code]++;
		hart->on_interrupt(code);
		hart->frame[0] += hart->skip_on_interrupt;
		return;
	}
	if (!hart->catching)
		die("unexpected exception", hart);
	trap_record(hart);
	hart->catching = 0;
	hart->frame[0] = (u64)trap_landed;
	hart->frame[4] = (u64)hart;
	/* Land in S-mode with interrupts off; trap_try() restores what its caller had. */
	csr_set(sstatus, SSTATUS_SPP);
	csr_clear(sstatus, SSTATUS_SPIE);
}

static struct trap run(bool user, u64 pc, const u64 args[8])
{
	struct hart *hart = hart_self();
	u64 enabled = csr_read(sstatus) & SSTATUS_SIE;

	hart->last.cause = NO_TRAP;
	if (user) {
		/* With interrupts off until the jump: an interrupt would overwrite sepc. */
		csr_clear(sstatus, SSTATUS_SIE);
		user_jump(pc, args);
	} else {
		u64 value = trap_jump(pc, args);

		if (hart->last.cause == NO_TRAP)
			hart->last.value = value;
	}
	csr_set(sstatus, enabled);
	return hart->last;
}

struct trap trap_try(u64 pc, const u64 args[8])
{
	return run(false, pc, args);
}

struct trap trap_call(void *fn, u64 a0, u64 a1, u64 a2)
{
	const u64 args[8] = { a0, a1, a2 };

	return run(false, (u64)fn, args);
}

struct trap user_try(u64 pc, const u64 args[8])
{
	return run(true, pc, args);
}

u64 exec_prepare(const u32 *words, unsigned count, bool user)
{
	static u32 buffers[HART_MAX][EXEC_WORDS + 1] __attribute__((aligned(PAGE_SIZE)));
	u32 *buffer = buffers[hart_self()->id];

	for (unsigned i = 0; i < count && i < EXEC_WORDS; i++)
		buffer[i] = words[i];
	buffer[count < EXEC_WORDS ? count : EXEC_WORDS] = user ? INSN_ECALL : INSN_RET;
	fence_i();
	return (u64)buffer;
}

struct trap exec_words(const u32 *words, unsigned count, u64 a0, bool user)
{
	const u64 args[8] = { a0 };

	return run(user, exec_prepare(words, count, user), args);
}

struct trap exec_insn(u32 word, u64 a0, bool user)
{
	return exec_words(&word, 1, a0, user);
}

unsigned hart_count(void)
{
	unsigned n = 0;

	while (n < HART_MAX && hart_status(n) >= 0)
		n++;
	return n;
}

u64 hart_nth(unsigned n)
{
	return (boot_hart_id + n) % hart_count();
}

long hart_start(u64 id, void (*fn)(u64 arg), u64 arg)
{
	harts[id].main = fn;
	harts[id].arg = arg;
	fence();
	return sbi_call3(SBI_EXT_HSM, SBI_HSM_START, id, (u64)hart_entry, (u64)&harts[id]).error;
}

long hart_status(u64 id)
{
	struct sbiret ret = sbi_call1(SBI_EXT_HSM, SBI_HSM_STATUS, id);

	return ret.error ? ret.error : ret.value;
}

bool hart_wait_stopped(u64 id)
{
	u64 start = rdtime();

	while (hart_status(id) != SBI_HSM_STOPPED)
		if (rdtime() - start > WAIT_TICKS)
			return false;
	return true;
}

bool wait_word(volatile u64 *word, u64 value)
{
	u64 start = rdtime();

	while (*word != value)
		if (rdtime() - start > WAIT_TICKS)
			return false;
	fence();
	return true;
}

void interrupts_on(void)
{
	csr_set(sstatus, SSTATUS_SIE);
}

void interrupts_off(void)
{
	csr_clear(sstatus, SSTATUS_SIE);
}

void spin_lock(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		;
}

void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
