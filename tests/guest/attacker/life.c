/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts and a machine that do not stop, or stop and start without end. */
#include "attacker.h"

#define REBOOT_TIME (50 * MS) /* at least; decides how many there are */

void hart_entry(void);

/* No exit, no interrupt, no end: only the hypervisor's own timer can take the hart away. */
void attack_spin(u64 hart)
{
	interrupts_off();
	csr_write(sie, 0);
	attack_count(hart);
	if (hart) {
		attack_hart_is_lost();
		for (;;)
			;
	}
	while (!attack_is_over())
		;
}

/* Waits for nothing: the neighbour that costs nothing, for comparison. */
void attack_idle(u64 hart)
{
	attack_count(hart);
	csr_write(sie, SIP_STIP); /* pending is enough to end WFI */
	sbi_set_timer(attack_until);
	while (!attack_is_over())
		wfi();
	csr_write(sie, 0);
}

/* What a hart does that was started: stops at once, sleeps a moment, or wakes up elsewhere. */
static void short_life(u64 hart)
{
	static u64 seeds[HART_MAX];
	u64 any = random_next(&seeds[hart]);

	attack_count(hart);
	csr_write(sie, SIP_STIP);
	sbi_set_timer(rdtime() + any % 64);
	if (any >> 63)
		sbi_call1(SBI_EXT_HSM, SBI_HSM_SUSPEND, 0);
	if (any >> 62 == 1) /* goes on at hart_entry, which does this once more */
		sbi_call3(SBI_EXT_HSM, SBI_HSM_SUSPEND, BIT(31), (u64)hart_entry,
			  (u64)&harts[hart]);
}

/* Hart 0 starts the others again and again; without any, it only suspends itself. */
void attack_harts(u64 hart)
{
	unsigned nr_harts = hart_count();

	if (hart) /* the loop below starts them: they need not be busy with anything else */
		return;
	for (unsigned i = 1; i < nr_harts; i++)
		hart_wait_stopped(i);
	csr_write(sie, SIP_STIP);
	while (!attack_is_over()) {
		for (unsigned i = 1; i < nr_harts; i++)
			hart_start(i, short_life, i);
		sbi_set_timer(rdtime() + 10);
		sbi_call1(SBI_EXT_HSM, SBI_HSM_SUSPEND, 0);
		attack_count(hart);
	}
	csr_write(sie, 0);
}

/* The state in RAM counts the reboots; each is a machine of its own for the rest of the program. */
void attack_reset(u64 hart)
{
	struct attack_state *state = attack_state();

	if (hart) {
		attack_hart_is_lost();
		for (;;)
			; /* the end of the VM finds it running */
	}
	attack_operations[0] = state->boots;
	if (state->boots++ < attack_time / REBOOT_TIME)
		attack_reboot();
}
