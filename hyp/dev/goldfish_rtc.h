/* SPDX-License-Identifier: BSD-2-Clause */
/* A clock of the day with an alarm: Google's Goldfish RTC, as on QEMU's virt machine. */
#ifndef DOPPEL_DEV_GOLDFISH_RTC_H
#define DOPPEL_DEV_GOLDFISH_RTC_H

#include "dev/irq_line.h"
#include "dev/mmio.h"
#include "lib/types.h"

#define GOLDFISH_RTC_BASE 0x101000UL
#define GOLDFISH_RTC_SIZE 0x1000UL
#define GOLDFISH_RTC_IRQ  11

#define GOLDFISH_RTC_NEVER UINT64_MAX

struct goldfish_rtc_state {
	u64 offset;	/* ns that the guest's clock is ahead of now_ns(), modulo 2^64 */
	u64 alarm;	/* ns on the guest's clock */
	u32 time_high;	/* latched by the last read of TIME_LOW */
	bool alarm_set; /* the alarm is still to come */
	bool irq_enabled;
	bool irq_pending;
};

struct goldfish_rtc_ops {
	/* Nanoseconds since 1970-01-01 00:00 UTC. */
	u64 (*now_ns)(void *ctx);

	/*
	 * Calls goldfish_rtc_alarm_fired() in that many ns, instead of any earlier request;
	 * GOLDFISH_RTC_NEVER: not at all. It must not call from inside here.
	 */
	void (*set_alarm)(void *ctx, u64 ns_from_now);
};

struct goldfish_rtc {
	struct goldfish_rtc_state s;
	struct irq_line irq;
	const struct goldfish_rtc_ops *ops;
	void *ctx;
};

/* All of these are called with the lock of the VM held. */
void goldfish_rtc_init(struct goldfish_rtc *rtc, struct irq_line irq,
		       const struct goldfish_rtc_ops *ops, void *ctx);

/* To power-on state; a time that the guest had set is kept, as a battery would. */
void goldfish_rtc_reset(struct goldfish_rtc *rtc);

/* The time asked for by set_alarm() has come; too early or unasked for does no harm. */
void goldfish_rtc_alarm_fired(struct goldfish_rtc *rtc);

/* The guest's accesses, 4 bytes wide only: an mmio_handler for a struct goldfish_rtc. */
bool goldfish_rtc_mmio(void *rtc, struct mmio_access *access);

#endif
