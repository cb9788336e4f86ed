/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program for the tests with several VMs (tests/vms): the VM's bootargs say what it does.
 *
 *     spin     is busy for two seconds
 *     brief    ends at once
 *     reboot   reboots BOOTS times; RAM survives that, and the count lies at its end
 *     ticks    takes TICKS timer interrupts and tells how late the latest was
 *     print    prints LINES numbered lines
 *     dbcn     the same through the SBI's debug console
 *     work     works on all harts and tells how much it got done (work.c)
 *     wake     sleeps again and again and tells how late it woke up (work.c)
 *     idle     sleeps (work.c)
 *     restless sleeps and wakes on all harts, as often as it can (work.c)
 *     check    looks after its RAM and its timer (self_check.c)
 *     echo     echoes what is typed until Ctrl-D, and tells a checksum (echo.c)
 *
 * Parameters are behind the role, as in `work span=1000`.
 */
#include "console.h"
#include "fdt.h"
#include "roles.h"
#include "sbi.h"
#include "string.h"

#define SPIN_TIME (2000 * MS)
#define BOOTS	  30
#define TICKS	  400
#define TICK	  (10 * MS)
#define LINES	  5000

static const char *bootargs;

u64 parameter(const char *name, u64 otherwise)
{
	size_t length = strlen(name);

	for (const char *at = bootargs; *at; at++) {
		u64 value = 0;

		if (*at != ' ' || strncmp(at + 1, name, length) != 0 || at[1 + length] != '=')
			continue;
		for (at += length + 2; *at >= '0' && *at <= '9'; at++)
			value = value * 10 + (u64)(*at - '0');
		return value;
	}
	return otherwise;
}

volatile u64 *ticks_taken(void)
{
	return &hart_self()->interrupts[CAUSE_TIMER_INTERRUPT];
}

static void on_timer(u64 code)
{
	(void)code;
	sbi_set_timer(NEVER);
}

void sleep_until(u64 when)
{
	u64 before = *ticks_taken();

	sbi_set_timer(when);
	/* With interrupts off, so that none comes between the look and the WFI, which it ends. */
	interrupts_off();
	while (*ticks_taken() == before) {
		wfi();
		interrupts_on();
		interrupts_off();
	}
	interrupts_on();
}

static void spin(void)
{
	u64 start = rdtime();

	while (rdtime() - start < SPIN_TIME)
		;
	print("spun\n");
}

static void brief(void)
{
	print("brief\n");
}

static void reboot(void)
{
	const u64 magic = 0xb007ed00b007ed00UL;
	volatile u64 *boots;
	u64 base, size;

	fdt_memory(boot_fdt, &base, &size);
	boots = (volatile u64 *)(base + size - PAGE_SIZE);
	if (boots[0] != magic) {
		boots[0] = magic;
		boots[1] = 0;
	}
	if (++boots[1] <= BOOTS)
		sbi_call2(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_COLD_REBOOT, 0);
	print("booted %lu times\n", boots[1]);
}

static void ticks(void)
{
	u64 latest = 0;

	for (u64 i = 1; i <= TICKS; i++) {
		u64 when = rdtime() + TICK, late;

		sleep_until(when);
		late = rdtime() - when;
		latest = late > latest ? late : latest;
	}
	print("%u ticks, the latest %lu ms late\n", TICKS, latest / MS);
}

static void lines(void)
{
	for (u64 i = 0; i < LINES; i++)
		print("%04lu %016lx abcdefghijklmnopqrst\n", i, i * 0x9e3779b97f4a7c15UL);
}

static void debug_console(void)
{
	static const char text[] = " the same line through the debug console\n";

	for (u64 i = 0; i < LINES; i++) {
		char line[64] = "0000";
		u64 length = 4 + strlen(text), n = i;

		for (unsigned digit = 4; digit-- > 0; n /= 10)
			line[digit] = (char)('0' + n % 10);
		memcpy(line + 4, text, strlen(text));
		for (u64 done = 0; done < length;)
			done += (u64)sbi_call3(SBI_EXT_DBCN, SBI_DBCN_WRITE, length - done,
					       (u64)line + done, 0)
					.value;
	}
}

static const struct {
	const char *name;
	void (*play)(void);
} roles[] = {
	{ "spin", spin },   { "brief", brief },	       { "reboot", reboot },	{ "ticks", ticks },
	{ "print", lines }, { "dbcn", debug_console }, { "work", work },	{ "wake", wake },
	{ "idle", idle },   { "restless", restless },  { "check", self_check }, { "echo", echo },
};

static bool is_role(const char *name)
{
	size_t length = strlen(name);

	return strncmp(bootargs, name, length) == 0 &&
	       (bootargs[length] == '\0' || bootargs[length] == ' ');
}

void guest_main(void)
{
	struct fdt_property role;

	hart_self()->on_interrupt = on_timer;
	csr_write(sie, SIP_STIP);
	interrupts_on();
	if (!fdt_find(boot_fdt, "/chosen", "bootargs", &role))
		sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
	bootargs = (const char *)role.data;
	for (unsigned i = 0; i < ARRAY_SIZE(roles); i++) {
		if (is_role(roles[i].name)) {
			roles[i].play();
			sbi_shutdown(SBI_SRST_NO_REASON);
		}
	}
	print("BAD role %s\n", bootargs);
	sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
}
