/* SPDX-License-Identifier: BSD-2-Clause */
/* The Goldfish RTC: host time plus an offset, and one alarm on the guest's own clock. */
#include "dev/goldfish_rtc.h"
#include "lib/string.h"

/* Registers (Android emulator, GOLDFISH-VIRTUAL-HARDWARE.TXT, section VIII, and QEMU's additions).
 */
#define TIME_LOW	0x00U
#define TIME_HIGH	0x04U
#define ALARM_LOW	0x08U /* writing it sets the alarm */
#define ALARM_HIGH	0x0cU
#define IRQ_ENABLED	0x10U
#define CLEAR_ALARM	0x14U
#define ALARM_STATUS	0x18U
#define CLEAR_INTERRUPT 0x1cU
#define REGISTERS_END	0x24U /* QEMU's region ends here, whatever the device tree says */

static u64 guest_time(const struct goldfish_rtc *rtc)
{
	return rtc->ops->now_ns(rtc->ctx) + rtc->s.offset;
}

static void update_irq(const struct goldfish_rtc *rtc)
{
	irq_line_set(&rtc->irq, rtc->s.irq_enabled && rtc->s.irq_pending);
}

/* Lets the alarm go off if its time has come, else asks to be called when it has. */
static void run_alarm(struct goldfish_rtc *rtc)
{
	u64 now = guest_time(rtc);

	if (rtc->s.alarm > now) {
		rtc->ops->set_alarm(rtc->ctx, rtc->s.alarm - now);
		return;
	}
	rtc->s.alarm_set = false;
	rtc->s.irq_pending = true;
	rtc->ops->set_alarm(rtc->ctx, GOLDFISH_RTC_NEVER);
	update_irq(rtc);
}

void goldfish_rtc_alarm_fired(struct goldfish_rtc *rtc)
{
	if (rtc->s.alarm_set)
		run_alarm(rtc);
}

static void set_time(struct goldfish_rtc *rtc, u64 time)
{
	rtc->s.offset = time - rtc->ops->now_ns(rtc->ctx);
	if (rtc->s.alarm_set)
		run_alarm(rtc);
}

static void clear_alarm(struct goldfish_rtc *rtc)
{
	rtc->s.alarm_set = false;
	rtc->ops->set_alarm(rtc->ctx, GOLDFISH_RTC_NEVER);
}

static u64 with_low(u64 whole, u32 low)
{
	return (whole & ~(u64)UINT32_MAX) | low;
}

static u64 with_high(u64 whole, u32 high)
{
	return (u64)high << 32 | (u32)whole;
}

static u32 read_time_low(struct goldfish_rtc *rtc)
{
	u64 now = guest_time(rtc);

	rtc->s.time_high = (u32)(now >> 32);
	return (u32)now;
}

static u32 read_register(struct goldfish_rtc *rtc, u32 offset)
{
	switch (offset) {
	case TIME_LOW: return read_time_low(rtc);
	case TIME_HIGH: return rtc->s.time_high;
	case ALARM_LOW: return (u32)rtc->s.alarm;
	case ALARM_HIGH: return (u32)(rtc->s.alarm >> 32);
	case IRQ_ENABLED: return rtc->s.irq_enabled;
	case ALARM_STATUS: return rtc->s.alarm_set;
	default: return 0;
	}
}

static void write_register(struct goldfish_rtc *rtc, u32 offset, u32 value)
{
	struct goldfish_rtc_state *s = &rtc->s;

	switch (offset) {
	case TIME_LOW: set_time(rtc, with_low(guest_time(rtc), value)); break;
	case TIME_HIGH: set_time(rtc, with_high(guest_time(rtc), value)); break;
	case ALARM_LOW:
		s->alarm = with_low(s->alarm, value);
		s->alarm_set = true;
		run_alarm(rtc);
		break;
	case ALARM_HIGH: s->alarm = with_high(s->alarm, value); break;
	case IRQ_ENABLED:
		s->irq_enabled = value & 1;
		update_irq(rtc);
		break;
	case CLEAR_ALARM: clear_alarm(rtc); break;
	case CLEAR_INTERRUPT:
		s->irq_pending = false;
		update_irq(rtc);
		break;
	default: break;
	}
}

bool goldfish_rtc_mmio(void *rtc, struct mmio_access *access)
{
	if (access->len != 4 || access->offset >= REGISTERS_END)
		return false;
	if (access->is_write)
		write_register(rtc, access->offset, (u32)access->value);
	else
		access->value = read_register(rtc, access->offset);
	return true;
}

void goldfish_rtc_init(struct goldfish_rtc *rtc, struct irq_line irq,
		       const struct goldfish_rtc_ops *ops, void *ctx)
{
	memset(&rtc->s, 0, sizeof(rtc->s));
	rtc->irq = irq;
	rtc->ops = ops;
	rtc->ctx = ctx;
}

void goldfish_rtc_reset(struct goldfish_rtc *rtc)
{
	rtc->s = (struct goldfish_rtc_state){ .offset = rtc->s.offset };
	rtc->ops->set_alarm(rtc->ctx, GOLDFISH_RTC_NEVER);
	update_irq(rtc);
}
