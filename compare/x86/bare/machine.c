// SPDX-License-Identifier: BSD-2-Clause
#include "kernel.h"

#define APIC_EOI       0x0b0
#define APIC_SPURIOUS  0x0f0
#define APIC_LVT_TIMER 0x320
#define APIC_INITIAL   0x380
#define APIC_DIVIDE    0x3e0
#define DIVIDE_BY_1    0x0b
#define LVT_PERIODIC   0x20000
#define APIC_ENABLED   0x100
#define GATE_INTERRUPT 0x8e
#define GATE_USER      0x60
#define TSS_BUSY       0x02

#define CODE32(dpl) (0x00cf9b000000ffffull | (u64)(dpl) << 45)
#define CODE64(dpl) (0x00af9b000000ffffull | (u64)(dpl) << 45)
#define DATA(dpl)   (0x00cf93000000ffffull | (u64)(dpl) << 45)

struct gate {
	u16 offset_low, selector;
	u8 stack, type;
	u16 offset_middle;
#ifdef __x86_64__
	u32 offset_high, reserved;
#endif
} __attribute__((packed));

/* What is used of it: the stack of CPL 0. The map of ports lies beyond the limit: none is allowed.
 */
struct tss {
#ifdef __x86_64__
	u32 reserved;
	u64 sp0;
	u8 rest[90];
#else
	u32 link, sp0, ss0;
	u8 rest[90];
#endif
	u16 port_map;
} __attribute__((packed));

struct table_register {
	u16 limit;
	uptr base;
} __attribute__((packed));

static u64 gdt[GDT_BYTES / 8];
static struct gate idt[256];
static struct tss tss, other_tss;
static u64 ldt[1];
static struct table_register gdtr = { sizeof(gdt) - 1, (uptr)gdt };
static struct table_register idtr = { sizeof(idt) - 1, (uptr)idt };

volatile u32 timer_ticks;

extern char trap_entries[], trap_stack[], gate_entry[];

static void set_system(u32 selector, uptr base, u32 limit, u32 type)
{
	u64 *entry = &gdt[selector / 8];

	entry[0] = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(type | 0x80) << 40 |
		   (u64)(base >> 24 & 0xff) << 56;
#ifdef __x86_64__
	entry[1] = base >> 32;
#endif
}

static void set_gate(struct gate *gate, uptr target, u8 type)
{
	gate->offset_low = (u16)target;
	gate->offset_middle = (u16)(target >> 16);
	gate->selector = KERNEL_CS;
	gate->stack = 0;
	gate->type = type;
}

static void gdt_init(void)
{
	gdt[KERNEL_CS / 8] = sizeof(uptr) == 8 ? CODE64(0) : CODE32(0);
	gdt[KERNEL_DS / 8] = DATA(0);
	gdt[USER_CS32 / 8] = CODE32(3);
	gdt[USER_DS / 8] = DATA(3);
	gdt[USER_CS64 / 8] = sizeof(uptr) == 8 ? CODE64(3) : CODE32(3);
	tss_make_available();
	set_system(LDT, (uptr)ldt, sizeof(ldt) - 1, 0x2);
	set_gate((struct gate *)&gdt[CALL_GATE / 8], (uptr)gate_entry, 0x80 | GATE_USER | 0xc);
	tss.sp0 = (uptr)trap_stack + STACK_BYTES;
#ifndef __x86_64__
	tss.ss0 = KERNEL_DS;
#endif
	tss.port_map = sizeof(tss);
	other_tss = tss;

	__asm__ volatile("lgdt %0" ::"m"(gdtr));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" ::"r"(USER_DS));
	__asm__ volatile("mov %0, %%ss" ::"r"(KERNEL_DS));
#ifdef __x86_64__
	__asm__ volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::"i"(KERNEL_CS)
			 : "rax", "memory");
#else
	__asm__ volatile("ljmp %0, $1f; 1:" ::"i"(KERNEL_CS) : "memory");
#endif
	__asm__ volatile("ltr %w0" ::"r"(TSS));
	__asm__ volatile("lldt %w0" ::"r"(LDT));
}

void tss_make_available(void)
{
	set_system(TSS, (uptr)&tss, sizeof(tss) - 1, 0x9);
	set_system(OTHER_TSS, (uptr)&other_tss, sizeof(other_tss) - 1, 0x9);
}

static void idt_init(void)
{
	for (u32 vector = 0; vector < 256; vector++)
		set_gate(&idt[vector], (uptr)trap_entries + 16 * vector, GATE_INTERRUPT);
	idt[PROBE_INT_USER].type |= GATE_USER;
	idt[PROBE_INT_EXIT].type |= GATE_USER;
	__asm__ volatile("lidt %0" ::"m"(idtr));
}

static volatile u32 *apic(u32 offset)
{
	return (volatile u32 *)(APIC_BASE + offset);
}

void timer_start(u32 ticks)
{
	*apic(APIC_INITIAL) = ticks;
}

/* What waits for it cannot miss the only one. */
void timer_repeat(u32 ticks)
{
	*apic(APIC_LVT_TIMER) = VECTOR_TIMER | (ticks ? LVT_PERIODIC : 0);
	*apic(APIC_INITIAL) = ticks;
}

static void apic_init(void)
{
	/* The old interrupt controllers: nothing from them. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	*apic(APIC_SPURIOUS) = APIC_ENABLED | VECTOR_SPURIOUS;
	*apic(APIC_DIVIDE) = DIVIDE_BY_1;
	*apic(APIC_LVT_TIMER) = VECTOR_TIMER;
}

void machine_init(void)
{
	gdt_init();
	idt_init();
	paging_init();
	apic_init();
}

/* The first ten bytes of sgdt and sidt, as much of them as fits into a number. */
static u64 table_truth(const struct table_register *table)
{
	return table->limit | (u64)table->base << 16;
}

u64 machine_truth(enum truth truth)
{
	switch (truth) {
	case T_GDTR: return table_truth(&gdtr);
	case T_IDTR: return table_truth(&idtr);
	case T_LDTR: return LDT;
	case T_TR: return TSS;
	case T_MSW: return read_cr0() & 0xffff;
	case T_CR0: return read_cr0();
	case T_CR2: return read_cr2();
	case T_CR3: return (uptr)space_a.root;
	case T_CR4: return read_cr4();
#ifdef __x86_64__
	case T_CR8: return read_cr8();
#endif
	case T_DR7: return read_dr7();
	case T_MSR: return read_msr(MSR_APIC_BASE) & 0xffffffff;
	case T_USER_DS: return probe_user_ds;
	case T_KERNEL_DS: return probe_kernel_ds;
	case T_XCR0: return XCR0_X87_SSE;
	default: return 0;
	}
}

static void unexpected(struct frame *frame)
{
	put_text("error: exception ");
	put_number((u32)frame->vector);
	put_text(" error ");
	put_hex(frame->error);
	put_text(" at ");
	put_hex(frame->ip);
	put_text(" cr2 ");
	put_hex(read_cr2());
	put_text("\n");
	machine_exit(1);
}

void trap(struct frame *frame)
{
	if (frame->vector == VECTOR_TIMER) {
		timer_ticks++;
		*apic(APIC_EOI) = 0;
		return;
	}
	uptr address = read_cr2();
	if (frame->vector == 14 && address >= ARENA && address < APIC_BASE) {
		operations_fault(address);
		return;
	}
	if (!attempt_sp)
		unexpected(frame);
	attempt.vector = frame->vector == PROBE_INT_EXIT ? VECTOR_RETURNED : (u32)frame->vector;
	attempt.error = (u32)frame->error;
	attempt.ip = frame->ip;
	attempt.cpl = frame->cs & 3;
	attempt_end();
}
