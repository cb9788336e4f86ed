// SPDX-License-Identifier: BSD-2-Clause
#include "monitor.h"
#include "../bare/layout.h"

#define APIC_EOI       0x0b0
#define APIC_SPURIOUS  0x0f0
#define APIC_LVT_TIMER 0x320
#define APIC_INITIAL   0x380
#define APIC_DIVIDE    0x3e0
#define DIVIDE_BY_1    0x0b
#define APIC_ENABLED   0x100

struct gate {
	u16 offset_low, selector;
	u8 stack, type;
	u16 offset_middle;
	u32 offset_high, reserved;
} __attribute__((packed));

static struct gate idt[256];

void host_exception(void);
void host_timer(void);
void host_panic(u64 first, u64 second) __attribute__((noreturn));
void host_tick(void);

u32 xcr0_read(void)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

void xcr0_write(u32 value)
{
	__asm__ volatile("xsetbv" ::"a"(value), "d"(0), "c"(0));
}

void panic(const char *why)
{
	put_text("error: monitor: ");
	put_text(why);
	put_text(", exit ");
	put_text(exit_name(guest.vmcb->exit_code));
	put_text(" info ");
	put_hex(guest.vmcb->exit_info_1);
	put_text(" ");
	put_hex(guest.vmcb->exit_info_2);
	put_text(" rip ");
	put_hex(guest.vmcb->rip);
	put_text("\n");
	machine_exit(1);
}

void host_panic(u64 first, u64 second)
{
	put_text("error: monitor: exception of its own, on the stack ");
	put_hex(first);
	put_text(" ");
	put_hex(second);
	put_text("\n");
	machine_exit(1);
}

static volatile u32 *apic(u32 offset)
{
	return (volatile u32 *)(APIC_GPA + offset);
}

void host_tick(void)
{
	apic_timer_fired();
	*apic(APIC_EOI) = 0;
}

void machine_timer(u32 ticks, u32 mode)
{
	*apic(APIC_LVT_TIMER) = VECTOR_TIMER | mode;
	*apic(APIC_INITIAL) = ticks;
}

static void set_gate(u32 vector, void (*handler)(void))
{
	u64 target = (u64)handler;

	idt[vector] = (struct gate){ .offset_low = (u16)target,
				     .offset_middle = (u16)(target >> 16),
				     .offset_high = (u32)(target >> 32),
				     .selector = KERNEL_CS,
				     .type = 0x8e };
}

void machine_init(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	for (u32 vector = 0; vector < 256; vector++)
		set_gate(vector, host_exception);
	set_gate(VECTOR_TIMER, host_timer);
	__asm__ volatile("lidt %0" ::"m"(idtr));
	__asm__ volatile("mov %%cr4, %%rax; or %0, %%eax; mov %%rax, %%cr4" ::"i"(CR4_OSXSAVE)
			 : "rax");
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	*apic(APIC_SPURIOUS) = APIC_ENABLED | VECTOR_SPURIOUS;
	*apic(APIC_DIVIDE) = DIVIDE_BY_1;
}

void copy(void *to, const void *from, u64 bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes)::"memory");
}

void clear(void *at, u64 bytes)
{
	u64 words = bytes / 8, rest = bytes % 8;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(0) : "memory");
}
