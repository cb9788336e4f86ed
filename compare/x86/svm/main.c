// SPDX-License-Identifier: BSD-2-Clause
#include "monitor.h"

#define MSR_EFER	 0xc0000080
#define MSR_VM_HSAVE_PA	 0xc0010117
#define MULTIBOOT_BOOTED 0x2badb002
#define IO_MAP_BYTES	 0x3000
#define MSR_MAP_BYTES	 0x2000
#define RESET_PAT	 0x0007040600070406ull
#define RESET_DR6	 0xffff0ff0
#define RESET_DR7	 0x400
#define FLAGS_FIXED	 2
#define CODE_ATTRIBUTES	 0xc9b /* flat, 32 bits, CPL 0 */
#define DATA_ATTRIBUTES	 0xc93
#define LDT_ATTRIBUTES	 0x082
#define TSS_ATTRIBUTES	 0x08b
#define LOADABLE	 1
#define XCR0_RESET	 1

struct guest guest;

static struct vmcb guest_vmcb, host_vmcb;
static u8 host_save[PAGE] __attribute__((aligned(4096)));
static u8 io_map[IO_MAP_BYTES] __attribute__((aligned(4096)));
static u8 msr_map[MSR_MAP_BYTES] __attribute__((aligned(4096)));

/* As far as it is used: multiboot specification, section 3.3. */
struct multiboot {
	u32 flags, memory_low, memory_high, boot_device, command_line, modules, module_list;
};

struct module {
	u32 start, end, text, reserved;
};

struct elf {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, segments, sections, flags;
	u16 size, segment_size, segment_count;
};

struct elf_segment {
	u32 type, offset, address, physical, in_file, in_memory, flags, align;
};

void kernel_main(const struct multiboot *boot);

static int has_word(const char *text, const char *word)
{
	for (; *text; text++) {
		u32 i = 0;
		while (word[i] && text[i] == word[i])
			i++;
		if (!word[i])
			return 1;
	}
	return 0;
}

/* Returns the entry. */
static u32 load(const u8 *image)
{
	const struct elf *elf = (const void *)image;

	for (u32 i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment =
			(const void *)(image + elf->segments + i * elf->segment_size);
		if (segment->type != LOADABLE)
			continue;
		u8 *ram = guest_ram(segment->physical, segment->in_memory);
		if (!ram || segment->in_file > segment->in_memory)
			panic("the guest does not fit");
		clear(ram, segment->in_memory);
		copy(ram, image + segment->offset, segment->in_file);
	}
	return elf->entry;
}

static struct segment flat(u16 selector, u16 attributes)
{
	return (struct segment){ selector, attributes, 0xffffffff, 0 };
}

/* As multiboot leaves a machine: 32-bit protected mode, no paging. */
static void vmcb_init(u32 entry)
{
	struct vmcb *vmcb = guest.vmcb;

	vmcb->cs = flat(0x08, CODE_ATTRIBUTES);
	vmcb->ds = vmcb->es = vmcb->ss = vmcb->fs = vmcb->gs = flat(0x10, DATA_ATTRIBUTES);
	vmcb->ldtr = (struct segment){ 0, LDT_ATTRIBUTES, 0xffff, 0 };
	vmcb->tr = (struct segment){ 0, TSS_ATTRIBUTES, 0xffff, 0 };
	vmcb->cr0 = CR0_PE | CR0_ET;
	vmcb->efer = EFER_SVME;
	vmcb->dr6 = RESET_DR6;
	vmcb->dr7 = RESET_DR7;
	vmcb->rflags = FLAGS_FIXED;
	vmcb->rip = entry;
	vmcb->rax = MULTIBOOT_BOOTED;
	vmcb->pat = RESET_PAT;
	vmcb->asid = 1;
	vmcb->iopm = (u64)io_map;
	vmcb->msrpm = (u64)msr_map;
	vmcb->v_intr = V_INTR_MASKING;
	vmcb->tlb_control = TLB_FLUSH_ALL;
}

static void paging_init(void)
{
	struct vmcb *vmcb = guest.vmcb;

	if (!guest.shadow) {
		vmcb->nested_enable = 1;
		vmcb->nested_cr3 = nested_make();
		return;
	}
	guest.cr0 = vmcb->cr0;
	vmcb->cr0 |= CR0_PG | CR0_WP;
	vmcb->cr4 = CR4_PAE;
	shadow_restart();
}

static void write_msr(u32 number, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(number), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void svm_init(void)
{
	u32 a = 0x80000001, b, c, d, low, high;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	if (!(c & HAS_SVM)) {
		put_text("error: the processor has no SVM\n");
		machine_exit(1);
	}
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
	write_msr(MSR_EFER, low | (u64)high << 32 | EFER_SVME);
	write_msr(MSR_VM_HSAVE_PA, (u64)host_save);
	__asm__ volatile("vmsave %0" ::"a"(&host_vmcb) : "memory");
	for (u32 i = 0; i < IO_MAP_BYTES; i++)
		io_map[i] = 0xff;
	for (u32 i = 0; i < MSR_MAP_BYTES; i++)
		msr_map[i] = 0xff;
}

/* Once into the guest and out. What VMRUN does not switch, a monitor switches by hand. */
static void run(void)
{
	apic_before_entry();
	if (guest.xcr0 != XCR0_RESET)
		xcr0_write(guest.xcr0);
	guest_enter(guest.vmcb, guest.gpr, &host_vmcb);
	guest.xcr0 = xcr0_read();
	if (guest.xcr0 != XCR0_RESET)
		xcr0_write(XCR0_RESET);
	apic_after_exit();
	exit_handle();
}

void kernel_main(const struct multiboot *boot)
{
	guest.vmcb = &guest_vmcb;
	machine_init();
	svm_init();
	const struct module *module = (const void *)(u64)boot->module_list;
	if (boot->modules != 1)
		panic("there is no guest");
	guest.shadow = has_word((const char *)(u64)boot->command_line, "paging=shadow");
	guest.blind = has_word((const char *)(u64)boot->command_line, "blind");
	put_text(guest.shadow ? "monitor shadow\n" : "monitor nested\n");

	vmcb_init(load((const u8 *)(u64)module->start));
	paging_init();
	intercept_needed();
	guest.xcr0 = XCR0_RESET;
	for (;;)
		run();
}
