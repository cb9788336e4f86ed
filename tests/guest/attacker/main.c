/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest for the tests of isolation (tests/isolation). The VM's bootargs say what it does:
 *
 *     attack=NAME,NAME...   one attack after another; the VM reboots between two of them, so that
 *                           each finds a fresh machine whatever the one before has done to it
 *     ms=N                  how long each of them takes (default 2000)
 *     after=N               sleeps so many ms before the first
 *
 * Each says at its end how many operations it made, and after the last the VM powers off. What the
 * hypervisor should not have allowed is a FINDING: the VM ends with a system failure.
 */
#include "attacker.h"
#include "fdt.h"

#define STATE_MAGIC 0xa77ac4e4a77ac4e4UL
#define PATIENCE    (2000 * MS) /* for harts that are about to stop */
#define ARGS_MAX    256

struct attack_ram attack_ram;
u64 attack_time;
u64 attack_until;
volatile u64 attack_operations[HART_MAX];

static char args[ARGS_MAX];
static u64 busy; /* harts that will stop by themselves */

static const struct role {
	const char *name;
	attack_role *play;
} roles[] = {
	{ "memory", attack_memory }, { "sbi", attack_sbi },	    { "ipi", attack_ipi },
	{ "mmio", attack_mmio },     { "console", attack_console }, { "faults", attack_faults },
	{ "timer", attack_timer },   { "spin", attack_spin },	    { "harts", attack_harts },
	{ "reset", attack_reset },   { "fill", attack_fill },	    { "idle", attack_idle },
};

static const struct role *role;

struct attack_state *attack_state(void)
{
	return (struct attack_state *)(attack_ram.start + STATE_OFFSET);
}

void attack_reboot(void)
{
	fence();
	sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_COLD_REBOOT, 0);
	attack_finding("a reboot returned", 0, 0);
}

void attack_finding(const char *format, u64 a, u64 b)
{
	console_break_lock();
	print("\nFINDING %s: ", role ? role->name : "start");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	print(format, a, b);
#pragma GCC diagnostic pop
	print("\n");
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}

void attack_hart_is_lost(void)
{
	__atomic_fetch_sub(&busy, 1, __ATOMIC_RELEASE);
}

/* The text behind "NAME=" in the bootargs, or NULL. */
static const char *argument(const char *name)
{
	u64 length = strlen(name);

	for (const char *at = args; *at; at++) {
		if ((at == args || at[-1] == ' ') && strncmp(at, name, length) == 0)
			return at + length;
	}
	return NULL;
}

static u64 number(const char *name, u64 otherwise)
{
	const char *text = argument(name);
	u64 value = 0;

	if (!text)
		return otherwise;
	while (*text >= '0' && *text <= '9')
		value = value * 10 + (u64)(*text++ - '0');
	return value;
}

static bool ends_word(char c)
{
	return c == ',' || c == ' ' || c == '\0';
}

/* The attack at that place of the list; NULL behind the last. */
static const struct role *find_role(u64 place)
{
	const char *name = argument("attack=");

	if (!name)
		attack_finding("no attack=NAME in the bootargs", 0, 0);
	while (place--) {
		while (!ends_word(*name))
			name++;
		if (*name != ',')
			return NULL;
		name++;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(roles); i++) {
		u64 length = strlen(roles[i].name);

		if (strncmp(name, roles[i].name, length) == 0 && ends_word(name[length]))
			return &roles[i];
	}
	attack_finding("an attack with no such name", 0, 0);
}

static void on_timer(u64 code)
{
	(void)code;
	sbi_set_timer(TIMER_NEVER);
}

static void sleep_until(u64 when)
{
	hart_self()->on_interrupt = on_timer;
	csr_write(sie, SIP_STIP);
	interrupts_on();
	sbi_set_timer(when);
	while (rdtime() < when)
		wfi();
	interrupts_off();
	csr_write(sie, 0);
}

static void play_on_other(u64 hart)
{
	role->play(hart);
	attack_hart_is_lost();
}

static void play(unsigned nr_harts)
{
	attack_until = rdtime() + attack_time;
	busy = nr_harts - 1;
	for (unsigned i = 1; i < nr_harts; i++)
		hart_start(i, play_on_other, i);
	role->play(0);
	/* Most of them look at the time; those that do not are stopped by the end of the VM. */
	for (u64 start = rdtime(); rdtime() - start < PATIENCE;) {
		if (__atomic_load_n(&busy, __ATOMIC_ACQUIRE) == 0)
			break;
	}
}

/* The serial port as print() needs it, whatever an attack has done to it. */
static void restore_uart(void)
{
	volatile u8 *uart = (volatile u8 *)UART_BASE;

	uart[3] = 3; /* LCR: 8 bits, no access to the divisor */
	uart[1] = 0; /* IER */
	uart[4] = 0; /* MCR: no loopback */
}

static void report(unsigned nr_harts)
{
	u64 sum = 0;

	for (unsigned i = 0; i < nr_harts; i++)
		sum += attack_operations[i];
	restore_uart();
	print("\nattack: %s: %lu operations on %u harts\n", role->name, sum, nr_harts);
}

static void read_bootargs(void)
{
	struct fdt_property bootargs;
	u64 size;

	fdt_memory(boot_fdt, &attack_ram.start, &size);
	attack_ram.end = attack_ram.start + size;
	if (fdt_find(boot_fdt, "/chosen", "bootargs", &bootargs))
		memcpy(args, bootargs.data, bootargs.len < ARGS_MAX ? bootargs.len : ARGS_MAX - 1);
	attack_time = number("ms=", 2000) * MS;
}

void guest_main(void)
{
	struct attack_state *state;
	unsigned nr_harts = hart_count();

	read_bootargs();
	state = attack_state();
	if (state->magic != STATE_MAGIC) {
		*state = (struct attack_state){ .magic = STATE_MAGIC };
		sleep_until(rdtime() + number("after=", 0) * MS);
	}
	role = find_role(state->role);
	play(nr_harts);
	report(nr_harts);
	state->role++;
	state->boots = 0;
	if (find_role(state->role))
		attack_reboot();
	sbi_shutdown(SBI_SRST_NO_REASON);
}
