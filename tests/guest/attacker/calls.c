/* SPDX-License-Identifier: BSD-2-Clause */
/* Floods of calls to the SBI: of everything, and of what makes other harts work. */
#include "attacker.h"

static const u64 extensions[] = {
	SBI_EXT_BASE, SBI_EXT_TIME,	     SBI_EXT_IPI,	 SBI_EXT_RFENCE,
	SBI_EXT_HSM,  SBI_EXT_SRST,	     SBI_EXT_PMU,	 SBI_EXT_DBCN,
	SBI_EXT_SUSP, 0x4e41434c /* NACL */, 0x535441 /* STA */, 0x43505043 /* CPPC */,
};

#define LEGACY_CALLS 8 /* the next one is the legacy shutdown */
#define HARMLESS_BIT 8 /* makes a type of suspend or reset one that does not exist */

/* Numbers at which a check may be off by one, and any others. */
static u64 argument(u64 *random)
{
	const u64 size = attack_ram.end - attack_ram.start;
	const u64 borders[] = {
		0,
		1,
		7,
		8,
		4096,
		BIT(31),
		BIT(32),
		BIT(41),
		BIT(63),
		-1UL,
		-8UL,
		size,
		size + 1,
		RAM_AT,
		RAM_AT - 1,
		RAM_AT - 8,
		attack_ram.end - 1,
		attack_ram.end - 8,
		attack_ram.end,
		attack_ram.end - 4096,
		attack_ram.end + 4096,
		0x10000000,
	};
	u64 any = random_next(random);

	switch (any >> 60) {
	case 0: return any;
	case 1: return any & 0xffffffff;
	case 2: return any & 63;
	default: return borders[any % ARRAY_SIZE(borders)];
	}
}

static u64 extension(u64 *random)
{
	u64 any = random_next(random);

	switch (any >> 61) {
	case 0: return any;
	case 1: return any % LEGACY_CALLS;
	default: return extensions[any % ARRAY_SIZE(extensions)];
	}
}

/* Calls that would end the attack: those that stop this hart or the VM, start one at no code. */
static void keep_running(u64 args[8])
{
	u64 *a0 = &args[2], *a1 = &args[3];

	if (args[0] == SBI_EXT_SRST)
		*a0 |= HARMLESS_BIT;
	if (args[0] != SBI_EXT_HSM)
		return;
	if (args[1] == SBI_HSM_STOP)
		args[1] = SBI_HSM_STATUS;
	if (args[1] == SBI_HSM_SUSPEND)
		*a0 |= HARMLESS_BIT;
	if (args[1] == SBI_HSM_START)
		*a1 |= BIT(45);
}

void attack_sbi(u64 hart)
{
	u64 random = 0x5b1 + hart;

	while (!attack_is_over()) {
		/* as sbi_call() takes them: extension, function, a0 to a4 */
		u64 args[8] = { extension(&random), random_next(&random) % 9 };

		for (unsigned i = 2; i < 7; i++)
			args[i] = argument(&random);
		if (args[0] == LEGACY_CALLS)
			continue;
		keep_running(args);
		trap_try((u64)sbi_call, args);
		attack_count(hart);
	}
}

static void on_ipi(u64 code)
{
	(void)code;
	csr_clear(sip, SIP_SSIP);
}

/* Interrupts and fences for all harts at once, as fast as they can be sent. */
void attack_ipi(u64 hart)
{
	u64 random = 0x1b1 + hart;

	hart_self()->on_interrupt = on_ipi;
	csr_write(sie, SIP_SSIP);
	interrupts_on();
	while (!attack_is_over()) {
		u64 any = random_next(&random);

		sbi_send_ipi(0, -1UL);
		sbi_send_ipi(any & 3, 0);
		sbi_call2(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, -1UL);
		sbi_call4(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, -1UL, any & ~0xfffUL,
			  any % 256 * PAGE_SIZE);
		sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA_ASID, 0, -1UL, 0, -1UL, any);
		attack_operations[hart] += 5;
	}
	interrupts_off();
	csr_write(sie, 0);
}
